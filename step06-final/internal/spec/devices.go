package spec

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// setDevices denies every device, then allows those that the user names. The usual ones (null,
// zero, full, random, urandom, tty) are made and allowed by the runtime, as the OCI spec demands.
func (in Input) setDevices(s *specs.Spec) error {
	if in.HostConfig.Privileged {
		s.Linux.Resources.Devices = []specs.LinuxDeviceCgroup{{Allow: true, Access: "rwm"}}
		if in.Rootless {
			return nil // mknod is not for us, and the host's nodes would be of no use
		}

		var err error
		s.Linux.Devices, err = hostDevices("/dev", "/dev")
		return err
	}

	rules := []specs.LinuxDeviceCgroup{{Allow: false, Access: "rwm"}}
	for _, d := range in.HostConfig.Devices {
		nodes, err := hostDevices(d.PathOnHost, d.PathInContainer)
		if err != nil {
			return err
		}

		s.Linux.Devices = append(s.Linux.Devices, nodes...)
		for i := range nodes {
			rules = append(rules, specs.LinuxDeviceCgroup{Allow: true, Type: nodes[i].Type, Major: &nodes[i].Major,
				Minor:  &nodes[i].Minor,
				Access: d.Permissions})
		}
	}

	for _, text := range in.HostConfig.DeviceCgroupRules {
		rule, err := ParseDeviceRule(text)
		if err != nil {
			return err
		}

		rules = append(rules, rule)
	}

	s.Linux.Resources.Devices = rules
	return nil
}

// ParseDeviceRule reads --device-cgroup-rule: TYPE MAJOR:MINOR ACCESS, such as "c 1:3 rwm" or "b
// 8:* r".
func ParseDeviceRule(text string) (specs.LinuxDeviceCgroup, error) {
	bad := fmt.Errorf("invalid device rule %q: want TYPE MAJOR:MINOR ACCESS, such as 'c 10:200 rwm' or 'b 8:* r'", text)
	fields := strings.Fields(text)
	if len(fields) != 3 || !strings.Contains("abc", fields[0]) || len(fields[0]) != 1 || strings.Trim(fields[2],
		"rwm") != "" {
		return specs.LinuxDeviceCgroup{}, bad
	}

	rule := specs.LinuxDeviceCgroup{Allow: true, Type: fields[0], Access: fields[2]}
	numbers := strings.Split(fields[1], ":")
	if len(numbers) != 2 {
		return rule, bad
	}

	for i, target := range []**int64{&rule.Major, &rule.Minor} {
		if numbers[i] == "*" {
			continue
		}

		n, err := strconv.ParseInt(numbers[i], 10, 32)
		if err != nil || n < 0 {
			return rule, bad
		}

		*target = &n
	}

	return rule, nil
}

// hostDevices describes the device node at a host path, or every node below it if it is a
// directory.
func hostDevices(host, container string) ([]specs.LinuxDevice, error) {
	info, err := os.Stat(host)
	if err != nil {
		return nil, fmt.Errorf("device %s: %w", host, err)
	}
	if !info.IsDir() {
		device, ok, err := hostDevice(host, container)
		if err != nil || !ok {
			return nil, fmt.Errorf("device %s is not a character or block device", host)
		}
		return []specs.LinuxDevice{device}, nil
	}

	entries, err := os.ReadDir(host)
	if err != nil {
		return nil, fmt.Errorf("list devices: %w", err)
	}

	var devices []specs.LinuxDevice

	for _, entry := range entries {
		name := entry.Name()
		hostPath, containerPath := filepath.Join(host, name), filepath.Join(container, name)

		switch {
		case entry.IsDir() && (name == "pts" || name == "shm" || name == "mqueue" ||
			name == "fd"): // mounts of the container's own
		case entry.IsDir():
			below, err := hostDevices(hostPath, containerPath)
			if err != nil {
				return nil, err
			}

			devices = append(devices, below...)
		case entry.Type()&os.ModeDevice != 0 && name != "console" && name != "ptmx" && name != "tty":
			device, ok, err := hostDevice(hostPath, containerPath)
			if os.IsNotExist(err) {
				continue // unplugged since
			}
			if err != nil {
				return nil, err
			}
			if ok {
				devices = append(devices, device)
			}
		}
	}

	return devices, nil
}

func hostDevice(host, container string) (specs.LinuxDevice, bool, error) {
	var st unix.Stat_t
	if err := unix.Stat(host, &st); err != nil {
		return specs.LinuxDevice{}, false, &os.PathError{Op: "stat", Path: host, Err: err}
	}
	kind := map[uint32]string{unix.S_IFCHR: "c", unix.S_IFBLK: "b"}[st.Mode&unix.S_IFMT]
	mode := os.FileMode(st.Mode & 0o777)
	return specs.LinuxDevice{Path: container, Type: kind, Major: int64(unix.Major(uint64(st.Rdev))),
		Minor:    int64(unix.Minor(uint64(st.Rdev))),
		FileMode: &mode, UID: &st.Uid, GID: &st.Gid}, kind != "", nil
}
