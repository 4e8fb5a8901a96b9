package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// A code span that names a stage check (`check_shared_root`) or a Go test (`TestReboot`) is a
// proof that the reader may want to run.
var proofSpan = regexp.MustCompile("`(check_[a-z0-9_]+|Test[A-Z][A-Za-z0-9]*)`")

var proofDefinition = regexp.MustCompile(`(?m)^(?:func )?(check_[a-z0-9_]+|Test[A-Z][A-Za-z0-9]*)\(`)

// checkProofs wants every named proof to exist.
func checkProofs(book *Book) []Problem {
	defined := map[string]bool{}

	err := filepath.WalkDir(book.Root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && (entry.Name() == "node_modules" || entry.Name() == ".git" || entry.Name() == "vendor") {
			return fs.SkipDir
		}
		if !strings.HasSuffix(path, "_test.go") && !strings.HasSuffix(path, ".sh") {
			return nil
		}

		data, err := os.ReadFile(path)
		for _, m := range proofDefinition.FindAllStringSubmatch(string(data), -1) {
			defined[m[1]] = true
		}
		return err
	})
	if err != nil {
		return []Problem{{".", 0, err.Error()}}
	}

	var problems []Problem
	for _, c := range book.Chapters {
		c.prose(func(number int, line string) {
			for _, m := range proofSpan.FindAllStringSubmatch(line, -1) {
				if !defined[m[1]] {
					problems = append(problems, Problem{c.Path, number, "there is no check or test " + m[1]})
				}
			}
		})
	}

	return problems
}
