package runtime

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// refusedMount makes a container whose creation must fail, and returns why.
func refusedMount(t *testing.T, bundle string, spec *specs.Spec) string {
	t.Helper()
	c, err := newRuntime(t).Create(CreateOptions{ID: testID(t), Bundle: bundle, Spec: spec})
	if err == nil {
		require.NoError(t, c.Delete(true))
	}
	require.Error(t, err)
	return err.Error()
}

// The kernel's file systems are not mounted through a link of the image, wherever it leads (runc:
// "must be mounted on ordinary directory"), nor is what lies below them.
func TestKernelMountsOnOrdinaryDirectories(t *testing.T) {
	needRoot(t)
	for _, c := range []struct{ link, target, named string }{
		{"proc", "/b", "/proc"}, {"proc", "../../../../b", "/proc"}, {"sys", "/b", "/sys"}, {"dev", "/b", "/dev"},
		{"proc", "/dev/l", "/proc"},
	} {
		bundle, spec := newBundle(t, "true")
		rootfs := filepath.Join(bundle, "rootfs")
		require.NoError(t, os.Remove(filepath.Join(rootfs, c.link)))
		require.NoError(t, os.Mkdir(filepath.Join(rootfs, "b"), 0o755))
		require.NoError(t, os.Symlink(c.target, filepath.Join(rootfs, c.link)))
		if c.target == "/dev/l" {
			require.NoError(t, os.Symlink("/b", filepath.Join(rootfs, "dev/l")))
		}

		message := refusedMount(t, bundle, spec)
		assert.Contains(t, message, "mount: "+c.named+": must be mounted on ordinary directory")
	}

	bundle, spec := newBundle(t, "true")
	require.NoError(t, os.Symlink("/etc", filepath.Join(bundle, "rootfs/elsewhere")))
	spec.Mounts = append(spec.Mounts, specs.Mount{Destination: "/elsewhere/queue", Type: "mqueue", Source: "mqueue"})
	assert.Contains(t, refusedMount(t, bundle, spec), "/elsewhere of the image is a symbolic link to /etc")
}

// A user's volume may lead through a link of the image. Nodes, links and the console are not made
// in it for that: the directory is the host's.
func TestNothingIsMadeInAMountThatALinkLed(t *testing.T) {
	needRoot(t)
	for _, c := range []struct{ link, target, destination, device string }{
		{"data", "/dev", "/data", ""}, {"data", "/", "/data/dev", ""},
		{"data", "/x", "/data", "/x/y/null"}, {"data", "/x", "/data/y", "/x/y/null"},
	} {
		bundle, spec := newBundle(t, "true")
		rootfs, source := filepath.Join(bundle, "rootfs"), t.TempDir()

		require.NoError(t, os.MkdirAll(filepath.Join(rootfs, "x/y"), 0o755))
		require.NoError(t, os.Symlink(c.target, filepath.Join(rootfs, c.link)))
		spec.Mounts = append(spec.Mounts, specs.Mount{Destination: c.destination, Type: "bind",
			Source: source, Options: []string{"rbind"}})
		if c.device != "" {
			spec.Linux.Devices = append(spec.Linux.Devices,
				specs.LinuxDevice{Path: c.device, Type: "c", Major: 1, Minor: 3})
		}

		assert.Contains(t, refusedMount(t, bundle, spec), "the mount on "+c.destination+" covers", c)
		made, err := os.ReadDir(source)
		require.NoError(t, err)
		assert.Empty(t, made, c)
	}
}

