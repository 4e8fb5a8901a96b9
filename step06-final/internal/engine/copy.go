package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"mydocker/step06-final/internal/image"
	"mydocker/step06-final/internal/layer"
	"mydocker/step06-final/internal/snapshot"
	"mydocker/step06-final/internal/spec"
)

// CopyOptions are those of `cp`.
type CopyOptions struct {
	Archive    bool // -a: keep owners; without it the files belong to who gets them
	FollowLink bool // -L
}

// copyTree copies what a root file system has at a place into an empty directory; nothing there is
// nothing to copy.
func copyTree(rootfs, inside, target string) error {
	real, mode, err := layer.Lookup(rootfs, inside)
	if errors.Is(err, os.ErrNotExist) || err == nil && mode&unix.S_IFMT != unix.S_IFDIR {
		return nil
	}
	if err != nil {
		return err
	}
	o := layer.Options{Whiteouts: layer.Plain, NoChown: Rootless()}
	return layer.UnpackFrom(context.Background(), target, o, func(w io.Writer) error {
		return layer.PackPath(w, rootfs, real, ".", o)
	})
}

// withRoot calls use with a container's snapshot, which is mounted for that time. A container
// that does not run is locked, so that it is not started or removed.
func (e *Engine) withRoot(v View, use func(s *snapshot.Snapshot) error) error {
	if !v.Running {
		lock, err := v.Lock()
		if err != nil {
			return err
		}
		defer lock.Unlock()
	}

	s, err := e.Snapshots.Get(v.ID)
	if err != nil {
		return fmt.Errorf("find the file system of container %s: %w", v.Name, err)
	}
	if v.Running {
		if mounted, err := s.Mounted(); err != nil || !mounted && s.Kind == "overlay" {
			return joinErrors(err,
				fmt.Errorf("the file system of container %s is not mounted here; restart the container", v.Name))
		}
		return use(s)
	}

	if err := s.Mount(""); err != nil {
		return err
	}

	stop := cleanOnSignal(func() { s.Unmount() })
	err = use(s)
	stop()
	return joinErrors(err, s.Unmount())
}

// withTree calls use with a container's file system, the same whether the container was only
// created, runs or has ended: its snapshot with its volumes, binds and own files, and without what
// the kernel makes (/proc, /sys, /dev).
func (e *Engine) withTree(v View, use func(t layer.Tree, o layer.Options) error) error {
	return e.withRoot(v, func(s *snapshot.Snapshot) error {
		if !v.Running {
			if err := e.fillVolumes(v.Container, s.Root()); err != nil {
				return err
			}
		}

		t, o := s.Tree()
		t.ReadOnly = v.HostConfig.ReadonlyRootfs
		for _, name := range []string{"hosts", "resolv.conf", "hostname"} {
			file := filepath.Join(v.Dir(), name)
			if _, err := os.Stat(file); err == nil {
				t.Mounts = append(t.Mounts, layer.Mount{Source: file, Destination: "/etc/" + name, ReadOnly: true})
			}
		}

		mounts := append([]spec.Mount(nil), v.Mounts...)
		for place := range v.HostConfig.Tmpfs {
			mounts = append(mounts, spec.Mount{Type: "tmpfs", Destination: place})
		}

		for _, m := range mounts {
			mount := layer.Mount{Source: m.Source, Destination: m.Destination, ReadOnly: m.ReadOnly}
			if m.Type == "tmpfs" {
				file, err := e.openTmpfs(v, m.Destination)
				if err != nil {
					return err
				}
				mount.Missing = fmt.Sprintf("%s is a tmpfs: it exists only for the processes of the container; "+
					"use exec", m.Destination)
				if file != nil {
					defer file.Close()
					mount.Source, mount.Missing = fmt.Sprintf("/proc/self/fd/%d", file.Fd()), ""
				}
			}

			t.Mounts = append(t.Mounts, mount)
		}

		return use(t, o)
	})
}

// openTmpfs opens a tmpfs of a running container, which is nowhere but in its mount namespace; nil
// if it cannot be reached. That the process is still the container's is asked once its root is
// open: a process id can be used again.
func (e *Engine) openTmpfs(v View, name string) (*os.File, error) {
	if !v.Running || Rootless() {
		return nil, nil
	}

	root, err := os.Open(fmt.Sprintf("/proc/%d/root", v.Pid))
	if err != nil {
		return nil, fmt.Errorf("open the root of container %s: %w", v.Name, err)
	}
	defer root.Close()
	if now, err := e.look(v.Container); err != nil || !now.Running || now.Pid != v.Pid {
		return nil, fmt.Errorf("container %s has ended meanwhile; try again", v.Name)
	}

	file, err := layer.OpenDir(fmt.Sprintf("/proc/self/fd/%d", root.Fd()), name)
	if err != nil {
		return nil, fmt.Errorf("find %s in container %s: %w", name, v.Name, err)
	}

	var st unix.Statfs_t

	// fstatfs(2) of an O_PATH descriptor needs Linux 3.12
	path := fmt.Sprintf("/proc/self/fd/%d", file.Fd())
	if err := unix.Statfs(path, &st); err != nil || st.Type != unix.TMPFS_MAGIC {
		file.Close()
		return nil, nil // unmounted by the container itself
	}
	return file, nil
}

// copySource is what is copied, of a container or of the host.
type copySource struct {
	name    string // as the user typed it: the name of its copy
	isDir   bool
	content bool // SOURCE/.
}

// sourceOf judges what was found under a name. follow says that the name's end makes a link be
// followed.
func sourceOf(typed string) (s copySource, follow bool) {
	s.name = path.Base(path.Clean(typed))
	s.content = typed == "." || strings.HasSuffix(typed, "/.") || s.name == "/"
	return s, s.content || strings.HasSuffix(typed, "/")
}

