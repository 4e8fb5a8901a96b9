package main

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// Images whose links stand where the engine mounts something (CVE-2019-19921, CVE-2023-27561,
// CVE-2023-28642).

// tree is an image: a path and the target of the link there; an empty target is a directory.
type tree [][2]string

// archive is the image as tar, with the attacker in it.
func (t tree) archive(tb testing.TB) []byte {
	tb.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	add := func(h *tar.Header, data []byte) {
		h.Size = int64(len(data))
		require.NoError(tb, w.WriteHeader(h))
		_, err := w.Write(data)
		require.NoError(tb, err)
	}
	attacker, err := os.ReadFile(filepath.Join(os.Getenv(sandboxed), "attacker"))
	require.NoError(tb, err)
	add(&tar.Header{Name: "attack", Typeflag: tar.TypeReg, Mode: 0o755}, attacker)

	for _, entry := range t {
		if entry[1] == "" {
			add(&tar.Header{Name: entry[0], Typeflag: tar.TypeDir, Mode: 0o755}, nil)
			continue
		}

		add(&tar.Header{Name: entry[0], Typeflag: tar.TypeSymlink, Linkname: entry[1], Mode: 0o777}, nil)
	}

	require.NoError(tb, w.Close())
	return out.Bytes()
}

func (t tree) load(tb testing.TB, name string) {
	tb.Helper()
	r := dockerInput(bytes.NewReader(t.archive(tb)), "import", "-", name)
	require.Zero(tb, r.code, r.err)
}

// listing is everything in a directory of the host: names, types, modes, owners, contents.
func listing(tb testing.TB, dir string) string {
	tb.Helper()
	var out strings.Builder

	require.NoError(tb, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}

		var st unix.Stat_t
		if err := unix.Lstat(path, &st); err != nil {
			return err
		}

		fmt.Fprintf(&out, "%s %o %d:%d %d", path, st.Mode, st.Uid, st.Gid, st.Rdev)
		if d.Type().IsRegular() {
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			fmt.Fprintf(&out, " %q", data)
		}

		out.WriteByte('\n')
		return nil
	}))

	return out.String()
}

// volumeOfHost is a directory of the host to be given read-only, with the link that /var has on
// every host.
func volumeOfHost(tb testing.TB) string {
	dir := filepath.Join(work, "host-volume")
	require.NoError(tb, os.MkdirAll(dir, 0o755))
	require.NoError(tb, os.WriteFile(filepath.Join(dir, "read-only-volume"), nil, 0o644))
	if err := os.Symlink("/run", filepath.Join(dir, "run")); err != nil {
		require.ErrorIs(tb, err, os.ErrExist)
	}
	return dir
}

// What the engine mounts is not mounted through a link: the start fails, says which, and has
// mounted nothing.
func TestLinksWhereTheEngineMounts(t *testing.T) {
	for name, c := range map[string]struct {
		image tree
		link  string // that the error names
	}{
		"proc, hidden by dev":    {tree{{"proc", "/dev/l"}, {"dev", ""}, {"dev/l", "/b"}, {"b", ""}}, "/proc"},
		"proc, a link to a link": {tree{{"proc", "/x/l"}, {"x", ""}, {"x/l", "/x"}}, "/proc"},
		"proc, relative":         {tree{{"proc", "b"}, {"b", ""}}, "/proc"},
		"sys":                    {tree{{"sys", "/dev/l"}, {"dev", ""}, {"dev/l", "/b"}, {"b", ""}}, "/sys"},
		"dev":                    {tree{{"dev", "/b"}, {"b", ""}}, "/dev"},
		"etc":                    {tree{{"etc", "/b"}, {"b", ""}}, "/etc"},
		"hostname":               {tree{{"etc", ""}, {"etc/hostname", "/b"}}, "/etc/hostname"},
		"hosts, to the host's":   {tree{{"etc", ""}, {"etc/hosts", work}}, "/etc/hosts"},
		"resolv.conf, relative":  {tree{{"etc", ""}, {"etc/resolv.conf", "../run/resolv.conf"}}, "/etc/resolv.conf"},
	} {
		c := c

		t.Run(strings.ReplaceAll(name, " ", "-"), func(t *testing.T) {
			c.image.load(t, "links")
			before := quietHost(t)
			r := docker("run", "--rm", "--network", "none", "links", "/attack", "look-around")
			require.Equal(t, 125, r.code, "the container ran: %s%s", r.out, r.err)
			require.Contains(t, r.err, c.link+" of the image is a symbolic link")
			requireAsBefore(t, before)

			dir := t.TempDir()
			require.NoError(t, os.WriteFile(filepath.Join(dir, "tree.tar"), c.image.archive(t), 0o644))
			require.NoError(t, os.WriteFile(filepath.Join(dir, "Dockerfile"),
				[]byte("FROM scratch\nADD tree.tar /\nRUN [\"/attack\", \"look-around\"]\n"), 0o644))
			r = docker("build", dir)
			require.NotZero(t, r.code)
			require.Contains(t, r.out+r.err, c.link+" of the image is a symbolic link", "build")
		})
	}
}

