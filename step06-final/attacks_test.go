package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// attack is one known way out of a container, or leak into it. It must fail in a container with
// nothing but default flags, and succeed when its defence is switched off: else the test proves
// nothing. What no flag switches off is in scripts/evidence/attacks.sh.
type attack struct {
	name   string
	source string   // where it is known from
	guard  string   // the defence
	args   []string // of testdata/attacker; with "i386" before them, of the one that is built for i386
	flags  []string // that both containers get: what the attack needs besides the defence's absence
	off    []string // flags that switch the defence off
}

func attacks(t *testing.T) []attack {
	t.Setenv("MYDOCKER_TEST_SECRET", "42")
	unconfined := []string{"--security-opt", "seccomp=unconfined"}
	with := func(capability string, more ...string) []string {
		return append([]string{"--cap-add", capability}, more...)
	}
	paths := []string{"--security-opt", "systempaths=unconfined"}
	raw := func(capability string) []string { return with(capability, unconfined...) }

	return []attack{
		{"mount a file system", "capabilities(7), CAP_SYS_ADMIN", "capabilities", []string{"mount"}, unconfined,
			with("SYS_ADMIN")},
		{"new user namespace", "CVE-2022-0185, CVE-2022-0492", "seccomp", []string{"unshare-user"}, nil, unconfined},
		{"new mount namespace", "CVE-2022-0492 (release_agent)", "capabilities", []string{"unshare-mount"},
			unconfined, with("SYS_ADMIN")},
		{"rename the host", "capabilities(7), CAP_SYS_ADMIN", "capabilities and the UTS namespace",
			[]string{"sethostname"}, unconfined, with("SYS_ADMIN")},
		{"bpf programs", "CVE-2021-3490, CVE-2017-16995", "seccomp", []string{"bpf"}, nil, raw("SYS_ADMIN")},
		{"perf events", "CVE-2013-2094", "seccomp", []string{"perf"}, nil, raw("SYS_ADMIN")},
		{"the host's keyrings", "CVE-2016-0728, keyrings(7): not namespaced", "seccomp", []string{"keyctl"}, nil,
			unconfined},
		{"keys of the host", "CVE-2016-0728", "seccomp", []string{"add-key"}, nil, unconfined},
		{"userfaultfd", "userfaultfd(2): makes kernel races easy to win", "seccomp", []string{"userfaultfd"}, nil,
			raw("SYS_PTRACE")},
		{"load a kernel", "kexec_load(2)", "capabilities and seccomp", []string{"kexec"}, nil, raw("SYS_BOOT")},
		{"load a module", "init_module(2)", "capabilities and seccomp", []string{"init-module"}, nil,
			raw("SYS_MODULE")},
		{"io_uring", "CVE-2022-29582, CVE-2023-2598", "seccomp", []string{"io-uring"}, nil, unconfined},
		{"set the clock", "capabilities(7), CAP_SYS_TIME", "capabilities and seccomp", []string{"clock-settime"},
			nil, raw("SYS_TIME")},
		{"swap on the host's files", "swapon(2)", "capabilities and seccomp", []string{"swapon"}, nil,
			raw("SYS_ADMIN")},
		{"process accounting", "acct(2)", "capabilities and seccomp", []string{"acct"}, nil, raw("SYS_PACCT")},
		{"reboot", "reboot(2)", "capabilities and seccomp", []string{"reboot"}, nil, raw("SYS_BOOT")},
		{"hypervisor sockets", "vsock(7): not namespaced; denied by docker's default profile", "seccomp",
			[]string{"vsock"}, nil, unconfined},
		{"the kernel's crypto sockets", "AF_ALG, CVE-2026-31431, CVE-2025-38079", "seccomp",
			[]string{"crypto-socket"}, nil, unconfined},
		{"hypervisor sockets, upper half", "the kernel takes an int: 1<<32|AF_VSOCK is not AF_VSOCK to a filter",
			"seccomp",
			[]string{"vsock-upper-half"}, nil, unconfined},
		{"hypervisor sockets by socketcall", "socketcall(2) of i386: its arguments are in memory", "seccomp",
			[]string{"i386", "vsock"}, nil, unconfined},
		{"files by handle (shocker)", "shocker.c, Krahmer 2014", "capabilities", []string{"open-by-handle"}, nil,
			raw("DAC_READ_SEARCH")},
		{"priority above the host's", "capabilities(7), CAP_SYS_NICE", "capabilities", []string{"priority"}, nil,
			with("SYS_NICE")},
		{"set-uid programs", "prctl(2), PR_SET_NO_NEW_PRIVS", "no_new_privs",
			[]string{"set-uid-program", "/attack/set-uid"}, nil, []string{"--security-opt", "no-new-privileges=false"}},
		{"device nodes", "mknod(2), cgroup-v1 device controller", "device cgroup",
			[]string{"mknod", "c", "10", "237"}, nil, []string{"--device-cgroup-rule", "c 10:237 rwm"}},
		{"disks of the host", "debugfs(8) on a node made with mknod(2)", "device cgroup",
			[]string{"mknod", "b", "7", "0"}, nil, []string{"--device-cgroup-rule", "b 7:0 rwm"}},
		{"release_agent", "CVE-2022-0492; the host's root executes it", "capabilities", []string{"release-agent"},
			append([]string{"--cgroupns", "host"}, unconfined...), with("SYS_ADMIN")},
		{"new user namespace by clone3", "seccomp(2): filters cannot look at flags in memory", "seccomp",
			[]string{"clone3"}, nil, unconfined},
		{"the kernel's log", "syslog(2), dmesg(1): addresses and messages of others", "capabilities and seccomp",
			[]string{"kernel-log"}, nil, raw("SYSLOG")},
		{"read-only volumes made writable", "mount(2), MS_REMOUNT", "capabilities", []string{"remount", "/attack"},
			unconfined, with("SYS_ADMIN")},
		{"masks taken away", "umount(2), CVE-2025-31133 (maskedPaths)", "capabilities",
			[]string{"unmask", "/proc/timer_list"}, unconfined, with("SYS_ADMIN")},
		{"memory of the host's processes", "process_vm_readv(2), ptrace(2)", "capabilities",
			[]string{"read-memory", fmt.Sprint(os.Getpid())}, []string{"--pid", "host"}, with("SYS_PTRACE")},
		{"signals to the host's processes", "kill(2)", "PID namespace",
			[]string{"signal", fmt.Sprint(childOfHost(t))}, nil, []string{"--pid", "host"}},
		{"core_pattern", "core(5): the host runs what it says", "read-only paths",
			[]string{"open-write", "/proc/sys/kernel/core_pattern"}, nil, paths},
		{"sysrq", "proc(5), /proc/sysrq-trigger", "read-only paths", []string{"open-write", "/proc/sysrq-trigger"},
			nil, paths},
		{"the loader of modules", "proc(5), /proc/sys/kernel/modprobe: the host runs it", "read-only paths",
			[]string{"open-write", "/proc/sys/kernel/modprobe"}, nil, paths},
		{"interrupts of the host", "proc(5), /proc/irq", "read-only paths",
			[]string{"open-write", "/proc/irq/default_smp_affinity"}, nil, paths},
		{"firmware tables", "sysfs(5), /sys/firmware; docker masks it since 2016", "masked paths",
			[]string{"list", "/sys/firmware"}, nil, paths},
		{"uevent_helper", "sysfs: the host runs what /sys/kernel/uevent_helper names", "read-only /sys",
			[]string{"open-write", "/sys/kernel/uevent_helper"}, nil, []string{"--privileged"}},
		{"the kernel's memory", "proc(5), /proc/kcore", "masked paths", []string{"open-read", "/proc/kcore"},
			with("SYS_RAWIO"), paths},
		{"timers of the host", "CVE-2017-5967 (/proc/timer_list)", "masked paths",
			[]string{"open-read", "/proc/timer_list"}, with("SYS_ADMIN"), paths},
		{"keys of other users", "proc(5), /proc/keys", "masked paths", []string{"open-read", "/proc/keys"},
			unconfined, paths},
		{"kernel settings in /sys", "sysfs(5)", "read-only /sys", []string{"open-write", "/sys/kernel/profiling"},
			nil, []string{"--privileged"}},
		{"own limits in the cgroup", "cgroups(7): release_agent, memory.max", "read-only cgroup mounts",
			[]string{"open-write", cgroupFile()}, nil, []string{"--privileged"}},
		{"processes of the host", "pid_namespaces(7)", "PID namespace",
			[]string{"see-process", fmt.Sprint(os.Getpid()), sandboxed}, with("SYS_PTRACE"), []string{"--pid", "host"}},
		{"abstract sockets of the host", "CVE-2020-15257 (containerd-shim)", "network namespace",
			[]string{"connect", "unix", listen(t, "unix", "@mydocker-attack")}, nil, []string{"--network", "host"}},
		{"services on the host's loopback", "network_namespaces(7)", "network namespace",
			[]string{"connect", "tcp", listen(t, "tcp", "127.0.0.1:0")}, nil, []string{"--network", "host"}},
		{"the host's environment", "environ(7): tokens and passwords of the caller",
			"environment from image and flags only", []string{"variable", "MYDOCKER_TEST_SECRET"}, nil, []string{"-e", "MYDOCKER_TEST_SECRET"}},
		{"groups of the caller", "CVE-2022-36109, setgroups(2)", "setgroups", []string{"group", "4242"}, nil,
			[]string{"--group-add", "4242"}},
		{"shared memory of the host", "ipc_namespaces(7)", "IPC namespace and /dev/shm",
			[]string{"open-read", hostSharedMemory(t)}, nil, []string{"--ipc", "host"}},
	}
}

