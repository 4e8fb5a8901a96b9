package layer

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// paxXattr is the prefix under which archives keep extended attributes.
const paxXattr = "SCHILY.xattr."

// Overlay's attributes are orders to the kernel (trusted.overlay.redirect: "my lower directory is
// elsewhere"). They never come from an archive and never go into one.
func isOverlayXattr(name string) bool {
	return strings.HasPrefix(name, "trusted.overlay.") || strings.HasPrefix(name, "user.overlay.")
}

// wantXattr says which attributes belong to an image: capabilities of files, ACLs and the user's
// own. Labels of security modules (selinux, ima, …) belong to the host.
func wantXattr(name string) bool {
	switch {
	case isOverlayXattr(name):
		return false
	case name == "security.capability", strings.HasPrefix(name, "system.posix_acl_"):
		return true
	}
	return strings.HasPrefix(name, "user.") || strings.HasPrefix(name, "trusted.")
}

// entryPath is a path for the calls that have no *at form. It follows nothing: dir is open, name is
// the last component.
func entryPath(dir int, name string) string {
	return "/proc/self/fd/" + strconv.Itoa(dir) + "/" + name
}

// write sets the attributes of an archive's entry. A file system without attributes, or a caller
// who may not set this kind, is not an error: docker goes on without them too.
func (x xattrsOf) write(pax map[string]string, m *IDMap) error {
	for key, value := range pax {
		if !strings.HasPrefix(key, paxXattr) {
			continue
		}

		attr := strings.TrimPrefix(key, paxXattr)
		if !wantXattr(attr) {
			continue
		}

		data, err := shiftXattr(attr, []byte(value), m)
		if err != nil {
			return fmt.Errorf("attribute %s: %w", attr, err)
		}

		err = x.set(attr, data)
		if err != nil && err != unix.ENOTSUP && err != unix.EPERM {
			return fmt.Errorf("set attribute %s: %w", attr, err)
		}
	}

	return nil
}

// shiftXattr rewrites the user ids that two kinds of attributes contain.
func shiftXattr(attr string, value []byte, m *IDMap) ([]byte, error) {
	if m == nil {
		return value, nil
	}
	switch {
	case attr == "security.capability":
		return shiftCapability(value, m)
	case strings.HasPrefix(attr, "system.posix_acl_"):
		return shiftACL(value, m, true)
	}
	return value, nil
}

// File capabilities, revision 2, count in the initial user namespace only. Revision 3 (Linux 4.14)
// names the root user of the namespace in which they count; capabilities(7), "File capability
// extended attribute versioning".
const (
	capRevisionMask = 0xff000000
	capRevision2    = 0x02000000
	capRevision3    = 0x03000000
	capSize2        = 20
)

func shiftCapability(value []byte, m *IDMap) ([]byte, error) {
	if len(value) != capSize2 || binary.LittleEndian.Uint32(value)&capRevisionMask != capRevision2 {
		return value, nil // the kernel judges what is left
	}
	rootID, _, err := m.ToHost(0, 0)
	if err != nil {
		return nil, err
	}
	out := make([]byte, capSize2+4)
	copy(out, value)
	out[3] = capRevision3 >> 24
	binary.LittleEndian.PutUint32(out[capSize2:], uint32(rootID))
	return out, nil
}

// unshiftXattr is the way back, for Pack.
func unshiftXattr(attr string, value []byte, m *IDMap) ([]byte, error) {
	switch {
	case m == nil:
		return value, nil
	case attr == "security.capability" && len(value) == capSize2+4:
		out := append([]byte(nil), value[:capSize2]...)
		out[3] = capRevision2 >> 24
		return out, nil
	case strings.HasPrefix(attr, "system.posix_acl_"):
		return shiftACL(value, m, false)
	}
	return value, nil
}

