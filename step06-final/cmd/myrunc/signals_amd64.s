#include "textflag.h"

// The kernel calls this on the alternate stack of whichever thread takes the signal, with its
// number in DI: write(pipe, &number, 1). Nothing of Go's may be used here; the kernel gives all
// registers back afterwards.
TEXT ·noteSignal(SB), NOSPLIT|NOFRAME, $0
	PUSHQ DI
	MOVL  ·signalPipe(SB), DI
	MOVQ  SP, SI
	MOVL  $1, DX
	MOVL  $1, AX // write
	SYSCALL
	POPQ  DI
	RET

// What noteSignal returns to: rt_sigreturn(2).
TEXT ·returnFromSignal(SB), NOSPLIT|NOFRAME, $0
	MOVL $15, AX
	SYSCALL
	INT  $3

// func signalFunctions() (note, back uintptr)
TEXT ·signalFunctions(SB), NOSPLIT, $0-16
	MOVQ $·noteSignal(SB), AX
	MOVQ AX, note+0(FP)
	MOVQ $·returnFromSignal(SB), AX
	MOVQ AX, back+8(FP)
	RET
