package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestVolumes(t *testing.T) {
	rootfs := makeRootfs(t)
	source := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(source, "file"), []byte("from the host\n"), 0o644))
	before := tree(t, rootfs)

	stdout, stderr, status := step(t, "run", "--rootfs", rootfs, "-v", source+":/a/b", "--", "sh", "-c",
		"cat /a/b/file; echo back > /a/b/reply")
	require.Equal(t, 0, status, stderr)
	require.Equal(t, "from the host\n", stdout)
	require.FileExists(t, filepath.Join(source, "reply"))

	_, stderr, status = step(t, "run", "--rootfs", rootfs, "-v", source+":/a/b:ro", "--", "touch", "/a/b/no")
	require.Equal(t, 1, status)
	require.Contains(t, stderr, "Read-only")

	stdout, stderr, _ = step(t, "run", "--rootfs", rootfs, "-v", filepath.Join(source, "file")+":/etc/one:ro", "--",
		"cat", "/etc/one")
	require.Equal(t, "from the host\n", stdout, stderr)
	require.Equal(t, before, tree(t, rootfs))

	stdout, stderr, _ = step(t, "run", "-v", source+":/data", "--", "cat", "/data/file")
	require.Equal(t, "from the host\n", stdout, stderr)
}

// An image may hold links that lead out of it. They are followed as the container would follow
// them.
func TestLinksInTheRootfsDoNotLeadOut(t *testing.T) {
	rootfs := makeRootfs(t)
	outside := t.TempDir()
	source := t.TempDir()
	require.NoError(t, os.Symlink(outside, filepath.Join(rootfs, "absolute")))
	require.NoError(t, os.Symlink("../../../../../.."+outside, filepath.Join(rootfs, "relative")))
	for _, link := range []string{"/absolute", "/relative"} {
		_, _, _ = step(t, "run", "--rootfs", rootfs, "-v", source+":"+link+"/x", "--", "true")
		require.Empty(t, tree(t, outside)[1:], "a mount point was made outside")
	}
	require.NoError(t, os.Symlink(outside, filepath.Join(rootfs, "proc")))
	_, _, _ = step(t, "run", "--rootfs", rootfs, "--", "true")
	require.Empty(t, tree(t, outside)[1:])
}

// Where the program mounts its own, a link is refused: masks would not find what is mounted
// through it (CVE-2019-19921). A volume may lead through links, but what is made read-only is the
// volume and nothing else.
func TestHostileLinks(t *testing.T) {
	needNamespaces(t)
	for _, links := range [][2]string{{"proc", "/dev/l"}, {"proc", "/x/l"}, {"sys", "/x"}, {"dev", "/x"}} {
		rootfs := makeRootfs(t)
		require.NoError(t, os.MkdirAll(filepath.Join(rootfs, "x"), 0o755))
		require.NoError(t, os.RemoveAll(filepath.Join(rootfs, links[0])))
		require.NoError(t, os.Symlink(links[1], filepath.Join(rootfs, links[0])))
		require.NoError(t, os.Symlink("/x", filepath.Join(rootfs, "x/l")))
		if links[1] == "/dev/l" {
			require.NoError(t, os.MkdirAll(filepath.Join(rootfs, "dev"), 0o755))
			require.NoError(t, os.Symlink("/x", filepath.Join(rootfs, "dev/l")))
		}

		_, stderr, status := step(t, "run", "--rootfs", rootfs, "--", "true")
		require.Equal(t, exitSetup, status, links)
		require.Contains(t, stderr, "it must be a directory there, not a link", links)
	}

	rootfs, source := makeRootfs(t), t.TempDir()
	require.NoError(t, os.Symlink("/run", filepath.Join(source, "run")))
	require.NoError(t, os.MkdirAll(filepath.Join(rootfs, "x"), 0o755))
	for link, target := range map[string]string{"data": "/x/run", "x/run": "/x", "run": "/dev/shm"} {
		require.NoError(t, os.RemoveAll(filepath.Join(rootfs, link)))
		require.NoError(t, os.Symlink(target, filepath.Join(rootfs, link)))
	}

	_, stderr, status := step(t, "run", "--rootfs", rootfs, "-v", source+":/data:ro", "--", "sh", "-c",
		"echo x > /x/planted")
	require.NotZero(t, status, stderr)
	require.NoFileExists(t, filepath.Join(source, "planted"))
	require.Contains(t, stderr, "choose a target that is no link")
}

// A volume that covers /dev takes /dev/null away, with which files of /proc are masked.
func TestNoVolumeOnWhatTheKernelShows(t *testing.T) {
	needNamespaces(t)
	for _, c := range [][2]string{{"/dev", "/data"}, {"/proc", "/data"}, {"/proc", "/data/sys"},
		{"/sys", "/data/kernel"},
		{"/", "/data/dev"}, {"dev", "/data/shm"}} {
		rootfs := makeRootfs(t)
		require.NoError(t, os.Symlink(c[0], filepath.Join(rootfs, "data")))
		_, stderr, status := step(t, "run", "--rootfs", rootfs, "-v", t.TempDir()+":"+c[1], "--", "true")
		require.Equal(t, exitSetup, status, c)
		require.Contains(t, stderr, "choose a target that is no link", c)
	}

	_, stderr, status := step(t, "run", "--rootfs", makeRootfs(t), "-v", t.TempDir()+":/dev", "--", "true")
	require.Equal(t, exitSetup, status, "without /dev/null nothing is masked: "+stderr)
}

func TestWhatTheContainerPutsInAMountPointIsKept(t *testing.T) {
	rootfs := makeRootfs(t)
	_, stderr, status := step(t, "run", "--rootfs", rootfs, "-v", t.TempDir()+":/a/b", "--", "touch", "/a/mine")
	require.Equal(t, 0, status, stderr)
	require.FileExists(t, filepath.Join(rootfs, "a", "mine"))
}

// The container turns its mount point into a link to the host before it ends: the cleaner must
// not follow it.
func TestCleanerIsNotLedAstray(t *testing.T) {
	rootfs := makeRootfs(t)
	victim := filepath.Join(t.TempDir(), "victim")
	require.NoError(t, os.Mkdir(victim, 0o755))
	_, stderr, _ := step(t, "run", "--rootfs", rootfs, "-v", t.TempDir()+":/a/victim", "--",
		"busybox", "sh", "-c", "busybox mv /a /moved; busybox ln -s "+filepath.Dir(victim)+" /a")
	require.DirExists(t, victim, stderr)
}

func TestDirectoryOnFile(t *testing.T) {
	needNamespaces(t)
	for _, value := range []string{"/tmp:/etc/passwd", "/etc/passwd:/tmp"} {
		_, stderr, status := step(t, "run", "-v", value, "--", "true")
		require.Equal(t, exitSetup, status, value)
		require.Contains(t, stderr, "one is a directory and the other a file", value)
	}
}

func TestBadVolumes(t *testing.T) {
	for value, expect := range map[string]string{"/no/such:/x": "make the source first", "/tmp": "SOURCE:TARGET",
		"/tmp:rel": "absolute",
		"/tmp:/":   "below /", "/tmp:/x:rx": "SOURCE:TARGET", ":/x": "absolute", "/tmp:/../..": "below /"} {
		_, stderr, status := step(t, "run", "-v", value, "--", "true")
		require.Equal(t, exitSetup, status, value)
		require.Contains(t, stderr, expect, value)
	}
}
