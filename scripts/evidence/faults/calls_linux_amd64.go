package main

import (
	"bytes"
	"fmt"
	"os"
	"regexp"
	"strings"
	"syscall"
)

// A call is one system call of a run, named so that it can be found again in the next run.
type call struct {
	Process int    `json:"process"` // 0 is the program, 1 the first process that was made, and so on
	Name    string `json:"name"`
	Object  string `json:"object"` // path, flags, … with the parts that vary masked
	Nth     int    `json:"nth"`    // how often the same has been before
}

func (c call) String() string {
	s := fmt.Sprintf("[%d] %s(%s)", c.Process, c.Name, c.Object)
	if c.Nth > 0 {
		s += fmt.Sprintf(" #%d", c.Nth+1)
	}
	return s
}

// The ways to print an argument.
const (
	path = iota + 1
	text
	flags
	number
	descriptor
)

// A shape says which arguments name the object of a call.
type shape struct {
	name string
	args [3]int // index of the argument, -1 for none
	kind [3]int
}

func one(name string, arg, kind int) shape {
	return shape{name, [3]int{arg, -1, -1}, [3]int{kind}}
}

func two(name string, arg, kind, arg2, kind2 int) shape {
	return shape{name, [3]int{arg, arg2, -1}, [3]int{kind, kind2}}
}

// shapes: the calls that set something up or look something up for it, by their x86-64 number.
// Left out is what belongs to Go's runtime (memory, threads, signals, polling) and what only
// waits.
var shapes = map[uint64]shape{
	84: one("rmdir", 0, path), 87: one("unlink", 0, path), 88: two("symlink", 0, path, 1, path),
	133: one("mknod", 0, path), 92: one("chown", 0, path),
	41: two("socket", 0, number, 1, number), 44: one("sendto", 0, descriptor), 46: one("sendmsg", 0, descriptor),
	47: one("recvmsg", 0, descriptor), 49: one("bind", 0, descriptor), 50: one("listen", 0, descriptor),
	53: one("socketpair", 0, number),
	1:  one("write", 0, descriptor), 16: two("ioctl", 0, descriptor, 1, flags), 33: one("dup2", 1, number),
	56: one("clone", 0, flags),
	59: one("execve", 0, path), 74: one("fsync", 0, descriptor), 77: one("ftruncate", 0, descriptor),
	80: one("chdir", 0, path),
	81: one("fchdir", 0, descriptor), 83: one("mkdir", 0, path), 90: one("chmod", 0, path),
	91: one("fchmod", 0, descriptor), 93: one("fchown", 0, descriptor),
	95: one("umask", 0, number), 105: one("setuid", 0, number), 106: one("setgid", 0, number),
	109: one("setpgid", 0, number),
	112: one("setsid", -1, 0), 113: one("setreuid", 0, number), 116: one("setgroups", 0, number),
	117: one("setresuid", 0, number), 119: one("setresgid", 0, number),
	126: one("capset", -1, 0), 137: one("statfs", 0, path), 155: two("pivot_root", 0, path, 1, path),
	157: two("prctl", 0, number, 1, number),
	161: one("chroot", 0, path), 165: {"mount", [3]int{1, 2, 3}, [3]int{path, text, flags}},
	166: one("umount2", 0, path), 170: one("sethostname", -1, 0),
	171: one("setdomainname", -1, 0), 89: one("readlink", 0, path), 217: one("getdents64", 0, descriptor),
	257: one("openat", 1, path),
	258: one("mkdirat", 1, path), 259: one("mknodat", 1, path), 260: one("fchownat", 1, path),
	262: one("newfstatat", 1, path), 263: one("unlinkat", 1, path),
	264: two("renameat", 1, path, 3, path), 265: two("linkat", 1, path, 3, path),
	266: two("symlinkat", 0, path, 2, path), 267: one("readlinkat", 1, path),
	268: one("fchmodat", 1, path), 269: one("faccessat", 1, path), 272: one("unshare", 0, flags),
	292: two("dup3", 1, number, 2, flags), 293: one("pipe2", -1, 0),
	302: one("prlimit64", 1, number), 308: one("setns", 1, flags), 317: one("seccomp", 0, number),
	319: one("memfd_create", 0, text), 321: one("bpf", 0, number), 322: one("execveat", 1, path),
	437: one("openat2", 1, path), 439: one("faccessat2", 1, path), 428: one("open_tree", 1, path),
	429: one("move_mount", 1, path), 432: one("fsmount", 0, descriptor),
	430: one("fsopen", 0, text), 431: one("fsconfig", 0, descriptor), 442: one("mount_setattr", 1, path),
	435: one("clone3", -1, 0), 250: one("keyctl", 0, number),
}

// varies: process ids, random names, addresses.
var varies = regexp.MustCompile(`[0-9a-f]{12,}|[0-9]{2,}`)

// describe names the call that the stopped thread has just entered; false for one that is left out.
func describe(tid int, regs *syscall.PtraceRegs) (name, object string, ok bool) {
	s, ok := shapes[regs.Orig_rax]
	if !ok {
		return "", "", false
	}

	args := [6]uint64{regs.Rdi, regs.Rsi, regs.Rdx, regs.R10, regs.R8, regs.R9}
	var parts []string
	for i, arg := range s.args {
		if arg < 0 {
			break
		}
		if v := args[arg]; s.kind[i] != 0 {
			parts = append(parts, show(tid, s.kind[i], v))
		}
	}

	object = strings.Join(parts, ", ")
	return s.name, object, !ofRuntime(s.name, object, args)
}

// ofRuntime: thread creation, what Go's runtime writes to itself, standard output and error, and
// what it reads at start.
func ofRuntime(name, object string, args [6]uint64) bool {
	const cloneThread = 0x10000
	switch {
	case name == "clone" && args[0]&cloneThread != 0:
		return true
	case name == "write" && (args[0] == 1 || args[0] == 2 || strings.Contains(object, "eventfd")):
		return true
	case name == "openat" && (strings.Contains(object, "hpage_pmd_size") || strings.HasSuffix(object, "/cpu.max")):
		return true
	case name == "prctl" && args[0] == 0x53564d41: // PR_SET_VMA
		return true
	case name == "prlimit64" && args[2] == 0: // only asks
		return true
	}
	return false
}

func show(tid, kind int, v uint64) string {
	switch kind {
	case path, text:
		return varies.ReplaceAllString(readString(tid, v), "N")
	case flags:
		return fmt.Sprintf("%#x", uint32(v))
	case descriptor:
		target, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", tid, int32(v)))
		if err != nil {
			return "?"
		}
		return varies.ReplaceAllString(target, "N")
	}
	return fmt.Sprintf("%d", int32(v))
}

// readString reads a C string of the thread's memory.
func readString(tid int, address uint64) string {
	if address == 0 {
		return ""
	}

	memory, err := os.Open(fmt.Sprintf("/proc/%d/mem", tid))
	if err != nil {
		return "?"
	}
	defer memory.Close()

	// A page at most, and not beyond the end of its page: the next may not be mapped.
	buffer := make([]byte, 4096-address%4096)
	n, _ := memory.ReadAt(buffer, int64(address))
	if n > 200 {
		n = 200
	}
	if end := bytes.IndexByte(buffer[:n], 0); end >= 0 {
		return string(buffer[:end])
	}

	return string(buffer[:n])
}
