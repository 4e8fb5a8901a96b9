package sys

import "syscall"

// Nanoseconds for RestMonitor.
const (
	Rest   = 40e6 // longer than a start takes, and short enough for who waits for the monitor after all
	NoRest = 50e3 // what every process begins with
)

// RestMonitor lets the other threads of this process sleep up to so many nanoseconds longer than
// they ask for (PR_SET_TIMERSLACK, prctl(2); for another thread by /proc, Linux 4.6).
//
// There is one other thread: the monitor of the Go runtime, which looks every 20 microseconds
// whether a goroutine waits for a processor. In a program whose main thread does everything there
// is none, and its wakings are most context switches of a start. Nothing depends on it: an error is
// no error.
func RestMonitor(nanoseconds int) {
	tasks, err := syscall.Open("/proc/self/task", syscall.O_RDONLY|syscall.O_DIRECTORY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return
	}

	names, _ := ReadNames(tasks)
	syscall.Close(tasks)

	// The main thread has the number of the process, as this /proc counts: in a new pid namespace
	// it is not what getpid says. It must keep what the container's program is to begin with.
	own, err := Readlinkat(-100, "/proc/self")
	if err != nil {
		return
	}
	for _, name := range names {
		if name != own {
			_ = WriteFile("/proc/"+name+"/timerslack_ns", Itoa(nanoseconds))
		}
	}
}
