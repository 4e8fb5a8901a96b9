package main

import (
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
)

var namedChapter = regexp.MustCompile(`docs/zh/[a-z0-9-]+\.md`)

// checkPackages wants every package of the engine to say in its comment which chapter tells its
// story, and the chapter to be there.
func checkPackages(book *Book) []Problem {
	dirs, err := filepath.Glob(filepath.Join(book.Root, "step06-final/internal/*"))
	if err != nil {
		return []Problem{{"step06-final/internal", 0, err.Error()}}
	}

	var problems []Problem

	for _, dir := range dirs {
		path := relative(book.Root, dir)
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil {
			problems = append(problems, Problem{path, 0, err.Error()})
			continue
		}

		comment := ""
		for _, file := range files {
			parsed, err := parser.ParseFile(token.NewFileSet(), file, nil,
				parser.PackageClauseOnly|parser.ParseComments)
			if err != nil {
				problems = append(problems, Problem{path, 0, err.Error()})
				continue
			}
			comment += parsed.Doc.Text()
		}

		chapter := namedChapter.FindString(comment)
		if chapter == "" {
			problems = append(problems, Problem{path, 0,
				"the package comment does not name the chapter that tells its story (docs/zh/NAME.md)"})
		} else if _, err := os.Stat(filepath.Join(book.Root, chapter)); err != nil {
			problems = append(problems, Problem{path, 0,
				"the package comment names a chapter that is not there: " + chapter})
		}
	}

	return problems
}