// listen opens a listener of the host for the time of the test.
func listen(t *testing.T, network, address string) string {
	listener, err := net.Listen(network, address)
	require.NoError(t, err)
	t.Cleanup(func() { listener.Close() })
	return listener.Addr().String()
}

func hostSharedMemory(t *testing.T) string {
	require.NoError(t, os.MkdirAll("/dev/shm", 0o1777))
	path := "/dev/shm/mydocker-attack"
	require.NoError(t, os.WriteFile(path, []byte("secret"), 0o600))
	t.Cleanup(func() { os.Remove(path) })
	return path
}

// volumeWithMountBelow is a directory of the host with a mount of its own in it.
func volumeWithMountBelow(t *testing.T) string {
	dir := filepath.Join(work, "volume")
	below := filepath.Join(dir, "below")
	require.NoError(t, os.MkdirAll(below, 0o755))
	require.NoError(t, unix.Mount("tmpfs", below, "tmpfs", 0, ""))
	t.Cleanup(func() { require.NoError(t, unix.Unmount(below, 0)) })
	return dir
}

// childOfHost is a process of the host with a number that no container reaches.
func childOfHost(t *testing.T) int {
	for {
		cmd := exec.Command("sleep", "1000")
		require.NoError(t, start(cmd))
		if cmd.Process.Pid < 500 {
			cmd.Process.Kill()
			finish(cmd)
			continue
		}
		t.Cleanup(func() {
			cmd.Process.Kill()
			finish(cmd)
		})
		return cmd.Process.Pid
	}
}