// Nothing but proc is mounted on /proc, and next to nothing below, also not through a link
// (CVE-2019-16884).
func TestNothingCoversProc(t *testing.T) {
	needRoot(t)
	source := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(source, "file"), []byte("of lxcfs\n"), 0o644))
	for _, c := range []struct{ destination, source, kind string }{
		{"/proc", source, "bind"}, {"/proc/sys", source, "bind"}, {"/proc/1/attr", source, "bind"},
		{"/proc", "tmpfs", "tmpfs"},
		{"/proc/acpi", "tmpfs", "tmpfs"}, {"/link", source, "bind"}, {"/link/kernel", source, "bind"},
		{"/link", "tmpfs", "copy-up"}, {"/proc", "tmpfs", "copy-up"},
	} {
		bundle, spec := newBundle(t, "true")
		require.NoError(t, os.Symlink("/proc/sys", filepath.Join(bundle, "rootfs/link")))
		m := specs.Mount{Destination: c.destination, Source: c.source, Type: c.kind}
		if c.kind == "bind" {
			m.Options = []string{"rbind"}
		}
		if c.kind == "copy-up" {
			m.Type, m.Options = "tmpfs", []string{"tmpcopyup"}
		}

		spec.Mounts = append(spec.Mounts, m)
		assert.Contains(t, refusedMount(t, bundle, spec), "cannot be mounted because it is", c.destination)
	}

	bundle, spec := newBundle(t, "cat", "/proc/uptime")
	spec.Mounts = append(spec.Mounts, specs.Mount{Destination: "/proc/uptime", Type: "bind",
		Source: filepath.Join(source, "file"), Options: []string{"bind", "ro"}})
	out, code := output(t, bundle, spec)
	assert.Equal(t, "of lxcfs\n", out)
	assert.Zero(t, code)

	bundle, spec = newBundle(t, "true")
	spec.Mounts[0] = specs.Mount{Destination: "/proc", Type: "bind", Source: "/proc", Options: []string{"rbind"}}
	_, code = output(t, bundle, spec)
	assert.Zero(t, code, "the proc of the host is a proc")
}

// A source is looked up when its turn comes: it may be in what an earlier mount shows.
func TestMountOrder(t *testing.T) {
	needRoot(t)
	first := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(first, "below"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(first, "below/file"), []byte("found\n"), 0o644))
	bundle, spec := newBundle(t, "sh", "-c", "cat /second/file /third")
	rootfs := filepath.Join(bundle, "rootfs")
	spec.Mounts = append(spec.Mounts,
		specs.Mount{Destination: "/first", Type: "bind", Source: first, Options: []string{"bind"}},
		specs.Mount{Destination: "/second", Type: "bind", Source: rootfs + "/first/below",
			Options: []string{"bind", "ro"}},
		specs.Mount{Destination: "/third", Type: "bind", Source: rootfs + "/second/file",
			Options: []string{"bind", "ro"}})
	out, _ := output(t, bundle, spec)
	assert.Equal(t, "found\nfound\n", out)

	spec.Mounts = append(spec.Mounts, specs.Mount{Destination: "/fourth", Type: "bind",
		Source: rootfs + "/nobody/makes/it", Options: []string{"bind"}})
	assert.Contains(t, refusedMount(t, bundle, spec),
		"mount: /fourth: open the source "+rootfs+"/nobody/makes/it: no such file or directory")
}

// What only the host's root can reach can be mounted in a user namespace.
func TestSourcesOfTheHostsRoot(t *testing.T) {
	needRoot(t)
	secret := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.MkdirAll(filepath.Join(secret, "dir"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(secret, "dir/file"), []byte("reached\n"), 0o644))
	require.NoError(t, os.Chmod(secret, 0o700))
	bundle, spec := newBundle(t, "sh", "-c",
		"cat /data/file /file; ls -l /proc/self/fd 2>/dev/null | grep -c secret; id -u")
	userNamespace(t, bundle, spec)
	spec.Mounts = append(spec.Mounts, specs.Mount{Destination: "/data", Type: "bind", Source: secret + "/dir",
		Options: []string{"rbind", "ro"}},
		specs.Mount{Destination: "/file", Type: "bind", Source: secret + "/dir/file", Options: []string{"bind"}})
	out, _ := output(t, bundle, spec)
	assert.Equal(t, "reached\nreached\n0\n0\n", out)
}

