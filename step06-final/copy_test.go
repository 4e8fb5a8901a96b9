package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func write(t *testing.T, path, content string, mode os.FileMode) string {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, []byte(content), mode))
	require.NoError(t, os.Chmod(path, mode))
	return path
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(data)
}

// refused runs cp, which must fail with these words.
func refused(t *testing.T, words string, args ...string) {
	t.Helper()
	r := docker(append([]string{"cp"}, args...)...)
	require.NotZero(t, r.code, "cp %v worked", args)
	require.Contains(t, r.err, words, "cp %v", args)
}

// archive is a tar of files, a name that ends in / being a directory.
func archive(t *testing.T, files ...tar.Header) []byte {
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for i := range files {
		h := files[i]
		content := h.Uname // stands for the content here
		h.Uname, h.Size = "", int64(len(content))
		require.NoError(t, w.WriteHeader(&h))
		_, err := io.WriteString(w, content)
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return buf.Bytes()
}

// One model of the container's tree: the same in every state.
func TestCopyInEveryState(t *testing.T) {
	dir := t.TempDir()
	bind := filepath.Join(dir, "bind")
	write(t, filepath.Join(bind, "old"), "bound", 0o644)
	write(t, filepath.Join(dir, "one"), "of a file", 0o644)
	f := write(t, filepath.Join(dir, "f"), "copied", 0o644)
	t.Cleanup(func() { must(t, "volume", "rm", "states-v", "states-v2") }) // after the container
	remove(t, "states")
	must(t, "create", "--name", "states", "-v", "states-v:/data", "-v", bind+":/deep/er/bind", "-v",
		"states-v2:/data/inner", "-v", bind+":/ro:ro",
		"-v", filepath.Join(dir, "one")+":/single", "--tmpfs", "/scratch", "host", "sleep", "1000")
	volume, inner := must(t, "volume", "inspect", "-f", "{{.Mountpoint}}", "states-v"),
		must(t, "volume", "inspect", "-f", "{{.Mountpoint}}", "states-v2")

	for _, state := range []string{"created", "running", "exited"} {
		switch state {
		case "running":
			must(t, "start", "states")
		case "exited":
			must(t, "stop", "-t", "0", "states")
		}

		must(t, "cp", f, "states:/data/"+state)
		require.Equal(t, "copied", read(t, filepath.Join(volume, state)), state)
		must(t, "cp", f, "states:/data/inner/"+state)
		require.Equal(t, "copied", read(t, filepath.Join(inner, state)), state)
		must(t, "cp", f, "states:/deep/er/bind/../bind/"+state)
		require.Equal(t, "copied", read(t, filepath.Join(bind, state)), state)

		out := filepath.Join(dir, "out-"+state)
		must(t, "cp", "states:/deep", out)
		require.Equal(t, "bound", read(t, filepath.Join(out, "er/bind/old")),
			"what is mounted below a directory is copied, too")
		must(t, "cp", "states:/single", out)
		require.Equal(t, "of a file", read(t, filepath.Join(out, "single")))

		refused(t, "is marked read-only", f, "states:/ro/x")
		refused(t, "is marked read-only", filepath.Join(dir, "bind/."), "states:/ro")
		require.NoError(t, os.MkdirAll(filepath.Join(dir, "over/ro"), 0o755))
		write(t, filepath.Join(dir, "over/ro/new"), "x", 0o644)
		refused(t, "is marked read-only", filepath.Join(dir, "over")+"/.", "states:/")
		require.NoFileExists(t, filepath.Join(bind, "new"))
		refused(t, "mount of the container", f, "states:/single")

		must(t, "cp", "states:/proc/.", filepath.Join(dir, "proc-"+state))
		require.Empty(t, names(t, filepath.Join(dir, "proc-"+state)), "/proc belongs to the kernel")
		if state == "running" {
			require.Equal(t, "copied", must(t, "exec", "states", "cat", "/data/created"))
			must(t, "cp", f, "states:/scratch/x")
			require.Equal(t, "copied", must(t, "exec", "states", "cat", "/scratch/x"))
		} else {
			refused(t, "tmpfs", f, "states:/scratch/x")
		}
	}
}

func names(t *testing.T, dir string) (names []string) {
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// A volume that is still empty has what the image has there, as after a start.
func TestCopyFillsVolumeFirst(t *testing.T) {
	t.Cleanup(func() { must(t, "volume", "rm", "filled-v") }) // after the container
	remove(t, "filled")
	must(t, "create", "--name", "filled", "-v", "filled-v:/etc", "host", "cat", "/etc/passwd")
	must(t, "cp", write(t, filepath.Join(t.TempDir(), "f"), "x", 0o644), "filled:/etc/f")
	require.Contains(t, must(t, "start", "-a", "filled"), "root:")
}

// No kind takes another's place, and nothing is changed then.
func TestCopyKindClash(t *testing.T) {
	box(t, "clash")
	must(t, "exec", "clash", "sh", "-c",
		"mkdir -p /d/name /dir/sub /lower; echo keep >/d/name/keep; echo f >/file; echo x >/dir/sub/x; ln -s dir /link")
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	write(t, at("file/keep"), "mine", 0o644)
	write(t, at("plain"), "mine", 0o644)
	write(t, at("name"), "up", 0o644)
	write(t, at("hd/1"), "1", 0o644)
	write(t, at("tree/name"), "a file", 0o644)

	refused(t, "cannot overwrite directory", "clash:/file", dir)
	require.Equal(t, "mine", read(t, at("file/keep")))
	refused(t, "cannot copy directory", "clash:/dir", at("plain"))
	refused(t, "cannot copy directory", "clash:/dir/.", at("plain"))
	refused(t, "not a directory", "clash:/file", at("plain")+"/")
	require.Equal(t, "mine", read(t, at("plain")))
	refused(t, "cannot overwrite directory", at("name"), "clash:/d")
	refused(t, "cannot overwrite directory", at("tree")+"/.", "clash:/d")
	refused(t, "cannot copy directory", at("hd"), "clash:/file")
	refused(t, "cannot copy directory", at("hd")+"/.", "clash:/etc/passwd")
	refused(t, "not a directory", at("plain"), "clash:/file/")
	refused(t, "no such directory", at("plain"), "clash:/new/")
	refused(t, "no such directory", "clash:/file", at("new")+"/")
	refused(t, "Could not find the file", at("plain"), "clash:/no/such")
	refused(t, "not a directory", "clash:/file/", dir)
	refused(t, "not a directory", at("plain")+"/", "clash:/")

	fifo := archive(t, tar.Header{Typeflag: tar.TypeFifo, Name: "fifo", Mode: 0o600})
	require.Zero(t, dockerInput(bytes.NewReader(fifo), "cp", "-", "clash:/").code)
	refused(t, "must be a directory or regular file", at("plain"), "clash:/fifo")
	require.Equal(t, "keep f dir\n", must(t, "exec", "clash", "sh", "-c",
		"echo $(cat /d/name/keep) $(cat /file) $(readlink /link)")+"\n")
	require.NoDirExists(t, at("new"))

	must(t, "cp", at("hd"), "clash:/new") // a directory may get a new name
	require.Equal(t, "1", must(t, "exec", "clash", "cat", "/new/1"))
	must(t, "cp", at("name"), "clash:/file")
	require.Equal(t, "up", must(t, "exec", "clash", "cat", "/file"))
}

func TestCopyFollowsLinks(t *testing.T) {
	box(t, "links")
	must(t, "exec", "links", "sh", "-c",
		"echo old >/real; ln -s /real /link; mkdir /t /there; ln -s /nowhere /t/x; ln -s ../there/new /t/y; ln -s /t /dirlink; echo of-c >/src; ln -s src /srclink")
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	f := write(t, at("f"), "new", 0o644)

	must(t, "cp", f, "links:/link")
	must(t, "cp", f, "links:/t/y")
	must(t, "cp", f, "links:/dirlink/z")
	require.Equal(t, "new new new /real",
		must(t, "exec", "links", "sh", "-c", "echo $(cat /real) $(cat /there/new) $(cat /t/z) $(readlink /link)"))
	refused(t, "no such directory", f, "links:/t/x/")

	write(t, at("hreal"), "old", 0o600)
	require.NoError(t, os.Symlink("hreal", at("hlink")))
	require.NoError(t, os.Symlink("dangles", at("hdangling")))
	must(t, "cp", "links:/src", at("hlink"))
	must(t, "cp", "links:/src", at("hdangling"))
	require.Equal(t, "of-c of-c", strings.TrimSpace(read(t, at("hreal")))+" "+strings.TrimSpace(read(t, at("dangles"))))

	must(t, "cp", "links:/srclink", at("aslink"))
	target, err := os.Readlink(at("aslink"))
	require.NoError(t, err)
	require.Equal(t, "src", target)
	must(t, "cp", "-L", "links:/srclink", dir)
	require.Equal(t, "of-c\n", read(t, at("srclink")), "the copy has the name that was typed")
	must(t, "cp", "-L", at("hlink"), "links:/")
	require.Equal(t, "of-c", must(t, "exec", "links", "cat", "/hlink"))
}

// What the container can choose is no name, mode or kind of file on the host.
func TestCopyIsHarmlessOnHost(t *testing.T) {
	box(t, "evil")
	must(t, "exec", "evil", "sh", "-c", "mkdir -p /evil/.ssh /pub/sub; echo key >/evil/.ssh/authorized_keys; ln -s /evil/.ssh /data; chmod 777 /pub /pub/sub; echo x >/pub/suid; chmod 6755 /pub/suid; ln /pub/suid /pub/again")
	home := t.TempDir()
	must(t, "cp", "evil:/data/", home)
	must(t, "cp", "-L", "evil:/data", filepath.Join(home, "l"))
	require.NoDirExists(t, filepath.Join(home, ".ssh"))
	require.Equal(t, "key\n", read(t, filepath.Join(home, "data/authorized_keys")))

	private := filepath.Join(home, "private")
	require.NoError(t, os.MkdirAll(filepath.Join(private, "pub/sub"), 0o700))
	require.NoError(t, os.Chmod(private, 0o700))
	must(t, "cp", "evil:/pub/.", private)
	must(t, "cp", "evil:/pub", private)
	for _, dir := range []string{private, filepath.Join(private, "pub"), filepath.Join(private, "pub/sub")} {
		info, err := os.Stat(dir)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o700), info.Mode().Perm(), "%s keeps its mode", dir)
	}

	var st, st2 syscall.Stat_t
	require.NoError(t, syscall.Stat(filepath.Join(private, "suid"), &st))
	require.NoError(t, syscall.Stat(filepath.Join(private, "again"), &st2))
	require.Zero(t, st.Mode&(syscall.S_ISUID|syscall.S_ISGID))
	require.Equal(t, st.Ino, st2.Ino, "a hard link stays one")

	if docker("exec", "evil", "sh", "-c", "type mknod >/dev/null && mknod /pub/dev c 1 3").code == 0 {
		r := docker("cp", "evil:/pub/.", filepath.Join(home, "dev"))
		require.Zero(t, r.code, r.err)
		require.Contains(t, r.err, "is a device")
		require.NoFileExists(t, filepath.Join(home, "dev/dev"))
	}
}

