package image

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
)

// Where a name without a registry points, as everybody expects since docker.
const (
	defaultDomain  = "docker.io"
	officialPrefix = "library/"
	defaultTag     = "latest"
)

// Reference is a name of an image: DOMAIN/PATH:TAG, DOMAIN/PATH@DIGEST, or both.
type Reference struct {
	Domain, Path, Tag, Digest string
}

// No pattern counts a long repetition: compiled, a {64} is tens of kilobytes, at every start of the
// program.
var (
	pathPattern   = regexp.MustCompile(`^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*$`)
	domainPattern = regexp.MustCompile(`^([a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])(\.([a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9]))*(:[0-9]{1,5})?$|^\[[0-9a-fA-F:]+\](:[0-9]{1,5})?$`)
	tagPattern    = regexp.MustCompile(`^[a-zA-Z0-9_][a-zA-Z0-9_.-]*$`)
	hexDigits     = regexp.MustCompile(`^[a-f0-9]+$`)
)

const maxTagLength = 128

// isHexID says whether this is an ID in full: a SHA-256 sum in small letters.
func isHexID(s string) bool { return len(s) == 64 && hexDigits.MatchString(s) }

func isDigest(s string) bool {
	return strings.HasPrefix(s, "sha256:") && isHexID(strings.TrimPrefix(s, "sha256:"))
}

// maxNameLength is the limit of the distribution specification for DOMAIN/PATH.
const maxNameLength = 255

// ParseReference reads a name as docker does: "busybox" is docker.io/library/busybox:latest.
func ParseReference(s string) (Reference, error) {
	r, err := parseReference(s)
	if err != nil {
		return Reference{}, fmt.Errorf("%q is not the name of an image: %w (want "+
			"[REGISTRY/]NAME[:TAG|@sha256:DIGEST])", s, err)
	}
	return r, nil
}

func parseReference(s string) (Reference, error) {
	var r Reference
	if isHexID(s) {
		return r, errors.New("64 hexadecimal digits are an image ID")
	}

	rest := s
	if i := strings.IndexByte(rest, '@'); i >= 0 {
		r.Digest, rest = rest[i+1:], rest[:i]
		if !isDigest(r.Digest) {
			return r, errors.New("the digest is not sha256: and 64 hexadecimal digits")
		}
	}

	if i := strings.LastIndexByte(rest, ':'); i > strings.LastIndexByte(rest, '/') {
		r.Tag, rest = rest[i+1:], rest[:i]
		if len(r.Tag) > maxTagLength || !tagPattern.MatchString(r.Tag) {
			return r, errors.New("the tag has a character that tags cannot have, or is longer than 128")
		}
	}

	r.Domain, r.Path = defaultDomain, rest
	if i := strings.IndexByte(rest, '/'); i >= 0 && isDomain(rest[:i]) {
		r.Domain, r.Path = rest[:i], rest[i+1:]
		if !domainPattern.MatchString(r.Domain) {
			return r, errors.New("the registry is not a host name")
		}
	}
	if r.Domain == "index.docker.io" {
		r.Domain = defaultDomain
	}

	if r.Domain == defaultDomain && !strings.Contains(r.Path, "/") {
		r.Path = officialPrefix + r.Path
	}
	if !pathPattern.MatchString(r.Path) {
		return r, errors.New("names are lower-case letters, digits and separators")
	}
	if len(r.Domain)+1+len(r.Path) > maxNameLength {
		return r, fmt.Errorf("it is longer than %d characters", maxNameLength)
	}
	if r.Tag == "" && r.Digest == "" {
		r.Tag = defaultTag
	}

	return r, nil
}

// isDomain distinguishes a registry from the first part of a path.
func isDomain(s string) bool {
	return s == "localhost" || strings.ContainsAny(s, ".:") || strings.ToLower(s) != s
}

// Repository is the name without tag and digest.
func (r Reference) Repository() string { return r.Domain + "/" + r.Path }

// String is the full name: what names.json holds. A digest makes the tag irrelevant.
func (r Reference) String() string {
	if r.Digest != "" {
		return r.Repository() + "@" + r.Digest
	}
	return r.Repository() + ":" + r.Tag
}

// Familiar is the short name that people type.
func (r Reference) Familiar() string {
	return strings.TrimPrefix(strings.TrimPrefix(r.String(), defaultDomain+"/"), officialPrefix)
}

// remote is the reference for the registry client.
func (r Reference) remote(plainHTTP bool) (name.Reference, error) {
	var options []name.Option
	if plainHTTP {
		options = append(options, name.Insecure)
	}
	var ref name.Reference
	var err error
	if r.Digest != "" {
		ref, err = name.NewDigest(r.String(), options...)
	} else {
		ref, err = name.NewTag(r.String(), options...)
	}
	if err != nil {
		return nil, fmt.Errorf("%s is no name for a registry: %w", r.Familiar(), err)
	}
	return ref, nil
}
