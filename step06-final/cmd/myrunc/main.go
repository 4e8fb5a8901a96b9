// Command myrunc is an OCI runtime: the command line of runc on the packages that the engine uses.
// Podman, containerd and Kubernetes can drive it (docs/zh/08-step06-oci.md).
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"mydocker/step06-final/internal/runtime"
	"mydocker/step06-final/internal/systemd"
)

// command is one subcommand. The flags are those of runc. There is no framework for this command
// line: it is started for every container, and package flag costs nothing.
type command struct {
	name    string
	usage   string
	summary string
	minArgs int
	maxArgs int
	run     func(c *context, flags *flag.FlagSet) (exitCode int, err error)
	flags   func(flags *flag.FlagSet)
}

// context is what the global options say.
type context struct {
	runtime   *runtime.Runtime
	logPath   string
	logFormat string
	debug     bool
}

const unlimited = 1 << 30 // arguments, for a command line of the user's own

func commands() []command {
	return []command{
		{"create", "create [options] ID", "make a container; its program waits for start", 1, 1, createCommand,
			createFlags},
		{"start", "start ID", "let the program of a created container run", 1, 1, startCommand, noFlags},
		{"state", "state ID", "print the state of a container", 1, 1, stateCommand, noFlags},
		{"kill", "kill [options] ID [SIGNAL]", "send a signal to a container's init (SIGTERM)", 1, 2, killCommand,
			killFlags},
		{"delete", "delete [options] ID", "remove a stopped container", 1, 1, deleteCommand, deleteFlags},
		{"exec", "exec [options] ID COMMAND [ARG...]", "start one more process in a container", 1, unlimited,
			execCommand, execFlags},
		{"run", "run [options] ID", "create and start a container", 1, 1, runCommand, runFlags},
		{"list", "list [options]", "list the containers", 0, 0, listCommand, listFlags},
		{"ps", "ps [options] ID [PS-OPTIONS]", "list the processes of a container", 1, unlimited, psCommand, psFlags},
		{"pause", "pause ID", "stop all processes of a container for a while", 1, 1, pauseCommand, noFlags},
		{"resume", "resume ID", "let the processes of a paused container go on", 1, 1, resumeCommand, noFlags},
		{"update", "update [options] ID", "change the limits of a container", 1, 1, updateCommand, updateFlags},
		{"events", "events [options] ID", "print counters and events of a container", 1, 1, eventsCommand, eventsFlags},
		{"spec", "spec [options]", "write a config.json to begin with", 0, 0, specCommand, specFlags},
		{"features", "features [options]", "print what this runtime can do", 0, 0, featuresCommand, featuresFlags},
		{"checkpoint", "checkpoint ID", "not supported: this runtime has no CRIU", 1, 1, noCheckpoint, noFlags},
		{"restore", "restore ID", "not supported: this runtime has no CRIU", 1, 1, noCheckpoint, noFlags},
	}
}

func noCheckpoint(*context, *flag.FlagSet) (int, error) {
	return 1, errors.New("checkpoint and restore are not supported: use runc or crun with CRIU for them")
}

func noFlags(*flag.FlagSet) {}

func main() {
	c := &context{runtime: &runtime.Runtime{Scopes: &systemd.Manager{}}}
	code, err := c.main(os.Args[1:])
	if err != nil {
		c.report("error", err.Error())
		fmt.Fprintln(os.Stderr, "myrunc: "+err.Error())
		if code == 0 {
			code = 1
		}
	}
	os.Exit(code)
}

