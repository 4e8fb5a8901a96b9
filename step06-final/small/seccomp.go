// A filter in the kernel decides about each system call before it runs. Only listed ones pass; the
// list is docker's, without what needs a capability.
//
// Chapter: docs/zh/08-small-security.md
package main

import (
	"strings"
	"unsafe"

	seccomp "github.com/elastic/go-seccomp-bpf"
	"github.com/elastic/go-seccomp-bpf/arch"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

const allowedCalls = `
accept accept4 access adjtimex alarm bind brk cachestat capget capset chdir chmod chown chown32 clock_adjtime
clock_adjtime64 clock_getres clock_getres_time64 clock_gettime clock_gettime64 clock_nanosleep clock_nanosleep_time64
close close_range connect copy_file_range creat dup dup2 dup3 epoll_create epoll_create1 epoll_ctl epoll_pwait
epoll_pwait2 epoll_wait eventfd eventfd2 execve execveat exit exit_group faccessat faccessat2 fadvise64 fadvise64_64
fallocate fanotify_mark fchdir fchmod fchmodat fchmodat2 fchown fchown32 fchownat fcntl fcntl64 fdatasync fgetxattr
flistxattr flock fork fremovexattr fsetxattr fstat fstat64 fstatat fstatat64 fstatfs fstatfs64 fsync ftruncate
ftruncate64 futex futex_requeue futex_time64 futex_wait futex_waitv futex_wake futimesat getcpu getcwd getdents
getdents64 getegid getegid32 geteuid geteuid32 getgid getgid32 getgroups getgroups32 getitimer getpeername getpgid
getpgrp getpid getppid getpriority getrandom getresgid getresgid32 getresuid getresuid32 getrlimit get_robust_list
getrusage getsid getsockname getsockopt get_thread_area gettid gettimeofday getuid getuid32 getxattr inotify_add_watch
inotify_init inotify_init1 inotify_rm_watch io_cancel ioctl io_destroy io_getevents io_pgetevents io_pgetevents_time64
ioprio_get ioprio_set io_setup io_submit ipc kill landlock_add_rule landlock_create_ruleset landlock_restrict_self
lchown lchown32 lgetxattr link linkat listen listxattr llistxattr _llseek lremovexattr lseek lsetxattr lstat lstat64
madvise membarrier memfd_create memfd_secret mincore mkdir mkdirat mknod mknodat mlock mlock2 mlockall mmap mmap2
mprotect mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedreceive_time64 mq_timedsend mq_timedsend_time64
mq_unlink mremap msgctl msgget msgrcv msgsnd msync munlock munlockall munmap name_to_handle_at nanosleep newfstatat
_newselect open openat openat2 pause pidfd_open pidfd_send_signal pipe pipe2 pkey_alloc pkey_free pkey_mprotect poll
ppoll ppoll_time64 prctl pread64 preadv preadv2 prlimit64 process_mrelease pselect6 pselect6_time64 pwrite64 pwritev
pwritev2 read readahead readlink readlinkat readv recv recvfrom recvmmsg recvmmsg_time64 recvmsg remap_file_pages
removexattr rename renameat renameat2 restart_syscall rmdir rseq rt_sigaction rt_sigpending rt_sigprocmask
rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait rt_sigtimedwait_time64 rt_tgsigqueueinfo sched_getaffinity
sched_getattr sched_getparam sched_get_priority_max sched_get_priority_min sched_getscheduler sched_rr_get_interval
sched_rr_get_interval_time64 sched_setaffinity sched_setattr sched_setparam sched_setscheduler sched_yield seccomp
select semctl semget semop semtimedop semtimedop_time64 send sendfile sendfile64 sendmmsg sendmsg sendto setfsgid
setfsgid32 setfsuid setfsuid32 setgid setgid32 setgroups setgroups32 setitimer setpgid setpriority setregid setregid32
setresgid setresgid32 setresuid setresuid32 setreuid setreuid32 setrlimit set_robust_list setsid setsockopt
set_thread_area set_tid_address setuid setuid32 setxattr shmat shmctl shmdt shmget shutdown sigaltstack signalfd
signalfd4 sigprocmask sigreturn socketpair splice stat stat64 statfs statfs64 statx symlink symlinkat sync
sync_file_range syncfs sysinfo tee tgkill time timer_create timer_delete timer_getoverrun timer_gettime
timer_gettime64 timer_settime timer_settime64 timerfd_create timerfd_gettime timerfd_gettime64 timerfd_settime
timerfd_settime64 times tkill truncate truncate64 ugetrlimit umask uname unlink unlinkat utime utimensat
utimensat_time64 utimes vfork vmsplice wait4 waitid waitpid write writev arch_prctl modify_ldt arm_fadvise64_64
arm_sync_file_range sync_file_range2 breakpoint cacheflush set_tls
`

// withCapability are allowed if the container has the capability.
var withCapability = []struct{ capability, calls string }{
	{"DAC_READ_SEARCH", "open_by_handle_at"},
	{"SYS_ADMIN", `bpf clone fanotify_init fsconfig fsmount fsopen fspick mount mount_setattr move_mount
		open_tree perf_event_open quotactl setdomainname sethostname setns syslog umount umount2 unshare`},
	{"SYS_BOOT", "reboot"},
	{"SYS_CHROOT", "chroot"},
	{"SYS_MODULE", "delete_module init_module finit_module"},
	{"SYS_PACCT", "acct"},
	{"SYS_PTRACE", "kcmp pidfd_getfd process_vm_readv process_vm_writev ptrace"},
	{"SYS_RAWIO", "iopl ioperm"},
	{"SYS_TIME", "settimeofday stime clock_settime clock_settime64"},
	{"SYS_TTY_CONFIG", "vhangup"},
	{"SYS_NICE", "get_mempolicy mbind set_mempolicy"},
	{"SYSLOG", "syslog"},
	{"BPF", "bpf"},
	{"PERFMON", "perf_event_open"},
}

// namespaceFlags: clone(2) may not make namespaces.
const namespaceFlags = unix.CLONE_NEWUTS | unix.CLONE_NEWIPC | unix.CLONE_NEWPID | unix.CLONE_NEWNS |
	unix.CLONE_NEWUSER | unix.CLONE_NEWNET | unix.CLONE_NEWCGROUP

// loadSeccomp filters this thread, and what execve(2) makes of it.
func loadSeccomp(capabilities uint64) error {
	info, err := arch.GetInfo("")
	if err != nil {
		return fail("seccomp: %v: use the full engine on this processor", err)
	}

	allowed := strings.Fields(allowedCalls)
	for _, w := range withCapability {
		if capabilities&(1<<capabilityNumbers[w.capability].number) != 0 {
			allowed = append(allowed, strings.Fields(w.calls)...)
		}
	}

	group := seccomp.SyscallGroup{Action: seccomp.ActionAllow}
	seen := map[string]bool{}
	for _, name := range allowed {
		if _, ok := info.SyscallNames[name]; ok && !seen[name] { // each processor has its own
			seen[name] = true
			group.Names = append(group.Names, name)
		}
	}

	for name, condition := range map[string]seccomp.Condition{
		"clone":       {Argument: 0, Operation: seccomp.BitsNotSet, Value: namespaceFlags},
		"socket":      {Argument: 0, Operation: seccomp.LessThan, Value: unix.AF_ALG}, // it is 38, AF_VSOCK 40
		"socketcall":  {Argument: 0, Operation: seccomp.NotEqual, Value: 1},           // i386's socket(2)
		"personality": {Argument: 0, Operation: seccomp.Equal, Value: 0},
	} {
		if _, ok := info.SyscallNames[name]; ok && !seen[name] {
			group.NamesWithCondtions = append(group.NamesWithCondtions,
				seccomp.NameWithConditions{Name: name, Conditions: []seccomp.Condition{condition}})
		}
	}

	list := seccomp.Policy{DefaultAction: seccomp.ActionErrno, Syscalls: []seccomp.SyscallGroup{group}}
	if err := load(list); err != nil {
		return err
	}

	// The flags of clone3(2) are in memory, where no filter can look. ENOSYS makes libc use
	// clone(2). The filter that was loaded last decides which error it is.
	if _, ok := info.SyscallNames["clone3"]; !ok || seen["clone3"] {
		return nil
	}
	return load(seccomp.Policy{DefaultAction: seccomp.ActionAllow, Syscalls: []seccomp.SyscallGroup{
		{Names: []string{"clone3"}, Action: seccomp.ActionErrno | seccomp.Action(unix.ENOSYS)},
	}})
}

// load uses prctl(2), because seccomp(2) came only with Linux 3.17.
func load(policy seccomp.Policy) error {
	instructions, err := policy.Assemble()
	if err != nil {
		return fail("assemble the seccomp filter: %v", err)
	}

	raw, err := bpf.Assemble(instructions)
	if err != nil {
		return fail("assemble the seccomp filter: %v", err)
	}

	filter := make([]unix.SockFilter, len(raw))
	for i, r := range raw {
		filter[i] = unix.SockFilter{Code: r.Op, Jt: r.Jt, Jf: r.Jf, K: r.K}
	}

	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	err = unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&program)), 0, 0)
	if err != nil {
		return fail("load the seccomp filter: %v: has this kernel CONFIG_SECCOMP_FILTER?", err)
	}
	return nil
}
