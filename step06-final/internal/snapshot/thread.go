package snapshot

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// onOwnThread runs f on a thread that ends with it, so that f may unshare what threads of a process
// normally share (working directory, mount namespace). The main thread cannot end, and /proc/self
// shows its view: it is never used.
func onOwnThread(f func() error) error {
	result := make(chan error)
	go func() {
		runtime.LockOSThread() // not unlocked: the Go runtime then ends the thread with the goroutine
		if unix.Gettid() == unix.Getpid() {
			result <- onOwnThread(f) // we hold the main thread, so f gets another
			runtime.UnlockOSThread()
			return
		}
		result <- f()
	}()
	return <-result
}
