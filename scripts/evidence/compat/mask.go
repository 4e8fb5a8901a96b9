package main

import (
	"fmt"
	"regexp"
	"strings"
)

// errorLine stands for any text of an error: what the engines say differs, that they say
// something must not.
const errorLine = "2|<error>"

// engineText is how a line on stderr begins that comes from the engine and not from the container.
var engineText = regexp.MustCompile(`^2\|(mydocker|docker|Error|error|WARNING|Warning|OCI runtime|time=|unknown |invalid |` +
	`See '|Usage: |Unable to find image|"docker |failed to|cannot |unable to|flag needs|(you )?must |"?\w+ .*requires |` +
	`context |the input device|[Yy]ou cannot|No such|[Cc]onflicting|open |can't |write |Please |.*: (level|no such|not found)|Run 'docker|unrecognized|` +
	`\s*$)`)

// errorOnStdout: docker prints some errors of exec there.
var errorOnStdout = regexp.MustCompile(`^1\|(OCI runtime exec failed|unable to find user)`)

// plain replaces what differs from run to run, in this order.
var plain = []struct {
	pattern *regexp.Regexp
	with    string
}{
	{regexp.MustCompile(`\x1b\[[0-9;?]*[A-Za-z]`), ""},
	{regexp.MustCompile(`\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?( ?Z| ?[+-]\d\d:?\d\d)?( [A-Z]{3}\b)?`), "<time>"},
	{regexp.MustCompile(`\b[A-Z][a-z]{2} [ \d]\d \d\d:\d\d\b`), "<time>"},
	{regexp.MustCompile(`\b(Less than a second|About (a|an) \w+|\d+ (second|minute|hour|day|week|month|year)s?)\b`), "<span>"},
	{regexp.MustCompile(`(time=|min/avg/max = )[\d./]+ ms`), "${1}<span>"},
	{regexp.MustCompile(`"(time|timeNano)":\d+`), `"$1":<time>`},
	{regexp.MustCompile(`\b[0-9a-f]{2}(:[0-9a-f]{2}){5}\b`), "<mac>"},
	{regexp.MustCompile(`\b(172\.(1[6-9]|2\d|3[01])|10\.\d+|192\.168)\.\d+\.`), "<net>."},
	{regexp.MustCompile(`/[^ "]*/compat\.\w+/(my)?docker\d+/(data|lib)\b`), "<root>"},
	{regexp.MustCompile(`/[^ "]*/compat\.\w+/(my)?docker\d+`), "<box>"},
	{regexp.MustCompile(`\bveth[0-9a-f]+`), "veth<n>"},
	{regexp.MustCompile(`  +`), "  "},
	{regexp.MustCompile(`[ \r]+$`), ""},
}

var identifier = regexp.MustCompile(`\b[0-9a-f]{12,64}\b`)

// masks belongs to one call. It numbers ids in the order in which they appear: the same id has
// the same number, in full or short. After the first line of an error the rest of stderr (advice,
// usage) belongs to it.
type masks struct {
	ids    []string
	ours   bool // nothing but the engine writes to stderr
	failed bool
}

// newMasks: some commands pass on what a container writes.
func newMasks(command string) *masks {
	word, _, _ := strings.Cut(command, " ")
	return &masks{ours: !strings.Contains(" run start exec logs attach container ", " "+word+" ")}
}

func (m *masks) line(line string) string {
	if engineText.MatchString(line) || errorOnStdout.MatchString(line) || (m.ours || m.failed) &&
		strings.HasPrefix(line, "2|") {
		m.failed = true
		return errorLine
	}

	for _, mask := range plain {
		line = mask.pattern.ReplaceAllString(line, mask.with)
	}

	return identifier.ReplaceAllStringFunc(line, func(id string) string {
		if len(id) != 12 && len(id) != 64 || len(id) == 12 && strings.Trim(id, "0123456789") == "" {
			return id
		}

		for number, known := range m.ids {
			if strings.HasPrefix(known, id) || strings.HasPrefix(id, known) {
				return fmt.Sprintf("<id%d:%d>", len(id), number)
			}
		}

		m.ids = append(m.ids, id)
		return fmt.Sprintf("<id%d:%d>", len(id), len(m.ids)-1)
	})
}
