package sys

// System calls since Linux 5.0 have the same number on every architecture.
const (
	NrOpenTree     = 428
	NrMoveMount    = 429
	NrClone3       = 435
	NrCloseRange   = 436
	NrFaccessat2   = 439
	NrMountSetattr = 442
)

// Flags that package syscall does not know (clone(2), prctl(2), openat(2), close_range(2),
// mount_setattr(2)).
const (
	CloneIntoCgroup = 0x200000000
	CloneNewTime    = 0x80
	CloneNewCgroup  = 0x02000000

	PrSetDumpable     = 4
	PrSetKeepCaps     = 8
	PrCapbsetDrop     = 24
	PrSetNoNewPrivs   = 38
	PrSetTHPDisable   = 41
	PrCapAmbient      = 47
	PrCapAmbientRaise = 2
	PrCapAmbientClear = 4

	OPath             = 0x200000
	AtFdcwd           = ^uintptr(99)
	AtEmptyPath       = 0x1000
	atRecursive       = 0x8000
	MntDetach         = 2
	CloseRangeCloexec = 4
)