// place applies docker's rules to a target: in which directory the copy lies, and under which name.
// real is the target without links, mode its mode or 0 for one that does not exist in a directory
// that does.
func (s copySource) place(typed, real string, mode uint32) (dir, name string, err error) {
	slash := strings.HasSuffix(typed, "/") || strings.HasSuffix(typed, "/.")
	kind := mode & unix.S_IFMT
	switch {
	case kind == unix.S_IFDIR && s.content:
		return real, ".", nil
	case kind == unix.S_IFDIR:
		return real, s.name, nil
	case mode != 0 && slash:
		return "", "", fmt.Errorf("copy to %s: not a directory", typed)
	case mode != 0 && s.isDir:
		return "", "", fmt.Errorf("copy to %s: cannot copy directory over a file; remove the file first", typed)
	case mode != 0 && kind != unix.S_IFREG:
		return "", "", fmt.Errorf("copy to %s: destination must be a directory or regular file", typed)
	case slash && !s.isDir:
		return "", "", fmt.Errorf("copy to %s: no such directory; make it first", typed)
	}

	return path.Dir(real), path.Base(real), nil
}

// noFile is what docker says about a name that a container does not have.
type noFile struct{ name, container string }

func (e noFile) Error() string {
	return fmt.Sprintf("Could not find the file %s in container %s", e.name, e.container)
}

// CopyFrom copies a container's file or directory to the host; target - writes the tar to w.
func (e *Engine) CopyFrom(v View, source, target string, w io.Writer, o CopyOptions) error {
	return e.withTree(v, func(t layer.Tree, packing layer.Options) error {
		s, follow := sourceOf("/" + source)
		found, err := t.Lookup(source, follow || o.FollowLink)
		if errors.Is(err, unix.ENOENT) || err == nil && found.Mode == 0 {
			return noFile{source, v.Name}
		}
		if err != nil {
			return fmt.Errorf("find %s in container %s: %w", source, v.Name, err)
		}

		s.isDir = found.Mode&unix.S_IFMT == unix.S_IFDIR
		if follow && !s.isDir {
			return fmt.Errorf("%s in container %s: not a directory", source, v.Name)
		}
		if target == "-" {
			if s.content {
				s.name = "."
			}
			return t.Pack(w, found.Name, s.name, packing)
		}

		absolute, err := filepath.Abs(target)
		if err != nil {
			return fmt.Errorf("copy to %s: %w", target, err)
		}

		place, err := layer.Tree{Root: "/"}.Lookup(absolute, true)
		if err != nil {
			return fmt.Errorf("copy to %s: %w", target, err)
		}

		dir, name, err := s.place(target, "/"+place.Name, place.Mode)
		if err != nil {
			return err
		}

		host := layer.Options{Whiteouts: layer.Plain, Merge: true, NoChown: !o.Archive, Harmless: e.Warn}
		return layer.UnpackFrom(context.Background(), dir, host, func(w io.Writer) error {
			return t.Pack(w, found.Name, name, packing)
		})
	})
}

// CopyTo copies a file or directory of the host into a container; source - reads a tar from r, for
// a directory.
func (e *Engine) CopyTo(v View, source, target string, r io.Reader, o CopyOptions) error {
	s, file, err := hostSource(source, o)
	if err != nil {
		return err
	}

	return e.withTree(v, func(t layer.Tree, unpacking layer.Options) error {
		found, err := t.Lookup(target, true)
		if errors.Is(err, unix.ENOENT) {
			return noFile{path.Dir(path.Clean("/" + target)), v.Name}
		}
		if err != nil {
			return fmt.Errorf("find %s in container %s: %w", target, v.Name, err)
		}

		if found.ReadOnly {
			return fmt.Errorf("copy to %s: the container's rootfs or volume %w; copy to a writable volume", target,
				layer.ErrReadOnly)
		}

		unpacking.Merge = true
		if source == "-" {
			if found.Mode&unix.S_IFMT != unix.S_IFDIR {
				return fmt.Errorf("destination \"%s:%s\" must be a directory", v.Name, target)
			}
			content, err := image.Decompress(r)
			if err != nil {
				return err
			}
			defer content.Close()
			return t.Unpack(context.Background(), found.Name, content, unpacking)
		}

		dir, name, err := s.place(target, found.Name, found.Mode)
		if err != nil {
			return err
		}

		packing := layer.Options{Whiteouts: layer.Plain, NoChown: !o.Archive}
		return layer.Connect(
			func(w io.Writer) error {
				return layer.PackPath(w, filepath.Dir(file), filepath.Base(file), name, packing)
			},
			func(r io.Reader) error { return t.Unpack(context.Background(), dir, r, unpacking) })
	})
}

// hostSource finds what is to be copied on the host.
func hostSource(source string, o CopyOptions) (s copySource, file string, err error) {
	if source == "-" {
		return s, "", nil
	}

	file, err = filepath.Abs(source)
	if err != nil {
		return s, "", fmt.Errorf("copy from the host: %w", err)
	}

	_, follow := sourceOf(source)
	s, _ = sourceOf(file) // the working directory has a name, too
	s.content = s.content || strings.HasSuffix(source, "/.") || source == "."
	if follow || o.FollowLink {
		if file, err = filepath.EvalSymlinks(file); err != nil {
			return s, "", fmt.Errorf("copy from the host: %w", err)
		}
	}

	info, err := os.Lstat(file)
	if err != nil {
		return s, "", fmt.Errorf("copy from the host: %w", err)
	}
	if s.isDir = info.IsDir(); follow && !s.isDir {
		return s, "", fmt.Errorf("copy from the host: %s: not a directory", source)
	}

	return s, file, nil
}
