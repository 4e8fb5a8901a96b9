package main

import "syscall"

// Offsets in struct seccomp_data and the verdicts, from seccomp(2). Of the 64-bit arguments only
// the low halves are looked at: all that matters here are flags and small numbers.
const (
	offsetNumber = 0
	offsetArch   = 4
	offsetArgs   = 16

	retAllow = 0x7fff0000 // SECCOMP_RET_ALLOW
	retErrno = 0x00050000 // SECCOMP_RET_ERRNO
)

// The ways to compare an argument with a value.
const (
	equal   = syscall.BPF_JEQ
	greater = syscall.BPF_JGT
	hasBit  = syscall.BPF_JSET
)

// A test holds when argument arg (from 0) compares so with value.
type test struct {
	arg     uint32
	compare uint16
	value   uint32
}

// A rule makes the system call fail with errno when all tests hold.
type rule struct {
	number uint32
	tests  []test
	errno  syscall.Errno
}

// rules: what answers differently although 3.10 has the system call. The versions are those of
// the man pages. Of flags that 3.10 ignores (mount, mmap with MAP_PRIVATE, sendmsg) there is
// nothing to imitate.
var rules = []rule{
	{sysWaitid, []test{{0, equal, 3}}, syscall.EINVAL}, // P_PIDFD 5.4
	// O_TMPFILE 3.11: before, a directory opened for writing
	{sysOpenat, []test{{2, hasBit, 0x400000}}, syscall.EISDIR},
	{sysFcntl, []test{{1, equal, 36}}, syscall.EINVAL}, // F_OFD_GETLK 3.15
	{sysFcntl, []test{{1, equal, 37}}, syscall.EINVAL}, // F_OFD_SETLK
	{sysFcntl, []test{{1, equal, 38}}, syscall.EINVAL}, // F_OFD_SETLKW
	// F_ADD_SEALS 3.17, the first after F_GETPIPE_SZ
	{sysFcntl, []test{{1, greater, 1032}}, syscall.EINVAL},
	// FALLOC_FL_COLLAPSE_RANGE 3.15 and later ones
	{sysFallocate, []test{{1, hasBit, 0xf8}}, syscall.EOPNOTSUPP},
	{sysMmap, []test{{3, hasBit, 1}, {3, hasBit, 2}}, syscall.EINVAL}, // MAP_SHARED_VALIDATE 4.15
	{sysMremap, []test{{3, hasBit, 4}}, syscall.EINVAL},               // MREMAP_DONTUNMAP 5.7
	{sysMadvise, []test{{2, equal, 8}}, syscall.EINVAL},               // MADV_FREE 4.5
	// after MADV_DODUMP: WIPEONFORK 4.14, COLD 5.4, POPULATE 5.14, …
	{sysMadvise, []test{{2, greater, 17}}, syscall.EINVAL},
	// SOL_SOCKET, after SO_SELECT_ERR_QUEUE
	{sysSetsockopt, []test{{1, equal, 1}, {2, greater, 45}}, syscall.ENOPROTOOPT},
	// SO_PEERGROUPS 4.13, SO_PEERPIDFD 6.5, …
	{sysGetsockopt, []test{{1, equal, 1}, {2, greater, 45}}, syscall.ENOPROTOOPT},
	// SOL_NETLINK: LISTEN_ALL_NSID 4.2, EXT_ACK 4.12, GET_STRICT_CHK 4.20
	{sysSetsockopt, []test{{1, equal, 270}, {2, greater, 7}}, syscall.ENOPROTOOPT},
	{sysIoctl, []test{{1, equal, 0x5441}}, syscall.EINVAL},     // TIOCGPTPEER 4.13
	{sysIoctl, []test{{1, equal, 0x4c0a}}, syscall.EINVAL},     // LOOP_CONFIGURE 5.8
	{sysIoctl, []test{{1, equal, 0x40049409}}, syscall.ENOTTY}, // FICLONE 4.5
	{sysIoctl, []test{{1, equal, 0xb701}}, syscall.ENOTTY},     // NS_GET_USERNS 4.9
	{sysIoctl, []test{{1, equal, 0xb702}}, syscall.ENOTTY},     // NS_GET_PARENT 4.9
	{sysIoctl, []test{{1, equal, 0xb703}}, syscall.ENOTTY},     // NS_GET_NSTYPE 4.11
	{sysIoctl, []test{{1, equal, 0xb704}}, syscall.ENOTTY},     // NS_GET_OWNER_UID 4.11
	// after PR_CAP_AMBIENT, which el7 has from 4.3
	{sysPrctl, []test{{0, greater, 47}}, syscall.EINVAL},
	// PR_CAPBSET_READ beyond CAP_BLOCK_SUSPEND
	{sysPrctl, []test{{0, equal, 23}, {1, greater, 36}}, syscall.EINVAL},
	{sysPrctl, []test{{0, equal, 24}, {1, greater, 36}}, syscall.EINVAL}, // PR_CAPBSET_DROP
	{sysPrctl, []test{{0, equal, 47}, {2, greater, 36}}, syscall.EINVAL}, // PR_CAP_AMBIENT
	{sysSeccomp, []test{{0, greater, 1}}, syscall.EINVAL},                // SECCOMP_GET_ACTION_AVAIL 4.14
	// flags beyond TSYNC: LOG 4.14, NEW_LISTENER 5.0
	{sysSeccomp, []test{{1, greater, 1}}, syscall.EINVAL},
}