// A volume of the user's may lead through links, inside of the root. What is done to it
// afterwards is done to it and to nothing else.
func TestReadOnlyVolumesThroughLinks(t *testing.T) {
	volume := volumeOfHost(t)

	for name, c := range map[string]struct {
		image tree
		flags []string
	}{
		"the volume's own link": {tree{{"data", "/x/run"}, {"x", ""}, {"x/run", "/x"}, {"run", "/dev/shm"}}, []string{"-v", volume + ":/data:ro"}},
		"below the volume":      {tree{{"data", "/x/run"}, {"x", ""}, {"x/run", "/x"}, {"run", "/tmp"}, {"tmp", ""}}, []string{"-v", volume + ":/data:ro", "-v", volume + ":/data/y:ro"}},
		"a mount option":        {tree{{"data", "/x/run"}, {"x", ""}, {"x/run", "/x"}, {"run", "/b"}, {"b", ""}}, []string{"--mount", "type=bind,source=" + volume + ",target=/data,readonly"}},
	} {
		c := c
		t.Run(strings.ReplaceAll(name, " ", "-"), func(t *testing.T) {
			c.image.load(t, "links")
			before := listing(t, volume)
			line := append([]string{"run", "--rm", "--network", "none"}, c.flags...)
			r := docker(append(line, "links", "/attack", "look-around")...)
			require.Contains(t, []int{1, 125}, r.code, "%s%s", r.out, r.err)
			require.Equal(t, before, listing(t, volume))
		})
	}

	r := docker("run", "--rm", "--network", "none", "-v", volume+":/data", "links", "/attack", "look-around")
	require.Zero(t, r.code, "the test proves nothing: a volume that is not read-only is not found writable: %s%s",
		r.out, r.err)
	planted, err := filepath.Glob(volume + "/planted*")
	require.NoError(t, err)
	for _, file := range planted {
		require.NoError(t, os.Remove(file))
	}
}

// Device nodes, links and mount points are made in what the engine mounted, not in a volume that
// a link leads to.
func TestNothingIsPlantedInVolumes(t *testing.T) {
	for name, c := range map[string]struct {
		image tree
		flags []string
	}{
		"dev":       {tree{{"dev", "/data"}, {"data", ""}}, nil},
		"console":   {tree{{"dev", "/data"}, {"data", ""}}, []string{"-t"}},
		"a device":  {tree{{"x", "/data"}, {"data", ""}}, []string{"--device", "/dev/null:/x/planted"}},
		"etc":       {tree{{"etc", "/data"}, {"data", ""}}, nil},
		"sys":       {tree{{"sys", "/data"}, {"data", ""}}, nil},
		"read-only": {tree{{"dev", "/data"}, {"data", ""}}, []string{"--read-only"}},
	} {
		c := c
		t.Run(strings.ReplaceAll(name, " ", "-"), func(t *testing.T) {
			c.image.load(t, "links")
			dir := t.TempDir()
			before := listing(t, dir)
			line := append([]string{"run", "--rm", "--network", "none", "-v", dir + ":/data"}, c.flags...)
			r := docker(append(line, "links", "/attack", "look-around")...)
			require.Equal(t, 125, r.code, "%s%s", r.out, r.err)
			require.Equal(t, before, listing(t, dir))
		})
	}
}

// The engine's files in /etc: their inodes are the host's (CVE-2021-41091).
func TestFilesOfTheEngineAreNoPrograms(t *testing.T) {
	must(t, "ps")
	info, err := os.Stat(filepath.Join(work, "root", "containers"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o700), info.Mode().Perm(), "another user of the host gets to the files")
	require.NoError(t, os.Chmod(filepath.Join(work, "root", "containers"), 0o711), "as older versions made it")
	must(t, "ps")
	info, err = os.Stat(filepath.Join(work, "root", "containers"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o700), info.Mode().Perm())

	// root of a user namespace goes through it to its file system
	require.NoError(t, os.Chmod(os.Getenv(sandboxed), 0o711))
	for _, flags := range [][]string{nil, {"--privileged"}, {"--userns", "remap"}, {"--network", "host"}} {
		line := append([]string{"run", "--rm"}, flags...)
		out := must(t, append(line, "host", "grep", " /etc/", "/proc/self/mountinfo")...)
		lines := strings.Split(out, "\n")
		require.Len(t, lines, 3, out)
		for _, mount := range lines {
			for _, option := range []string{"nosuid", "nodev", "noexec"} {
				require.Contains(t, strings.Split(strings.Fields(mount)[5], ","), option, mount)
			}
		}
	}

	for _, file := range []string{"/etc/hosts", "/etc/hostname", "/etc/resolv.conf"} {
		r := docker("run", "--rm", "--read-only", "--network", "none", "host", "sh", "-c", "echo x >>"+file)
		require.NotZero(t, r.code, file)
		require.Contains(t, r.err, "Read-only file system", file)
		must(t, "run", "--rm", "--network", "none", "host", "sh", "-c", "echo x >>"+file)
	}
}

// A tmpfs over a directory of the image has its mode, unless one is given (tries/26-tmpfs-mode.sh).
func TestTmpfsMode(t *testing.T) {
	dir := t.TempDir()
	dockerfile := "FROM host\nRUN mkdir -m 700 /secret; mkdir -m 1750 /sticky; mkdir -m 755 /plain\n"
	require.NoError(t, os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(dockerfile), 0o644))
	must(t, "build", "-t", "modes", dir)
	out := must(t, "run", "--rm", "--network", "none", "--mount", "type=tmpfs,target=/plain,tmpfs-mode=1770",
		"--tmpfs", "/new:mode=711", "--tmpfs", "/newer",
		"--tmpfs", "/secret", "--tmpfs", "/sticky:size=1m", "modes", "stat", "-c", "%a", "/plain", "/new", "/newer", "/secret", "/sticky")
	require.Equal(t, "1770\n711\n1777\n700\n1750", out)
}
