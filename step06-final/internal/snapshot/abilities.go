package snapshot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

	"mydocker/step06-final/internal/atomicfile"
	"mydocker/step06-final/internal/idmap"
	"mydocker/step06-final/internal/layer"
)

const (
	overlayKind = "overlay"
	copyKind    = "copy"
)

// Abilities is what this kernel lets this process do with this file system.
type Abilities struct {
	Kind      string          // overlay or copy
	Reason    string          // why not overlay
	Whiteouts layer.Whiteouts // the form in which layers are unpacked
	NoChown   bool            // this process may not give files away
	Map       *layer.IDMap    // an ordinary user's subordinate ids: layers are unpacked for this map, by a helper

	Situation string // for which process, kernel and boot this was found out
}

// UnpackLayer is layer.Unpack in the form that this machine needs, by the helper if need be. m is a
// container's map.
func (a Abilities) UnpackLayer(ctx context.Context, dir string, r io.Reader, m *layer.IDMap) (size int64, err error) {
	o := layer.Options{Map: m, Whiteouts: a.Whiteouts, NoChown: a.NoChown}
	if a.Map != nil {
		return layer.UnpackAs(a.Map, dir, r, o)
	}
	return layer.Unpack(ctx, dir, r, o)
}

// kindVariable forces the copying form, for comparing the two and for testing.
const kindVariable = "MYDOCKER_SNAPSHOT"

// Abilities tries overlay out once a boot and remembers the answer in
// <root>/snapshots/.abilities.json. Layers that are unpacked at the same time all ask.
func (d *Driver) Abilities() (Abilities, error) {
	d.asking.Lock()
	defer d.asking.Unlock()
	if d.able != nil {
		return *d.able, nil
	}

	situation, err := situation()
	if err != nil {
		return Abilities{}, err
	}

	path := filepath.Join(d.dir, ".abilities-"+strconv.Itoa(os.Geteuid())+".json")
	var able Abilities
	if err := atomicfile.ReadJSON(path, &able); err != nil || able.Situation != situation {
		if able, err = d.tryOut(); err != nil {
			return Abilities{}, err
		}

		able.Situation = situation
		if err := atomicfile.WriteJSON(path, able, true); err != nil {
			return Abilities{}, err
		}
	}

	d.able = &able
	return able, nil
}

// situation changes whenever the answer may.
func situation() (string, error) {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", fmt.Errorf("read boot id (is /proc mounted?): %w", err)
	}

	ids, err := os.ReadFile("/proc/self/uid_map")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("read user namespace map: %w", err)
	}

	subordinate := ""
	if os.Geteuid() != 0 {
		uids, gids, _, err := idmap.Mappings()
		if err != nil {
			return "", err
		}

		subordinate = fmt.Sprint(uids, gids)
	}

	return fmt.Sprintf("boot %s euid %d map %s %s %s", strings.TrimSpace(string(boot)), os.Geteuid(),
		strings.Join(strings.Fields(string(ids)), " "), subordinate, os.Getenv(kindVariable)), nil
}

func (d *Driver) tryOut() (Abilities, error) {
	able := Abilities{Kind: copyKind, Whiteouts: layer.Files, NoChown: os.Geteuid() != 0 || !severalIDs()}
	if os.Geteuid() != 0 {
		able.Reason = "mounting overlay needs root, of the host or of a user namespace"
		uids, gids, full, err := idmap.Mappings()
		if err != nil || !full {
			return able, err
		}

		m := &layer.IDMap{UIDs: uids, GIDs: gids}
		if layer.CanHelp(m) == nil {
			able.Map, able.NoChown = m, false
		}
		return able, nil
	}

	if os.Getenv(kindVariable) == copyKind {
		able.Reason = kindVariable + "=copy"
		return able, nil
	}

	form, err := d.tryOverlay()
	if err != nil {
		able.Reason = err.Error()
		return able, nil
	}

	able.Kind, able.Whiteouts = overlayKind, form
	return able, nil
}

