package main

// System call numbers of arm64. finit_module is the last that Linux 3.10 has.
const (
	auditArch     = 0xc00000b7 // AUDIT_ARCH_AARCH64
	lastSyscall   = 273
	sysMmap       = 222
	sysIoctl      = 29
	sysMremap     = 216
	sysMadvise    = 233
	sysSetsockopt = 208
	sysGetsockopt = 209
	sysFcntl      = 25
	sysPrctl      = 167
	sysWaitid     = 95
	sysOpenat     = 56
	sysUnshare    = 97
	sysFallocate  = 47
	sysSetns      = 268
	sysSeccomp    = 277
)
