package sys

// System calls that package syscall, frozen long ago, has no numbers for
// (arch/x86/entry/syscalls/syscall_64.tbl).
const (
	NrSetns        = 308
	NrSchedSetattr = 314
	NrSeccomp      = 317
	NrSetMempolicy = 238
	NrExecveat     = 322
)
