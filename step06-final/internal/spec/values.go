package spec

import (
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Ulimit is one --ulimit.
type Ulimit struct {
	Name       string
	Soft, Hard int64 // -1: unlimited
}

var ulimits = map[string]bool{"as": true, "core": true, "cpu": true, "data": true, "fsize": true, "locks": true,
	"memlock":  true,
	"msgqueue": true, "nice": true, "nofile": true, "nproc": true, "rss": true, "rtprio": true, "rttime": true,
	"sigpending": true, "stack": true}

// ParseUlimit reads NAME=SOFT[:HARD].
func ParseUlimit(value string) (Ulimit, error) {
	bad := fmt.Errorf("invalid ulimit %q: want NAME=SOFT[:HARD], such as nofile=1024:2048", value)
	i := strings.Index(value, "=")
	if i < 0 {
		return Ulimit{}, bad
	}

	u := Ulimit{Name: value[:i]}
	if !ulimits[u.Name] {
		return Ulimit{}, fmt.Errorf(
			"invalid ulimit %q: no limit is called %q (see getrlimit(2), without RLIMIT_ and in lower case)", value,
			u.Name)
	}

	limits := strings.SplitN(value[i+1:], ":", 2)
	var err error
	if u.Soft, err = parseLimit(limits[0]); err != nil {
		return Ulimit{}, bad
	}

	u.Hard = u.Soft
	if len(limits) == 2 {
		if u.Hard, err = parseLimit(limits[1]); err != nil {
			return Ulimit{}, bad
		}
	}

	if u.Hard != -1 && (u.Soft == -1 || u.Soft > u.Hard) {
		return Ulimit{}, fmt.Errorf("invalid ulimit %q: the soft limit is above the hard limit", value)
	}
	return u, nil
}

func parseLimit(text string) (int64, error) {
	if text == "unlimited" {
		return -1, nil
	}
	number, err := strconv.ParseInt(text, 10, 64)
	if err == nil && number < -1 {
		err = strconv.ErrRange
	}
	return number, err
}

// Device is one --device.
type Device struct {
	PathOnHost, PathInContainer, Permissions string
}

// ParseDevice reads HOST[:CONTAINER[:PERMISSIONS]]; permissions are letters of rwm.
func ParseDevice(value string) (Device, error) {
	parts := strings.Split(value, ":")
	d := Device{PathOnHost: parts[0], PathInContainer: parts[0], Permissions: "rwm"}
	switch {
	case len(parts) > 3:
		return Device{}, fmt.Errorf("invalid device %q: want HOST[:CONTAINER[:rwm]]", value)
	case len(parts) == 3:
		d.PathInContainer, d.Permissions = parts[1], parts[2]
	case len(parts) == 2 && strings.HasPrefix(parts[1], "/"):
		d.PathInContainer = parts[1]
	case len(parts) == 2:
		d.Permissions = parts[1]
	}

	if !strings.HasPrefix(d.PathOnHost, "/") || !strings.HasPrefix(d.PathInContainer, "/") {
		return Device{}, fmt.Errorf("invalid device %q: both paths must be absolute", value)
	}
	if strings.Trim(d.Permissions, "rwm") != "" || d.Permissions == "" {
		return Device{}, fmt.Errorf("invalid device %q: permissions are letters of rwm", value)
	}
	return d, nil
}

// RestartPolicy is --restart.
type RestartPolicy struct {
	Name              string // "", no, always, unless-stopped or on-failure
	MaximumRetryCount int    // of on-failure; 0: no maximum
}

// ParseRestart reads a restart policy.
func ParseRestart(value string) (RestartPolicy, error) {
	name, count := value, ""
	if i := strings.Index(value, ":"); i >= 0 {
		name, count = value[:i], value[i+1:]
	}

	p := RestartPolicy{Name: name}
	switch name {
	case "", "no", "always", "unless-stopped", "on-failure":
	default:
		return p, fmt.Errorf("invalid restart policy %q: want no, always, unless-stopped or on-failure[:MAX]", value)
	}
	if count == "" {
		return p, nil
	}

	number, err := strconv.Atoi(count)
	if err != nil || number < 0 || name != "on-failure" {
		return p, fmt.Errorf("invalid restart policy %q: a maximum is a number and belongs to on-failure", value)
	}

	p.MaximumRetryCount = number
	return p, nil
}

// String is the form that --restart takes.
func (p RestartPolicy) String() string {
	if p.MaximumRetryCount > 0 {
		return fmt.Sprintf("%s:%d", p.Name, p.MaximumRetryCount)
	}
	return p.Name
}

// ParseEnv reads one -e: NAME=VALUE, or NAME, which takes the caller's value and is dropped when
// the caller has none.
func ParseEnv(value string) (variable string, set bool, err error) {
	name := value
	i := strings.Index(value, "=")
	if i >= 0 {
		name = value[:i]
	}
	if name == "" || strings.ContainsRune(value, 0) {
		return "", false, fmt.Errorf("invalid environment variable %q: want NAME=VALUE or NAME", value)
	}
	if i >= 0 {
		return value, true, nil
	}
	own, set := os.LookupEnv(name)
	return name + "=" + own, set, nil
}

// maxLines is the size of a file of variables or labels that no one writes by hand.
const maxLines = 16 << 20

// ReadLines reads a file of settings, a line each, which may come from another system: with a byte
// order mark, with CRLF. Empty lines and those that begin with # are left out, white space at their
// beginnings too.
func ReadLines(path string, each func(line string) error) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxLines+1)) // a shell may give a pipe; /dev/zero never ends
	if err != nil {
		return err
	}
	if len(data) > maxLines {
		return fmt.Errorf("%s is longer than %d bytes", path, maxLines)
	}

	text := strings.TrimPrefix(string(data), "\ufeff")
	for i, line := range strings.Split(text, "\n") {
		if !utf8.ValidString(line) {
			return fmt.Errorf("%s:%d: this is not UTF-8: convert the file (iconv -t UTF-8)", path, i+1)
		}

		line = strings.TrimLeftFunc(strings.TrimSuffix(line, "\r"), unicode.IsSpace)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if err := each(line); err != nil {
			return fmt.Errorf("%s:%d: %w", path, i+1, err)
		}
	}

	return nil
}

