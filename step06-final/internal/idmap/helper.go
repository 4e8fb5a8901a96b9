package idmap

import (
	"bytes"
	"fmt"
	"os/exec"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// WriteByHelper has a set-uid program, newuidmap(1) or newgidmap(1), write the map of a process. It
// may write what /etc/subuid and /etc/subgid allow.
func WriteByHelper(program string, pid int, mappings []specs.LinuxIDMapping) error {
	path, err := exec.LookPath(program)
	if err != nil {
		return fmt.Errorf("%s is not installed (package uidmap or shadow-utils), "+
			"and without it an ordinary user can map only the own id", program)
	}

	arguments := []string{fmt.Sprint(pid)}
	for _, m := range mappings {
		arguments = append(arguments, fmt.Sprint(m.ContainerID), fmt.Sprint(m.HostID), fmt.Sprint(m.Size))
	}
	if out, err := exec.Command(path, arguments...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s (see /etc/subuid and /etc/subgid)", program, err, bytes.TrimSpace(out))
	}
	return nil
}
