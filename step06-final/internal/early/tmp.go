package early
func runSupervisor(fd int) {}
