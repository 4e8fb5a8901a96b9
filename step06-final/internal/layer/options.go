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
	// Trusted is overlay's own form: a character device 0:0, and trusted.overlay.opaque on a
	// directory whose lower content is hidden. It needs CAP_SYS_ADMIN in the initial user
	// namespace.
	Trusted Whiteouts = "trusted"
	// User is the form for overlay mounted inside a user namespace (option userxattr, Linux 5.11):
	// user.overlay.opaque.
	User Whiteouts = "user"
	// Files keeps the archive's own form, empty files named ".wh.NAME". No kernel interprets it: it
	// is for the copying snapshots.
	Files Whiteouts = "files"
	// Apply carries deletions out: the tree already holds the lower layers.
	Apply Whiteouts = "apply"
	// Plain gives names that begin with ".wh." no meaning: for archives that are no layers (cp,
	// COPY, import).
	Plain Whiteouts = "plain"
)

// Options of Unpack and Pack. The zero value is the initial user namespace's root with overlay's
// whiteouts.
type Options struct {
	Map       *IDMap
	Whiteouts Whiteouts // "" is Trusted
	// NoChown leaves all files to the caller (Unpack) or says that they belong to root (Pack): for
	// an ordinary user without subordinate ids.
	NoChown bool
	// CopyLinks packs each name of a hard link as a file of its own: names may then be left out or
	// moved.
	CopyLinks bool
	// Untold are names whose deletion Pack leaves out.
	Untold map[string]bool
	// Merge is docker cp's way to unpack: what is there stays what it is. A directory keeps its
	// mode and owner, and no file takes a directory's place, nor the reverse.
	Merge bool
	// Harmless, if not nil, keeps what would be dangerous on the host out of it: devices,
	// set-user-id bits, capabilities and other attributes. It is called for each file that is not
	// made, or made without its bits.
	Harmless func(format string, args ...interface{}) `json:"-"`
	// MaxSize is the limit for the sum of all file sizes, in bytes; 0 is DefaultMaxSize.
	MaxSize int64
	// MaxEntries is the limit for the number of files; 0 is DefaultMaxEntries.
	MaxEntries int
}

// Limits that no honest layer reaches.
const (
	DefaultMaxSize    = 128 << 30
	DefaultMaxEntries = 4 << 20
)

func (o Options) withDefaults() Options {
	if o.Whiteouts == "" {
		o.Whiteouts = Trusted
	}
	if o.MaxSize == 0 {
		o.MaxSize = DefaultMaxSize
	}
	if o.MaxEntries == 0 {
		o.MaxEntries = DefaultMaxEntries
	}
	return o
}
