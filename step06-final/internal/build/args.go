package build

import (
	"fmt"
	"runtime"
	"strings"

	"mydocker/step06-final/internal/dockerfile"
)

// proxyArgs may be given without ARG, and are no part of what makes a step different.
var proxyArgs = []string{"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "FTP_PROXY", "ftp_proxy",
	"NO_PROXY", "no_proxy", "ALL_PROXY", "all_proxy"}

// platformArgs are set by the builder itself.
func platformArgs() []string {
	return []string{
		"TARGETPLATFORM=linux/" + runtime.GOARCH, "TARGETOS=linux", "TARGETARCH=" + runtime.GOARCH,
		"BUILDPLATFORM=linux/" + runtime.GOARCH, "BUILDOS=linux", "BUILDARCH=" + runtime.GOARCH,
	}
}

// declare carries out ARG NAME[=DEFAULT]…: --build-arg wins over the default, and a NAME without
// default takes the value from before the first FROM.
func (b *builder) declare(in dockerfile.Instruction, args []string) ([]string, error) {
	if len(in.Args) == 0 {
		return nil, fmt.Errorf("ARG wants NAME[=DEFAULT]")
	}

	in, err := in.Expand(args)
	if err != nil {
		return nil, err
	}

	out := append([]string(nil), args...)

	for _, arg := range in.Args {
		name, value, hasDefault := strings.Cut(arg, "=")
		if name == "" {
			return nil, fmt.Errorf("ARG %s: an empty name", arg)
		}

		b.usedArgs[name] = true
		if given, ok := b.o.Args[name]; ok {
			value, hasDefault = given, true
		}
		if !hasDefault {
			value, hasDefault = lookup(append(platformArgs(), b.globalArgs...), name)
		}
		if hasDefault {
			out = append(out, name+"="+value)
		}
	}

	return out, nil
}

// lookup finds the last value of a name.
func lookup(env []string, name string) (string, bool) {
	for i := len(env) - 1; i >= 0; i-- {
		if strings.HasPrefix(env[i], name+"=") {
			return env[i][len(name)+1:], true
		}
	}
	return "", false
}

// proxies returns the proxy arguments that were given.
func (b *builder) proxies() []string {
	var env []string
	for _, name := range proxyArgs {
		if value, ok := b.o.Args[name]; ok {
			b.usedArgs[name] = true
			env = append(env, name+"="+value)
		}
	}
	return env
}
