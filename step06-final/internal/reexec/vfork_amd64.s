#include "textflag.h"

// func vforkCall(number, a, b uintptr) (r, errno uintptr)
//
// Parent and child come back from here on the same stack, the child first (vfork(2)), and what it calls next overwrites our return address.
// So that one is kept in a register meanwhile: of registers each has its own.
TEXT ·vforkCall(SB), NOSPLIT|NOFRAME, $0-40
	MOVQ number+0(FP), AX
	MOVQ a+8(FP), DI
	MOVQ b+16(FP), SI
	XORL DX, DX
	XORL R10, R10
	XORL R8, R8
	POPQ R12
	SYSCALL
	PUSHQ R12
	CMPQ AX, $-4095
	JCC  failed
	MOVQ AX, r+24(FP)
	MOVQ $0, errno+32(FP)
	RET

failed:
	NEGQ AX
	MOVQ $0, r+24(FP)
	MOVQ AX, errno+32(FP)
	RET
