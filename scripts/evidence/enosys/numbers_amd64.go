package main

// System call numbers of x86-64. finit_module is the last that Linux 3.10 has.
const (
	auditArch     = 0xc000003e // AUDIT_ARCH_X86_64
	lastSyscall   = 313
	sysMmap       = 9
	sysIoctl      = 16
	sysMremap     = 25
	sysMadvise    = 28
	sysSetsockopt = 54
	sysGetsockopt = 55
	sysFcntl      = 72
	sysPrctl      = 157
	sysWaitid     = 247
	sysOpenat     = 257
	sysUnshare    = 272
	sysFallocate  = 285
	sysSetns      = 308
	sysSeccomp    = 317
)
