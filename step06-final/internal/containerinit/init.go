// Package containerinit is PID 1 of a container before the container's program takes its place, and
// likewise a process that joins a running container.
//
// Package runtime has decided everything beforehand. What there is to do arrives as a plan, a list
// of steps, each a name and its arguments: the process performs them in order, reports the first
// that fails as "step: object: errno", and executes the container's program as the last one.
//
// Chapters: docs/zh/09-runtime.md (the plan), docs/zh/09-mounts.md.
package containerinit

import (
	"syscall"

	"mydocker/step06-final/internal/reexec"
	"mydocker/step06-final/internal/sys"
)

// The doors of this package: a process that was started as a container's init, or to join a
// container, never comes back from here.
func init() {
	switch stage, parent := reexec.Stage(); stage {
	case reexec.StageInit:
		runInit(parent)
	case reexec.StageExec:
		if err := syscall.Chdir("/"); err != nil { // see execve in reexec/spawn.go
			reexec.Die("mydocker: chdir /: " + err.Error())
		}
		runInit(parent)
	}
}

// initProcess is what the init of a container (and a process that joins one) remembers between
// steps.
type initProcess struct {
	sync      int           // messages to and from the parent; from the start on, to and from the starter
	last      int           // the highest descriptor that the parent gave
	root      root          // the container's root, until it is entered
	null      int           // the container's own /dev/null to cover files with, -1 until it is needed
	emptyDir  int           // an empty read-only directory to cover directories with, -1 until one is needed
	fileStage int           // see stage.go, -1 while there is none
	states    []reexec.Step // for hooks: the container's state, as JSON; the first one until the start

	rootParent int // the directory that the root is in
	rootName   string

	arguments []string
	env       []string
	path      string // of the program to execute

	effective    uint64 // capabilities that the program is looked up with
	pidNamespace int    // to fork the program into: see inside.go, -1 if there is none
	filter       []byte // of seccomp, for the program alone
	filterFlags  uintptr

	inCwd      bool // the working directory has been entered
	hasConsole bool // the standard streams are a terminal of the container's own
}

// runInit receives the plan and performs it, step by step. It never returns.
func runInit(sync int) {
	resetIgnoredSignals()
	p := &initProcess{sync: sync, last: sync, root: root{fd: -1}, null: -1, pidNamespace: -1, emptyDir: -1,
		fileStage: -1}

	// Nobody inside of the container may look into this process before it has become the
	// container's own (ptrace(2)).
	if err := sys.Prctl(sys.PrSetDumpable, 0); err != nil {
		p.fail("prctl PR_SET_DUMPABLE", err)
	}

	if err := sys.CloseFrom(sync + 1); err != nil {
		p.fail("close inherited descriptors", err)
	}

	for fd := 3; fd <= sync; fd++ {
		syscall.CloseOnExec(fd) // hooks must not get them
	}

	syscall.Umask(0)
	kind, payload, err := reexec.ReceiveMessage(sync)
	if err != nil || kind != reexec.MsgPlan {
		syscall.Exit(1) // the parent has ended
	}

	plan, ok := reexec.Decode(payload)
	if !ok {
		p.fail("read the plan", syscall.EPROTO)
	}

	for _, step := range plan {
		p.perform(step)
	}

	p.fail("plan", syscall.ENOEXEC) // the last step executes the container's program
}

// fail reports the first error and ends.
func (p *initProcess) fail(step string, err error) {
	errno, ok := err.(syscall.Errno)
	if source, is := err.(*sourceError); is {
		errno, ok = source.err.(syscall.Errno)
	}
	if !ok {
		errno = syscall.EINVAL
	}
	reexec.SendMessage(p.sync, reexec.MsgError, append(sys.AppendUint32(nil, uint32(errno)), step+": "+err.Error()...))
	syscall.Exit(1)
}

// expect waits for the parent's answer.
func (p *initProcess) expect(wanted byte) []byte {
	kind, payload, err := reexec.ReceiveMessage(p.sync)
	if err != nil || kind != wanted {
		syscall.Exit(1) // the parent has ended, or has given up
	}
	return payload
}

