// Package runtime turns an OCI runtime specification into a process: namespaces, cgroups, a root
// file system, limits and rights. It is the only package that makes a container's namespaces;
// the engine (package engine) and the command myrunc are two fronts of it.
//
// The way of a container: Create reads and checks the configuration (spec.go, namespaces.go,
// rlimits.go), decides every step that will be needed and writes them down as a plan (plan.go,
// planrootfs.go), makes the cgroup, and starts a stage of this binary (package reexec),
// which performs the plan with system calls and waits. Start lets it execute the program. Exec
// is the same with fewer steps. What is known about a container is in one directory of Runtime.Root
// (state.go); whether it is still true is asked of the kernel every time.
//
// Chapter: docs/zh/09-runtime.md.
package runtime

// A program that makes containers has the doors by which they start.
import (
	_ "mydocker/step06-final/internal/containerinit"
	_ "mydocker/step06-final/internal/shim"
)
