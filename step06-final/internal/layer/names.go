package layer

import (
	"errors"
	"fmt"
	"path"
	"sort"
	"strings"

	"golang.org/x/sys/unix"
)

// Names with a meaning in layer archives; image-spec, layer.md, "Whiteouts".
const (
	whiteoutPrefix = ".wh."
	opaqueMarker   = ".wh..wh..opq"
	metaPrefix     = ".wh..wh." // AUFS's own book-keeping, never content
)

// ErrEscape is the answer to an archive that names something outside of its root.
var ErrEscape = errors.New("the name leads out of the root")

// entryName makes a name from an archive relative to the root; "." is the root itself. Leading
// slashes are dropped, as tar(1) does. A ".." that stays inside is resolved by text: an archive has
// no business with anything else.
func entryName(name string) (string, error) {
	if strings.ContainsRune(name, 0) {
		return "", errors.New("the name contains a zero byte")
	}
	if len(name) > unix.PathMax {
		return "", fmt.Errorf("the name has %d bytes: %w", len(name), unix.ENAMETOOLONG)
	}
	clean := path.Clean(strings.TrimLeft(name, "/"))
	if clean == ".." || strings.HasPrefix(clean, "../") {
		return "", fmt.Errorf("%q: %w", name, ErrEscape)
	}
	return clean, nil
}

// readNames lists a directory that was just opened, in sorted order.
func readNames(fd int) (names []string, err error) {
	buf := make([]byte, 8<<10)
	for {
		n, err := unix.ReadDirent(fd, buf)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read directory: %w", err)
		}
		if n <= 0 {
			sort.Strings(names)
			return names, nil
		}
		_, _, names = unix.ParseDirent(buf[:n], -1, names)
	}
}
