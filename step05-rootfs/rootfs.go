package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	securejoin "github.com/cyphar/filepath-securejoin"
	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"
)

// enterRootfs gives the container a root of its own. What the image must not decide is mounted
// before the switch, and what lies outside is out of reach after it.
func enterRootfs(c *container) error {
	root, volumes, err := mountRoot(c)
	if err != nil {
		return err
	}

	for _, mount := range []func(root string) error{mountProcIn, mountSys, mountDev} {
		if err := mount(root); err != nil {
			return err
		}
	}

	for _, v := range volumes {
		if err := mountVolume(root, v); err != nil {
			return err
		}
	}

	enter := pivotTo
	if c.Chroot {
		enter = chrootTo
	}
	if err := enter(root); err != nil {
		return err
	}

	return maskKernelFiles()
}

// pivotTo makes root the root mount of the namespace and lets go of the old one, so that there is
// no way back. "." twice stacks the old root on the new one: no directory is needed for it
// (pivot_root(2), NOTES).
func pivotTo(root string) error {
	logrus.Debugf("pivot_root(%q)", root)
	if err := unix.Chdir(root); err != nil {
		return fail("enter the rootfs %s: %v: an id inside must be allowed to: see: ls -ld %s", root, err, root)
	}
	if err := unix.PivotRoot(".", "."); err != nil {
		return fail("pivot_root to %s: %v: the host's root must not be an initramfs: see: findmnt /", root, err)
	}

	logrus.Debugf("umount2(\".\", MNT_DETACH)")
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return fail("let go of the host's root: %v", err)
	}
	return chdirRoot()
}

// chrootTo is the leaky way: the old root stays mounted, and a process that may call chroot(2)
// again gets back to it, see testdata/escape.
func chrootTo(root string) error {
	logrus.Debugf("chroot(%q)", root)
	if err := unix.Chroot(root); err != nil {
		return fail("chroot to %s: %v: an id inside must be allowed to enter it: see: ls -ld %s", root, err, root)
	}
	return chdirRoot()
}

func chdirRoot() error {
	if err := unix.Chdir("/"); err != nil {
		return fail("change to the new root: %v: an id inside must be allowed to enter it", err)
	}
	return nil
}

// mountRoot makes the new root a mount, as pivot_root(2) wants it, and opens the volumes before
// anything is mounted over them.
func mountRoot(c *container) (root string, volumes []volume, err error) {
	root, volumes = c.Rootfs, c.Volumes
	if root == "" {
		root, volumes = "/tmp", append(hostPrograms(), volumes...) // only we see what is mounted on /tmp
	}
	if err := openSources(volumes); err != nil {
		return "", nil, err
	}

	if c.Rootfs == "" {
		err = assembleHostRoot(root, volumes)
	} else if err = bind(root, root); err != nil {
		err = fail("%v: an id inside must own it or be allowed to enter it: see: ls -ld %s", err, root)
	}
	if err != nil || !c.ReadOnly {
		return root, volumes, err
	}

	if err := remountReadOnly(root); err != nil {
		return "", nil, fail("--read-only: %v", err)
	}
	return root, volumes, nil
}

