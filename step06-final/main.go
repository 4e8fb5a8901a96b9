// mydocker is a container engine: docker's commands, made of the packages below internal/.
//
// Without arguments it opens a shell in a container of the built-in image "host". The chapter
// "引擎" (the engine) is about this program; docs/zh names the section for each package.
package main

// Package early comes first: a container's init and supervisor are this very program, executed
// again, and must not wait for what the engine imports.
import (
	_ "mydocker/step06-final/internal/early"
)

import (
	"os"

	"mydocker/step06-final/internal/command"
)

func main() { os.Exit(command.Main(os.Args)) }
