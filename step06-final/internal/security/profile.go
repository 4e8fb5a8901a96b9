package security

import (
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// alwaysAllowed are the system calls that docker's default profile allows every container
// (https://docs.docker.com/engine/security/seccomp/). Names of other architectures do no harm.
const alwaysAllowed = `
accept accept4 access adjtimex alarm bind brk cachestat capget capset chdir chmod chown chown32 clock_adjtime clock_adjtime64
clock_getres clock_getres_time64 clock_gettime clock_gettime64 clock_nanosleep clock_nanosleep_time64 close close_range connect
copy_file_range creat dup dup2 dup3 epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait
epoll_wait_old eventfd eventfd2 execve execveat exit exit_group faccessat faccessat2 fadvise64 fadvise64_64 fallocate fanotify_mark
fchdir fchmod fchmodat fchmodat2 fchown fchown32 fchownat fcntl fcntl64 fdatasync fgetxattr flistxattr flock fork fremovexattr
fsetxattr fstat fstat64 fstatat64 fstatfs fstatfs64 fsync ftruncate ftruncate64 futex futex_requeue futex_time64 futex_wait futex_waitv
futex_wake futimesat getcpu getcwd getdents getdents64 getegid getegid32 geteuid geteuid32 getgid getgid32 getgroups getgroups32
getitimer getpeername getpgid getpgrp getpid getppid getpriority getrandom getresgid getresgid32 getresuid getresuid32 getrlimit
get_robust_list getrusage getsid getsockname getsockopt get_thread_area gettid gettimeofday getuid getuid32 getxattr getxattrat
inotify_add_watch inotify_init inotify_init1 inotify_rm_watch io_cancel ioctl io_destroy io_getevents io_pgetevents
io_pgetevents_time64 ioprio_get ioprio_set io_setup io_submit ipc kill landlock_add_rule landlock_create_ruleset
landlock_restrict_self lchown lchown32 lgetxattr link linkat listen listmount listxattr listxattrat llistxattr _llseek lremovexattr
lseek lsetxattr lstat lstat64 madvise map_shadow_stack membarrier memfd_create memfd_secret mincore mkdir mkdirat mknod mknodat mlock
mlock2 mlockall mmap mmap2 mprotect mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedreceive_time64 mq_timedsend
mq_timedsend_time64 mq_unlink mremap mseal msgctl msgget msgrcv msgsnd msync munlock munlockall munmap name_to_handle_at nanosleep
newfstatat _newselect open openat openat2 pause pidfd_open pidfd_send_signal pipe pipe2 pkey_alloc pkey_free pkey_mprotect poll ppoll
ppoll_time64 prctl pread64 preadv preadv2 prlimit64 process_mrelease pselect6 pselect6_time64 pwrite64 pwritev pwritev2 read readahead
readlink readlinkat readv recv recvfrom recvmmsg recvmmsg_time64 recvmsg remap_file_pages removexattr removexattrat rename renameat
renameat2 restart_syscall riscv_hwprobe rmdir rseq rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn
rt_sigsuspend rt_sigtimedwait rt_sigtimedwait_time64 rt_tgsigqueueinfo sched_getaffinity sched_getattr sched_getparam
sched_get_priority_max sched_get_priority_min sched_getscheduler sched_rr_get_interval sched_rr_get_interval_time64
sched_setaffinity sched_setattr sched_setparam sched_setscheduler sched_yield seccomp select semctl semget semop semtimedop
semtimedop_time64 send sendfile sendfile64 sendmmsg sendmsg sendto setfsgid setfsgid32 setfsuid setfsuid32 setgid setgid32 setgroups
setgroups32 setitimer setpgid setpriority setregid setregid32 setresgid setresgid32 setresuid setresuid32 setreuid setreuid32
setrlimit set_robust_list setsid setsockopt set_thread_area set_tid_address setuid setuid32 setxattr setxattrat shmat shmctl shmdt
shmget shutdown sigaltstack signalfd signalfd4 sigprocmask sigreturn socketpair splice stat stat64 statfs statfs64
statmount statx symlink symlinkat sync sync_file_range syncfs sysinfo tee tgkill time timer_create timer_delete timer_getoverrun
timer_gettime timer_gettime64 timer_settime timer_settime64 timerfd_create timerfd_gettime timerfd_gettime64 timerfd_settime
timerfd_settime64 times tkill truncate truncate64 ugetrlimit umask uname unlink unlinkat uretprobe utime utimensat utimensat_time64
utimes vfork vmsplice wait4 waitid waitpid write writev`

// allowedWith are the system calls that come with a capability.
var allowedWith = []struct{ capability, calls string }{
	{"CAP_DAC_READ_SEARCH", "open_by_handle_at"},
	{"CAP_SYS_ADMIN", `bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie lsm_get_self_attr lsm_list_modules
		lsm_set_self_attr mount mount_setattr move_mount open_tree perf_event_open quotactl quotactl_fd setdomainname sethostname setns
		syslog umount umount2 unshare`},
	{"CAP_SYS_BOOT", "reboot"},
	{"CAP_SYS_CHROOT", "chroot"},
	{"CAP_SYS_MODULE", "delete_module init_module finit_module"},
	{"CAP_SYS_PACCT", "acct"},
	{"CAP_SYS_PTRACE", "kcmp pidfd_getfd process_madvise process_vm_readv process_vm_writev ptrace"},
	{"CAP_SYS_RAWIO", "iopl ioperm"},
	{"CAP_SYS_TIME", "settimeofday stime clock_settime clock_settime64"},
	{"CAP_SYS_TTY_CONFIG", "vhangup"},
	{"CAP_SYS_NICE", "get_mempolicy mbind set_mempolicy set_mempolicy_home_node"},
	{"CAP_SYSLOG", "syslog"},
	{"CAP_BPF", "bpf"},
	{"CAP_PERFMON", "perf_event_open"},
}

// DefaultSeccomp is docker's default profile for a container with these capabilities (full names,
// as in the bounding set).
func DefaultSeccomp(capabilities []string) *specs.LinuxSeccomp {
	eperm := uint(1)
	s := &specs.LinuxSeccomp{DefaultAction: specs.ActErrno, DefaultErrnoRet: &eperm}
	allow := func(names string, conditions ...specs.LinuxSeccompArg) {
		s.Syscalls = append(s.Syscalls, specs.LinuxSyscall{Names: strings.Fields(names), Action: specs.ActAllow,
			Args: conditions})
	}
	allow(alwaysAllowed)
	allowSockets(allow)

	// Before Linux 4.8 a tracer could change a system call after the filter had seen it
	// (seccomp(2)).
	if KernelAtLeast(4, 8) {
		allow("process_vm_readv process_vm_writev ptrace")
	}

	if machine == "arm64" {
		s.Architectures = []specs.Arch{specs.ArchAARCH64, specs.ArchARM}
		allow("arm_fadvise64_64 arm_sync_file_range sync_file_range2 breakpoint cacheflush set_tls")
	} else {
		s.Architectures = []specs.Arch{specs.ArchX86_64, specs.ArchX86, specs.ArchX32}
		allow("arch_prctl modify_ldt")
	}

	// personality may ask, or choose PER_LINUX, PER_LINUX32, UNAME26 and both.
	for _, persona := range []uint64{0, 8, 0x20000, 0x20008, 0xffffffff} {
		allow("personality", specs.LinuxSeccompArg{Index: 0, Value: persona, Op: specs.OpEqualTo})
	}

	has := map[string]bool{}
	for _, capability := range capabilities {
		has[capability] = true
	}

	for _, with := range allowedWith {
		if has[with.capability] {
			allow(with.calls)
		}
	}

	if !has["CAP_SYS_ADMIN"] {
		// clone without new namespaces; clone3 hides its flags in memory, where no filter can
		// look: the C library falls back to clone.
		const newNamespaces = 0x7e020000
		allow("clone", specs.LinuxSeccompArg{Index: 0, Value: newNamespaces, ValueTwo: 0, Op: specs.OpMaskedEqual})
		enosys := uint(38)
		s.Syscalls = append(s.Syscalls, specs.LinuxSyscall{Names: []string{"clone3"}, Action: specs.ActErrno,
			ErrnoRet: &enosys})
	}

	return s
}

// socketFamilies are the address families of socket(2) that a container may use: all but AF_ALG
// (38), whose sockets reach the kernel's crypto code (CVE-2026-31431), and AF_VSOCK (40), which
// knows no network namespace and reaches the hypervisor. Each pair is a mask and what the masked
// family must be. The kernel takes an int: a mask of 32 bits ignores the upper half of the
// register, where "not 40" would let 1<<32|40 through.
var socketFamilies = [][2]uint64{
	{0xffffffe0, 0},  // 0 to 31
	{0xfffffffc, 32}, // 32 to 35
	{0xfffffffe, 36}, // 36 and 37
	{0xffffffff, 39}, // AF_NFC
	{0xffffffff, 41}, // AF_KCM
	{0xfffffffe, 42}, // 42 and 43
	{0xfffffffc, 44}, // 44 to 47
	{0xfffffff0, 48}, // 48 to 63: families that no kernel has yet
}

// allowSockets allows socket(2) for socketFamilies. On i386 there is also socketcall(2), one
// number for all calls of sockets, whose arguments are in memory, where no filter can look:
// there, everything but SYS_SOCKET is allowed, and programs use socket(2) instead (Linux 4.3).
func allowSockets(allow func(names string, conditions ...specs.LinuxSeccompArg)) {
	for _, family := range socketFamilies {
		allow("socket", specs.LinuxSeccompArg{Index: 0, Value: family[0], ValueTwo: family[1], Op: specs.OpMaskedEqual})
	}

	const sysSocket = 1 // linux/net.h
	allow("socketcall", specs.LinuxSeccompArg{Index: 0, Value: sysSocket, Op: specs.OpNotEqual})
}
