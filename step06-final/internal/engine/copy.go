package engine

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"

	securejoin "github.com/cyphar/filepath-securejoin"

	"mydocker/step06-final/internal/layer"
)

// CopyOptions are those of `cp`.
type CopyOptions struct {
	Archive    bool // -a: keep owners; without it the files belong to who gets them
	FollowLink bool // -L
}

// pack and unpack move a tree through a pipe of a tar archive. Package layer resolves every name inside the tree's root:
// a link that the container's owner has put there, or puts there in this very moment, leads nowhere else.
func pipeTree(pack func(io.Writer) error, unpack func(io.Reader) error) error {
	reader, writer := io.Pipe()
	packed := make(chan error, 1)
	go func() {
		err := pack(writer)
		writer.CloseWithError(err)
		packed <- err
	}()
	err := unpack(reader)
	reader.CloseWithError(err)
	if packErr := <-packed; packErr != nil && !errors.Is(packErr, io.ErrClosedPipe) {
		return packErr
	}
	return err
}

// copyTree copies what a root file system has at a place into an empty directory; nothing there is nothing to copy.
func copyTree(rootfs, inside, target string) error {
	info, err := statIn(rootfs, inside)
	if errors.Is(err, os.ErrNotExist) || (err == nil && !info.IsDir()) {
		return nil
	}
	if err != nil {
		return err
	}
	real, err := realIn(rootfs, inside)
	if err != nil {
		return err
	}
	o := layer.Options{Whiteouts: layer.Plain, NoChown: Rootless()}
	return pipeTree(
		func(w io.Writer) error { return layer.PackPath(w, rootfs, real, ".", o) },
		func(r io.Reader) error { _, err := layer.Unpack(context.Background(), target, r, o); return err })
}

// realIn is the path inside a root that a path means there, all links followed.
func realIn(root, inside string) (string, error) {
	real, err := securejoin.SecureJoin(root, inside)
	if err != nil {
		return "", fmt.Errorf("find %s in the container: %w", inside, err)
	}
	return "/" + strings.TrimPrefix(strings.TrimPrefix(real, root), "/"), nil
}

func statIn(root, inside string) (os.FileInfo, error) {
	real, err := securejoin.SecureJoin(root, inside)
	if err != nil {
		return nil, fmt.Errorf("find %s in the container: %w", inside, err)
	}
	info, err := os.Stat(real)
	if err != nil {
		return nil, fmt.Errorf("find %s in the container: %w", inside, errors.Unwrap(err))
	}
	return info, nil
}

// withRoot calls use with the container's file system: that of its processes, volumes included, if it runs, else its snapshot.
func (e *Engine) withRoot(v View, use func(root string) error) error {
	if v.Running {
		return use(fmt.Sprintf("/proc/%d/root", v.Pid))
	}
	lock, err := v.Lock()
	if err != nil {
		return err
	}
	defer lock.Unlock()
	s, err := e.Snapshots.Get(v.ID)
	if err != nil {
		return fmt.Errorf("find the file system of container %s: %w", v.Name, err)
	}
	if err := s.Mount(""); err != nil {
		return err
	}
	stop := cleanOnSignal(func() { s.Unmount() })
	err = use(s.Root())
	stop()
	return withFirst(err, s.Unmount())
}

// CopyFrom copies a container's file or directory to the host; target - writes the tar to w.
func (e *Engine) CopyFrom(v View, source, target string, w io.Writer, o CopyOptions) error {
	return e.withRoot(v, func(root string) error {
		content := strings.HasSuffix(source, "/.")
		inside := path.Clean("/" + source)
		if o.FollowLink || content || strings.HasSuffix(source, "/") {
			var err error
			if inside, err = realIn(root, inside); err != nil {
				return err
			}
		}
		options := layer.Options{Whiteouts: layer.Plain, NoChown: !o.Archive}
		if target == "-" {
			options.NoChown = false
			return layer.PackPath(w, root, inside, path.Base(inside), options)
		}
		dir, name, err := hostTarget(target, path.Base(inside), content)
		if err != nil {
			return err
		}
		return pipeTree(
			func(w io.Writer) error { return layer.PackPath(w, root, inside, name, options) },
			func(r io.Reader) error {
				_, err := layer.Unpack(context.Background(), dir, r, options)
				return err
			})
	})
}

