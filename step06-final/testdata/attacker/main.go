// attacker tries, from inside a container, one thing that a container must not do, by its name.
// Exit status 0: the kernel let it; 1: it was refused (the reason is printed); 2: this kernel
// cannot do it at all, so nothing was proved. Each attack is harmless where it succeeds: it stops
// after the kernel's permission check.
package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

func main() {
	runtime.LockOSThread()
	if len(os.Args) < 2 || attacks[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: attacker ATTACK [ARG...]")
		os.Exit(3)
	}

	err := attacks[os.Args[1]](os.Args[2:])
	switch {
	case err == nil:
		fmt.Println("let through")
	case errors.Is(err, unix.ENOSYS) || errors.Is(err, errCannot):
		fmt.Println("cannot be tried:", err)
		os.Exit(2)
	default:
		fmt.Println("refused:", err)
		os.Exit(1)
	}
}

var errCannot = errors.New("this kernel does not have it")

// passed turns the errors that come after the permission check into success.
func passed(err error, after ...unix.Errno) error {
	for _, errno := range after {
		if err == errno {
			return nil
		}
	}
	if err == unix.Errno(0) {
		return nil
	}
	return err
}

// call makes a system call, and forgives the errors that say that it got as far as its arguments.
func call(number uintptr, after []unix.Errno, args ...uintptr) error {
	for len(args) < 6 {
		args = append(args, 0)
	}
	_, _, errno := unix.Syscall6(number, args[0], args[1], args[2], args[3], args[4], args[5])
	return passed(errno, after...)
}

var argument = []unix.Errno{unix.EFAULT, unix.EINVAL, unix.EBADF, unix.ENOENT, unix.ENOEXEC, unix.E2BIG, unix.ESRCH,
	unix.ENOKEY, unix.EOPNOTSUPP}

var attacks = map[string]func(args []string) error{
	"mount":         func([]string) error { return unix.Mount("x", "/mnt", "tmpfs", 0, "") },
	"unshare-user":  unshareUser,
	"unshare-mount": func([]string) error { return unix.Unshare(unix.CLONE_NEWNS) },
	"sethostname":   func([]string) error { return unix.Sethostname([]byte("evil")) },
	"bpf":           func([]string) error { return call(unix.SYS_BPF, argument, 9999, 0, 0) },
	"perf":          func([]string) error { return call(unix.SYS_PERF_EVENT_OPEN, argument, 0, 0, 0, ^uintptr(0), 0) },
	"keyctl":        func([]string) error { return call(unix.SYS_KEYCTL, argument, 0, ^uintptr(2), 0) },
	"add-key":       func([]string) error { return call(unix.SYS_ADD_KEY, argument, 0, 0, 0, 0, 0) },
	"userfaultfd":   func([]string) error { return call(unix.SYS_USERFAULTFD, argument, 0xffff) },
	"kexec":         func([]string) error { return call(unix.SYS_KEXEC_LOAD, argument, 0, 0, 0, 0xffff) },
	"init-module":   func([]string) error { return call(unix.SYS_INIT_MODULE, argument, 0, 0, 0) },
	"io-uring":      func([]string) error { return call(unix.SYS_IO_URING_SETUP, argument, 1, 0) },
	"clock-settime": func([]string) error { return call(unix.SYS_CLOCK_SETTIME, argument, 0, 0) },
	"swapon":        func([]string) error { return call(unix.SYS_SWAPON, argument, 0, 0) },
	"acct": func([]string) error {
		return call(unix.SYS_ACCT, append(argument, unix.EACCES),
			uintptr(unsafe.Pointer(&[]byte("/no-such-file\x00")[0])))
	},
	"reboot":           func([]string) error { return call(unix.SYS_REBOOT, argument, 0, 0, 0) },
	"vsock":            socket(unix.AF_VSOCK, unix.SOCK_STREAM),
	"vsock-upper-half": rawSocket(1<<32 | unix.AF_VSOCK),
	"crypto-socket":    socket(unix.AF_ALG, unix.SOCK_SEQPACKET),
	"open-by-handle":   openByHandle,
	"set-uid-program":  setUIDProgram,
	"connect":          connect,
	"see-process":      seeProcess,
	"write-file":       writeFile,
	"open-write":       func(args []string) error { return open(args[0], unix.O_WRONLY) },
	"open-read":        openRead,
	"mknod":            mknod,
	"descriptors":      descriptors,
	"priority":         func([]string) error { return unix.Setpriority(unix.PRIO_PROCESS, 0, -10) },
	"kernel-log": func([]string) error {
		buffer := make([]byte, 4096)
		_, err := unix.Klogctl(unix.SYSLOG_ACTION_READ_ALL, buffer)
		return err
	},
	"release-agent": releaseAgent,
	"clone3":        clone3,
	"read-memory":   readMemory,
	"remount": func(args []string) error {
		return unix.Mount("", args[0], "", unix.MS_REMOUNT|unix.MS_BIND,
			"")
	},
	"unmask":         func(args []string) error { return unix.Unmount(args[0], 0) },
	"list":           list,
	"look-around":    lookAround,
	"create":         create,
	"variable":       variable,
	"group":          group,
	"signal":         signal,
	"trace-incoming": traceIncoming,
}