// An ACL is a version (4 bytes) and entries of tag, permissions (2 bytes each) and id (4 bytes);
// linux/posix_acl_xattr.h.
func shiftACL(value []byte, m *IDMap, toHost bool) ([]byte, error) {
	const (
		aclUser  = 0x02
		aclGroup = 0x08
	)
	if len(value) < 4 || (len(value)-4)%8 != 0 {
		return nil, errors.New("not an access control list")
	}

	out := append([]byte(nil), value...)

	for entry := out[4:]; len(entry) > 0; entry = entry[8:] {
		id := int(binary.LittleEndian.Uint32(entry[4:]))
		switch binary.LittleEndian.Uint16(entry) {
		case aclUser:
			host, ok := shift(m.UIDs, id, toHost)
			if !ok {
				return nil, fmt.Errorf("user id %d is not in the map", id)
			}
			binary.LittleEndian.PutUint32(entry[4:], uint32(host))
		case aclGroup:
			host, ok := shift(m.GIDs, id, toHost)
			if !ok {
				return nil, fmt.Errorf("group id %d is not in the map", id)
			}
			binary.LittleEndian.PutUint32(entry[4:], uint32(host))
		}
	}

	return out, nil
}

// xattrSize bounds a list of attributes and a value: XATTR_LIST_MAX and XATTR_SIZE_MAX in
// linux/limits.h.
const xattrSize = 64 << 10

// xattrsOf is a file whose attributes are read or set: an open one, or an entryPath for what cannot
// be opened.
type xattrsOf struct {
	fd   int
	path string
}

func (x xattrsOf) list(buf []byte) (int, error) {
	if x.path != "" {
		return unix.Llistxattr(x.path, buf)
	}
	return unix.Flistxattr(x.fd, buf)
}

func (x xattrsOf) get(attr string, buf []byte) (int, error) {
	if x.path != "" {
		return unix.Lgetxattr(x.path, attr, buf)
	}
	return unix.Fgetxattr(x.fd, attr, buf)
}

func (x xattrsOf) set(attr string, value []byte) error {
	if x.path != "" {
		return unix.Lsetxattr(x.path, attr, value, 0)
	}
	return unix.Fsetxattr(x.fd, attr, value, 0)
}

// read returns the attributes that belong into an archive. buf has room for a list and a value.
func (x xattrsOf) read(buf []byte, m *IDMap) (map[string]string, error) {
	list, value := buf[:xattrSize], buf[xattrSize:]
	n, err := x.list(list)
	if err == unix.ENOTSUP || n == 0 && err == nil {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list attributes: %w", err)
	}

	attrs := map[string]string{}

	for _, attr := range strings.Split(string(list[:n]), "\x00") {
		if attr == "" || !wantXattr(attr) {
			continue
		}

		n, err := x.get(attr, value)
		if err == unix.ENODATA || err == unix.ENOTSUP {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read attribute %s: %w", attr, err)
		}

		data, err := unshiftXattr(attr, append([]byte(nil), value[:n]...), m)
		if err != nil {
			return nil, fmt.Errorf("attribute %s: %w", attr, err)
		}

		attrs[attr] = string(data)
	}

	return attrs, nil
}

// The attribute that makes a directory opaque, for each form of whiteouts.
func opaqueXattr(form Whiteouts) string {
	switch form {
	case Trusted:
		return "trusted.overlay.opaque"
	case User:
		return "user.overlay.opaque"
	}
	return ""
}

// IsOpaque says whether a directory hides what lower layers have in it.
func IsOpaque(dir string, form Whiteouts) (bool, error) {
	if form == Files {
		err := unix.Lstat(dir+"/"+opaqueMarker, &unix.Stat_t{})
		if err == unix.ENOENT {
			return false, nil
		}
		return err == nil, err
	}

	value := make([]byte, 1)
	n, err := unix.Lgetxattr(dir, opaqueXattr(form), value)
	if err == unix.ENODATA || err == unix.ENOTSUP || err == unix.ERANGE {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read the opaque mark of %s: %w", dir, err)
	}

	return n == 1 && value[0] == 'y', nil
}