// hostTarget applies cp(1)'s rules to a target on the host: an existing directory gets the thing inside of it, any other
// path is the thing's new name, and SOURCE/. means the content.
func hostTarget(target, base string, content bool) (dir, name string, err error) {
	info, err := os.Stat(target)
	switch {
	case err == nil && info.IsDir() && content:
		return target, ".", nil
	case err == nil && info.IsDir():
		return target, base, nil
	case err == nil || os.IsNotExist(err):
		if os.IsNotExist(err) && strings.HasSuffix(target, "/") && !content {
			return "", "", fmt.Errorf("copy to %s: there is no such directory", target)
		}
		dir = filepath.Dir(filepath.Clean(target))
		if info, err := os.Stat(dir); err != nil || !info.IsDir() {
			return "", "", fmt.Errorf("copy to %s: there is no directory %s", target, dir)
		}
		return dir, filepath.Base(filepath.Clean(target)), nil
	}
	return "", "", fmt.Errorf("copy to %s: %w", target, err)
}

// CopyTo copies a file or directory of the host into a container; source - reads a tar from r, for a directory.
func (e *Engine) CopyTo(v View, source, target string, r io.Reader, o CopyOptions) error {
	if v.HostConfig.ReadonlyRootfs && !v.Running {
		return fmt.Errorf("container %s has a read-only root file system", v.Name)
	}
	return e.withRoot(v, func(root string) error {
		if v.HostConfig.ReadonlyRootfs && !onVolume(v, target) {
			return fmt.Errorf("container %s has a read-only root file system; only its volumes can be written", v.Name)
		}
		info, statErr := statIn(root, target)
		isDir := statErr == nil && info.IsDir()
		options := layer.Options{Whiteouts: layer.Plain}
		if m, err := idMap(v.HostConfig); err != nil {
			return err
		} else if m != nil {
			options.Map = m
		}
		if source == "-" {
			if !isDir {
				return fmt.Errorf("copy a tar to %s: there is no such directory in the container", target)
			}
			return unpackAt(root, target, r, options)
		}
		if o.FollowLink {
			real, err := filepath.EvalSymlinks(source)
			if err != nil {
				return fmt.Errorf("follow %s: %w", source, err)
			}
			source = real
		}
		if _, err := os.Lstat(source); err != nil {
			return fmt.Errorf("copy from the host: %w", err)
		}
		absolute, err := filepath.Abs(source)
		if err != nil {
			return fmt.Errorf("copy from the host: %w", err)
		}
		dir, name := target, filepath.Base(absolute)
		switch {
		case isDir && strings.HasSuffix(source, "/."):
			name = "."
		case isDir:
		case strings.HasSuffix(target, "/"):
			return fmt.Errorf("copy to %s: there is no such directory in the container", target)
		default:
			dir, name = path.Dir(path.Clean("/"+target)), path.Base(target)
			if info, err := statIn(root, dir); err != nil || !info.IsDir() {
				return fmt.Errorf("copy to %s: there is no directory %s in the container", target, dir)
			}
		}
		packOptions := layer.Options{Whiteouts: layer.Plain, NoChown: !o.Archive}
		return pipeTree(
			func(w io.Writer) error {
				return layer.PackPath(w, filepath.Dir(absolute), filepath.Base(absolute), name, packOptions)
			},
			func(r io.Reader) error { return unpackAt(root, dir, r, options) })
	})
}

func onVolume(v View, target string) bool {
	for _, m := range v.Mounts {
		if !m.ReadOnly && (target == m.Destination || strings.HasPrefix(target, m.Destination+"/")) {
			return true
		}
	}
	return false
}

// unpackAt unpacks an archive in a directory of a root. The names are made relative to the root, because only the
// root is a safe place to start from.
func unpackAt(root, dir string, r io.Reader, o layer.Options) error {
	return pipeTree(
		func(w io.Writer) error { return renameEntries(w, r, dir) },
		func(r io.Reader) error { _, err := layer.Unpack(context.Background(), root, r, o); return err })
}

// renameEntries puts a directory in front of every name of an archive.
func renameEntries(w io.Writer, r io.Reader, dir string) error {
	in, out := tar.NewReader(r), tar.NewWriter(w)
	for {
		header, err := in.Next()
		if err == io.EOF {
			return out.Close()
		}
		if err != nil {
			return fmt.Errorf("read archive: %w", err)
		}
		if name := path.Clean("/" + header.Name); name == "/" && header.Typeflag == tar.TypeDir {
			continue // the directory itself, which exists
		}
		header.Name = path.Join(dir, path.Clean("/"+header.Name))
		if header.Typeflag == tar.TypeLink {
			header.Linkname = path.Join(dir, path.Clean("/"+header.Linkname))
		}
		header.Format = tar.FormatPAX
		if err := out.WriteHeader(header); err != nil {
			return fmt.Errorf("rewrite archive: %w", err)
		}
		if _, err := io.Copy(out, in); err != nil {
			return fmt.Errorf("rewrite archive: %w", err)
		}
	}
}