// rawSocket is socket(2) with an argument that the wrapper of the library would cut.
func rawSocket(family uint64) func([]string) error {
	return func([]string) error {
		fd, _, errno := unix.Syscall(unix.SYS_SOCKET, uintptr(family), unix.SOCK_STREAM, 0)
		switch errno {
		case 0:
			unix.Close(int(fd))
			return nil
		case unix.EAFNOSUPPORT:
			return errCannot
		}
		return errno
	}
}

func socket(family, kind int) func([]string) error {
	return func([]string) error {
		fd, err := unix.Socket(family, kind, 0)
		if err == unix.EAFNOSUPPORT {
			return errCannot
		}
		if err == nil {
			unix.Close(fd)
		}
		return err
	}
}

// unshareUser is refused with EINVAL in a process with several threads, as every Go program is:
// after all checks of rights.
func unshareUser([]string) error {
	return passed(toErrno(unix.Unshare(unix.CLONE_NEWUSER)), unix.EINVAL)
}

func open(path string, flags int) error {
	fd, err := unix.Open(path, flags|unix.O_CLOEXEC, 0)
	if err == unix.ENOENT && (strings.HasPrefix(path, "/proc/") || strings.HasPrefix(path, "/sys/")) {
		return errCannot
	}
	if err == nil {
		unix.Close(fd)
	}
	return err
}

// openRead reads one byte: a masked file opens, and is empty.
func openRead(args []string) error {
	fd, err := unix.Open(args[0], unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err == unix.ENOENT && strings.HasPrefix(args[0], "/proc/") {
		return errCannot
	}
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	n, err := unix.Read(fd, make([]byte, 4096))
	if err == nil && n == 0 {
		return errors.New("it is empty")
	}
	return err
}

// writeFile writes a file's own content back.
func writeFile(args []string) error {
	data, err := os.ReadFile(args[0])
	if err != nil {
		return err
	}
	return os.WriteFile(args[0], data, 0)
}

// openByHandle is "shocker" (2014): a file handle reaches any file of the file system, whatever
// is mounted where. The bind mounted /etc/hosts is a file of the host's file system.
func openByHandle([]string) error {
	handle, _, err := unix.NameToHandleAt(unix.AT_FDCWD, "/etc/hosts", 0)
	if err != nil {
		return err
	}
	mount, err := unix.Open("/etc/hosts", unix.O_RDONLY, 0)
	if err != nil {
		return err
	}
	_, err = unix.OpenByHandleAt(mount, handle, unix.O_RDONLY)
	return err
}

// setUIDProgram executes a set-uid-root copy of this program as another user, which reports who
// it has become.
func setUIDProgram(args []string) error {
	if len(args) == 0 {
		if os.Geteuid() == 0 {
			return nil
		}
		return errors.New("still an ordinary user")
	}
	if err := unix.Setuid(1000); err != nil {
		return err
	}
	return unix.Exec(args[0], []string{args[0], "set-uid-program"}, nil)
}

// connect reaches a listener of the host.
func connect(args []string) error {
	conn, err := net.Dial(args[0], args[1])
	if err != nil {
		return err
	}
	return conn.Close()
}

func seeProcess(args []string) error {
	pid, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	if err != nil {
		return err
	}
	if !strings.Contains(string(data), args[1]) {
		return errors.New("another process has that id here")
	}
	return nil
}

// mknod makes a device and opens it.
func mknod(args []string) error {
	kind := map[string]uint32{"c": unix.S_IFCHR, "b": unix.S_IFBLK}[args[0]]
	major, _ := strconv.Atoi(args[1])
	minor, _ := strconv.Atoi(args[2])
	if err := unix.Mknod("/tmp/node", kind|0o600, int(unix.Mkdev(uint32(major), uint32(minor)))); err != nil {
		return err
	}
	return passed(toErrno(open("/tmp/node", unix.O_WRONLY)), unix.ENXIO, unix.ENODEV, unix.EBUSY)
}

func toErrno(err error) error {
	if err == nil {
		return unix.Errno(0)
	}
	return err
}

// descriptors looks for open files that nobody gave us: CVE-2024-21626 went through one. It asks
// the kernel about each number: package os would open descriptors of its own for the Go runtime.
func descriptors([]string) error {
	for n := 3; n < 1024; n++ {
		var target [256]byte
		length, err := unix.Readlink(fmt.Sprintf("/proc/self/fd/%d", n), target[:])
		if err != nil {
			continue
		}
		fmt.Println("descriptor", n, "is", string(target[:length]))
		return nil
	}
	return errors.New("there is none")
}

// releaseAgent mounts a hierarchy of cgroup v1 and opens the file that names a program which the
// host's root executes (cgroups(7)).
func releaseAgent([]string) error {
	const at = "/tmp/cgroup"
	if err := os.MkdirAll(at, 0o700); err != nil {
		return err
	}

	var err error
	for _, controller := range []string{"rdma", "memory", "pids", "devices"} {
		if err = unix.Mount("cgroup", at, "cgroup", 0, controller); err == nil || err == unix.EPERM {
			break
		}
	}
	if err == unix.EPERM {
		return err
	}
	if err != nil {
		return errCannot // no v1 here
	}

	err = open(at+"/release_agent", unix.O_WRONLY)
	if umountErr := unix.Unmount(at, 0); err == nil {
		err = umountErr
	}
	return err
}

// clone3 makes a process in a new user namespace. Its flags are in memory, where a filter cannot
// look (seccomp(2)): so the whole call must be refused, and with ENOSYS, to make the C library
// fall back to clone.
func clone3([]string) error {
	arguments := [11]uint64{0: unix.CLONE_NEWUSER, 4: uint64(unix.SIGCHLD)}
	pid, _, errno := unix.RawSyscall(unix.SYS_CLONE3, uintptr(unsafe.Pointer(&arguments)), unsafe.Sizeof(arguments), 0)
	if errno == 0 && pid == 0 {
		for {
			unix.RawSyscall(unix.SYS_EXIT, 0, 0, 0)
		}
	}
	if errno == unix.ENOSYS {
		return errors.New("there is no clone3, or none for us")
	}
	return passed(errno)
}

// readMemory reads the first page of another process's program (process_vm_readv(2)).
func readMemory(args []string) error {
	pid, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}

	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		return err
	}

	begin, err := strconv.ParseUint(strings.SplitN(string(maps), "-", 2)[0], 16, 64)
	if err != nil {
		return fmt.Errorf("nothing to see in %q", maps)
	}

	buffer := make([]byte, 16)
	local := []unix.Iovec{{Base: &buffer[0]}}
	local[0].SetLen(len(buffer))
	_, err = unix.ProcessVMReadv(pid, local, []unix.RemoteIovec{{Base: uintptr(begin), Len: len(buffer)}}, 0)
	return err
}

