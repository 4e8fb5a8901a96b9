package main

// The doors: see main.go of step06-final. Go 1.19 initialises first what the first file imports, so
// this file's name is before those of the others.
import (
	"runtime"

	_ "mydocker/step06-final/internal/containerinit"
	_ "mydocker/step06-final/internal/shim"
	"mydocker/step06-final/internal/sys"
)

// init is still on the main thread, and main stays there: what follows is one thing after another,
// and the processes that it starts inherit nothing of the threads that rest.
func init() {
	runtime.LockOSThread()
	sys.RestMonitor(sys.Rest)
}
