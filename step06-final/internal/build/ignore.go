package build

import (
	"fmt"
	"path"
	"regexp"
	"strings"
)

// byteOrderMark is what editors of other systems put before a text in UTF-8.
const byteOrderMark = "\ufeff"

// ignoreList is .dockerignore: of the patterns that match a file or a directory above it, the
// last decides.
type ignoreList struct{ rules []ignoreRule }

type ignoreRule struct {
	pattern *regexp.Regexp
	include bool // the pattern began with "!"
}

// readIgnore reads a .dockerignore; no file is no rules.
func readIgnore(data []byte) (*ignoreList, error) {
	list := &ignoreList{}
	text := strings.TrimPrefix(string(data), byteOrderMark)
	for _, line := range strings.Split(text, "\n") {
		if err := list.add(line); err != nil {
			return nil, err
		}
	}
	return list, nil
}

func (l *ignoreList) add(line string) error {
	line = strings.TrimSpace(line)
	if line == "" || line[0] == '#' {
		return nil
	}

	rule := ignoreRule{include: line[0] == '!'}
	if rule.include {
		if line = strings.TrimSpace(line[1:]); line == "" {
			return fmt.Errorf(`.dockerignore: illegal exclusion pattern: "!"`)
		}
	}

	line = strings.TrimPrefix(path.Clean("/"+line), "/")
	if line == "" {
		return nil // docker too ignores the pattern "."
	}

	expression, err := globExpression(line)
	if err == nil {
		rule.pattern, err = regexp.Compile(expression)
	}
	if err != nil {
		return fmt.Errorf(".dockerignore: pattern %q: %w", line, err)
	}

	l.rules = append(l.rules, rule)
	return nil
}

// globExpression translates path.Match's patterns, and "**" for any number of directories.
func globExpression(glob string) (string, error) {
	if _, err := path.Match(glob, ""); err != nil {
		return "", err
	}

	var out strings.Builder
	out.WriteString("^")

	for i := 0; i < len(glob); i++ {
		switch ch := glob[i]; {
		case strings.HasPrefix(glob[i:], "**/"):
			out.WriteString("(.*/)?")
			i += 2
		case strings.HasPrefix(glob[i:], "**"):
			out.WriteString(".*")
			i++
		case ch == '*':
			out.WriteString("[^/]*")
		case ch == '?':
			out.WriteString("[^/]")
		case ch == '[':
			end := strings.IndexByte(glob[i:], ']') + i
			out.WriteString(glob[i : end+1])
			i = end
		case ch == '\\' && i+1 < len(glob):
			i++
			out.WriteString(regexp.QuoteMeta(string(glob[i])))
		default:
			out.WriteString(regexp.QuoteMeta(string(ch)))
		}
	}

	out.WriteString("$")
	return out.String(), nil
}

// ignores says whether a file of the context, by its name relative to it, is left out.
func (l *ignoreList) ignores(name string) bool {
	ignored := false
	for _, rule := range l.rules {
		for at := name; at != "." && at != "/"; at = path.Dir(at) {
			if rule.pattern.MatchString(at) {
				ignored = !rule.include
				break
			}
		}
	}
	return ignored
}
