package reexec

import "syscall"

// A Spawn of StageInit crosses one border: runtime decides it, the shim starts it. Descriptors are
// those of the shim, which makes the first three files of init itself.
const (
	opSpawn  = "spawn"
	opTasks  = "tasks"
	opJoin   = "join"
	opSource = "source"
	opFiles  = "files"
)

// Steps writes a Spawn of StageInit down.
func (s *Spawn) Steps() []Step {
	steps := []Step{
		NewStep(opSpawn, s.Exe, s.Sync, s.CgroupFd, s.CloneFlags, s.Offsets, s.WaitForGo, s.BecomeRoot),
		NewStep(opFiles, s.Files),
		NewStep(opTasks, s.Tasks),
	}
	for _, source := range s.Sources {
		steps = append(steps, NewStep(opSource, source.Fd, source.Path))
	}
	for _, join := range s.Joins {
		steps = append(steps, NewStep(opJoin, join.Fd, join.Type))
	}
	return steps
}

// Take is the inverse of Steps, one step at a time: false for one that is not of a Spawn, or that
// cannot be read.
func (s *Spawn) Take(step Step) bool {
	switch {
	case step[0] == opSpawn && step.Fits("nnnbtff"):
		s.Stage, s.Exe, s.Sync, s.CgroupFd = StageInit, step.Number(0), step.Number(1), step.Number(2)
		s.CloneFlags, s.Offsets = uintptr(step.Bits(3)), step.Text(4)
		s.WaitForGo, s.BecomeRoot = step.Flag(5), step.Flag(6)
	case step[0] == opFiles && step.Fits("n*"):
		s.Files = step.Numbers(0)
	case step[0] == opTasks && step.Fits("t*"):
		s.Tasks = step.Rest(0)
	case step[0] == opSource && step.Fits("nt"):
		s.Sources = append(s.Sources, Source{Fd: step.Number(0), Path: step.Text(1)})
	case step[0] == opJoin && step.Fits("nn"):
		s.Joins = append(s.Joins, Join{Fd: step.Number(0), Type: step.Number(1)})
	default:
		return false
	}

	return true
}

// Release closes the descriptors that only the child needed.
func (s *Spawn) Release() {
	all := append([]int{s.Exe, s.Sync, s.CgroupFd}, s.Files...)
	for _, join := range s.Joins {
		all = append(all, join.Fd)
	}

	for _, fd := range all {
		if fd > 2 {
			syscall.Close(fd)
		}
	}
}
