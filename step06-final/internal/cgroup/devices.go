package cgroup

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// DefaultDevices may be used by every container, whatever the spec says: the nodes that the runtime
// itself puts into /dev, and making nodes (which is harmless as long as they cannot be opened).
func DefaultDevices() []specs.LinuxDeviceCgroup {
	rule := func(kind string, major, minor int64, access string) specs.LinuxDeviceCgroup {
		return specs.LinuxDeviceCgroup{Allow: true, Type: kind, Major: &major, Minor: &minor, Access: access}
	}
	return []specs.LinuxDeviceCgroup{
		rule("c", -1, -1, "m"), rule("b", -1, -1, "m"),
		rule("c", 1, 3, "rwm"), rule("c", 1, 5, "rwm"), rule("c", 1, 7, "rwm"), // null, zero, full
		rule("c", 1, 8, "rwm"), rule("c", 1, 9, "rwm"), // random, urandom
		rule("c", 5, 0, "rwm"), rule("c", 5, 1, "rwm"), rule("c", 5, 2, "rwm"), // tty, console, ptmx
		rule("c", 136, -1, "rwm"), // pts
	}
}

// DeviceRules completes the rules of a spec: everything is denied first unless the spec begins
// otherwise, and the default devices are allowed at the end, unless everything is allowed anyway.
func DeviceRules(rules []specs.LinuxDeviceCgroup) []specs.LinuxDeviceCgroup {
	everything := false
	all := []specs.LinuxDeviceCgroup{{Allow: false, Type: "a"}}
	for _, r := range rules {
		if IsEverything(r) {
			everything = r.Allow
			all = all[:0]
		}
		all = append(all, r)
	}
	if everything {
		return all
	}
	return append(all, DefaultDevices()...)
}

// IsEverything says whether a rule is for all devices and every access, which makes the rules
// before it void.
func IsEverything(r specs.LinuxDeviceCgroup) bool {
	wild := func(n *int64) bool { return n == nil || *n < 0 }
	return (r.Type == "" || r.Type == "a") && wild(r.Major) && wild(r.Minor) && accessOf(r) == "rwm"
}

// accessOf is what a rule is about: reading, writing, making the node. Nothing written means all;
// another letter means nothing, as for runc.
func accessOf(r specs.LinuxDeviceCgroup) string {
	if r.Access == "" {
		return "rwm"
	}
	access := ""
	for _, letter := range "rwm" {
		if strings.ContainsRune(r.Access, letter) {
			access += string(letter)
		}
	}
	return access
}

// setDevicesV1 writes the rules, in order, into devices.allow and devices.deny.
func (g *Group) setDevicesV1(rules []specs.LinuxDeviceCgroup) error {
	if rules == nil || g.Dirs["devices"] == "" {
		return nil
	}

	files := deviceFiles{directory: g.Dirs["devices"]}
	defer files.close()
	for _, r := range rules {
		for _, line := range deviceLinesV1(r) {
			g.debug("write %s to %s", line, filepath.Join(files.directory, deviceFile(r.Allow)))
			if err := files.write(r.Allow, line); err != nil {
				return fmt.Errorf("linux.resources.devices: %w", err)
			}
		}
	}
	return nil
}

// deviceFiles are devices.deny and devices.allow, each opened once: a dozen rules go there.
type deviceFiles struct {
	directory string
	open      [2]*os.File
}

func deviceFile(allow bool) string {
	if allow {
		return "devices.allow"
	}
	return "devices.deny"
}

// write adds a rule: the kernel takes one with each write(2).
func (d *deviceFiles) write(allow bool, rule string) error {
	f := &d.open[0]
	if allow {
		f = &d.open[1]
	}

	if *f == nil {
		path := filepath.Join(d.directory, deviceFile(allow))
		fd, err := unix.Open(path, unix.O_WRONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			err = &os.PathError{Op: "open", Path: path, Err: err}
			return fmt.Errorf("set %s to %q: %w", deviceFile(allow), rule, err)
		}
		*f = os.NewFile(uintptr(fd), path)
	}

	if _, err := (*f).WriteString(rule); err != nil {
		return fmt.Errorf("set %s to %q: %w", deviceFile(allow), rule, err)
	}
	return nil
}

func (d *deviceFiles) close() {
	for _, f := range d.open {
		if f != nil {
			f.Close()
		}
	}
}

// deviceLinesV1 writes a rule as the kernel wants it. Type a has no numbers there: a rule for both
// types is two lines.
func deviceLinesV1(r specs.LinuxDeviceCgroup) []string {
	if IsEverything(r) {
		return []string{"a"}
	}

	number := func(n *int64) string {
		if n == nil || *n < 0 {
			return "*"
		}
		return strconv.FormatInt(*n, 10)
	}

	access := accessOf(r)
	if access == "" {
		return nil
	}

	kinds := []string{r.Type}
	if r.Type == "" || r.Type == "a" {
		kinds = []string{"c", "b"}
	}

	var lines []string
	for _, kind := range kinds {
		lines = append(lines, fmt.Sprintf("%s %s:%s %s", kind, number(r.Major), number(r.Minor), access))
	}
	return lines
}