// cgroupFile is a file of the container's cgroup that the host's root may write, where the
// container sees it.
func cgroupFile() string {
	var fs unix.Statfs_t
	if err := unix.Statfs("/sys/fs/cgroup", &fs); err == nil && fs.Type == unix.CGROUP2_SUPER_MAGIC {
		return "/sys/fs/cgroup/cgroup.procs"
	}
	return "/sys/fs/cgroup/memory/cgroup.procs"
}

func TestAttacks(t *testing.T) {
	dir := filepath.Join(work, "attack")
	require.NoError(t, os.MkdirAll(dir, 0o755))
	for name, built := range map[string]string{"plain": "attacker", "set-uid": "attacker", "i386": "attacker-i386"} {
		data, err := os.ReadFile(filepath.Join(os.Getenv(sandboxed), built))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), data, 0o755))
	}

	require.NoError(t, os.Chmod(filepath.Join(dir, "set-uid"), 0o755|os.ModeSetuid))

	try := func(a attack, flags ...string) result {
		program, args := "plain", a.args
		if args[0] == "i386" {
			program, args = args[0], args[1:]
		}

		line := append([]string{"run", "--rm", "-v", dir + ":/attack:ro"}, a.flags...)
		line = append(append(line, flags...), "host", "/attack/"+program)
		return docker(append(line, args...)...)
	}

	require.NoError(t, syscall.Setgroups([]int{4242}))
	defer func() { require.NoError(t, syscall.Setgroups(nil)) }()

	for _, a := range attacks(t) {
		a := a

		t.Run(strings.ReplaceAll(a.name, " ", "-"), func(t *testing.T) {
			defended := try(a)
			if defended.code == 2 {
				t.Skip("this kernel does not have it: " + defended.out)
			}
			require.NotContains(t, []int{-1, 125, 126, 127}, defended.code, "the container did not start: %s%s",
				defended.out, defended.err)
			require.Equal(t, 1, defended.code, "%s (%s) was not stopped by %s: %s%s", a.name, a.source, a.guard,
				defended.out, defended.err)
			open := try(a, a.off...)
			if open.code == 2 || hostRefuses(a.name) {
				t.Skipf("refused (%s), but this host does not allow it without %s either: %s", defended.out,
					a.guard, open.out)
			}

			require.Zero(t, open.code, "%s proves nothing: without %s it is refused too: %s%s", a.name, a.guard,
				open.out, open.err)
		})
	}

	// What docker has off by default: read-only volumes. mount_setattr(2): MS_RDONLY of mount(2)
	// reaches one mount only, not those below.
	volume := volumeWithMountBelow(t)
	for name, file := range map[string]string{"read-only volumes": "/volume/file",
		"mounts below a read-only volume": "/volume/below/file"} {
		a := attack{args: []string{"create", file}}
		t.Run(strings.ReplaceAll(name, " ", "-"), func(t *testing.T) {
			r := try(a, "-v", volume+":/volume:ro")
			require.Equal(t, 1, r.code, r.out+r.err)
			r = try(a, "-v", volume+":/volume")
			require.Zero(t, r.code, r.out+r.err)
		})
	}
}

