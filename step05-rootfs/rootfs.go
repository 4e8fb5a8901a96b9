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

// parseRootfs finds the directory before anything is made.
func parseRootfs(dir string) (string, error) {
	if dir == "" {
		return "", nil
	}
	info, err := os.Stat(dir)
	if err != nil {
		return "", fail(exitSetup, "--rootfs: %v: make one: scripts/mkrootfs.sh %s", err, dir)
	}
	if !info.IsDir() {
		return "", fail(exitSetup, "--rootfs %s: it is a file: unpack it: mkdir rootfs && tar -xf %s -C rootfs", dir, dir)
	}
	path, err := filepath.Abs(dir)
	if err == nil {
		path, err = filepath.EvalSymlinks(path)
	}
	if path == "/" {
		return "", fail(exitSetup, "--rootfs %s: it is the host's own root: make another: scripts/mkrootfs.sh rootfs", dir)
	}
	return path, err
}

// enterRootfs gives the container a root of its own. What the image must not decide is mounted
// before the switch, and what lies outside is out of reach after it.
func enterRootfs(c *container) error {
	root, volumes := c.Rootfs, c.Volumes
	if root == "" {
		volumes = append(hostPrograms(), volumes...)
	}
	if err := openSources(volumes); err != nil {
		return err
	}
	if root == "" {
		root = "/tmp" // any directory: only this mount namespace sees the tmpfs
		if err := assembleHostRoot(root, volumes); err != nil {
			return err
		}
	} else if err := bind(root, root); err != nil { // pivot_root(2): the new root must be a mount point
		return fail(exitSetup, "%v: an id inside must own it or be allowed to enter it: see: ls -ld %s", err, root)
	}
	if c.ReadOnly {
		if err := remountReadOnly(root); err != nil {
			return fail(exitSetup, "--read-only: %v", err)
		}
	}
	if err := mountIn(root, "proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return err
	}
	if err := mountSys(root); err != nil {
		return err
	}
	if err := mountDev(root); err != nil {
		return err
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

// pivotTo makes root the root mount of the namespace and lets go of the old one, so that
// there is no way back. "." twice stacks the old root on the new one: no directory is
// needed for it (pivot_root(2), NOTES).
func pivotTo(root string) error {
	logrus.Debugf("pivot_root(%q)", root)
	if err := unix.Chdir(root); err != nil {
		return fail(exitSetup, "enter the rootfs %s: %v: an id inside must be allowed to: see: ls -ld %s", root, err, root)
	}
	if err := unix.PivotRoot(".", "."); err != nil {
		return fail(exitSetup, "pivot_root to %s: %v: the host's root must not be an initramfs: see: findmnt /", root, err)
	}
	logrus.Debugf("umount2(\".\", MNT_DETACH)")
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return fail(exitSetup, "let go of the host's root: %v", err)
	}
	return chdirRoot()
}

// chrootTo is the leaky way: the old root stays mounted, and whoever may call chroot(2)
// again gets back to it, see testdata/escape.
func chrootTo(root string) error {
	logrus.Debugf("chroot(%q)", root)
	if err := unix.Chroot(root); err != nil {
		return fail(exitSetup, "chroot to %s: %v: an id inside must be allowed to enter it: see: ls -ld %s", root, err, root)
	}
	return chdirRoot()
}

func chdirRoot() error {
	if err := unix.Chdir("/"); err != nil {
		return fail(exitSetup, "change to the new root: %v: an id inside must be allowed to enter it", err)
	}
	return nil
}

// mountIn mounts on a path as the container will see it. The rootfs is foreign: its links
// must not lead us out of it, so the target is opened inside root and mounted on by descriptor.
func mountIn(root, source, target, fstype string, flags uintptr, data string) error {
	point, err := securejoin.OpenInRoot(root, target)
	if err != nil {
		return fmt.Errorf("open the mount point %s in %s: %w: it must exist there and be allowed to the ids inside", target, root, err)
	}
	defer point.Close()
	logrus.Debugf("%s is %s", fdPath(point), point.Name())
	return mount(source, fdPath(point), fstype, flags, data)
}

// fdPath names an open file in a way that cannot be redirected any more.
func fdPath(file *os.File) string {
	return fmt.Sprintf("/proc/self/fd/%d", file.Fd())
}

// bind makes a tree appear at a second place. In a user namespace it must be recursive:
// what is mounted in it may hide something (mount_namespaces(7)).
func bind(source, target string) error {
	return mount(source, target, "", unix.MS_BIND|unix.MS_REC, "")
}

// remountReadOnly makes the mount at path and those below read-only. The other flags are
// kept: a user namespace may not clear them.
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
		keep := uintptr(fs.Flags) & (unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC | unix.MS_NOATIME | unix.MS_NODIRATIME)
		if err := mount("none", m.point, "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY|keep, ""); err != nil {
			return err
		}
	}
	return nil
}

// mountSys mounts a sysfs of the new network namespace. The kernel refuses where the network is
// the host's (it is not ours) or /sys is partly covered: then the host's own is shown.
func mountSys(root string) error {
	err := mountIn(root, "sysfs", "/sys", "sysfs", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC|unix.MS_RDONLY, "")
	if errors.Is(err, unix.EPERM) {
		logrus.Debugf("the kernel refuses a new sysfs: bind the host's /sys")
		return mountIn(root, "/sys", "/sys", "", unix.MS_BIND|unix.MS_REC, "")
	}
	return err
}

// maskKernelFiles hides what tells about the host or acts on all of it; the list is docker's.
func maskKernelFiles() error {
	for _, path := range []string{"/proc/asound", "/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
		"/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware"} {
		err := mount("/dev/null", path, "", unix.MS_BIND, "")
		if errors.Is(err, unix.ENOTDIR) { // a file cannot be mounted on a directory
			err = mount("tmpfs", path, "tmpfs", unix.MS_RDONLY, "size=0")
		}
		if err != nil && !errors.Is(err, unix.ENOENT) {
			return err
		}
	}
	for _, path := range []string{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"} {
		err := bind(path, path)
		if errors.Is(err, unix.ENOENT) {
			continue
		}
		if err == nil {
			err = remountReadOnly(path)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// hostPrograms are shown, read-only, to those who have no rootfs at hand. Nothing else of the host is.
func hostPrograms() (volumes []volume) {
	for _, path := range []string{"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/etc/alternatives", "/etc/ld.so.cache"} {
		if info, err := os.Stat(path); err == nil {
			volumes = append(volumes, volume{Source: path, Target: path, Dir: info.IsDir(), ReadOnly: true})
		}
	}
	return volumes
}

// assembleHostRoot makes an empty root in memory with the mount points for the host's programs.
func assembleHostRoot(root string, volumes []volume) error {
	if err := mount("tmpfs", root, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=755"); err != nil {
		return err
	}
	for dir, mode := range map[string]os.FileMode{"etc": 0o755, "root": 0o700, "run": 0o755, "tmp": os.ModeSticky | 0o777, "var": 0o755} {
		path := filepath.Join(root, dir)
		err := os.Mkdir(path, mode)
		if err == nil {
			err = os.Chmod(path, mode) // whatever the umask is
		}
		if err != nil {
			return err
		}
	}
	for name, text := range map[string]string{"passwd": "root:x:0:0:root:/root:/bin/sh\n", "group": "root:x:0:\n"} {
		if err := os.WriteFile(filepath.Join(root, "etc", name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return makeMountPoints(root, volumes, nil) // the memory ends with the container
}
