// An empty assembly file lets the compiler accept the functions without body that are linked to package syscall's.
