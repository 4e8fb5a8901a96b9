package runtime

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"mydocker/step06-final/internal/atomicfile"
	"mydocker/step06-final/internal/plainjson"
)

// SpecVersion is the version of the runtime specification that this package implements.
const SpecVersion = "1.2.0"

// LoadSpec reads a bundle's config.json, and returns the file's content too.
func LoadSpec(bundle string) (*specs.Spec, []byte, error) {
	path := filepath.Join(bundle, "config.json")
	data, err := atomicfile.Read(path)
	if os.IsNotExist(err) {
		return nil, nil, fmt.Errorf(
			"%s does not exist: is %s a bundle? `myrunc spec` writes a config.json to begin with", path, bundle)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("read the bundle's configuration: %w", err)
	}
	spec, err := ParseSpec(data)
	return spec, data, err
}

// ParseSpec reads a configuration. An error of the JSON names the field or the line.
func ParseSpec(data []byte) (*specs.Spec, error) {
	var spec specs.Spec
	if err := plainjson.Unmarshal(data, &spec); err != nil {
		return nil, fmt.Errorf("config.json: %s", describeJSON(data, err))
	}
	return &spec, nil
}

// describeJSON says where in the file the JSON is wrong.
func describeJSON(data []byte, err error) string {
	var syntax *json.SyntaxError
	var wrongType *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return fmt.Sprintf("line %d: %v", lineOf(data, syntax.Offset), err)
	case errors.As(err, &wrongType) && wrongType.Field == "":
		return fmt.Sprintf("must be an object, not %s", wrongType.Value)
	case errors.As(err, &wrongType):
		return fmt.Sprintf("line %d: %s must be %s, not %s", lineOf(data, wrongType.Offset), wrongType.Field,
			wrongType.Type, wrongType.Value)
	}
	return err.Error()
}

func lineOf(data []byte, offset int64) int {
	if offset > int64(len(data)) {
		offset = int64(len(data))
	}
	return bytes.Count(data[:offset], []byte("\n")) + 1
}

// fieldError is an error about one field of the configuration.
func fieldError(field, format string, args ...interface{}) error {
	return fmt.Errorf("config.json: %s: %w", field, fmt.Errorf(format, args...))
}

// validateSpec checks what can be checked before anything is made. Fields that become steps of the
// plan are checked where the step is made.
func validateSpec(spec *specs.Spec) error {
	if spec.Version == "" {
		return fieldError("ociVersion", "is missing; this runtime implements %s", SpecVersion)
	}

	if major, ok := majorVersion(spec.Version); !ok {
		return fieldError("ociVersion", "%q is not a version such as %s", spec.Version, SpecVersion)
	} else if major != 1 {
		return fieldError("ociVersion", "%q is another major version than %s", spec.Version, SpecVersion)
	}

	if spec.Root == nil || spec.Root.Path == "" {
		return fieldError("root.path", "is missing")
	}

	if spec.Linux == nil {
		spec.Linux = &specs.Linux{}
	}

	if spec.Linux.IntelRdt != nil {
		return fieldError("linux.intelRdt", "is not supported (resctrl)")
	}

	if len(spec.Linux.NetDevices) > 0 {
		return fieldError("linux.netDevices",
			"is not supported: it came with version 1.3 of the specification, this is %s", SpecVersion)
	}

	if spec.Process != nil {
		return validateProcess(spec.Process)
	}
	return nil
}

// majorVersion reads MAJOR.MINOR.PATCH, with or without a -suffix (semantic versioning, as the
// specification asks for).
func majorVersion(version string) (major int, ok bool) {
	numbers := strings.Split(strings.SplitN(version, "-", 2)[0], ".")
	if len(numbers) != 3 {
		return 0, false
	}
	for _, n := range numbers {
		if _, err := strconv.ParseUint(n, 10, 31); err != nil {
			return 0, false
		}
	}
	major, err := strconv.Atoi(numbers[0])
	return major, err == nil
}

func validateProcess(p *specs.Process) error {
	if len(p.Args) == 0 {
		return fieldError("process.args", "must name a program")
	}

	if !filepath.IsAbs(p.Cwd) {
		return fieldError("process.cwd", "%q is not an absolute path", p.Cwd)
	}

	for i, a := range p.Args {
		if strings.IndexByte(a, 0) >= 0 {
			return fieldError(fmt.Sprintf("process.args[%d]", i), "contains a zero byte")
		}
	}

	for i, e := range p.Env {
		if strings.IndexByte(e, 0) >= 0 {
			return fieldError(fmt.Sprintf("process.env[%d]", i), "contains a zero byte")
		}
	}

	if err := validateUser(p.User); err != nil {
		return err
	}

	if p.OOMScoreAdj != nil && (*p.OOMScoreAdj < -1000 || *p.OOMScoreAdj > 1000) {
		return fieldError("process.oomScoreAdj", "%d is not between -1000 and 1000", *p.OOMScoreAdj)
	}
	return nil
}

// validateUser refuses the id -1, which setresuid(2) takes for "leave it as it is": the program
// would stay root.
func validateUser(u specs.User) error {
	const none = 1<<32 - 1
	if u.UID == none {
		return fieldError("process.user.uid", "%d is not a user id", u.UID)
	}
	if u.GID == none {
		return fieldError("process.user.gid", "%d is not a group id", u.GID)
	}
	for i, g := range u.AdditionalGids {
		if g == none {
			return fieldError(fmt.Sprintf("process.user.additionalGids[%d]", i), "%d is not a group id", g)
		}
	}
	return nil
}