// severalIDs says whether this user namespace knows more than one user: else chown(2) fails for all
// others.
func severalIDs() bool {
	data, err := os.ReadFile("/proc/self/uid_map")
	if err != nil {
		return true // a kernel without user namespaces
	}
	fields := strings.Fields(string(data))
	return len(fields) != 3 || fields[2] != "1"
}

// tryOverlay mounts a small overlay and deletes a file in it, in a mount namespace of one thread,
// which ends with it.
func (d *Driver) tryOverlay() (layer.Whiteouts, error) {
	temp, err := os.MkdirTemp(d.dir, ".new-try-")
	if err != nil {
		return "", fmt.Errorf("try overlay: %w", err)
	}
	defer os.RemoveAll(temp)
	for _, dir := range []string{"lower", "lower2", "upper", "work", "merged"} {
		if err := os.Mkdir(filepath.Join(temp, dir), 0700); err != nil {
			return "", fmt.Errorf("try overlay: %w", err)
		}
	}

	if err := os.WriteFile(filepath.Join(temp, "lower", "file"), nil, 0600); err != nil {
		return "", fmt.Errorf("try overlay: %w", err)
	}

	if ok, err := hasFileTypes(filepath.Join(temp, "lower")); err != nil || !ok {
		return "", fmt.Errorf("the file system of %s does not tell file types in directories; an XFS needs "+
			"mkfs.xfs -n ftype=1 (%v)", d.dir, err)
	}

	form := layer.Trusted
	if unix.Setxattr(filepath.Join(temp, "lower"), "trusted.overlay.test", []byte("y"), 0) != nil {
		form = layer.User
		if err := unix.Setxattr(filepath.Join(temp, "lower"), "user.overlay.test", []byte("y"), 0); err != nil {
			return "", fmt.Errorf("the file system of %s keeps no attributes: %w", d.dir, err)
		}
	}

	return form, onOwnThread(func() error { return tryMount(temp, form) })
}

func tryMount(temp string, form layer.Whiteouts) error {
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("a mount namespace for trying overlay: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	data := "lowerdir=" + temp + "/lower:" + temp + "/lower2" +
		",upperdir=" + temp + "/upper,workdir=" + temp + "/work" + formOption(form)
	if err := unix.Mount("overlay", temp+"/merged", "overlay", 0, data); err != nil {
		return fmt.Errorf("this kernel does not mount overlay here (%w); dmesg says why", err)
	}
	if err := os.Remove(temp + "/merged/file"); err != nil {
		return fmt.Errorf("overlay cannot delete here: %w", err)
	}
	return nil
}

func formOption(form layer.Whiteouts) string {
	if form == layer.User {
		return ",userxattr"
	}
	return ""
}

// hasFileTypes reads a directory as overlay does, which needs d_type; readdir(3). There is a file
// in it.
func hasFileTypes(dir string) (bool, error) {
	fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return false, err
	}
	defer unix.Close(fd)
	buf := make([]byte, 4096)
	n, err := unix.Getdents(fd, buf)
	if err != nil {
		return false, err
	}
	return tellsTypes(buf[:n]), nil
}

// tellsTypes looks at the first name that is neither "." nor "..": these two are directories even
// for an XFS without types. struct linux_dirent64 (getdents(2)) is inode 8 bytes, offset 8, length
// 2, type 1, name.
func tellsTypes(entries []byte) bool {
	const lengthAt, typeAt, nameAt = 16, 18, 19
	for len(entries) > nameAt {
		length := int(*(*uint16)(unsafe.Pointer(&entries[lengthAt])))
		if length <= nameAt || length > len(entries) {
			return false
		}
		name := unix.ByteSliceToString(entries[nameAt:length])
		if name != "." && name != ".." {
			return entries[typeAt] != unix.DT_UNKNOWN
		}
		entries = entries[length:]
	}
	return false
}

// Kind is overlay or copy; for copy with the reason.
func (d *Driver) Kind() (kind, reason string, err error) {
	able, err := d.Abilities()
	return able.Kind, able.Reason, err
}