// userNamespace gives the container one, whose root is nobody in the bundle: mount points must be
// there.
func userNamespace(t *testing.T, bundle string, spec *specs.Spec) {
	require.NoError(t, os.Mkdir(filepath.Join(bundle, "rootfs/data"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(bundle, "rootfs/file"), nil, 0o644))
	mapping := []specs.LinuxIDMapping{{ContainerID: 0, HostID: 100000, Size: 65536}}
	spec.Linux.Namespaces = append(spec.Linux.Namespaces, specs.LinuxNamespace{Type: "user"})
	spec.Linux.UIDMappings, spec.Linux.GIDMappings = mapping, mapping
}

// In a user namespace the host's flags are locked: an option that takes one away is an error, no
// option keeps it.
func TestLockedFlags(t *testing.T) {
	needRoot(t)
	source := t.TempDir()
	require.NoError(t, unix.Mount("tmpfs", source, "tmpfs", unix.MS_NOEXEC|unix.MS_NOSUID, ""))
	t.Cleanup(func() { require.NoError(t, unix.Unmount(source, unix.MNT_DETACH)) })
	for options, allowed := range map[string]bool{"ro": true, "nodev": true, "exec": false, "suid": false,
		"ro,exec": false} {
		bundle, spec := newBundle(t, "grep", " /data ", "/proc/self/mountinfo")
		userNamespace(t, bundle, spec)
		spec.Mounts = append(spec.Mounts,
			specs.Mount{Destination: "/data", Type: "bind", Source: source,
				Options: append(strings.Split(options, ","), "bind")})
		if !allowed {
			assert.Contains(t, refusedMount(t, bundle, spec), "the host has locked a flag", options)
			continue
		}

		out, _ := output(t, bundle, spec)
		assert.Contains(t, out, "noexec", options)
		assert.Contains(t, out, "nosuid", options)
	}
}

// A read-only /dev still gets its nodes and its console.
func TestReadOnlyDevWithTerminal(t *testing.T) {
	needRoot(t)
	bundle, spec := newBundle(t, "sh", "-c", "test -t 0 && test -c /dev/null && test -c /dev/console && ! touch /dev/x")
	spec.Mounts[1].Options = append(spec.Mounts[1].Options, "ro")
	assert.Zero(t, terminalOutput(t, bundle, spec))
}

// terminalOutput runs a container with a terminal, whose output nobody reads, and returns its
// exit code.
func terminalOutput(t *testing.T, bundle string, spec *specs.Spec) int {
	socket := filepath.Join(t.TempDir(), "console")
	listener, err := listenUnix(socket)
	require.NoError(t, err)
	defer listener.Close()
	spec.Process.Terminal = true
	c, err := newRuntime(t).Create(CreateOptions{ID: testID(t), Bundle: bundle, Spec: spec, ConsoleSocket: socket})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Delete(true)) })
	require.NoError(t, c.Start())
	code, err := WaitInit(c)
	require.NoError(t, err)
	return code
}

// A tmpfs has the mode of the directory that it covers, also with tmpcopyup, unless one is given.
func TestTmpfsKeepsTheMode(t *testing.T) {
	needRoot(t)
	bundle, spec := newBundle(t, "sh", "-c", "busybox stat -c %a /etc /private /given /new")
	require.NoError(t, os.Mkdir(filepath.Join(bundle, "rootfs/private"), 0o700))
	tmpfs := func(destination string, options ...string) {
		spec.Mounts = append(spec.Mounts,
			specs.Mount{Destination: destination, Type: "tmpfs", Source: "tmpfs", Options: options})
	}
	require.NoError(t, os.Mkdir(filepath.Join(bundle, "rootfs/given"), 0o700))
	tmpfs("/etc", "tmpcopyup")
	tmpfs("/private", "size=64k")
	tmpfs("/given", "mode=1750")
	tmpfs("/new")
	out, _ := output(t, bundle, spec)
	assert.Equal(t, "755\n700\n1750\n1777\n", out)
}

