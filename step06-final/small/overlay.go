// Layers on top of each other: overlayfs shows the image's layers, and what the container changes
// goes to a directory of its own.
//
// Chapter: docs/zh/08-small-overlay.md
package main

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"
)

// mountOverlay mounts the layers of c on its empty directory "merged". Only the container's mount
// namespace sees it, so nothing is left on the host whatever happens.
func mountOverlay(c *container) (root string, err error) {
	base := c.Root
	if err := unix.Chdir(base); err != nil { // short, relative names: the options are one page (mount(2))
		return "", fail("enter %s: %v: may the ids inside go there? see: namei -m %s", base, err, base)
	}

	here := filepath.Join("containers", c.ID)
	lower := append([]string{filepath.Join(here, "init")}, c.Layers...)
	data := fmt.Sprintf("lowerdir=%s,upperdir=%s/upper,workdir=%s/work", strings.Join(lower, ":"), here, here)
	if c.UIDMap != nil {
		data += ",userxattr" // since Linux 5.11, the first that allows overlay in a user namespace
	}

	root = filepath.Join(base, here, "merged")
	if err := mount("overlay", root, "overlay", unix.MS_NODEV, data); err != nil {
		return "", fail("%v: %s", err, overlayAdvice(err))
	}
	return root, nil
}

func overlayAdvice(err error) string {
	switch {
	case errors.Is(err, unix.ENODEV):
		return "this kernel has no overlay: as root: modprobe overlay"
	case errors.Is(err, unix.EPERM):
		return "an ordinary user needs Linux 5.11 for layers: run as root, or unpack the image and use --rootfs"
	}
	return "overlay wants ext4, xfs (ftype=1) or tmpfs below: set MYDOCKER_SMALL_ROOT; see: dmesg | tail"
}

// prepareLayers makes the container's own directories. The layer "init" lies directly below its
// changes, as docker's does: whatever the image has there, our mount points are directories, and
// the network's files are files.
func prepareLayers(c *container) error {
	here := filepath.Join(c.Root, "containers", c.ID)
	for _, dir := range []string{"upper", "work", "merged", "init/proc", "init/sys", "init/dev", "init/etc"} {
		if err := os.MkdirAll(filepath.Join(here, dir), 0o755); err != nil {
			return fail("make the container's layers: %v", err)
		}
	}

	for name, text := range map[string]string{
		"hostname":    c.Hostname + "\n",
		"hosts":       "127.0.0.1\tlocalhost\n::1\tlocalhost\n" + c.hostLine(),
		"resolv.conf": string(c.Resolv),
	} {
		if err := os.WriteFile(filepath.Join(here, "init/etc", name), []byte(text), 0o644); err != nil {
			return fail("write /etc/%s of the container: %v", name, err)
		}
	}

	return nil
}

// change is a line of diff: A added, C changed, D deleted.
type change struct {
	kind byte
	path string
}

// changes compares the container's own layer with those below.
func changes(r *record) ([]change, error) {
	upper := r.dir("upper")
	lower := append([]string{r.dir("init")}, r.Config.layerDirs()...)

	var found []change

	err := filepath.Walk(upper, func(file string, info os.FileInfo, err error) error {
		if err != nil || file == upper {
			return err
		}

		name := strings.TrimPrefix(file, upper)
		kind := byte('A')
		for _, dir := range lower {
			if _, err := os.Lstat(dir + name); err == nil {
				kind = 'C'
			}
		}
		if isWhiteoutFile(info) {
			kind = 'D'
		}

		found = append(found, change{kind, name})
		return nil
	})
	if err != nil {
		return nil, fail("look through the changes of %s: %v", r.Name, err)
	}

	sort.Slice(found, func(i, j int) bool { return found[i].path < found[j].path })
	return found, nil
}

// commit makes an image of a container: its layers and one more. A running one is paused, so that
// the files fit together.
func commit(r *record, name string) (*image, error) {
	if r.Image == hostImage {
		return nil, fail("commit %s: it has no layers: run an image first", r.Name)
	}
	if r.running() && r.Config.Name != "" {
		if err := setFrozen(r.Config.Name, true); err != nil {
			logrus.Warnf("commit while it runs: %v", err)
		} else {
			defer func() { _ = setFrozen(r.Config.Name, false) }()
		}
	}

	base, err := findImage(r.Image)
	if err != nil {
		return nil, err
	}

	read, write := io.Pipe()
	go func() { _ = write.CloseWithError(packLayer(r.dir("upper"), write)) }()
	layer, err := addLayer(read)
	_ = read.Close()
	if err != nil {
		return nil, err
	}

	return saveImage(name, append([]string{layer}, base.Layers...), base.Config)
}

// packLayer writes a directory of overlayfs as the tar of a layer.
func packLayer(dir string, w io.Writer) error {
	archive := tar.NewWriter(w)
	err := filepath.Walk(dir, func(file string, info os.FileInfo, err error) error {
		if err != nil || file == dir || info.Mode()&os.ModeSocket != 0 {
			return err
		}
		return packFile(archive, strings.TrimPrefix(file, dir+"/"), file, info)
	})
	if err != nil {
		return err
	}
	return archive.Close()
}

func packFile(archive *tar.Writer, name, file string, info os.FileInfo) error {
	if isWhiteoutFile(info) {
		name = filepath.Join(filepath.Dir(name), whiteoutPrefix+filepath.Base(name))
		return archive.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o600})
	}

	target := ""
	if info.Mode()&os.ModeSymlink != 0 {
		var err error
		if target, err = os.Readlink(file); err != nil {
			return err
		}
	}

	header, err := tar.FileInfoHeader(info, target)
	if err != nil {
		return err
	}

	header.Name, header.Uname, header.Gname, header.Format = name, "", "", tar.FormatPAX
	if info.IsDir() {
		header.Name += "/"
	}
	if text := capabilityOf(file); text != "" && info.Mode().IsRegular() {
		header.PAXRecords = map[string]string{"SCHILY.xattr.security.capability": text}
	}
	if err := archive.WriteHeader(header); err != nil {
		return err
	}

	if info.IsDir() && isOpaque(file) {
		return archive.WriteHeader(&tar.Header{
			Name: filepath.Join(name, opaqueName), Typeflag: tar.TypeReg, Mode: 0o600,
		})
	}
	if !info.Mode().IsRegular() {
		return nil
	}

	content, err := os.OpenFile(file, os.O_RDONLY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return err
	}
	defer content.Close()
	_, err = io.CopyN(archive, content, header.Size) // it may grow at this moment
	return err
}