func TestCopyArchives(t *testing.T) {
	box(t, "tars")
	must(t, "exec", "tars", "sh", "-c", "mkdir /x /y; ln -s /y /x/out")
	data := archive(t, tar.Header{Typeflag: tar.TypeReg, Name: "a/f", Mode: 0o600, Uname: "of a tar"},
		tar.Header{Typeflag: tar.TypeLink, Name: "a/g", Linkname: "a/f"})
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	_, err := w.Write(data)
	require.NoError(t, err)
	require.NoError(t, w.Close())

	r := dockerInput(&zipped, "cp", "-", "tars:/x")
	require.Zero(t, r.code, r.err)
	require.Equal(t, "of a tar 2", must(t, "exec", "tars", "sh", "-c", "echo $(cat /x/a/g) $(stat -c %h /x/a/f)"))
	require.NotZero(t, dockerInput(bytes.NewReader(data), "cp", "-", "tars:/etc/passwd").code)
	require.NotZero(t, dockerInput(bytes.NewReader(data[:515]), "cp", "-", "tars:/x").code, "cut short")
	escape := archive(t, tar.Header{Typeflag: tar.TypeReg, Name: "../escaped", Mode: 0o600, Uname: "x"})
	require.NotZero(t, dockerInput(bytes.NewReader(escape), "cp", "-", "tars:/x").code)

	out := must(t, "cp", "tars:/x/a/.", "-")
	h, err := tar.NewReader(strings.NewReader(out)).Next()
	require.NoError(t, err)
	require.Equal(t, "./", h.Name)
	out = must(t, "cp", "tars:/x/a", "-")
	h, err = tar.NewReader(strings.NewReader(out)).Next()
	require.NoError(t, err)
	require.Equal(t, "a/", h.Name)
}
