// What keeps a command from harming the host: few capabilities, no new ones, a filter for system
// calls, a user of the image's choice, and a program that it cannot overwrite.
//
// Chapter: docs/zh/08-small-security.md
package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"
)

// capabilityNumbers (capabilities(7)); those that docker leaves to a container are marked.
var capabilityNumbers = map[string]struct {
	number    uint
	byDefault bool
}{
	"CHOWN": {0, true}, "DAC_OVERRIDE": {1, true}, "DAC_READ_SEARCH": {2, false}, "FOWNER": {3, true},
	"FSETID": {4, true}, "KILL": {5, true}, "SETGID": {6, true}, "SETUID": {7, true}, "SETPCAP": {8, true},
	"LINUX_IMMUTABLE": {9, false}, "NET_BIND_SERVICE": {10, true}, "NET_BROADCAST": {11, false},
	"NET_ADMIN": {12, false}, "NET_RAW": {13, true}, "IPC_LOCK": {14, false}, "IPC_OWNER": {15, false},
	"SYS_MODULE": {16, false}, "SYS_RAWIO": {17, false}, "SYS_CHROOT": {18, true}, "SYS_PTRACE": {19, false},
	"SYS_PACCT": {20, false}, "SYS_ADMIN": {21, false}, "SYS_BOOT": {22, false}, "SYS_NICE": {23, false},
	"SYS_RESOURCE": {24, false}, "SYS_TIME": {25, false}, "SYS_TTY_CONFIG": {26, false}, "MKNOD": {27, true},
	"LEASE": {28, false}, "AUDIT_WRITE": {29, true}, "AUDIT_CONTROL": {30, false}, "SETFCAP": {31, true},
	"MAC_OVERRIDE": {32, false}, "MAC_ADMIN": {33, false}, "SYSLOG": {34, false}, "WAKE_ALARM": {35, false},
	"BLOCK_SUSPEND": {36, false}, "AUDIT_READ": {37, false}, "PERFMON": {38, false}, "BPF": {39, false},
	"CHECKPOINT_RESTORE": {40, false},
}

// parseCapabilities returns docker's default set and the added ones, as the bits of capset(2).
func parseCapabilities(added []string) (uint64, error) {
	var set uint64
	for _, c := range capabilityNumbers {
		if c.byDefault {
			set |= 1 << c.number
		}
	}

	for _, name := range added {
		short := strings.TrimPrefix(strings.ToUpper(name), "CAP_")
		c, ok := capabilityNumbers[short]
		switch {
		case short == "ALL":
			set = 1<<63 - 1
		case !ok:
			return 0, fail("--cap-add %s: there is no such capability: see: capabilities(7)", name)
		default:
			set |= 1 << c.number
		}
	}

	return set, nil
}

// confine is the last step before the command: from here on nothing can be regained.
func confine(c *container) error {
	privileged := os.Getuid() == 0 // else dropCapabilities has left nothing
	count := capabilityCount()
	keep := c.Capabilities & (1<<count - 1)

	if privileged {
		// The bounding set limits what execve(2) of a set-user-ID program may give.
		for n := uint(0); n < count; n++ {
			if keep&(1<<n) == 0 {
				if err := unix.Prctl(unix.PR_CAPBSET_DROP, uintptr(n), 0, 0, 0); err != nil {
					return fail("drop capability %d: %v", n, err)
				}
			}
		}
		if err := becomeUser(c.User); err != nil {
			return err
		}

		if os.Getuid() == 0 {
			if err := setCapabilities(keep); err != nil {
				return err
			}
		}
	}

	logrus.Debugf("capabilities %#x, no_new_privs, seccomp filter", keep)
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fail("set no_new_privs: %v", err)
	}
	return loadSeccomp(keep)
}

// capabilityCount: kernels differ in how many they have, and say EINVAL to others.
func capabilityCount() uint {
	for n := uint(0); n < 63; n++ {
		if unix.Prctl(unix.PR_CAPBSET_READ, uintptr(n), 0, 0, 0) != nil {
			return n
		}
	}
	return 63
}

