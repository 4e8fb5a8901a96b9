package main

import (
	"os"
	"testing"
)

func needNamespaces(t *testing.T) {
	if _, err := os.Stat("/proc/self/ns/user"); err != nil {
		t.Skip("this kernel has no user namespaces: ", err)
	}
	if sysctl("user/max_user_namespaces") == "0" {
		t.Skip("user.max_user_namespaces is 0: as root: sysctl -w user.max_user_namespaces=10000")
	}
	if os.Geteuid() != 0 && sysctl("kernel/unprivileged_userns_clone") == "0" {
		t.Skip("kernel.unprivileged_userns_clone is 0: only root may make user namespaces here")
	}
}

func needRoot(t *testing.T) {
	needNamespaces(t)
	if os.Geteuid() != 0 {
		t.Skip("needs root: an ordinary user may map its own id only")
	}
}

func needCgroup(t *testing.T) {
	needNamespaces(t)
	if os.Geteuid() != 0 {
		t.Skip("needs root: an ordinary user has no cgroup of his own")
	}
	if _, err := findCgroup("x"); err != nil {
		t.Skip(err)
	}
}