// TestAttacksAreInTheBook compares the lists of the chapter with the attacks that are made.
func TestAttacksAreInTheBook(t *testing.T) {
	script, err := os.ReadFile("../scripts/evidence/attacks.sh")
	if err != nil {
		t.Skip("this step was copied without the book")
	}

	want := map[string]bool{"read-only volumes": true, "mounts below a read-only volume": true}
	for _, a := range attacks(t) {
		want[a.name] = true
	}

	for _, match := range regexp.MustCompile(`(?m)^check (try_\w+)`).FindAllStringSubmatch(string(script), -1) {
		want[match[1]] = true
	}

	for _, language := range []string{"zh", "en"} {
		chapter, err := os.ReadFile("../docs/" + language + "/attacks.md")
		require.NoError(t, err)
		listed := map[string]bool{}
		section := regexp.MustCompile(`(?s)\n## (攻击清单|A list of attacks)\n.*`).FindString(string(chapter))
		for _, match := range regexp.MustCompile(
			"(?m)^\\|(?: [^|`]*(?:`[^`|]*`[^|`]*)* \\|)? `([^`]+)` \\|").FindAllStringSubmatch(section, -1) {
			listed[match[1]] = true
		}

		require.Equal(t, want, listed, language)
	}
}

// hostRefuses names the attacks whose success needs more than this machine's root has.
func hostRefuses(name string) bool {
	var header = unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var caps [2]unix.CapUserData
	if err := unix.Capget(&header, &caps[0]); err != nil {
		return false
	}

	has := func(n uint) bool { return caps[n/32].Effective&(1<<(n%32)) != 0 }
	switch name {
	case "the kernel's memory":
		return !has(unix.CAP_SYS_RAWIO)
	case "load a module":
		return !has(unix.CAP_SYS_MODULE)
	case "release_agent": // only the root of a hierarchy has it, which a cgroup namespace around this host hides
		files, _ := filepath.Glob("/sys/fs/cgroup/*/release_agent")
		return files == nil
	case "new user namespace by clone3": // ENOSYS is the defence, and what an older kernel answers
		_, _, errno := unix.Syscall(unix.SYS_CLONE3, 0, 0, 0)
		return errno == unix.ENOSYS
	case "load a kernel", "reboot":
		return !has(unix.CAP_SYS_BOOT)
	}

	return false
}
