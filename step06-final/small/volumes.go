package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"

	securejoin "github.com/cyphar/filepath-securejoin"
	"golang.org/x/sys/unix"
)

// volume is a file or directory of the host that the container sees too.
type volume struct {
	Source, Target string
	Dir, ReadOnly  bool
	handle         *os.File
}

// mountVolume binds the volume on its target in the new root.
func mountVolume(root string, v volume) error {
	defer v.handle.Close()

	err := mountIn(root, fdPath(v.handle), v.Target, "", unix.MS_BIND|unix.MS_REC, "")
	if errors.Is(err, unix.ENOTDIR) {
		return fail("-v %s:%s: one is a directory and the other a file: both must be the same", v.Source, v.Target)
	}
	if err == nil && v.ReadOnly {
		err = remountVolume(root, v)
	}
	if err != nil {
		return fail("-v %s:%s: %v", v.Source, v.Target, err)
	}
	return nil
}

// remountVolume looks the target up again, now to the mount. A link in the volume itself, or in
// what is mounted already, may lead elsewhere than before: what is not the source stays as it is,
// and we fail.
func remountVolume(root string, v volume) error {
	mounted, err := securejoin.OpenInRoot(root, v.Target)
	if err != nil {
		return err
	}
	defer mounted.Close()

	var source, found unix.Stat_t
	if err := unix.Fstat(int(v.handle.Fd()), &source); err != nil {
		return err
	}
	if err := unix.Fstat(int(mounted.Fd()), &found); err != nil {
		return err
	}
	if found.Dev != source.Dev || found.Ino != source.Ino {
		return errors.New("a link leads to another place now: choose a target that is no link")
	}

	path, err := os.Readlink(fdPath(mounted))
	if err != nil {
		return err
	}
	return remountReadOnly(path)
}

// openSources opens the sources before anything is mounted over them.
func openSources(volumes []volume) error {
	for i, v := range volumes {
		fd, err := unix.Open(v.Source, unix.O_PATH|unix.O_CLOEXEC, 0)
		if err != nil {
			return fail("-v %s:%s: open the source: %v: may the ids inside read it?", v.Source, v.Target, err)
		}
		volumes[i].handle = os.NewFile(uintptr(fd), v.Source)
	}
	return nil
}

// makeOwnMountPoints prepares the user's rootfs; one of ours is made later, in memory.
func makeOwnMountPoints(c *container, clean *cleaner) error {
	if c.Rootfs == "" {
		return nil
	}
	return makeMountPoints(c.Rootfs, c.Volumes, clean)
}

// makeMountPoints creates in the rootfs what is missing there to mount on. The cleaner removes it;
// without one, the rootfs itself goes.
func makeMountPoints(rootfs string, volumes []volume, clean *cleaner) error {
	points := []volume{{Target: "/proc", Dir: true}, {Target: "/sys", Dir: true}, {Target: "/dev", Dir: true}}
	for _, v := range append(points, volumes...) {
		path := "/"
		names := strings.Split(strings.TrimPrefix(v.Target, "/"), "/")

		for i, name := range names {
			parent := path
			path = filepath.Join(path, name)
			if err := makeMountPoint(rootfs, parent, name, v.Dir || i < len(names)-1, clean); err != nil {
				return fail("make the mount point %s in %s: %v: may you write there?", path, rootfs, err)
			}
		}
	}
	return nil
}

// makeMountPoint works through a descriptor of the parent, so that no link leads it out of the
// rootfs.
func makeMountPoint(rootfs, parent, name string, dir bool, clean *cleaner) error {
	existing, err := securejoin.OpenInRoot(rootfs, filepath.Join(parent, name))
	if err == nil {
		return existing.Close()
	}
	if !errors.Is(err, os.ErrNotExist) {
		return err
	}

	handle, err := securejoin.OpenInRoot(rootfs, parent)
	if err != nil {
		return err
	}
	defer handle.Close()
	if clean != nil {
		if err := clean.remove(rootfs, filepath.Join(parent, name)); err != nil {
			return err
		}
	}

	if dir {
		err = unix.Mkdirat(int(handle.Fd()), name, 0o755)
	} else {
		err = unix.Mknodat(int(handle.Fd()), name, unix.S_IFREG|0o644, 0) // a regular file needs no privilege
	}
	if err != nil && clean != nil {
		clean.forgetLast()
	}

	return err
}

// parseVolumes reads SRC:DST[:ro]. The sources must exist.
func parseVolumes(values []string) ([]volume, error) {
	var volumes []volume

	for _, value := range values {
		fields := strings.Split(value, ":")
		if len(fields) < 2 || len(fields) > 3 || len(fields) == 3 && fields[2] != "ro" && fields[2] != "rw" {
			return nil, fail("-v %q: it is SOURCE:TARGET or SOURCE:TARGET:ro", value)
		}
		if fields[0] == "" || !filepath.IsAbs(fields[1]) || filepath.Clean(fields[1]) == "/" {
			return nil, fail("-v %q: the target is an absolute path below /, as the container sees it", value)
		}

		source, err := filepath.Abs(fields[0])
		if err != nil {
			return nil, fail("-v %q: %v", value, err)
		}

		info, err := os.Stat(source)
		if err != nil {
			return nil, fail("-v %q: %v: make the source first: mkdir %s", value, err, source)
		}

		volumes = append(volumes, volume{
			Source:   source,
			Target:   filepath.Clean(fields[1]),
			Dir:      info.IsDir(),
			ReadOnly: len(fields) == 3 && fields[2] == "ro",
		})
	}

	return volumes, nil
}