// mountProcIn mounts a proc for the root that the container will see.
func mountProcIn(root string) error {
	return mountOwn(root, "proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "")
}

// mountSys mounts a sysfs of the new network namespace. The kernel refuses if the network is the
// host's (it is not ours) or /sys is partly covered: then bind the host's own.
func mountSys(root string) error {
	err := mountOwn(root, "sys", "sysfs", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC|unix.MS_RDONLY, "")
	if errors.Is(err, unix.EPERM) {
		logrus.Debugf("the kernel refuses a new sysfs: bind the host's /sys")
		return mountIn(root, "/sys", "/sys", "", unix.MS_BIND|unix.MS_REC, "")
	}
	return err
}

// mountOwn mounts a file system of ours on a directory of the root. The rootfs is foreign: a link
// there could send the mount to a place where our masks do not look (CVE-2019-19921,
// CVE-2023-27561).
func mountOwn(root, name, fstype string, flags uintptr, data string) error {
	dir, err := unix.Open(root, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fail("open the rootfs %s: %v: an id inside must be allowed to enter it: see: ls -ld %s", root, err, root)
	}
	defer unix.Close(dir)
	point, err := unix.Openat(dir, name, unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return fail("open the mount point /%s in %s: %v: it must be a directory there, not a link or a file: remove it",
			name, root, err)
	}
	defer unix.Close(point)

	target := fmt.Sprintf("/proc/self/fd/%d", point)
	logrus.Debugf("%s is %s/%s", target, root, name)
	return mount(fstype, target, fstype, flags, data)
}

// mountIn mounts on a path as the container will see it. Links in the rootfs must not lead us out
// of it, so the target is opened inside root and mounted on by descriptor.
func mountIn(root, source, target, fstype string, flags uintptr, data string) error {
	point, err := securejoin.OpenInRoot(root, target)
	if err != nil {
		return fmt.Errorf("open the mount point %s in %s: %w: it must exist there and be allowed to the ids inside",
			target, root, err)
	}
	defer point.Close()
	if err := notLedOver(root, target, point); err != nil {
		return err
	}

	logrus.Debugf("%s is %s", fdPath(point), point.Name())
	return mount(source, fdPath(point), fstype, flags, data)
}

// notLedOver refuses a place in /proc, /sys or /dev to which a link of the rootfs has led: our
// masks look there, and take /dev/null from there.
func notLedOver(root, target string, point *os.File) error {
	base, err := filepath.EvalSymlinks(root)
	if err != nil {
		return err
	}
	place, err := os.Readlink(fdPath(point))
	if err != nil {
		return err
	}

	if inside := strings.TrimPrefix(place, base); inside != filepath.Clean(target) {
		for _, dir := range []string{"/proc", "/sys", "/dev"} {
			if inside == dir || strings.HasPrefix(inside, dir+"/") {
				return fmt.Errorf("a link in the rootfs leads from %s to %s: choose a target that is no link", target, inside)
			}
		}
	}
	return nil
}

// fdPath names an open file in a way that cannot be redirected any more.
func fdPath(file *os.File) string {
	return fmt.Sprintf("/proc/self/fd/%d", file.Fd())
}

// bind makes a tree appear at a second place. In a user namespace it must be recursive: what is
// mounted in it may hide something (mount_namespaces(7)).
func bind(source, target string) error {
	return mount(source, target, "", unix.MS_BIND|unix.MS_REC, "")
}

// remountReadOnly makes the mount at path and those below read-only. The other flags are kept: a
// user namespace may not clear them.
func remountReadOnly(path string) error {
	mountinfo, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return err
	}

	for _, m := range parseMountinfo(string(mountinfo)) {
		if m.point != path && !strings.HasPrefix(m.point, strings.TrimSuffix(path, "/")+"/") {
			continue
		}

		var fs unix.Statfs_t
		if err := unix.Statfs(m.point, &fs); err != nil {
			return fmt.Errorf("flags of the mount %s: %w", m.point, err)
		}

		keep := uintptr(fs.Flags) &
			(unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC | unix.MS_NOATIME | unix.MS_NODIRATIME)
		if err := mount("none", m.point, "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY|keep, ""); err != nil {
			return err
		}
	}

	return nil
}

// parseRootfs finds the directory before anything is made.
func parseRootfs(dir string) (string, error) {
	if dir == "" {
		return "", nil
	}

	info, err := os.Stat(dir)
	if err != nil {
		return "", fail("--rootfs: %v: make one: scripts/mkrootfs.sh %s", err, dir)
	}
	if !info.IsDir() {
		return "", fail("--rootfs %s: it is a file: unpack it: mkdir rootfs && tar -xf %s -C rootfs", dir, dir)
	}

	path, err := filepath.Abs(dir)
	if err == nil {
		path, err = filepath.EvalSymlinks(path)
	}
	if path == "/" {
		return "", fail("--rootfs %s: it is the host's own root: make another: scripts/mkrootfs.sh rootfs", dir)
	}

	return path, err
}