// Namespaces that 3.10 has not.
const (
	cloneNewCgroup = 0x02000000 // 4.6
	cloneNewTime   = 0x00000080 // 5.6
)

// kernel310 is the filter, for a kernel without the newer namespaces: rules first, then whatever
// is younger than the last system call of 3.10. Calls of other architectures (32-bit programs)
// have other numbers: they all answer ENOSYS.
func kernel310(keepSeccomp bool, newer uint32) []syscall.SockFilter {
	namespaces := []rule{
		{sysUnshare, []test{{0, hasBit, newer}}, syscall.EINVAL},
		{sysSetns, []test{{1, hasBit, newer}}, syscall.EINVAL},
	}
	p := []syscall.SockFilter{
		load(offsetArch),
		jump(equal, auditArch, 1, 0),
		verdict(retErrno | uint32(syscall.ENOSYS)),
		load(offsetNumber),
	}
	if !keepSeccomp {
		p = append(p, jump(equal, sysSeccomp, 0, 1), verdict(retErrno|uint32(syscall.ENOSYS)))
	}

	for _, r := range append(namespaces, rules...) {
		// Each test is two instructions, then the verdict; where a test fails, the next rule.
		rest := 2*len(r.tests) + 1
		p = append(p, jump(equal, r.number, 0, rest+1))
		for _, t := range r.tests {
			rest -= 2
			p = append(p, load(offsetArgs+8*t.arg), jump(t.compare, t.value, 0, rest))
		}

		p = append(p, verdict(retErrno|uint32(r.errno)), load(offsetNumber))
	}

	return append(p,
		jump(equal, sysSeccomp, 0, 1),
		verdict(retAllow),
		jump(greater, lastSyscall, 0, 1),
		verdict(retErrno|uint32(syscall.ENOSYS)),
		verdict(retAllow))
}

func load(offset uint32) syscall.SockFilter {
	return syscall.SockFilter{Code: syscall.BPF_LD | syscall.BPF_W | syscall.BPF_ABS, K: offset}
}

func jump(compare uint16, value uint32, ifTrue, ifFalse int) syscall.SockFilter {
	return syscall.SockFilter{Code: syscall.BPF_JMP | compare | syscall.BPF_K, Jt: uint8(ifTrue),
		Jf: uint8(ifFalse), K: value}
}

func verdict(v uint32) syscall.SockFilter {
	return syscall.SockFilter{Code: syscall.BPF_RET | syscall.BPF_K, K: v}
}
