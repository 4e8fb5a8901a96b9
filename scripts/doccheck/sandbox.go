package main

import (
	"bufio"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"
)

// A sandbox is a little host of its own (sandbox.sh) with a root shell and an ordinary user's
// shell. What the transcripts do there, the real host never sees.
type sandbox struct {
	root, user *session
	last       *session
	dir        string
}

//go:embed sandbox.sh
var sandboxScript string

// marker ends the output of each command; it also carries the status on, so that "echo $?" works.
const marker = "--doccheck-end--"

const commandTimeout = 300 * time.Second

func newSandbox(repo string) (*sandbox, error) {
	if os.Geteuid() != 0 {
		return nil, errors.New("transcripts run as root only (the sandbox needs mount and cgroup rights): use sudo")
	}

	dir, err := os.MkdirTemp("", "doccheck-")
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		return nil, err
	}

	box := &sandbox{dir: dir}
	if realGo() {
		// The reader's own go: what the modules need has been downloaded, and there is no network
		// in the sandbox.
		modules, err := exec.Command("go", "env", "GOMODCACHE").Output()
		if err != nil {
			return nil, fmt.Errorf("go env GOMODCACHE: %w", err)
		}
		if err := os.WriteFile(filepath.Join(dir, "modules"), modules, 0o644); err != nil {
			return nil, err
		}
	}

	if err := os.Mkdir(filepath.Join(dir, "steps"), 0o755); err != nil {
		box.close()
		return nil, err
	}

	for name, program := range programs {
		if err := os.WriteFile(filepath.Join(dir, "steps", name), program, 0o755); err != nil {
			box.close()
			return nil, err
		}
	}

	script := filepath.Join(dir, "sandbox.sh")
	if err := os.WriteFile(script, []byte(sandboxScript), 0o755); err != nil {
		box.close()
		return nil, err
	}
	if box.root, err = startSession("bash", script, dir, repo); err != nil {
		box.close()
		return nil, err
	}

	box.last = box.root
	if out, err := box.root.run("echo ready $(hostname)"); err != nil || strings.TrimSpace(out) != "ready lab" {
		box.close()
		return nil, fmt.Errorf("the sandbox did not start: %v\n%s", err, indent(out))
	}
	return box, nil
}

// sources are the folders of the programs that transcripts start, by the name of the binary.
var sources = map[string]string{
	"step01-uts": "step01-uts", "step02-pid-mount": "step02-pid-mount", "step03-user-ns": "step03-user-ns",
	"step04-cgroups": "step04-cgroups", "step05-rootfs": "step05-rootfs", "step06-final": "step06-final",
	"myrunc": "step06-final/cmd/myrunc", "escape": "step05-rootfs/testdata/escape",
}

// programs are the built ones, by folder with _ for /; each sandbox gets copies.
var programs = map[string][]byte{}

// realGo says that the transcripts shall compile every program themselves, as a reader does who
// copies the commands.
func realGo() bool { return os.Getenv("DOCCHECK_REAL_GO") != "" }

