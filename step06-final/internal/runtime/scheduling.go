package runtime

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
	"unsafe"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"mydocker/step06-final/internal/containerinit"
)

// planScheduling plans process.scheduler, ioPriority and linux.memoryPolicy.
func (p *planner) planScheduling(process *specs.Process) error {
	if s := process.Scheduler; s != nil && (!p.inside || inherited(s)) {
		attr, err := schedAttr(s)
		if err != nil {
			return err
		}

		p.add(containerinit.Scheduler(attr))
	}

	if o := process.IOPriority; o != nil {
		class, ok := map[specs.IOPriorityClass]int{specs.IOPRIO_CLASS_RT: 1, specs.IOPRIO_CLASS_BE: 2,
			specs.IOPRIO_CLASS_IDLE: 3}[o.Class]
		if !ok {
			return fieldError("process.ioPriority.class", "%q is unknown", o.Class)
		}
		if o.Priority < 0 || o.Priority > 7 {
			return fieldError("process.ioPriority.priority", "%d is not between 0 and 7", o.Priority)
		}

		p.add(containerinit.IOPriority(class<<13 | o.Priority)) // IOPRIO_PRIO_VALUE, ioprio_set(2)
	}

	if m := p.spec.Linux.MemoryPolicy; m != nil {
		return p.planMemoryPolicy(m)
	}
	return nil
}

// inherited says whether a process that is forked has the scheduler of who forks it. With
// SCHED_DEADLINE it has not: nobody may fork then, unless the flag says that the other one begins
// anew (sched(7)).
func inherited(s *specs.Scheduler) bool {
	for _, f := range s.Flags {
		if f == specs.SchedFlagResetOnFork {
			return false
		}
	}
	return s.Policy != specs.SchedDeadline
}

// setSchedulerOfProgram gives the program, which has been forked into the container, what it has
// not inherited. It may have begun.
func (e *execution) setSchedulerOfProgram() error {
	s := e.process.Scheduler
	if s == nil || inherited(s) {
		return nil
	}

	attr, err := schedAttr(s)
	if err != nil {
		return err
	}
	_, _, errno := unix.RawSyscall(unix.SYS_SCHED_SETATTR, uintptr(e.program), uintptr(unsafe.Pointer(&attr[0])), 0)
	if errno != 0 && errno != unix.ESRCH {
		return fieldError("process.scheduler", "%w", errno)
	}
	return nil
}

// planAffinity lets the process run on the processors of a list, or on all that its cpuset has:
// what the caller is bound to (taskset(1)) is not the container's.
func (p *planner) planAffinity(affinity *specs.CPUAffinity) error {
	if affinity != nil && affinity.Initial != "" {
		mask, err := bitSet(affinity.Initial)
		if err != nil {
			return fieldError("process.execCPUAffinity.initial", "%v", err)
		}
		p.add(containerinit.CPUAffinity(mask))
	}

	if affinity == nil || affinity.Final == "" {
		p.add(containerinit.CPUAffinity(bytes.Repeat([]byte{0xff}, 128)))
		return nil
	}
	mask, err := bitSet(affinity.Final)
	if err != nil {
		return fieldError("process.execCPUAffinity.final", "%v", err)
	}
	p.add(containerinit.CPUAffinity(mask))
	return nil
}

// schedAttr is struct sched_attr of sched_setattr(2).
func schedAttr(s *specs.Scheduler) ([]byte, error) {
	policy, ok := map[specs.LinuxSchedulerPolicy]uint32{specs.SchedOther: 0, specs.SchedFIFO: 1, specs.SchedRR: 2,
		specs.SchedBatch: 3, specs.SchedISO: 4, specs.SchedIdle: 5, specs.SchedDeadline: 6}[s.Policy]
	if !ok {
		return nil, fieldError("process.scheduler.policy", "%q is unknown", s.Policy)
	}

	known := map[specs.LinuxSchedulerFlag]uint64{specs.SchedFlagResetOnFork: 1, specs.SchedFlagReclaim: 2,
		specs.SchedFlagDLOverrun:  4,
		specs.SchedFlagKeepPolicy: 8, specs.SchedFlagKeepParams: 16, specs.SchedFlagUtilClampMin: 32,
		specs.SchedFlagUtilClampMax: 64}
	var flags uint64
	for i, f := range s.Flags {
		bit, ok := known[f]
		if !ok {
			return nil, fieldError(fmt.Sprintf("process.scheduler.flags[%d]", i), "%q is unknown", f)
		}

		flags |= bit
	}

	attr := make([]byte, 48)
	order := binary.LittleEndian // of both architectures that this program is built for
	order.PutUint32(attr[0:], uint32(len(attr)))
	order.PutUint32(attr[4:], policy)
	order.PutUint64(attr[8:], flags)
	order.PutUint32(attr[16:], uint32(s.Nice))
	order.PutUint32(attr[20:], uint32(s.Priority))
	order.PutUint64(attr[24:], s.Runtime)
	order.PutUint64(attr[32:], s.Deadline)
	order.PutUint64(attr[40:], s.Period)
	return attr, nil
}

// planMemoryPolicy plans set_mempolicy(2).
func (p *planner) planMemoryPolicy(m *specs.LinuxMemoryPolicy) error {
	mode, ok := map[specs.MemoryPolicyModeType]int{specs.MpolDefault: 0, specs.MpolPreferred: 1,
		specs.MpolBind: 2, specs.MpolInterleave: 3,
		specs.MpolLocal: 4, specs.MpolPreferredMany: 5, specs.MpolWeightedInterleave: 6}[m.Mode]
	if !ok {
		return fieldError("linux.memoryPolicy.mode", "%q is unknown", m.Mode)
	}

	for i, f := range m.Flags {
		bit, ok := map[specs.MemoryPolicyFlagType]int{specs.MpolFNumaBalancing: 1 << 13,
			specs.MpolFRelativeNodes: 1 << 14, specs.MpolFStaticNodes: 1 << 15}[f]
		if !ok {
			return fieldError(fmt.Sprintf("linux.memoryPolicy.flags[%d]", i), "%q is unknown", f)
		}

		mode |= bit
	}

	nodes, err := bitSet(m.Nodes)
	if err != nil {
		return fieldError("linux.memoryPolicy.nodes", "%v", err)
	}

	p.add(containerinit.MemoryPolicy(mode, nodes))
	return nil
}

// bitSet reads a list such as "0-3,7" (cpuset(7), list format) into the bytes of a mask.
func bitSet(list string) ([]byte, error) {
	if list == "" {
		return nil, nil
	}

	mask := make([]byte, 128)

	for _, part := range strings.Split(list, ",") {
		bounds := strings.SplitN(strings.TrimSpace(part), "-", 2)
		first, err := strconv.ParseUint(bounds[0], 10, 16)
		if err != nil {
			return nil, fmt.Errorf("%q is not a list of numbers such as 0-3,7", list)
		}

		last := first
		if len(bounds) == 2 {
			if last, err = strconv.ParseUint(bounds[1], 10, 16); err != nil {
				return nil, fmt.Errorf("%q is not a list of numbers such as 0-3,7", list)
			}
		}
		if last < first || last >= uint64(len(mask)*8) {
			return nil, fmt.Errorf("%q: %s is not a range below %d", list, part, len(mask)*8)
		}

		for n := first; n <= last; n++ {
			mask[n/8] |= 1 << (n % 8)
		}
	}

	return mask, nil
}
