package early

// System calls that package syscall, frozen long ago, has no numbers for
// (arch/x86/entry/syscalls/syscall_64.tbl).
const (
	sysSetns        = 308
	sysSchedSetattr = 314
	sysSeccomp      = 317
	sysSetMempolicy = 238
	sysExecveat     = 322
)
