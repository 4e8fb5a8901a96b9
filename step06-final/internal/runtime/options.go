package runtime

import (
	"os"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// Runtime is a directory that holds one directory for each container: its state, its configuration,
// its start socket.
type Runtime struct {
	Root  string
	Debug func(format string, args ...interface{}) // gets every kernel operation, in order; may be nil
	Warn  func(format string, args ...interface{}) // gets what was left out; may be nil

	SystemdCgroup bool         // new containers get a scope of systemd, and linux.cgroupsPath is SLICE:PREFIX:NAME
	Scopes        ScopeManager // nil: containers in scopes can be neither made nor deleted

	CgroupOptional bool // an ordinary user's container may go without the cgroup that linux.cgroupsPath names
}

// CreateOptions say how a container is made.
type CreateOptions struct {
	ID     string
	Bundle string      // directory; Spec.Root.Path is relative to it
	Spec   *specs.Spec // nil: read Bundle/config.json
	// Spec as JSON, if the caller has it: writing it again takes longer than a system call or two.
	// May be nil
	Config []byte

	Stdin, Stdout, Stderr *os.File // nil: /dev/null. Not used when Process.Terminal is set
	ConsoleSocket         string   // unix socket that gets the pty master (Process.Terminal without a Supervisor)
	PidFile               string   // gets init's pid
	PidfdSocket           string   // unix socket that gets a pidfd of init
	PreserveFDs           int      // that many descriptors from 3 on are passed on to init
	NoPivot               bool     // MS_MOVE + chroot instead of pivot_root (root on an initramfs)

	Supervisor *SupervisorOptions // nil: init is a child of the caller, who waits with WaitInit
}

// SupervisorOptions ask for a small process that outlives the caller, is init's parent and keeps
// log and exit code.
type SupervisorOptions struct {
	// "" = no log. Lines as in the kubelet's log format: `<RFC3339Nano UTC> <stdout|stderr> <F|P>
	// <bytes>\n`
	LogPath     string
	LogMaxSize  int64 // bytes; a bigger file is renamed to LogPath.1 (.1 to .2 …) and begun anew. 0 = never
	LogMaxFiles int   // files kept, the current one included; at least 1

	// "<exit status> <unix nanoseconds>" and blanks, atomically when init has ended; its room is
	// kept from the start
	ExitPath string
	PidPath  string // "<pid> <start time in clock ticks after boot>\n" of the supervisor

	AttachSocket string   // unix stream socket for attach (see AttachFrame), "" = none
	OpenStdin    bool     // init's stdin is a pipe (or the terminal) fed from AttachSocket; false: /dev/null
	StdinOnce    bool     // close init's stdin when the first attached client ends its input
	Terminal     bool     // the supervisor holds the pty master (Process.Terminal must be set too)
	OnExit       []string // argv executed (absolute path) after the exit file is written; empty: none
	OnExitEnv    []string
	// A file on which clients hold a shared flock(2): OnExit waits for them, a second at most, and
	// is not executed when they have removed the file. "" = OnExit waits for no one.
	Holders string

	Hold []int // descriptors that stay open as long as the supervisor lives

	HealthInterval time.Duration // between two health checks; 0: none
	HealthCommand  []string      // argv that makes one check, with OnExitEnv
}

// ExecOptions describe one more process in a running container.
type ExecOptions struct {
	Process               *specs.Process
	Stdin, Stdout, Stderr *os.File // nil: /dev/null
	// unix socket that gets the pty master when Process.Terminal is set; "": see Process.Terminal
	ConsoleSocket string
	PidFile       string
	PidfdSocket   string   // unix socket that gets a pidfd of the process
	Cgroups       []string // [CONTROLLER[,CONTROLLER…]:]PATH below the container's cgroup
	PreserveFDs   int
	IgnorePaused  bool // do not refuse a paused container; Exec returns when it is resumed
}