// main parses the global options, then those of the command.
func (c *context) main(arguments []string) (int, error) {
	global := newFlags("myrunc")
	version := global.Bool("version", false, "print the version")
	global.BoolVar(version, "v", false, "print the version")
	global.StringVar(&c.runtime.Root, "root", defaultRoot(), "directory for the state of containers")
	global.StringVar(&c.logPath, "log", "", "write errors and warnings to this file too")
	global.StringVar(&c.logFormat, "log-format", "text", "format of the log: text or json")
	global.BoolVar(&c.debug, "debug", false, "log every kernel operation, in order")
	global.BoolVar(&c.runtime.SystemdCgroup, "systemd-cgroup", false,
		"have systemd make cgroups: linux.cgroupsPath is SLICE:PREFIX:NAME")
	global.String("rootless", "auto", "accepted for compatibility with runc: an ordinary user is recognised anyway")
	global.String("criu", "", "accepted for compatibility with runc; there is no checkpoint")
	err := global.Parse(arguments)
	if errors.Is(err, flag.ErrHelp) {
		usage(os.Stdout, global)
		return 0, nil
	}

	if err != nil {
		return 1, fmt.Errorf("%w (`myrunc --help` lists the options)", err)
	}
	if c.logFormat != "text" && c.logFormat != "json" {
		return 1, fmt.Errorf("--log-format %q: must be text or json", c.logFormat)
	}

	c.runtime.Warn = func(format string, a ...interface{}) { c.report("warning", fmt.Sprintf(format, a...)) }
	if c.debug {
		c.runtime.Debug = func(format string, a ...interface{}) { c.report("debug", fmt.Sprintf(format, a...)) }
	}

	if *version {
		fmt.Printf("myrunc version 1.0.0\ncommit: %s\nspec: %s\n", revision(), runtime.SpecVersion)
		return 0, nil
	}
	if global.NArg() == 0 || global.Arg(0) == "help" {
		usage(os.Stdout, global)
		return 0, nil
	}

	if c.runtime.Root == sharedRoot() {
		if err := makeOwn(c.runtime.Root); err != nil {
			return 1, err
		}
	}
	return c.dispatch(global.Arg(0), global.Args()[1:])
}

func (c *context) dispatch(name string, arguments []string) (int, error) {
	for _, command := range commands() {
		if command.name != name {
			continue
		}

		flags := newFlags(name)
		command.flags(flags)
		err := parse(flags, arguments, command.maxArgs < unlimited)
		if errors.Is(err, flag.ErrHelp) {
			printHelp(os.Stdout, command.name+" - "+command.summary, command.usage, nil, flags)
			return 0, nil
		}
		if err != nil {
			return 1, fmt.Errorf("%s: %w (`myrunc %s --help` lists the options)", name, err, name)
		}

		if flags.NArg() < command.minArgs || flags.NArg() > command.maxArgs {
			return 1, fmt.Errorf("usage: myrunc %s", command.usage)
		}
		return command.run(c, flags)
	}

	return 1, fmt.Errorf("unknown command %q: No help topic for '%s' (`myrunc --help` lists the commands)", name, name)
}

// parse reads options before the arguments, and also behind them where no command line of the
// user's own follows.
func parse(flags *flag.FlagSet, arguments []string, mixed bool) error {
	var positional []string
	for {
		if err := flags.Parse(arguments); err != nil {
			return err
		}
		if !mixed || flags.NArg() == 0 || endedByDashes(arguments, flags.NArg()) {
			break
		}
		positional = append(positional, flags.Arg(0))
		arguments = flags.Args()[1:]
	}
	return flags.Parse(append(append([]string{"--"}, positional...), flags.Args()...))
}

// endedByDashes says whether the arguments that are left stand behind a "--".
func endedByDashes(arguments []string, left int) bool {
	i := len(arguments) - left - 1
	return i >= 0 && arguments[i] == "--"
}

func newFlags(name string) *flag.FlagSet {
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	flags.SetOutput(io.Discard) // errors are reported once, by main
	flags.Usage = func() {}
	return flags
}

func usage(w io.Writer, global *flag.FlagSet) {
	printHelp(w, "- Open Container Initiative runtime", "[global options] COMMAND [options] [arguments]",
		commands(), global)
}

