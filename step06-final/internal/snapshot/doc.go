// Package snapshot gives each container a writable tree on top of its image's read-only layers.
//
// With overlay (Linux 3.18, and RHEL's 3.10) a container costs two empty directories: reads fall
// through to the layers, the first write copies a file up, a deletion leaves a whiteout. Where
// overlay is not to be had (an ordinary user on an old kernel, XFS without ftype=1, overlay on
// overlay) the layers are copied instead; slower, but the same to look at.
//
// Chapter: docs/zh/08-step06-overlay.md.
//
// How the engine uses it:
//
//	d, err := snapshot.Open(root, filepath.Join(root, "layers"))
//	dirs, err := images.LayerDirs(img, nil)             // unpacked, bottom first
//	s, err := d.Prepare(containerID, dirs, snapshot.Options{})
//	err = s.Mount("")                                   // the tree is now at s.Root()
//	...
//	err = s.Unmount(); changes, err := s.Changes(); err = s.Diff(w); err = s.Remove()
package snapshot
