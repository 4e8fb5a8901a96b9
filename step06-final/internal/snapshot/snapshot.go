package snapshot

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"mydocker/step06-final/internal/layer"
	"mydocker/step06-final/internal/proc"
)

// Snapshot is one writable tree.
type Snapshot struct {
	ID     string
	driver *Driver
	dir    string
	damage error // why there is no description
	description
}

// Root is where Mount("") makes the tree appear. A copying snapshot needs no mount: its tree is
// always there.
func (s *Snapshot) Root() string {
	if s.Kind == copyKind {
		return filepath.Join(s.dir, "tree")
	}
	return filepath.Join(s.dir, "merged")
}

// Dirs are docker's names for where the parts are: LowerDir (the top layer first), UpperDir,
// WorkDir, MergedDir.
func (s *Snapshot) Dirs() map[string]string {
	if s.Kind == copyKind {
		return map[string]string{"MergedDir": s.Root()}
	}

	lower := make([]string, len(s.Layers))
	for i, dir := range s.Layers {
		lower[len(lower)-1-i] = dir
	}
	return map[string]string{"LowerDir": strings.Join(lower, ":"), "UpperDir": filepath.Join(s.dir, "upper"),
		"WorkDir": filepath.Join(s.dir, "work"), "MergedDir": s.Root()}
}

// Mount makes the whole tree appear at target; "" means the snapshot's own directory (Root).
// Mounting twice is no error. The mount is made in the calling process's mount namespace.
func (s *Snapshot) Mount(target string) error {
	if s.damage != nil {
		return s.damage
	}
	if target == "" {
		target = s.Root()
	}

	if s.Kind == copyKind {
		if target == s.Root() {
			return nil
		}
		if err := unix.Mount(s.Root(), target, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("bind %s to %s: %w", s.Root(), target, err)
		}
		return nil
	}

	mounted, err := isMountPoint(target)
	if err != nil || mounted {
		return err
	}
	return s.mountOverlay(target)
}

// Mounted says whether Mount("") is in force.
func (s *Snapshot) Mounted() (bool, error) {
	if s.Kind == copyKind {
		return false, nil
	}
	return isMountPoint(s.Root())
}

// Unmount undoes Mount(""); nil if nothing is mounted there.
func (s *Snapshot) Unmount() error {
	if s.Kind == copyKind {
		return nil
	}
	for {
		mounted, err := isMountPoint(s.Root())
		if err != nil || !mounted {
			return err
		}
		// MNT_DETACH: a process that still stands in the tree keeps it, and no other process does.
		if err := unix.Unmount(s.Root(), unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW); err != nil {
			return fmt.Errorf("unmount %s: %w", s.Root(), err)
		}
	}
}

// isMountPoint looks the path up in /proc/self/mountinfo; proc(5).
func isMountPoint(path string) (bool, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return false, fmt.Errorf("find %s: %w", path, err)
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}

	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return false, fmt.Errorf("read mounts (is /proc mounted?): %w", err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if m, ok := proc.ParseMount(lines.Text()); ok && m.Point == path {
			return true, nil
		}
	}

	return false, lines.Err()
}

// Remove unmounts and deletes the snapshot; nil if it is already gone.
func (s *Snapshot) Remove() error {
	if err := s.Unmount(); err != nil {
		return err
	}

	// Renamed first: from here on it does not exist, even if the deletion is interrupted.
	gone := filepath.Join(s.driver.dir, ".gone-"+s.ID)
	err := os.Rename(s.dir, gone)
	if errors.Is(err, fs.ErrExist) || errors.Is(err, unix.ENOTEMPTY) {
		if err := s.driver.removeDir(gone); err != nil { // an interrupted deletion of the same name
			return fmt.Errorf("remove snapshot %s: %w", s.ID, err)
		}

		err = os.Rename(s.dir, gone)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove snapshot %s: %w", s.ID, err)
	}

	if err := s.driver.removeDir(gone); err != nil {
		return fmt.Errorf("remove snapshot %s: %w", s.ID, err)
	}
	return nil
}

// Unpack writes an archive that is no layer into a directory of the mounted tree, which no name in
// the archive leaves: for COPY and the like. The name of the directory is below the root and has no
// link in it (layer.Lookup).
func (s *Snapshot) Unpack(ctx context.Context, below string, r io.Reader) error {
	o := layer.Options{Whiteouts: layer.Plain, Map: s.IDMap, NoChown: s.NoChown}
	dir := filepath.Join(s.Root(), below)
	if s.foreign() {
		_, err := layer.UnpackAs(s.IDMap, dir, r, o)
		return err
	}
	_, err := layer.Unpack(ctx, dir, r, o)
	return err
}

// Tree is the snapshot, mounted, for cp; and how its files are owned.
func (s *Snapshot) Tree() (layer.Tree, layer.Options) {
	t := layer.Tree{Root: s.Root(), Owner: s.IDMap, NoChown: s.NoChown}
	if s.foreign() {
		t.As = s.IDMap
	}
	return t, layer.Options{Whiteouts: layer.Plain, Map: s.IDMap, NoChown: s.NoChown}
}

// Export writes the whole tree as a tar. The snapshot must be mounted.
func (s *Snapshot) Export(w io.Writer) error {
	if s.damage != nil {
		return s.damage
	}
	if s.foreign() {
		return s.help("export", w)
	}
	return layer.Pack(w, s.Root(), layer.Options{Whiteouts: layer.Plain, Map: s.IDMap, NoChown: s.NoChown})
}

// Diff writes what changed since Prepare as a layer archive (uncompressed tar, whiteouts as .wh.
// files).
func (s *Snapshot) Diff(w io.Writer) error {
	if s.damage != nil {
		return s.damage
	}
	if s.foreign() {
		return s.help("diff", w)
	}
	o := layer.Options{Whiteouts: s.Whiteouts, Map: s.IDMap, NoChown: s.NoChown, Untold: s.onlyMountPoints()}
	if s.Kind == overlayKind {
		return layer.Pack(w, filepath.Join(s.dir, "upper"), o)
	}
	return s.diffCopy(w, o)
}

// Size is what the changes occupy: the sizes of the changed files, in bytes. Overlay knows it from
// its upper directory; the copying form has to count what differs.
func (s *Snapshot) Size() (int64, error) {
	var size int64
	if s.damage != nil {
		return 0, s.damage
	}
	if s.foreign() {
		err := s.ask("size", &size)
		return size, err
	}
	if s.Kind == copyKind {
		return s.sizeCopy()
	}

	err := layer.Walk(filepath.Join(s.dir, "upper"), func(e layer.Entry) error {
		if e.Stat.Mode&unix.S_IFMT == unix.S_IFREG {
			size += e.Stat.Size
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("size of snapshot %s: %w", s.ID, err)
	}

	return size, nil
}
