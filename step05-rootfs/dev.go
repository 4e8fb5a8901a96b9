package main

import (
	"fmt"
	"os"
	"path/filepath"

	securejoin "github.com/cyphar/filepath-securejoin"
	"golang.org/x/sys/unix"
)

// mountDev makes a /dev with the nodes that every program expects and no others. They are bound,
// not made: a user namespace may not use mknod(2).
func mountDev(root string) error {
	if err := mountOwn(root, "dev", "tmpfs", unix.MS_NOSUID, "mode=755,size=64k"); err != nil {
		return err
	}

	handle, err := securejoin.OpenInRoot(root, "/dev")
	if err != nil {
		return fmt.Errorf("open the new /dev: %w", err)
	}
	defer handle.Close()
	dev := fdPath(handle)

	for _, node := range []string{"null", "zero", "full", "random", "urandom", "tty"} {
		if err := showNode("/dev/"+node, filepath.Join(dev, node)); err != nil {
			return fmt.Errorf("show /dev/%s: %w", node, err)
		}
	}

	for _, m := range []struct {
		name, fstype string
		flags        uintptr
		data         string
	}{
		// newinstance: pseudo-terminals of our own, numbered from 0; the default since Linux 4.7.
		{"pts", "devpts", unix.MS_NOSUID | unix.MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620"},
		{"shm", "tmpfs", unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC, "mode=1777,size=64m"},
	} {
		if err := os.Mkdir(filepath.Join(dev, m.name), 0o755); err != nil {
			return fmt.Errorf("make /dev/%s: %w", m.name, err)
		}
		if err := mount(m.fstype, filepath.Join(dev, m.name), m.fstype, m.flags, m.data); err != nil {
			return err
		}
	}

	for name, link := range map[string]string{
		"ptmx": "pts/ptmx", "fd": "/proc/self/fd",
		"stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1", "stderr": "/proc/self/fd/2",
	} {
		if err := os.Symlink(link, filepath.Join(dev, name)); err != nil {
			return fmt.Errorf("make /dev/%s: %w", name, err)
		}
	}

	return nil
}

// showNode binds a node of the host's. Root of the container could change its mode and owner; on a
// read-only mount nobody can, and a device can be written to all the same.
func showNode(host, target string) error {
	if err := os.WriteFile(target, nil, 0o666); err != nil {
		return err
	}
	if err := mount(host, target, "", unix.MS_BIND, ""); err != nil {
		return err
	}
	place, err := filepath.EvalSymlinks(target) // as mountinfo writes it
	if err != nil {
		return err
	}
	return remountReadOnly(place)
}
