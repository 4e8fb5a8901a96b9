// Package hostimage makes a small root file system from the host's own tools, as
// scripts/mkrootfs.sh does: nothing is downloaded, so the first container runs in a room without
// internet.
//
// A static busybox is one file that is all the tools. Where the host has none, its shell and
// tools are taken with the libraries that they are linked with; which those are is written in the
// ELF files themselves.
//
// Chapter: docs/zh/09-hostimage.md.
package hostimage

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"sort"
	"strings"
	"time"
)

// tools is what a container of the lab needs, as far as the host has it.
var tools = strings.Fields(`sh bash cat chmod chown cp cut date dd df dirname basename du echo env false find findmnt grep
	head hostname id ip ipcs ipcmk kill ln ls mkdir mknod mktemp mount mv nproc printf ps pwd readlink rm rmdir sed seq sleep
	sort stat stty tail tar test timeout touch tr true tty umount uname uniq wc whoami xargs awk ping`)

// Path is the PATH of the image.
const Path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// files are the few that programs expect.
var files = map[string]string{
	"etc/passwd":          "root:x:0:0:root:/root:/bin/sh\nbin:x:1:1:bin:/bin:/bin/false\nnobody:x:65534:65534:nobody:/:/bin/false\n",
	"etc/group":           "root:x:0:\nbin:x:1:\ntty:x:5:\nnogroup:x:65534:\n",
	"etc/hosts":           "127.0.0.1\tlocalhost\n::1\tlocalhost\n",
	"etc/profile":         "export PATH=" + Path + "\nPS1=\"[\\u@\\h \\w]# \"\n",
	"etc/os-release":      "NAME=\"mydocker rootfs\"\nID=mydocker\n",
	"etc/nsswitch.conf":   "passwd: files\ngroup: files\nhosts: files dns\n",
	"etc/resolv.conf":     "",
	"etc/mydocker-rootfs": "host\n",
}

var directories = map[string]int64{
	"": 0755, "bin": 0755, "sbin": 0755, "usr": 0755, "usr/bin": 0755, "usr/sbin": 0755, "etc": 0755, "proc": 0755,
	"sys": 0755,
	"dev": 0755, "tmp": 01777, "run": 0755, "root": 0700, "home": 0755, "var": 0755, "var/tmp": 01777,
	"var/log": 0755, "mnt": 0755,
}

// Options of Write.
type Options struct {
	HostTools bool // do not use busybox, even if the host has a static one
}

// Write writes the root file system as a tar and says what it was made of. The same host gives
// the same bytes.
func Write(w io.Writer, o Options) (madeOf string, err error) {
	t := &tree{entries: map[string]entry{}}
	for dir, mode := range directories {
		t.entries[dir] = entry{kind: tar.TypeDir, mode: mode}
	}

	for name, content := range files {
		t.entries[name] = entry{kind: tar.TypeReg, mode: 0644, content: content}
	}

	busybox := ""
	if !o.HostTools {
		busybox = staticBusybox()
	}
	if busybox != "" {
		madeOf = "busybox " + busybox
		err = t.addBusybox(busybox)
	} else {
		madeOf = "the host's tools and their libraries"
		err = t.addTools()
	}

	if err != nil {
		return "", fmt.Errorf("make the image of the host's tools: %w", err)
	}
	return madeOf, t.write(w)
}

// staticBusybox finds a busybox that needs no library; "" if there is none.
func staticBusybox() string {
	candidates := []string{"/bin/busybox", "/usr/bin/busybox", "/usr/lib/busybox/busybox-static"}
	for _, name := range []string{"busybox", "busybox-static"} {
		if p, err := exec.LookPath(name); err == nil {
			candidates = append([]string{p}, candidates...)
		}
	}
	for _, p := range candidates {
		if static, err := isStatic(p); err == nil && static {
			return p
		}
	}
	return ""
}

