// mydocker is a container engine: docker's commands, made of the packages below internal/.
//
// Without arguments it opens a shell in a container of the built-in image "host". The chapter
// "引擎" (the engine) is about this program; docs/zh names the section for each package.
package main

// The doors of this program: it is executed again as each of these processes. The first three never
// reach main, because their packages are initialised before all others (package reexec).
//
//	init     containerinit  PID 1 of a container                        MYDOCKER_EARLY=init
//	exec     containerinit  one more process in a container             MYDOCKER_EARLY=exec
//	shim     shim           parent of an init, outlives the command     MYDOCKER_EARLY=supervisor
//	helper   layer          has the ids of a user namespace             MYDOCKER_HELPER
//	hidden   command        the shim's commands; PID 1 of `run --init`  internal-…
//	engine   command        what a user can type
//
// The first two packages are imported apart and before the others: Go 1.19 goes by that.
import (
	_ "mydocker/step06-final/internal/containerinit"
	_ "mydocker/step06-final/internal/shim"
)

import (
	"os"

	"mydocker/step06-final/internal/command"
)

func main() { os.Exit(command.Main(os.Args)) }