// buildSteps builds every program once; "go run" and "go build" inside the sandbox use them (see
// sandbox.sh). Binaries in the directory $MYDOCKER_BIN are taken instead where they exist.
func buildSteps(repo string) error {
	if realGo() {
		return nil
	}

	out, err := os.MkdirTemp("", "doccheck-build-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(out)

	for name, folder := range sources {
		binary := filepath.Join(os.Getenv("MYDOCKER_BIN"), name)
		if _, err := os.Stat(binary); os.Getenv("MYDOCKER_BIN") == "" || err != nil {
			binary = filepath.Join(out, name)
			cmd := exec.Command("go", "build", "-o", binary, ".")
			cmd.Dir = filepath.Join(repo, folder)
			cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
			if text, err := cmd.CombinedOutput(); err != nil {
				fmt.Printf("%s does not build, its transcripts will fail: %v\n%s", folder, err, indent(string(text)))
				continue
			}
		}

		if programs[strings.ReplaceAll(folder, "/", "_")], err = os.ReadFile(binary); err != nil {
			return err
		}
	}

	return nil
}

func (b *sandbox) run(prompt, text string) (string, error) {
	switch prompt {
	case "#":
		b.last = b.root
	case "$":
		if b.user == nil {
			user, err := b.userSession()
			if err != nil {
				return "", err
			}
			b.user = user
		}
		b.last = b.user
	}
	return b.last.run(text)
}

// userSession is a second shell in the same sandbox, with an ordinary user's identity.
func (b *sandbox) userSession() (*session, error) {
	pid, err := os.ReadFile(filepath.Join(b.dir, "pid"))
	if err != nil {
		return nil, fmt.Errorf("the sandbox's process id: %w", err)
	}
	return startSession("nsenter", "-t", strings.TrimSpace(string(pid)), "-a",
		"bash", "/opt/shim/sandbox.sh", "--user")
}

func (b *sandbox) close() {
	for _, s := range []*session{b.user, b.root} {
		if s != nil {
			s.end()
		}
	}
	if pid, err := os.ReadFile(filepath.Join(b.dir, "name")); err == nil {
		removeCgroups(strings.TrimSpace(string(pid)))
	}

	if enabled, err := os.ReadFile(filepath.Join(b.dir, "enabled")); err == nil {
		for _, line := range strings.Split(strings.TrimSpace(string(enabled)), "\n") {
			if file, controller, ok := strings.Cut(line, " "); ok {
				// Busy when somebody else has begun to use it meanwhile: then it stays.
				_ = os.WriteFile(file, []byte("-"+controller), 0)
			}
		}
	}
	if err := os.RemoveAll(b.dir); err != nil {
		fmt.Println("doccheck: cleaning up:", err)
	}
}

// removeCgroups takes away the cgroups that the sandbox made, the deepest first, with all that is
// in them: every process there is dead, because the sandbox's pid namespace is.
func removeCgroups(name string) {
	tops, err := filepath.Glob("/sys/fs/cgroup/*/" + name)
	if err != nil {
		return
	}
	if _, err := os.Stat("/sys/fs/cgroup/" + name); err == nil {
		tops = append(tops, "/sys/fs/cgroup/"+name)
	}

	for _, top := range tops {
		var dirs []string
		_ = filepath.Walk(top, func(path string, info os.FileInfo, err error) error {
			if err == nil && info.IsDir() {
				dirs = append(dirs, path)
			}
			return nil
		})
		for i := len(dirs) - 1; i >= 0; i-- {
			removeWhenEmpty(dirs[i])
		}
	}
}

func removeWhenEmpty(dir string) {
	for try := 0; try < 50; try++ {
		err := syscall.Rmdir(dir)
		if err == nil || errors.Is(err, syscall.ENOENT) {
			return
		}
		time.Sleep(20 * time.Millisecond) // EBUSY until the last process is reaped; there is no event to wait for
	}
	fmt.Println("doccheck: the cgroup could not be removed:", dir)
}

// A session is one shell that reads its commands from a terminal without echo (a terminal hands a
// program one line at a time, so a shell started inside takes only its own lines) and prints into
// a pipe.
type session struct {
	cmd   *exec.Cmd
	tty   *os.File
	lines chan string
}

func startSession(name string, args ...string) (*session, error) {
	tty, child, err := openTerminal()
	if err != nil {
		return nil, fmt.Errorf("opening a terminal: %w", err)
	}
	defer child.Close()
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer write.Close()
	s := &session{cmd: exec.Command(name, args...), tty: tty, lines: make(chan string, 10000)}
	s.cmd.Stdin, s.cmd.Stdout, s.cmd.Stderr = child, write, write
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}

	go func() {
		defer close(s.lines)
		r := bufio.NewReader(read)
		for {
			line, err := r.ReadString('\n')
			if line != "" {
				s.lines <- line
			}
			if err != nil {
				if err != io.EOF {
					fmt.Println("doccheck: reading a session:", err)
				}
				return
			}
		}
	}()

	return s, nil
}

