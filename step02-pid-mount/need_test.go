package main

import (
	"os"
	"testing"
)

func needNamespaces(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: new namespaces need CAP_SYS_ADMIN in this step")
	}
}
