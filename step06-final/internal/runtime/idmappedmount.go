package runtime

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"mydocker/step06-final/internal/idmap"
)

// idmappedTree makes a detached bind mount that shows the files with other owners
// (mount_setattr(2), MOUNT_ATTR_IDMAP, Linux 5.12; not every file system can do it). The mapping is
// taken from a user namespace, which needs a process for as long as it takes to open it.
func idmappedTree(source string, o mountOptions, m specs.Mount, linux *specs.Linux) (*os.File, error) {
	mapping := &specs.Linux{UIDMappings: m.UIDMappings, GIDMappings: m.GIDMappings}
	if len(m.UIDMappings) == 0 {
		mapping.UIDMappings = linux.UIDMappings
	}
	if len(m.GIDMappings) == 0 {
		mapping.GIDMappings = linux.GIDMappings
	}
	if len(mapping.UIDMappings) == 0 || len(mapping.GIDMappings) == 0 {
		return nil, errors.New("option idmap needs uidMappings and gidMappings, here or in linux")
	}

	namespace, err := namespaceWith(mapping)
	if err != nil {
		return nil, err
	}
	defer namespace.Close()
	flags := uint(unix.OPEN_TREE_CLONE | unix.OPEN_TREE_CLOEXEC)
	attrFlags := uint(unix.AT_EMPTY_PATH)
	if o.flags&unix.MS_REC != 0 {
		flags |= unix.AT_RECURSIVE
	}

	if o.ridmap {
		attrFlags |= unix.AT_RECURSIVE
	}

	fd, err := unix.OpenTree(unix.AT_FDCWD, source, flags)
	if err != nil {
		return nil, fmt.Errorf("open_tree %s: %w (idmapped mounts need Linux 5.12)", source, err)
	}

	tree := os.NewFile(uintptr(fd), source)
	attr := unix.MountAttr{Attr_set: unix.MOUNT_ATTR_IDMAP, Userns_fd: uint64(namespace.Fd())}
	if err := unix.MountSetattr(fd, "", attrFlags, &attr); err != nil {
		tree.Close()
		return nil, fmt.Errorf("mount_setattr %s: %w (the file system must support idmapped mounts)", source, err)
	}
	return tree, nil
}

// namespaceWith makes a user namespace with these mappings and returns it opened.
func namespaceWith(mapping *specs.Linux) (*os.File, error) {
	convert := func(list []specs.LinuxIDMapping) []syscall.SysProcIDMap {
		var out []syscall.SysProcIDMap
		for _, m := range list {
			out = append(out, syscall.SysProcIDMap{
				ContainerID: int(m.ContainerID), HostID: int(m.HostID), Size: int(m.Size)})
		}
		return out
	}

	// A stopped child of ours: PTRACE_TRACEME stops it at its execve, before it does anything.
	command := exec.Command("/proc/self/exe")
	command.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWUSER, Ptrace: true, Pdeathsig: syscall.SIGKILL,
		UidMappings: convert(mapping.UIDMappings), GidMappings: convert(mapping.GIDMappings),
		GidMappingsEnableSetgroups: true,
	}
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("make a user namespace for the mapping: %w", idmap.Explain(err))
	}

	namespace, err := os.Open(fmt.Sprintf("/proc/%d/ns/user", command.Process.Pid))
	if killErr := command.Process.Kill(); err == nil && killErr != nil {
		err = killErr
	}

	_ = command.Wait() // killed: its status says nothing
	if err != nil {
		return nil, fmt.Errorf("make a user namespace for the mapping: %w", err)
	}
	return namespace, nil
}