// perform does one step. The names and arguments are made in internal/runtime/plan.go.
func (p *initProcess) perform(step reexec.Step) {
	a := step[1:]
	number := func(i int) int {
		n, ok := sys.Atoi(a[i])
		if !ok {
			p.fail("read the plan: "+step[0]+": "+a[i], syscall.EINVAL)
		}
		return n
	}

	var err error
	object := ""
	if len(a) > 0 {
		object = ": " + a[0]
	}

	switch step[0] {
	// The process.
	case "setsid":
		_, err = syscall.Setsid()
	case "program-inside": // descriptor of a pid namespace
		p.pidNamespace = number(0)
	case "join-pid-namespace": // of what is forked from now on
		err = sys.Call(sys.NrSetns, uintptr(p.pidNamespace), syscall.CLONE_NEWPID, 0, 0, 0)
	case "keyring":
		joinKeyring(a[0])
	case "personality":
		err = sys.Call(syscall.SYS_PERSONALITY, uintptr(number(0)), 0, 0, 0, 0)
	case "scheduler":
		err, object = sys.BytesCall(sys.NrSchedSetattr, 0, []byte(a[0]), 0), ""
	case "io-priority":
		err = sys.Call(syscall.SYS_IOPRIO_SET, 1, 0, uintptr(number(0)), 0, 0)
	case "cpu-affinity":
		err, object = setAffinity([]byte(a[0])), ""

	case "memory-policy":
		err, object = setMemoryPolicy(number(0), []byte(a[1])), ""
	case "sysctl": // name below /proc/sys, value
		err = sys.WriteProc("sys/"+a[0], a[1])
	case "label": // descriptor of the host's /proc, what the next execve is to be confined by
		object = ""
		err = sys.WriteProcAt(number(0), "self/attr/exec", a[1])
		syscall.Close(number(0))
	case "join-cgroup":
		_, err = syscall.Write(number(0), []byte("0"))
		syscall.Close(number(0))
	case "enter-root":
		err = enterRoot(number(0))
	case "join-mount-namespace":
		err = joinMountNamespace(number(0))

	case "new-cgroup-namespace":
		err = sys.Call(syscall.SYS_UNSHARE, sys.CloneNewCgroup, 0, 0, 0, 0)
	case "new-network-loopback":
		err = loopbackUp()

	// Names.
	case "hostname":
		err = syscall.Sethostname([]byte(a[0]))
	case "domainname":
		err = syscall.Setdomainname([]byte(a[0]))

	// The file system, seen from the host's tree.
	case "propagation":
		err = mountPropagation("/", uintptr(number(0)))
	case "rootfs": // path, shared|not-shared: what its mount is now
		err = p.enterRootfs(a[0], a[1] == "shared")
	case "shared-rootfs":
		err = p.shareRootfs(a[0])
	case "mount": // source, destination, type, flags, data, links|no-links: may the destination lead through links
		object = ": " + a[1]
		err = p.mount(a[0], a[1], a[2], uintptr(number(3)), a[4], linksOf(a[5]))
	case "move-mount": // descriptor of a detached mount, destination, links|no-links
		object = ": " + a[1]
		err = p.attachTree(number(0), a[1], linksOf(a[2]))
	case "remount": // destination, flags, flags that the options clear
		err = p.remount(a[0], uintptr(number(1)), uintptr(number(2)))
	case "set-propagation": // destination, flags
		err = p.setPropagation(a[0], uintptr(number(1)))

	case "set-attributes": // destination, set, clear: with everything mounted below
		err = p.setAttributes(a[0], number(1), number(2))

	// source, destination, flags, data, links|no-links: a tmpfs that begins with what the image has
	// there
	case "copy-up":
		object = ": " + a[1]
		err = p.copyUp(a[0], a[1], uintptr(number(2)), a[3], linksOf(a[4]))
	case "directory":
		err = p.makeDirectory(a[0])
	case "device": // path, mode with type, device number, uid, gid
		err = p.makeDevice(a[0], uint32(number(1)), number(2), number(3), number(4))
	case "bind-device": // path: of the host's node and in the container
		err = p.bind(a[0], a[1], false, noLinks)
	case "symlink": // target, path
		object = ": " + a[1]
		err = p.symlink(a[0], a[1])
	case "readonly-root":
		err = remountReadonly(sys.FdName(p.root.fd), p.root.fd)

	case "mask":
		err = p.mask(a[0])
	case "readonly":
		err = p.readonly(a[0])
	case "pivot-root":
		err = p.pivotRoot()
	case "move-root":
		err = p.moveRoot()
	case "chroot":
		err = p.chroot()

	// Talking to the parent.
	case "hooks":
		if err = p.dropFileStage(); err == nil {
			err = p.awaitHooks()
		}
	case "run-hook": // name in errors, path, timeout in seconds or 0, number of arguments, arguments…, environment…
		n := number(3)
		err, object = runHook(a[1], a[4:4+n], a[4+n:], []byte(p.states[0][0]), number(2)), ": "+a[0]+": "+a[1]
	case "limits":
		if err = reexec.SendMessage(p.sync, reexec.MsgLimits, nil); err == nil {
			p.expect(reexec.MsgGo)
		}
	case "ready":
		if err = reexec.SendMessage(p.sync, reexec.MsgReady, nil); err == nil {
			p.expect(reexec.MsgGo)
		}

	case "wait-for-start": // listening socket
		p.waitForStart(number(0))

	// Standard streams.
	case "own-null":
		err = p.replaceNull()
	case "give-streams": // uid
		err = p.giveStreams(number(0))

	// The terminal.
	case "console": // socket, rows, columns, mount on /dev/console or not
		err, object = p.openConsole(number(0), number(1), number(2), a[3] == "mount"), ""

	// What the program may do.
	case "no-new-privileges":
		err = sys.Prctl(sys.PrSetNoNewPrivs, 1)
	case "seccomp": // flags, filter
		err, object = p.seccomp(uintptr(number(0)), []byte(a[1])), ""
	case "seccomp-at-last": // flags, filter
		p.filterFlags, p.filter = uintptr(number(0)), []byte(a[1])
	case "bounding-set": // bits that stay, last capability of this kernel
		err = dropBounding(uint64(number(0)), number(1))
	case "groups":
		err = setGroups(a)
	case "ids": // uid, gid
		err = setIDs(number(0), number(1))
	case "capabilities": // effective, permitted, inheritable, ambient
		p.effective = uint64(number(0))
		err = setCapabilities(p.effective, uint64(number(1)), uint64(number(2)), uint64(number(3)))

	case "umask":
		syscall.Umask(number(0))
	case "chdir": // directory, try|must
		err = p.enterDirectory(a[0], a[1] == "try")

	// The program.
	case "environment":
		p.env = a
	case "home": // uid
		p.setHome(a[0])
	case "program":
		p.arguments = a
		p.path, err = p.lookUp(a[0])
	case "execute":
		object = ": " + p.path
		err = p.execute(number(0))
	default:
		err = syscall.ENOSYS
	}

	if err != nil {
		p.fail(step[0]+object, err)
	}
}

// linksOf reads how the destination of a mount is resolved.
func linksOf(argument string) int {
	if argument == "links" {
		return followLinks
	}
	return noLinks
}
