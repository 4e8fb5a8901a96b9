// Package units reads sizes and signals and shortens ids as docker does.
//
// Chapter: docs/zh/09-spec.md.
package units

import (
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// ParseSignal reads a signal's number or name, with or without SIG, in any case; RTMIN+N and
// RTMAX-N too.
func ParseSignal(text string) (unix.Signal, error) {
	if n, err := strconv.Atoi(text); err == nil && n > 0 && n <= 64 {
		return unix.Signal(n), nil
	}

	name := strings.TrimPrefix(strings.ToUpper(text), "SIG")
	if n := unix.SignalNum("SIG" + name); n != 0 {
		return n, nil
	}

	// signal(7): 34 to 64 are real-time signals; the C library keeps 32 and 33 for itself.
	for prefix, base := range map[string]int{"RTMIN": 34, "RTMAX": 64} {
		if !strings.HasPrefix(name, prefix) {
			continue
		}

		offset := 0
		var err error
		if rest := name[len(prefix):]; rest != "" {
			offset, err = strconv.Atoi(rest) // "+3" and "-3" are numbers to Atoi
		}
		if n := base + offset; err == nil && n >= 34 && n <= 64 {
			return unix.Signal(n), nil
		}
	}

	return 0, fmt.Errorf("invalid signal %q: want a name such as TERM or a number from 1 to 64; `kill -l` lists them",
		text)
}

// ShortID is an id as it is shown to people: twelve digits, without the name of the digest.
func ShortID(id string) string {
	id = strings.TrimPrefix(id, "sha256:")
	if len(id) > 12 {
		return id[:12]
	}
	return id
}
