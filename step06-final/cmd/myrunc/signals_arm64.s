#include "textflag.h"

// The kernel calls this on the alternate stack of whichever thread takes the signal, with its
// number in R0: write(pipe, &number, 1). Nothing of Go's may be used here; the kernel gives all
// registers back afterwards.
TEXT ·noteSignal(SB), NOSPLIT|NOFRAME, $0
	SUB  $16, RSP
	MOVD R0, 8(RSP)
	ADD  $8, RSP, R1
	MOVW ·signalPipe(SB), R0
	MOVD $1, R2
	MOVD $64, R8 // write
	SVC
	ADD  $16, RSP
	RET

// What noteSignal returns to: rt_sigreturn(2).
TEXT ·returnFromSignal(SB), NOSPLIT|NOFRAME, $0
	MOVD $139, R8
	SVC
	UNDEF

// func signalFunctions() (note, back uintptr)
TEXT ·signalFunctions(SB), NOSPLIT, $0-16
	MOVD $·noteSignal(SB), R0
	MOVD R0, note+0(FP)
	MOVD $·returnFromSignal(SB), R0
	MOVD R0, back+8(FP)
	RET