// What has the name of a device already stays, but a link does not lead the node elsewhere.
func TestDeviceThatIsThere(t *testing.T) {
	needRoot(t)
	bundle, spec := newBundle(t, "sh", "-c", "cat /nodes/file; test -c /nodes/null")
	rootfs := filepath.Join(bundle, "rootfs")
	require.NoError(t, os.Mkdir(filepath.Join(rootfs, "nodes"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(rootfs, "nodes/file"), []byte("stays\n"), 0o644))
	spec.Linux.Devices = []specs.LinuxDevice{{Path: "/nodes/file", Type: "c", Major: 1, Minor: 5},
		{Path: "/nodes/null", Type: "c", Major: 1, Minor: 3}}
	out, code := output(t, bundle, spec)
	assert.Equal(t, "stays\n", out)
	assert.Zero(t, code)

	require.NoError(t, os.Symlink("nodes", filepath.Join(rootfs, "link")))
	spec.Linux.Devices = []specs.LinuxDevice{{Path: "/link/planted", Type: "c", Major: 1, Minor: 3}}
	assert.Contains(t, refusedMount(t, bundle, spec), "/link of the image is a symbolic link to nodes")
}

// Without pivot_root the host's mounts stay below the new root. A proc or sysfs among them would
// let a user namespace in the container mount a new one without masks.
func TestNoPivotLeavesNoProc(t *testing.T) {
	needRoot(t)
	second := t.TempDir() // /proc and /sys are not the only places
	require.NoError(t, unix.Mount("proc", second, "proc", 0, ""))
	t.Cleanup(func() { require.NoError(t, unix.Unmount(second, unix.MNT_DETACH)) })
	bundle, spec := newBundle(t, "sh", "-c",
		"busybox unshare -Ur -m -p -f sh -c 'mount -t proc none /proc && echo unmasked' 2>&1")
	spec.Linux.Seccomp = nil
	spec.Process.Capabilities.Bounding = append(spec.Process.Capabilities.Bounding, "CAP_SYS_ADMIN")
	r := newRuntime(t)
	out, err := os.CreateTemp(t.TempDir(), "out")
	require.NoError(t, err)
	defer out.Close()
	c, err := r.Create(CreateOptions{ID: testID(t), Bundle: bundle, Spec: spec, Stdout: out, Stderr: out,
		NoPivot: true})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Delete(true)) })
	require.NoError(t, c.Start())
	_, err = WaitInit(c)

	require.NoError(t, err)
	data, err := os.ReadFile(out.Name())
	require.NoError(t, err)
	assert.NotContains(t, string(data), "unmasked")
	assert.Contains(t, string(data), "permission denied")
}

// linux.rootfsPropagation is about the root. What the host has not shared is not shared for that.
func TestRootfsPropagationIsOfTheRoot(t *testing.T) {
	needRoot(t)

	for wanted, shared := range map[string]bool{"shared": true, "rshared": true, "private": false, "slave": false,
		"": false} {
		bundle, spec := newBundle(t, "grep", "shared:", "/proc/self/mountinfo")
		spec.Linux.RootfsPropagation = wanted
		source := t.TempDir()
		require.NoError(t, unix.Mount("tmpfs", source, "tmpfs", 0, ""))
		require.NoError(t, unix.Mount("", source, "", unix.MS_PRIVATE, ""))
		spec.Mounts = append(spec.Mounts,
			specs.Mount{Destination: "/data", Type: "bind", Source: source, Options: []string{"bind"}})
		out, _ := output(t, bundle, spec)
		require.NoError(t, unix.Unmount(source, unix.MNT_DETACH))
		if wanted == "rshared" {
			continue // for all of them
		}

		assert.Equal(t, shared, strings.Contains(out, "rootfs / "), "%s: %s", wanted, out)
		assert.NotContains(t, out, " /data ", wanted)
		assert.NotContains(t, out, " /proc ", wanted)
	}
}

// Option idmap is for the mount itself, ridmap for those below as well.
func TestIDMapOfMountsBelow(t *testing.T) {
	needRoot(t)
	source := t.TempDir()
	for _, dir := range []string{source, filepath.Join(source, "below")} {
		require.NoError(t, os.MkdirAll(dir, 0o755))
		require.NoError(t, unix.Mount("tmpfs", dir, "tmpfs", 0, "mode=755"))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "file"), nil, 0o644))
	}

	t.Cleanup(func() { require.NoError(t, unix.Unmount(source, unix.MNT_DETACH)) })
	mapping := []specs.LinuxIDMapping{{ContainerID: 0, HostID: 1000, Size: 1}}
	if tree, err := idmappedTree(source, mountOptions{}, specs.Mount{UIDMappings: mapping, GIDMappings: mapping},
		&specs.Linux{}); err != nil {
		t.Skip("this kernel does not map the ids of a tmpfs: " + err.Error())
	} else {
		tree.Close()
	}

	for option, below := range map[string]string{"idmap": "0", "ridmap": "1000"} {
		bundle, spec := newBundle(t, "busybox", "stat", "-c", "%u", "/data/file", "/data/below/file")
		spec.Mounts = append(spec.Mounts,
			specs.Mount{Destination: "/data", Type: "bind", Source: source, Options: []string{"rbind", option},
				UIDMappings: mapping, GIDMappings: mapping})
		out, _ := output(t, bundle, spec)
		assert.Equal(t, "1000\n"+below+"\n", out, option)
	}
}
