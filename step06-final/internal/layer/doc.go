// Package layer turns layer archives into directories and directories into layer archives.
//
// A layer is a tar of what one step of an image added, changed or (as "whiteouts") deleted;
// image-spec/layer.md. The archives come from strangers: a name in them can hold "..", a symlink
// can point to the host's /etc, a header can promise eight exabytes. Unpack resolves every name
// inside the new root and never above it, one descriptor at a time.
//
// Chapter: docs/zh/08-step06-images.md.
package layer