func (t *tree) addBusybox(busybox string) error {
	t.entries["bin/busybox"] = entry{kind: tar.TypeReg, mode: 0755, source: busybox}
	out, err := exec.Command(busybox, "--list").Output()
	if err != nil {
		return fmt.Errorf("ask %s for its tools: %w", busybox, err)
	}
	for _, applet := range strings.Fields(string(out)) {
		if applet != "busybox" && !strings.Contains(applet, "/") {
			t.entries["bin/"+applet] = entry{kind: tar.TypeSymlink, mode: 0777, link: "busybox"}
		}
	}
	for _, name := range []string{"sh", "env"} {
		t.entries["usr/bin/"+name] = entry{kind: tar.TypeSymlink, mode: 0777, link: "../../bin/busybox"}
	}
	return nil
}

func (t *tree) addTools() error {
	for _, name := range tools {
		found, err := exec.LookPath(name)
		if err != nil {
			continue
		}

		real, err := filepath.EvalSymlinks(found)
		if err != nil || filepath.Base(real) == "busybox" {
			continue // a dynamic one: the real tools of this host are enough
		}

		t.entries["bin/"+name] = entry{kind: tar.TypeReg, mode: 0755, source: real}
		if err := t.addLibraries(real); err != nil {
			return err
		}
	}

	if _, ok := t.entries["bin/sh"]; !ok {
		return errors.New("the host has no sh that can be copied; install busybox-static")
	}

	t.entries["usr/bin/env"] = entry{kind: tar.TypeSymlink, mode: 0777, link: "../../bin/env"}

	// Before glibc 2.34 names of users are looked up through a library that no program is linked
	// with.
	for _, pattern := range []string{"/lib64/libnss_files.so.2", "/lib/*-linux-gnu/libnss_files.so.2"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			return err
		}

		for _, library := range found {
			t.entries[strings.TrimPrefix(library, "/")] = entry{kind: tar.TypeReg, mode: 0755, source: library}
		}
	}

	return nil
}

// addLibraries adds the loader of a program and the libraries it needs, each under its own name,
// where the loader will look for it. Scripts need none.
func (t *tree) addLibraries(program string) error {
	libraries, err := needed(program)
	if err != nil {
		return fmt.Errorf("find the libraries of %s: %w", program, err)
	}
	for _, library := range libraries {
		t.entries[strings.TrimPrefix(library, "/")] = entry{kind: tar.TypeReg, mode: 0755, source: library}
	}
	return nil
}

// entry is one file of the image.
type entry struct {
	kind    byte
	mode    int64
	link    string
	content string
	source  string // a file of the host
}

type tree struct{ entries map[string]entry }

// write packs the tree in sorted order, with missing parents, all files of root and of one time.
func (t *tree) write(w io.Writer) error {
	for name := range t.entries {
		for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
			if _, ok := t.entries[dir]; !ok {
				t.entries[dir] = entry{kind: tar.TypeDir, mode: 0755}
			}
		}
	}

	names := make([]string, 0, len(t.entries))
	for name := range t.entries {
		names = append(names, name)
	}

	sort.Strings(names)
	archive := tar.NewWriter(w)
	for _, name := range names {
		if err := writeEntry(archive, name, t.entries[name]); err != nil {
			return fmt.Errorf("add %s to the image: %w", name, err)
		}
	}
	if err := archive.Close(); err != nil {
		return fmt.Errorf("finish the image: %w", err)
	}

	return nil
}

func writeEntry(archive *tar.Writer, name string, e entry) error {
	h := &tar.Header{Typeflag: e.kind, Name: name, Mode: e.mode, Linkname: e.link, ModTime: time.Unix(0, 0),
		Format: tar.FormatPAX}
	if e.kind == tar.TypeDir {
		h.Name = strings.TrimSuffix("./"+name, "/") + "/"
	}

	var content io.Reader = strings.NewReader(e.content)
	h.Size = int64(len(e.content))
	if e.source != "" {
		f, err := os.Open(e.source)
		if err != nil {
			return err
		}
		defer f.Close()
		info, err := f.Stat()
		if err != nil {
			return err
		}

		h.Size, content = info.Size(), f
	}

	if err := archive.WriteHeader(h); err != nil {
		return err
	}

	_, err := io.Copy(archive, content)
	return err
}
