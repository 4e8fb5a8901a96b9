package spec

import (
	"encoding/csv"
	"fmt"
	"mydocker/step06-final/internal/units"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// Mount is one -v, --mount or --tmpfs, parsed, or one volume that the image asks for.
type Mount struct {
	Type string // bind, volume or tmpfs
	Name string `json:",omitempty"` // of a volume; empty: anonymous
	// host path; of a volume: where it lives, filled in when the container is created
	Source      string
	Destination string // absolute path in the container
	ReadOnly    bool   `json:",omitempty"`
	// of a bind: rprivate (default), rslave, rshared, private, slave, shared
	Propagation string `json:",omitempty"`
	NoCopy      bool   `json:",omitempty"` // do not fill an empty volume from the image
	// of a tmpfs: mount(8) options, such as size=64m,mode=1777
	TmpfsOpts  string `json:",omitempty"`
	MakeSource bool   `json:",omitempty"` // of -v: a host directory that is missing is made
	Anonymous  bool   `json:",omitempty"` // removed together with the container
}

var volumeName = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]+$`)

// ValidVolumeName says whether docker would accept the name.
func ValidVolumeName(name string) bool { return volumeName.MatchString(name) && len(name) <= 255 }

// consistencies say how far the two sides of a mount may differ; on Linux they never do.
var consistencies = map[string]bool{"consistent": true, "cached": true, "delegated": true, "default": true}

var propagations = map[string]bool{"rprivate": true, "rslave": true, "rshared": true, "private": true, "slave": true,
	"shared": true}

// ParseVolume reads a -v value: [SOURCE:]DESTINATION[:OPTIONS]. A source that starts with / or . is
// a host path, any other is the name of a volume, and without one the volume is anonymous.
func ParseVolume(value string) (Mount, error) {
	parts := strings.Split(value, ":")
	var m Mount
	switch len(parts) {
	case 1:
		m = Mount{Type: "volume", Destination: parts[0], Anonymous: true}
	case 2, 3:
		m = Mount{Source: parts[0], Destination: parts[1]}
		if !strings.HasPrefix(parts[1], "/") && len(parts) == 2 && strings.HasPrefix(parts[0], "/") &&
			isOptions(parts[1]) {
			m = Mount{Type: "volume", Destination: parts[0], Anonymous: true}
			parts = []string{"", parts[0], parts[1]}
		}
	default:
		return Mount{}, fmt.Errorf("invalid volume %q: want [SOURCE:]DESTINATION[:OPTIONS]", value)
	}

	if m.Type == "" {
		if err := m.setSource(value); err != nil {
			return Mount{}, err
		}

		m.MakeSource = m.Type == "bind"
	}
	if len(parts) == 3 {
		if err := m.setOptions(value, parts[2]); err != nil {
			return Mount{}, err
		}
	}

	return m, m.checkDestination(value)
}

func isOptions(text string) bool {
	var m Mount
	return m.setOptions("", text) == nil
}

func (m *Mount) setSource(value string) error {
	switch {
	case m.Source == "":
		return fmt.Errorf("invalid volume %q: the source is empty", value)
	case strings.HasPrefix(m.Source, "/"):
		m.Type, m.Source = "bind", filepath.Clean(m.Source)
	case strings.HasPrefix(m.Source, "."):
		absolute, err := filepath.Abs(m.Source)
		if err != nil {
			return fmt.Errorf("invalid volume %q: %w", value, err)
		}
		m.Type, m.Source = "bind", absolute
	case ValidVolumeName(m.Source):
		m.Type, m.Name, m.Source = "volume", m.Source, ""
	default:
		return fmt.Errorf(
			"invalid volume %q: %q is neither an absolute path nor a volume name ([a-zA-Z0-9][a-zA-Z0-9_.-]+)",
			value, m.Source)
	}

	return nil
}

// setOptions reads what stands behind the second colon: of each kind of option one.
func (m *Mount) setOptions(value, options string) error {
	seen := map[string]string{}
	for _, option := range strings.Split(options, ",") {
		kind := ""

		switch {
		case option == "ro" || option == "readonly" || option == "rw":
			kind, m.ReadOnly = "mode", option != "rw"
		case option == "z" || option == "Z": // they relabel for SELinux; nothing to do without it
			kind = "label"
		case consistencies[option]:
			kind = "consistency"
		case option == "nocopy" && m.Type != "bind":
			kind, m.NoCopy = "copy", true
		case propagations[option] && m.Type != "volume":
			kind, m.Propagation = "propagation", option
		default:
			return fmt.Errorf("invalid volume %q: unknown option %q (known: ro, rw, z, Z; of a volume nocopy, "+
				"of a host path the propagations)", value, option)
		}

		if first, twice := seen[kind]; twice {
			return fmt.Errorf("invalid volume %q: %q contradicts %q: write one of them", value, option, first)
		}
		seen[kind] = option
	}

	return nil
}

func (m *Mount) checkDestination(value string) error {
	if !strings.HasPrefix(m.Destination, "/") {
		return fmt.Errorf("invalid volume %q: the destination %q is not an absolute path", value, m.Destination)
	}
	m.Destination = filepath.Clean(m.Destination)
	if m.Destination == "/" {
		return fmt.Errorf("invalid volume %q: the destination cannot be /", value)
	}
	return nil
}

// ParseMount reads a --mount value: KEY=VALUE pairs, comma separated, with CSV quoting.
func ParseMount(value string) (Mount, error) {
	fields, err := csv.NewReader(strings.NewReader(value)).Read()
	if err != nil {
		return Mount{}, fmt.Errorf("invalid mount %q: %w", value, err)
	}

	m := Mount{Type: "volume"}
	var tmpfs []string

	for _, field := range fields {
		key, val := field, ""
		if i := strings.Index(field, "="); i >= 0 {
			key, val = field[:i], field[i+1:]
		}

		switch strings.ToLower(key) {
		case "type":
			m.Type = val
		case "source", "src":
			m.Source = val
		case "target", "dst", "destination":
			m.Destination = val
		case "readonly", "ro":
			if m.ReadOnly, err = parseSwitch(val); err != nil {
				return Mount{}, fmt.Errorf("invalid mount %q: %s: %w", value, key, err)
			}
		case "bind-propagation":
			m.Propagation = val
		case "consistency":
			if !consistencies[val] {
				return Mount{}, fmt.Errorf("invalid mount %q: consistency wants consistent, cached or delegated", value)
			}
		case "bind-recursive":
			if val != "enabled" && val != "writable" {
				return Mount{}, fmt.Errorf(
					"invalid mount %q: bind-recursive=%s is not supported: what is mounted below the source always comes with it", value, val)
			}
		case "volume-driver":
			if val != "local" {
				return Mount{}, fmt.Errorf("invalid mount %q: there is no volume driver %q, only local", value, val)
			}
		case "volume-opt", "volume-label", "volume-subpath":
			return Mount{}, fmt.Errorf(
				"invalid mount %q: %s is not supported: make the volume before (volume create --label), and mount what is not "+
					"a directory of this host with type=bind", value, key)
		case "volume-nocopy":
			if m.NoCopy, err = parseSwitch(val); err != nil {
				return Mount{}, fmt.Errorf("invalid mount %q: %s: %w", value, key, err)
			}
		case "tmpfs-size":
			size, err := units.ParseBytes(val)
			if err != nil {
				return Mount{}, fmt.Errorf("invalid mount %q: %w", value, err)
			}

			tmpfs = append(tmpfs, fmt.Sprintf("size=%d", size))
		case "tmpfs-mode":
			if _, err := strconv.ParseUint(val, 8, 12); err != nil {
				return Mount{}, fmt.Errorf("invalid mount %q: tmpfs-mode wants an octal mode such as 1777", value)
			}
			tmpfs = append(tmpfs, "mode="+val)
		default:
			return Mount{}, fmt.Errorf(
				"invalid mount %q: unknown key %q (known: type, source, target, readonly, bind-propagation, volume-nocopy, tmpfs-size, tmpfs-mode, consistency, bind-recursive, volume-driver)", value, key)
		}
	}

	m.TmpfsOpts = strings.Join(tmpfs, ",")
	return m, m.checkMount(value)
}

func (m *Mount) checkMount(value string) error {
	if m.Propagation != "" && (m.Type != "bind" || !propagations[m.Propagation]) {
		return fmt.Errorf(
			"invalid mount %q: bind-propagation is for type=bind and one of rprivate, rslave, rshared, private, slave, shared", value)
	}
	if m.NoCopy && m.Type != "volume" {
		return fmt.Errorf("invalid mount %q: volume-nocopy is for type=volume", value)
	}
	if m.TmpfsOpts != "" && m.Type != "tmpfs" {
		return fmt.Errorf("invalid mount %q: the tmpfs keys are for type=tmpfs", value)
	}

	switch m.Type {
	case "bind":
		if !strings.HasPrefix(m.Source, "/") && !strings.HasPrefix(m.Source, ".") {
			return fmt.Errorf("invalid mount %q: type=bind wants source=/HOST/PATH", value)
		}
		if err := m.setSource(value); err != nil {
			return err
		}
	case "volume":
		m.Anonymous = m.Source == ""
		if !m.Anonymous && !ValidVolumeName(m.Source) {
			return fmt.Errorf("invalid mount %q: %q is no volume name; use type=bind for a host path", value, m.Source)
		}

		m.Name, m.Source = m.Source, ""

	case "tmpfs":
		if m.Source != "" {
			return fmt.Errorf("invalid mount %q: type=tmpfs takes no source", value)
		}
	default:
		return fmt.Errorf("invalid mount %q: unknown type %q (known: bind, volume, tmpfs)", value, m.Type)
	}

	return m.checkDestination(value)
}

func parseSwitch(value string) (bool, error) {
	if value == "" {
		return true, nil
	}
	return strconv.ParseBool(value)
}

// ParseTmpfs reads a --tmpfs value: PATH[:OPTIONS].
func ParseTmpfs(value string) (path, options string, err error) {
	path = value
	if i := strings.Index(value, ":"); i >= 0 {
		path, options = value[:i], value[i+1:]
	}
	m := Mount{Destination: path}
	if err := m.checkDestination(value); err != nil {
		return "", "", err
	}
	return m.Destination, options, nil
}