// list finds something in a directory: a masked one is empty.
func list(args []string) error {
	entries, err := os.ReadDir(args[0])
	if errors.Is(err, os.ErrNotExist) {
		return errCannot
	}
	if err == nil && len(entries) == 0 {
		return errors.New("it is empty")
	}
	return err
}

func create(args []string) error {
	if err := os.WriteFile(args[0], nil, 0o600); err != nil {
		return err
	}
	return os.Remove(args[0])
}

// variable finds a variable of the host's environment.
func variable(args []string) error {
	if os.Getenv(args[0]) == "" {
		return errors.New("it is not set")
	}
	return nil
}

// group finds a supplementary group that whoever started the container has.
func group(args []string) error {
	groups, err := unix.Getgroups()
	if err != nil {
		return err
	}
	for _, g := range groups {
		if strconv.Itoa(g) == args[0] {
			return nil
		}
	}
	return fmt.Errorf("there are only %v", groups)
}

// signal asks whether a process may be sent signals (kill(2), signal 0).
func signal(args []string) error {
	pid, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	return unix.Kill(pid, 0)
}

// traceIncoming attaches to every process that appears, as soon as it appears, and looks for one
// that is not yet confined as we are: with a capability beyond our bounding set, or without a
// filter. It ends after args[0] processes, or ten seconds.
func traceIncoming(args []string) error {
	wanted, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}

	seen := map[string]bool{}
	known, _ := os.ReadDir("/proc")
	for _, entry := range known {
		seen[entry.Name()] = true
	}

	bounding := field("/proc/self/status", "CapBnd:")
	fmt.Println("watching")

	for caught, end := 0, time.Now().Add(10*time.Second); caught < wanted && time.Now().Before(end); {
		entries, _ := os.ReadDir("/proc")

		for _, entry := range entries {
			pid, err := strconv.Atoi(entry.Name())
			if err != nil || seen[entry.Name()] {
				continue
			}
			seen[entry.Name()] = true
			if unix.PtraceAttach(pid) != nil {
				continue
			}
			caught++
			status := fmt.Sprintf("/proc/%d/status", pid)
			permitted, filter := field(status, "CapPrm:"), field(status, "Seccomp:")
			unix.Wait4(pid, nil, 0, nil)
			unix.PtraceDetach(pid)
			if beyond(permitted, bounding) || filter == "0" {
				fmt.Printf("process %d has %s, filter %s\n", pid, permitted, filter)
				return nil
			}
		}
	}

	return unix.EPERM
}

func beyond(permitted, bounding string) bool {
	p, _ := strconv.ParseUint(permitted, 16, 64)
	b, _ := strconv.ParseUint(bounding, 16, 64)
	return p&^b != 0
}

// field reads one field of a file such as /proc/self/status.
func field(path, name string) string {
	data, _ := os.ReadFile(path)
	for _, line := range strings.Split(string(data), "\n") {
		if strings.HasPrefix(line, name) {
			return strings.TrimSpace(strings.TrimPrefix(line, name))
		}
	}
	return ""
}
