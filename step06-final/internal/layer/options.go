package layer

import (
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// IDMap says which owner on disk stands for which owner in the archive; nil means the same.
// The ranges are those of a user namespace (user_namespaces(7)).
type IDMap struct {
	UIDs, GIDs []specs.LinuxIDMapping
}

// Whiteouts says how the deletion of a lower layer's file is kept on disk.
type Whiteouts string

const (
	// Trusted is overlay's own form: a character device 0:0, and trusted.overlay.opaque on a directory whose lower
	// content is hidden. It needs CAP_SYS_ADMIN in the initial user namespace.
	Trusted Whiteouts = "trusted"
	// User is the form for overlay mounted inside a user namespace (option userxattr, Linux 5.11): user.overlay.opaque.
	User Whiteouts = "user"
	// Files keeps the archive's own form, empty files named ".wh.NAME". No kernel interprets it: it is for the copying
	// snapshots.
	Files Whiteouts = "files"
)
