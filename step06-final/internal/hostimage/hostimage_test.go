package hostimage

import (
	"archive/tar"
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"mydocker/step06-final/internal/layer"
)

func TestWrite(t *testing.T) {
	for name, o := range map[string]Options{"default": {}, "host tools": {HostTools: true}} {
		t.Run(name, func(t *testing.T) {
			var first, second bytes.Buffer
			madeOf, err := Write(&first, o)
			require.NoError(t, err)
			t.Log("made of", madeOf)
			_, err = Write(&second, o)
			require.NoError(t, err)
			require.True(t, bytes.Equal(first.Bytes(), second.Bytes()), "the same host gives the same bytes")
			for r := tar.NewReader(bytes.NewReader(first.Bytes())); ; {
				h, err := r.Next()
				if err == io.EOF {
					break
				}
				require.NoError(t, err)
				require.Zero(t, h.Uid)
				require.False(t, strings.HasPrefix(h.Name, "/"), h.Name)
			}

			if os.Getuid() != 0 {
				t.Skip("needs root: running the image's shell needs chroot(2)")
			}
			root := t.TempDir()
			_, err = layer.Unpack(context.Background(), root, &first, layer.Options{Whiteouts: layer.Plain})
			require.NoError(t, err)

			// Nothing of the host is in reach: what runs has all its libraries.
			cmd := &exec.Cmd{Path: "/bin/sh",
				Args: []string{"sh", "-c",
					"ls / | grep -q tmp && env | sort | head -n 1 && cat /etc/passwd | wc -l && /usr/bin/env true && echo ok"},
				Dir: "/", Env: []string{"PATH=" + Path}, SysProcAttr: &syscall.SysProcAttr{Chroot: root}}
			out, err := cmd.CombinedOutput()
			require.NoError(t, err, string(out))
			require.Contains(t, string(out), "ok")
			info, err := os.Stat(root + "/tmp")
			require.NoError(t, err)
			require.Equal(t, os.ModeDir|os.ModeSticky|0777, info.Mode())
		})
	}
}

// The libraries that we find are those that the loader itself would take.
func TestNeededAgreesWithLdd(t *testing.T) {
	program, err := exec.LookPath("ls")
	require.NoError(t, err)
	out, err := exec.Command("ldd", program).Output()
	if err != nil {
		t.Skip("no ldd here, or ls is static: ", err)
	}

	libraries, err := needed(program)
	require.NoError(t, err)
	same := func(path string) string {
		real, err := filepath.EvalSymlinks(path)
		require.NoError(t, err)
		return real
	}
	got := map[string]bool{}
	for _, library := range libraries {
		got[same(library)] = true
	}

	for _, field := range strings.Fields(string(out)) {
		if filepath.IsAbs(field) {
			require.True(t, got[same(field)], "%s is missing from %v", field, libraries)
		}
	}
}

func TestScriptsAndGarbage(t *testing.T) {
	script := t.TempDir() + "/script"
	require.NoError(t, os.WriteFile(script, []byte("#!/bin/sh\n"), 0755))
	libraries, err := needed(script)
	require.NoError(t, err)
	require.Empty(t, libraries)
	_, err = needed(script + "-not-there")
	require.Error(t, err)
	cut := t.TempDir() + "/cut"
	require.NoError(t, os.WriteFile(cut, []byte("\x7fELF\x02\x01\x01"), 0755))
	_, err = isStatic(cut)
	require.Error(t, err)
}
