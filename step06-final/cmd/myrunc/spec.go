package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sort"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"github.com/opencontainers/runtime-spec/specs-go/features"

	"mydocker/step06-final/internal/cgroup"
	"mydocker/step06-final/internal/idmap"
	oci "mydocker/step06-final/internal/runtime"
	"mydocker/step06-final/internal/security"
)

func specFlags(f *flag.FlagSet) {
	f.String("bundle", ".", "directory for config.json")
	f.Var(f.Lookup("bundle").Value, "b", "short for --bundle")
	f.Bool("rootless", false, "for an ordinary user: with a user namespace")
}

// specCommand writes a configuration to begin with: a shell in a read-only root.
func specCommand(c *context, flags *flag.FlagSet) (int, error) {
	path := filepath.Join(text(flags, "bundle"), "config.json")
	spec := exampleSpec()
	if truth(flags, "rootless") {
		if err := makeRootless(spec); err != nil {
			return 1, err
		}
	}

	data, err := json.MarshalIndent(spec, "", "\t")
	if err != nil {
		return 1, err
	}

	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if os.IsExist(err) {
		return 1, fmt.Errorf("spec: %s exists already: remove it first", path)
	}

	if err != nil {
		return 1, fmt.Errorf("spec: %w", err)
	}

	_, err = f.Write(append(data, '\n'))
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}

	return 0, err
}

func exampleSpec() *specs.Spec {
	caps := []string{"CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"}
	mount := func(destination, kind, source string, options ...string) specs.Mount {
		return specs.Mount{Destination: destination, Type: kind, Source: source, Options: options}
	}

	return &specs.Spec{
		Version:  oci.SpecVersion,
		Root:     &specs.Root{Path: "rootfs", Readonly: true},
		Hostname: "myrunc",
		Process: &specs.Process{
			Terminal: true, Args: []string{"sh"}, Cwd: "/", NoNewPrivileges: true,
			Env:          []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"},
			Capabilities: &specs.LinuxCapabilities{Bounding: caps, Effective: caps, Permitted: caps},
			Rlimits:      []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Hard: 1024, Soft: 1024}},
		},

		Mounts: []specs.Mount{
			mount("/proc", "proc", "proc"),
			mount("/dev", "tmpfs", "tmpfs", "nosuid", "strictatime", "mode=755", "size=65536k"),
			mount("/dev/pts", "devpts", "devpts", "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620",
				"gid=5"),
			mount("/dev/shm", "tmpfs", "shm", "nosuid", "noexec", "nodev", "mode=1777", "size=65536k"),
			mount("/dev/mqueue", "mqueue", "mqueue", "nosuid", "noexec", "nodev"),
			mount("/sys", "sysfs", "sysfs", "nosuid", "noexec", "nodev", "ro"),
			mount("/sys/fs/cgroup", "cgroup", "cgroup", "nosuid", "noexec", "nodev", "relatime", "ro"),
		},
		Linux: &specs.Linux{
			Resources:   &specs.LinuxResources{Devices: []specs.LinuxDeviceCgroup{{Allow: false, Access: "rwm"}}},
			Namespaces:  exampleNamespaces(),
			MaskedPaths: security.MaskedPaths(), ReadonlyPaths: security.ReadonlyPaths(),
		},
	}
}

// exampleNamespaces has a cgroup namespace on v2 only, as runc's: on v1 a container sees its own
// groups without one.
func exampleNamespaces() []specs.LinuxNamespace {
	kinds := []specs.LinuxNamespace{{Type: specs.PIDNamespace}, {Type: specs.NetworkNamespace},
		{Type: specs.IPCNamespace},
		{Type: specs.UTSNamespace}, {Type: specs.MountNamespace}}
	if host, err := cgroup.Detect(); err == nil && host.Unified() {
		kinds = append(kinds, specs.LinuxNamespace{Type: specs.CgroupNamespace})
	}
	return kinds
}

// makeRootless changes what an ordinary user is not allowed.
func makeRootless(spec *specs.Spec) error {
	uids, gids, full, err := idmap.Mappings()
	if err != nil {
		return err
	}

	spec.Linux.Namespaces = append(spec.Linux.Namespaces, specs.LinuxNamespace{Type: specs.UserNamespace})
	spec.Linux.UIDMappings, spec.Linux.GIDMappings = uids, gids
	spec.Linux.Resources = nil
	var mounts []specs.Mount
	for _, m := range spec.Mounts {
		if m.Type == "cgroup" {
			continue // nothing of it would be the user's
		}
		if m.Type == "devpts" && !full {
			m.Options = m.Options[:len(m.Options)-1] // gid=5 is not mapped
		}

		mounts = append(mounts, m)
	}

	spec.Mounts = mounts
	return nil
}

func featuresFlags(f *flag.FlagSet) {
	f.Bool("default-seccomp", false, "print docker's default seccomp profile instead, as linux.seccomp")
}

// featuresCommand says what this runtime can do (features.md of the runtime specification).
func featuresCommand(c *context, flags *flag.FlagSet) (int, error) {
	if truth(flags, "default-seccomp") {
		return 0, printJSON(security.DefaultSeccomp(security.DefaultCapabilities()))
	}

	yes, no := true, false
	options := oci.MountOptions()
	sort.Strings(options)
	archs := []string{"SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"}
	if runtime.GOARCH == "arm64" {
		archs = []string{"SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"}
	}

	return 0, printJSON(features.Features{
		OCIVersionMin: "1.0.0", OCIVersionMax: oci.SpecVersion,
		Hooks: []string{"prestart", "createRuntime", "createContainer", "startContainer", "poststart",
			"poststop"},
		MountOptions: options,
		Linux: &features.Linux{
			Namespaces:   []string{"cgroup", "ipc", "mount", "network", "pid", "time", "user", "uts"},
			Capabilities: security.AllCapabilities(),
			Cgroup:       &features.Cgroup{V1: &yes, V2: &yes, Systemd: &yes, SystemdUser: &yes, Rdma: &yes},
			Seccomp: &features.Seccomp{Enabled: &yes, Archs: archs,
				Actions: []string{"SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO", "SCMP_ACT_KILL", "SCMP_ACT_KILL_PROCESS",
					"SCMP_ACT_KILL_THREAD",
					"SCMP_ACT_LOG", "SCMP_ACT_NOTIFY", "SCMP_ACT_TRACE", "SCMP_ACT_TRAP"},
				Operators: []string{"SCMP_CMP_EQ", "SCMP_CMP_GE", "SCMP_CMP_GT", "SCMP_CMP_LE", "SCMP_CMP_LT",
					"SCMP_CMP_MASKED_EQ", "SCMP_CMP_NE"},
				KnownFlags: []string{"SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW",
					"SECCOMP_FILTER_FLAG_TSYNC",
					"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"},
				SupportedFlags: []string{"SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW",
					"SECCOMP_FILTER_FLAG_TSYNC",
					"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"}},

			Apparmor: &features.Apparmor{Enabled: &yes}, Selinux: &features.Selinux{Enabled: &yes},
			IntelRdt:        &features.IntelRdt{Enabled: &no},
			MountExtensions: &features.MountExtensions{IDMap: &features.IDMap{Enabled: &yes}},
		},
	})
}
