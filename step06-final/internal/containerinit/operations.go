package containerinit

import (
	"syscall"

	"mydocker/step06-final/internal/reexec"
)

// operation is one kind of step. Its name, the function by which package runtime plans it and the
// one that performs it stand together, in the file of its subject.
type operation struct {
	name    string
	kinds   string                        // of its arguments, see reexec.Step.Fits
	object  func(step reexec.Step) string // what an error is about
	perform func(*initProcess, reexec.Step) error
}

// operations are all kinds of steps, by subject.
var operations = [...][]operation{
	processOperations, rootOperations, mountOperations, deviceOperations, maskOperations, hookOperations,
	streamOperations, rightsOperations, programOperations,
}

func findOperation(name string) *operation {
	for _, subject := range operations {
		for i := range subject {
			if subject[i].name == name {
				return &subject[i]
			}
		}
	}
	return nil
}

// perform does one step. One that is unknown, or whose arguments cannot be read, ends the
// container.
func (p *initProcess) perform(step reexec.Step) {
	o := findOperation(step[0])
	if o == nil {
		p.fail(step[0], first(step), syscall.ENOSYS)
	}
	if !step.Fits(o.kinds) {
		p.fail("", "read the plan: "+step[0], syscall.EINVAL)
	}
	if err := o.perform(p, step); err != nil {
		p.fail(o.name, o.object(step), err)
	}
}

func none(reexec.Step) string { return "" }

func first(step reexec.Step) string {
	if len(step) < 2 {
		return ""
	}
	return step.Text(0)
}

func second(step reexec.Step) string { return step.Text(1) }