// setCapabilities sets permitted and effective; nothing is inheritable (CVE-2022-24769).
func setCapabilities(set uint64) error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	for i := range data {
		bits := uint32(set >> (32 * uint(i)))
		data[i] = unix.CapUserData{Effective: bits, Permitted: bits}
	}
	if err := unix.Capset(&header, &data[0]); err != nil {
		return fail("set the capabilities %#x: %v", set, err)
	}
	return nil
}

// becomeUser takes the image's USER: NAME or UID, with :GROUP or without. The names are those of
// the container's /etc/passwd, because its root is ours by now.
func becomeUser(name string) error {
	if name == "" || name == "root" || name == "0" {
		return nil
	}

	userName, groupName, _ := strings.Cut(name, ":")
	uid, gid := userName, "0"
	home := "/"
	u, err := user.Lookup(userName)
	if err != nil {
		u, err = user.LookupId(userName)
	}
	if err == nil {
		uid, gid, home = u.Uid, u.Gid, u.HomeDir
	}

	if groupName != "" {
		gid = groupName
		if g, err := user.LookupGroup(groupName); err == nil {
			gid = g.Gid
		}
	}

	uidNumber, err := strconv.ParseUint(uid, 10, 31)
	if err != nil {
		return fail("user %q of the image: it is not in the container's /etc/passwd", name)
	}

	gidNumber, err := strconv.ParseUint(gid, 10, 31)
	if err != nil {
		return fail("group of the image's user %q: it is not in the container's /etc/group", name)
	}

	logrus.Debugf("setgroups([%d]), setgid(%d), setuid(%d)", gidNumber, gidNumber, uidNumber)
	err = syscall.Setgroups([]int{int(gidNumber)})
	if err != nil && !errors.Is(err, unix.EPERM) { // it is denied in an ordinary user's namespace
		return fail("setgroups: %v", err)
	}
	if err = syscall.Setgid(int(gidNumber)); err == nil {
		err = syscall.Setuid(int(uidNumber))
	}
	if err != nil {
		return fail("become user %s of the image: %v: an ordinary user's container has one id only: run it as root",
			name, err)
	}

	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0); err != nil { // setuid(2) cleared it
		return fail("ask to end with the parent: %v", err)
	}
	return os.Setenv("HOME", home)
}

// enterWorkDir applies the rest of the image's config: environment and working directory.
func enterWorkDir(c *container) error {
	for _, variable := range c.Env {
		if name, value, ok := strings.Cut(variable, "="); ok {
			if err := os.Setenv(name, value); err != nil {
				return fail("environment %q of the image: %v", variable, err)
			}
		}
	}
	if c.WorkDir == "" {
		return nil
	}

	dir := filepath.Clean("/" + c.WorkDir)
	err := os.MkdirAll(dir, 0o755)
	if err == nil {
		err = unix.Chdir(dir)
	}
	if err != nil {
		return fail("enter the working directory %s: %v", dir, err)
	}

	return nil
}

// sealSelf lets cmd run a copy of this program that nobody can write to. A container could
// otherwise reach the file of the host through /proc/PID/exe and replace it (CVE-2019-5736).
// Kernels before 3.17 have no memfd_create(2): there the container must be trusted, or have a
// user namespace.
func sealSelf(cmd *exec.Cmd) (*os.File, error) {
	fd, err := unix.MemfdCreate("mydocker", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	self, openErr := os.Open("/proc/self/exe")
	if openErr != nil {
		return nil, fail("open this program: %v", openErr)
	}
	if errors.Is(err, unix.ENOSYS) {
		return self, nil
	}
	defer self.Close()
	if err != nil {
		return nil, fail("make a copy of this program: %v", err)
	}

	copied := os.NewFile(uintptr(fd), "memfd")
	if _, err := copied.ReadFrom(self); err != nil {
		return nil, fail("copy this program: %v", err)
	}

	seals := unix.F_SEAL_SEAL | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_WRITE
	if _, err := unix.FcntlInt(copied.Fd(), unix.F_ADD_SEALS, seals); err != nil {
		return nil, fail("seal the copy of this program: %v", err)
	}

	cmd.Path = fmt.Sprintf("/proc/self/fd/%d", copied.Fd())
	return copied, nil
}
