#include "textflag.h"

// func vforkCall(number, a, b uintptr) (r, errno uintptr)
//
// Parent and child come back from here on the same stack, the child first (vfork(2)). The return address is in a register: of those each has
// its own.
TEXT ·vforkCall(SB), NOSPLIT|NOFRAME, $0-40
	MOVD number+0(FP), R8
	MOVD a+8(FP), R0
	MOVD b+16(FP), R1
	MOVD $0, R2
	MOVD $0, R3
	MOVD $0, R4
	SVC
	CMN  $4095, R0
	BCS  failed
	MOVD R0, r+24(FP)
	MOVD ZR, errno+32(FP)
	RET

failed:
	NEG  R0, R0
	MOVD ZR, r+24(FP)
	MOVD R0, errno+32(FP)
	RET
