package command

import (
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// visible writes control characters as JSON does, \u001b for the escape character: names, commands
// and messages come from images and containers, and a terminal obeys what it is sent. Newlines and
// tabs stay.
func visible(s string) string {
	clean := true
	for _, r := range s {
		clean = clean && !isControl(r)
	}
	if clean {
		return s
	}

	var out strings.Builder
	for _, r := range s {
		if r != utf8.RuneError && isControl(r) {
			fmt.Fprintf(&out, `\u%04x`, r)
			continue
		}

		out.WriteRune(r) // a byte that is no UTF-8 may be a control character elsewhere: U+FFFD takes its place
	}

	return out.String()
}

// oneLine is visible for what stands in a line with other things: a line end in a label must not
// make a line of its own.
func oneLine(s string) string { return strings.ReplaceAll(visible(s), "\n", `\n`) }

func isControl(r rune) bool {
	return unicode.IsControl(r) && r != '\n' && r != '\t' || r == utf8.RuneError
}

// visibleTo is visible for who writes whole lines.
type visibleTo struct{ w io.Writer }

func (v visibleTo) Write(p []byte) (int, error) {
	if _, err := io.WriteString(v.w, visible(string(p))); err != nil {
		return 0, err
	}
	return len(p), nil
}