// printHelp has the form of runc's help.
func printHelp(w io.Writer, title, usage string, commands []command, flags *flag.FlagSet) {
	fmt.Fprintf(w, "NAME:\n   myrunc %s\n\nUSAGE:\n   myrunc %s\n", title, usage)
	if commands != nil {
		fmt.Fprintln(w, "\nCOMMANDS:")
	}
	for _, command := range commands {
		fmt.Fprintf(w, "   %-36s %s\n", command.usage, command.summary)
	}
	fmt.Fprintln(w, "\nOPTIONS:")
	flags.SetOutput(w)
	flags.PrintDefaults()
}

// revision is the commit that the binary was built from, as the go command has noted it.
func revision() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, setting := range info.Settings {
			if setting.Key == "vcs.revision" {
				return setting.Value
			}
		}
	}
	return "unknown"
}

// defaultRoot is /run/myrunc, and for an ordinary user a directory of the session. Podman starts us
// as root of the user's own user namespace.
func defaultRoot() string {
	session := os.Getenv("XDG_RUNTIME_DIR")
	user := os.Geteuid() != 0
	if !user && session != "" && os.Getenv("USER") != "root" {
		user = runtime.InUserNamespace()
	}

	switch {
	case !user:
		return "/run/myrunc"
	case session != "":
		return session + "/myrunc"
	}
	return sharedRoot()
}

// sharedRoot is where the state of an ordinary user without a session's directory is: in /tmp,
// where anybody may make a directory.
func sharedRoot() string { return fmt.Sprintf("/tmp/myrunc-%d", os.Geteuid()) }

// makeOwn makes a directory that only its user can enter, or makes sure that it is one: whoever
// could write the state of a container could have the user run hooks.
func makeOwn(directory string) error {
	if err := os.Mkdir(directory, 0o700); err != nil && !os.IsExist(err) {
		return fmt.Errorf("make the state directory: %w (choose another one with --root)", err)
	}
	info, err := os.Lstat(directory)
	if err != nil {
		return fmt.Errorf("make the state directory: %w (choose another one with --root)", err)
	}
	owner := info.Sys().(*syscall.Stat_t).Uid
	if !info.IsDir() || int(owner) != os.Geteuid() || info.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf(
			"the state directory %s is not a directory of this user's alone (owner %d, %s): set XDG_RUNTIME_DIR, or choose another one with --root",
			directory, owner, info.Mode())
	}
	return nil
}

// report writes a message to the log file, in the form that logrus has made the custom: containerd
// and Podman read the last line to tell their user what went wrong. Without a file, warnings and
// debug messages go to standard error.
func (c *context) report(level, message string) {
	now := time.Now().Format(time.RFC3339)
	line := fmt.Sprintf("time=%q level=%s msg=%q\n", now, level, message)
	if c.logFormat == "json" {
		data, err := json.Marshal(map[string]string{"level": level, "msg": message, "time": now})
		if err != nil {
			data = []byte(err.Error())
		}

		line = string(data) + "\n"
	}

	if c.logPath == "" {
		if level != "error" { // main prints errors
			io.WriteString(os.Stderr, line)
		}
		return
	}

	f, err := os.OpenFile(c.logPath, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err == nil {
		_, err = f.WriteString(line)
		if closeErr := f.Close(); err == nil {
			err = closeErr
		}
	}

	if err != nil {
		fmt.Fprintf(os.Stderr, "myrunc: write the log: %v\n%s", err, line)
	}
}

// stringList is a flag that may be given several times.
type stringList []string

func (l *stringList) String() string     { return strings.Join(*l, ",") }
func (l *stringList) Set(s string) error { *l = append(*l, s); return nil }

// value reads a flag that was defined on the set.
func value(flags *flag.FlagSet, name string) interface{} {
	return flags.Lookup(name).Value.(flag.Getter).Get()
}

func text(flags *flag.FlagSet, name string) string { return value(flags, name).(string) }
func truth(flags *flag.FlagSet, name string) bool  { return value(flags, name).(bool) }
func number(flags *flag.FlagSet, name string) int  { return value(flags, name).(int) }
