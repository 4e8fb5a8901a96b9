package early

// System calls since Linux 5.0 have the same number on every architecture.
const (
	sysOpenTree     = 428
	sysMoveMount    = 429
	sysClone3       = 435
	sysCloseRange   = 436
	sysFaccessat2   = 439
	sysMountSetattr = 442
)

// Flags that package syscall does not know (clone(2), prctl(2), openat(2), close_range(2),
// mount_setattr(2)).
const (
	cloneIntoCgroup = 0x200000000
	CloneNewTime    = 0x80
	CloneNewCgroup  = 0x02000000

	prSetDumpable     = 4
	prSetKeepCaps     = 8
	prCapbsetDrop     = 24
	prSetSecurebits   = 28
	prSetNoNewPrivs   = 38
	prSetTHPDisable   = 41
	prCapAmbient      = 47
	prCapAmbientRaise = 2
	prCapAmbientClear = 4
	prSetPdeathsig    = 1
	prSetName         = 15

	oPath             = 0x200000
	atFdcwd           = ^uintptr(99)
	atEmptyPath       = 0x1000
	atRecursive       = 0x8000
	mntDetach         = 2
	closeRangeCloexec = 4
)