// ReadEnvFile reads a file of variables; NAME alone takes the caller's value.
func ReadEnvFile(path string) (env []string, err error) {
	err = ReadLines(path, func(line string) error {
		if name := strings.SplitN(line, "=", 2)[0]; strings.IndexFunc(name, unicode.IsSpace) >= 0 {
			return fmt.Errorf("variable name %q contains white space", name)
		}
		variable, set, err := ParseEnv(line)
		if set {
			env = append(env, variable)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read environment file: %w", err)
	}
	return env, nil
}

// MergeEnv puts variables on top of others: the last value of a name wins, in the place of the
// first. A name without a value takes the variable away.
func MergeEnv(base []string, overrides ...string) []string {
	all := append(append([]string(nil), base...), overrides...)
	last := map[string]string{}
	for _, variable := range all {
		last[strings.SplitN(variable, "=", 2)[0]] = variable
	}

	merged := []string{}
	for _, variable := range all {
		name := strings.SplitN(variable, "=", 2)[0]
		if value, wanted := last[name]; wanted && value != name {
			merged = append(merged, value)
		}
		delete(last, name)
	}
	return merged
}

// HasVariable says whether an environment sets a variable.
func HasVariable(env []string, name string) bool { return len(WithoutVariable(env, name)) < len(env) }

// WithoutVariable is an environment without one of its variables.
func WithoutVariable(env []string, name string) []string {
	rest := make([]string, 0, len(env))
	for _, variable := range env {
		if !strings.HasPrefix(variable, name+"=") {
			rest = append(rest, variable)
		}
	}
	return rest
}

var containerName = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]+$`)

// CheckName applies docker's rule for container names.
func CheckName(name string) error {
	if !containerName.MatchString(name) || len(name) > 128 {
		return fmt.Errorf(
			"invalid container name %q: want at least two of [a-zA-Z0-9_.-], the first a letter or digit", name)
	}
	return nil
}

// ParseKeyValue reads a label, sysctl or similar: KEY[=VALUE].
func ParseKeyValue(what, value string) (key, val string, err error) {
	parts := strings.SplitN(value, "=", 2)
	if parts[0] == "" {
		return "", "", fmt.Errorf("invalid %s %q: want KEY=VALUE", what, value)
	}
	if len(parts) == 2 {
		val = parts[1]
	}
	return parts[0], val, nil
}

// CheckHostname applies sethostname(2)'s limit and the characters of RFC 1123.
func CheckHostname(name string) error {
	if len(name) > 64 {
		return fmt.Errorf("invalid host name: %d characters, the kernel takes 64", len(name))
	}
	if !regexp.MustCompile(`^[a-zA-Z0-9]([a-zA-Z0-9.-]*[a-zA-Z0-9])?$`).MatchString(name) {
		return fmt.Errorf("invalid host name %q: want letters, digits, dots and dashes", name)
	}
	return nil
}