func (s *session) run(text string) (string, error) {
	end := "__s=$?; printf '\\n" + marker + "\\n'; (exit $__s)\n"
	if _, err := io.WriteString(s.tty, text+"\n"+end); err != nil {
		return "", err
	}

	var out strings.Builder
	timeout := time.After(commandTimeout)

	for {
		select {
		case line, open := <-s.lines:
			if !open {
				return out.String(), errors.New("the shell ended")
			}
			if line == marker+"\n" {
				return strings.TrimSuffix(out.String(), "\n"), nil
			}
			out.WriteString(strings.TrimSuffix(line, "\r\n"))
			if strings.HasSuffix(line, "\r\n") {
				out.WriteString("\n")
			}
		case <-timeout:
			return out.String(), fmt.Errorf("no end after %s", commandTimeout)
		}
	}
}

func (s *session) end() {
	s.tty.Close()
	// The sandbox's pid namespace dies with its first process, which is a child of this group's
	// leader.
	_ = syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL)
	_ = s.cmd.Wait()
}

// openTerminal makes a pseudo-terminal without echo: ptmx(4), pts(4).
func openTerminal() (master, slave *os.File, err error) {
	master, err = os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		return nil, nil, err
	}

	var number, unlock int32
	if err := ioctl(master, syscall.TIOCGPTN, unsafe.Pointer(&number)); err != nil {
		return nil, nil, err
	}
	if err := ioctl(master, syscall.TIOCSPTLCK, unsafe.Pointer(&unlock)); err != nil {
		return nil, nil, err
	}

	slave, err = os.OpenFile("/dev/pts/"+strconv.Itoa(int(number)), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		return nil, nil, err
	}

	var settings syscall.Termios
	if err := ioctl(slave, syscall.TCGETS, unsafe.Pointer(&settings)); err != nil {
		return nil, nil, err
	}

	settings.Lflag &^= syscall.ECHO
	return master, slave, ioctl(slave, syscall.TCSETS, unsafe.Pointer(&settings))
}

func ioctl(f *os.File, request uintptr, arg unsafe.Pointer) error {
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, f.Fd(), request, uintptr(arg)); errno != 0 {
		return errno
	}
	return nil
}

// missingNeed is why a block cannot run on this host, "" when it can.
func missingNeed(needs string) string {
	for _, need := range strings.Fields(needs) {
		switch need {
		case "cgroup-v1":
			if matches, _ := filepath.Glob("/sys/fs/cgroup/memory*/memory.limit_in_bytes"); len(matches) == 0 {
				return "this host has no memory controller of cgroup v1"
			}
		case "cgroup-v2":
			data, _ := os.ReadFile("/sys/fs/cgroup/cgroup.controllers")
			if !strings.Contains(string(data), "memory") {
				return "this host has no memory controller of cgroup v2"
			}
		case "cgroup": // either version
			if missingNeed("cgroup-v1") != "" && missingNeed("cgroup-v2") != "" {
				return "this host has no memory controller in a cgroup hierarchy"
			}
		case "net_cls":
			if !exists("/sys/fs/cgroup/net_cls/net_cls.classid") {
				return "this host has no net_cls controller of cgroup v1"
			}
		case "cgroup-ns", "time-ns":
			if _, err := os.Stat("/proc/self/ns/" + strings.TrimSuffix(need, "-ns")); err != nil {
				return "this kernel has no " + need
			}
		case "overlay":
			data, _ := os.ReadFile("/proc/filesystems")
			if !strings.Contains(string(data), "overlay") {
				return "this kernel has no overlay file system"
			}
		case "images":
			if _, err := os.Stat("dist/images/nginx.tar"); err != nil {
				return "the images of the part in use are not built: scripts/images.sh"
			}
		default:
			if _, err := exec.LookPath(need); err != nil {
				return "this host has no " + need
			}
		}
	}

	return ""
}
