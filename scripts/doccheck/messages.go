package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// messageList is the page where a reader searches for the text of an error.
const messageList = "docs/zh/troubleshooting.md"

var (
	failCall    = regexp.MustCompile(`fail\(exit\w+, "((?:[^"\\]|\\.)+)"`)
	adviceText  = regexp.MustCompile(`return "((?:[^"\\]|\\.){25,})"`)
	formatVerbs = regexp.MustCompile(`%[+#]?[a-zA-Z]`)
)

// checkMessages wants every error message of the five small programs on the page of messages. What varies in a
// message is written … there; the longest piece that does not vary must be found word for word.
func checkMessages(book *Book) []Problem {
	page, err := os.ReadFile(filepath.Join(book.Root, messageList))
	if err != nil {
		return []Problem{{messageList, 1, err.Error()}}
	}
	var problems []Problem
	sources, err := filepath.Glob(filepath.Join(book.Root, "step0[1-5]*", "*.go"))
	if err != nil {
		return []Problem{{"step0*", 1, err.Error()}}
	}
	told := map[string]bool{}
	for _, source := range sources {
		if strings.HasSuffix(source, "_test.go") {
			continue
		}
		path, err := filepath.Rel(book.Root, source)
		if err != nil {
			path = source
		}
		data, err := os.ReadFile(source)
		if err != nil {
			problems = append(problems, Problem{path, 1, err.Error()})
			continue
		}
		for number, line := range strings.Split(string(data), "\n") {
			for _, expression := range []*regexp.Regexp{failCall, adviceText} {
				for _, m := range expression.FindAllStringSubmatch(line, -1) {
					piece := longestPiece(m[1])
					if piece != "" && !told[piece] && !strings.Contains(string(page), piece) {
						told[piece] = true
						problems = append(problems, Problem{path, number + 1, "the message is not in " + messageList + ": " + m[1]})
					}
				}
			}
		}
	}
	return append(problems, staleMessages(book, string(page))...)
}

// staleMessages are those on the page that no program prints any more. The page's first table is about the kernel's.
func staleMessages(book *Book, page string) []Problem {
	var source strings.Builder
	err := filepath.Walk(book.Root, func(path string, info os.FileInfo, err error) error {
		if err != nil {
			return err
		}
		if info.IsDir() && path != book.Root && !strings.HasPrefix(path, filepath.Join(book.Root, "step0")) {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		data, err := os.ReadFile(path)
		source.Write(data)
		return err
	})
	if err != nil {
		return []Problem{{"step0*", 1, err.Error()}}
	}
	text := strings.ReplaceAll(source.String(), `\"`, `"`)
	var problems []Problem
	section := 0
	for number, line := range strings.Split(page, "\n") {
		if strings.HasPrefix(line, "## ") {
			section++
		}
		if section < 2 || !strings.HasPrefix(line, "| `") {
			continue
		}
		for _, span := range codeSpan.FindAllString(strings.SplitN(line, " | ", 2)[0], -1) {
			piece := longestPiece(strings.ReplaceAll(strings.Trim(span, "`"), "…", "%v"))
			if !strings.Contains(text, piece) {
				problems = append(problems, Problem{messageList, number + 1, "no program prints this any more: " + piece})
			}
		}
	}
	return problems
}

// longestPiece is the longest part of a format that is printed as it stands. Backslashes are resolved for quotes only.
func longestPiece(format string) string {
	longest := ""
	for _, piece := range formatVerbs.Split(strings.ReplaceAll(format, `\"`, `"`), -1) {
		if piece = strings.Trim(piece, " :,()"); len(piece) > len(longest) {
			longest = piece
		}
	}
	return longest
}
