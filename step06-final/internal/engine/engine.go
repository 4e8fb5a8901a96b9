// Package engine is what docker calls the daemon, without the daemon: each command is a process
// that reads the state, asks the kernel what is true, does its work under the container's lock, and
// ends. What must outlive it (log, exit status, restart) is done by the supervisor of package
// runtime and, at a container's end, by Exited.
//
// Chapter: docs/zh/08-step06-engine.md.
//
// Data flows one way: flags and image config → spec.Build → runtime. This package never touches a
// namespace.
package engine

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"mydocker/step06-final/internal/image"
	"mydocker/step06-final/internal/network"
	"mydocker/step06-final/internal/runtime"
	"mydocker/step06-final/internal/snapshot"
	"mydocker/step06-final/internal/store"
)

// Engine is one data directory and one state directory.
type Engine struct {
	Root  string // images, layers, containers, volumes, networks: survives a reboot
	State string // what is only true until the next boot

	Store     *store.Store
	Images    *image.Store
	Snapshots *snapshot.Driver
	Networks  *network.Manager
	Runtime   *runtime.Runtime

	Debug func(format string, args ...interface{}) // never nil
	// never nil: what the user should know though it is no error
	Warn func(format string, args ...interface{})
}

// Rootless says whether an ordinary user runs the engine.
func Rootless() bool { return os.Geteuid() != 0 }

// DefaultRoot is where data lives without --root.
func DefaultRoot() string {
	if !Rootless() {
		return "/var/lib/mydocker"
	}
	if data := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(data) {
		return filepath.Join(data, "mydocker")
	}
	return filepath.Join(os.Getenv("HOME"), ".local/share/mydocker")
}

// DefaultState is where runtime state lives without --state.
func DefaultState() string {
	if !Rootless() {
		return "/run/mydocker"
	}
	if dir := os.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(dir) {
		if info, err := os.Stat(dir); err == nil && info.IsDir() {
			return filepath.Join(dir, "mydocker")
		}
	}
	return fmt.Sprintf("/tmp/mydocker-%d", os.Geteuid())
}

// Open prepares the engine; root and state are absolute paths.
func Open(root, state string, debug, warn func(string, ...interface{})) (*Engine, error) {
	e := &Engine{Root: root, State: state, Debug: debug, Warn: warn}

	// Containers' users read what is made for them, whatever the umask of the caller is. What is
	// secret has a mode that says so.
	unix.Umask(0o022)
	if err := checkOwner(state); err != nil {
		return nil, err
	}

	var err error
	if e.Store, err = store.Open(root, state); err != nil {
		return nil, err
	}
	if err := guardVolumes(filepath.Join(root, "volumes")); err != nil {
		return nil, err
	}

	if e.Images, err = image.Open(root); err != nil {
		return nil, err
	}
	if e.Snapshots, err = snapshot.Open(root, filepath.Join(root, "layers")); err != nil {
		return nil, err
	}
	if e.Networks, err = network.Open(root, state); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Join(state, "attach"), 0o700); err != nil {
		return nil, fmt.Errorf("prepare the engine's directories: %w", err)
	}

	e.Runtime = &runtime.Runtime{Root: filepath.Join(state, "runtime"), Debug: debug, CgroupOptional: true}
	return e, nil
}

// checkOwner refuses a state directory in /tmp that another user has made for us.
func checkOwner(state string) error {
	info, err := os.Lstat(state)
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look at the state directory: %w", err)
	}
	if !info.IsDir() || ownerOf(info) != os.Geteuid() {
		return fmt.Errorf("state directory %s is not a directory of yours; name another with --state", state)
	}
	return nil
}

var bootID struct {
	once sync.Once
	text string
}

// BootID changes with every boot: random(4), /proc/sys/kernel/random/boot_id.
func BootID() string {
	bootID.once.Do(func() { bootID.text = readBootID() })
	return bootID.text
}

func readBootID() string {
	data, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(data))
}
