// Whiteouts say that a file of a lower layer is deleted: in a tar a file .wh.NAME, in overlayfs a
// character device 0:0; a directory that hides all below is ".wh..wh..opq", and an attribute.
//
// Chapter: docs/zh/08-small-overlay.md
package main

import (
	"errors"
	"os"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	whiteoutPrefix = ".wh."
	opaqueName     = ".wh..wh..opq"
)

// whiteout translates the tar's form into overlayfs's.
func (u *unpacker) whiteout(parent *os.File, base string) error {
	if base == opaqueName {
		return setOpaque(fdPath(parent))
	}

	name := strings.TrimPrefix(base, whiteoutPrefix)
	if name == "" || name == "." || name == ".." {
		return fail("unpack a whiteout named %q: it names no file: the layer is damaged", base)
	}

	err := unix.Mknodat(int(parent.Fd()), name, unix.S_IFCHR, 0)
	if errors.Is(err, unix.EEXIST) { // a file of this layer, which is new
		return nil
	}
	if err != nil {
		return fail("make the whiteout of %s: %v: an ordinary user needs Linux 5.8", name, err)
	}

	return nil
}

// opaqueAttribute: an ordinary user may not set trusted ones; then the mount has the option
// userxattr.
func opaqueAttribute() string {
	if os.Geteuid() != 0 {
		return "user.overlay.opaque"
	}
	return "trusted.overlay.opaque"
}

func setOpaque(path string) error {
	if err := unix.Setxattr(path, opaqueAttribute(), []byte("y"), 0); err != nil {
		return fail("mark a directory opaque: %v: does the file system have extended attributes?", err)
	}
	return nil
}

func isOpaque(path string) bool {
	value := make([]byte, 8)
	n, err := unix.Lgetxattr(path, opaqueAttribute(), value)
	return err == nil && string(value[:n]) == "y"
}

func isWhiteout(s unix.Stat_t) bool {
	return s.Mode&unix.S_IFMT == unix.S_IFCHR && s.Rdev == 0
}

func isWhiteoutFile(info os.FileInfo) bool {
	s, ok := info.Sys().(*syscall.Stat_t)
	return ok && info.Mode()&os.ModeCharDevice != 0 && s.Rdev == 0
}

// capabilityOf returns the file capabilities, empty if there are none.
func capabilityOf(path string) string {
	value := make([]byte, 64)
	n, err := unix.Lgetxattr(path, "security.capability", value)
	if err != nil {
		return ""
	}
	return string(value[:n])
}
