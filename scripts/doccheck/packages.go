package main

import (
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
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

	problems = append(problems, checkNamedCode(book)...)
	return append(problems, checkImports(book)...)
}

// namedCode is a file of step 6 on the contract page, perhaps with something that is declared in
// it:
// `internal/runtime/plan.go:planSwitch`.
var namedCode = regexp.MustCompile("`((?:internal|cmd)/[a-z0-9_/]+\\.go)(?::([A-Za-z0-9]+))?`")

// checkNamedCode wants what the contract page says about a file to be true: the file is there, and
// declares what is said to be in it.
func checkNamedCode(book *Book) []Problem {
	var problems []Problem

	for _, language := range []string{"zh", "en"} {
		page := filepath.Join("docs", language, "contributing.md")
		text, err := os.ReadFile(filepath.Join(book.Root, page))
		if err != nil {
			return append(problems, Problem{page, 0, err.Error()})
		}

		for _, m := range namedCode.FindAllStringSubmatch(string(text), -1) {
			code, err := os.ReadFile(filepath.Join(book.Root, "step06-final", m[1]))
			if err != nil {
				problems = append(problems, Problem{page, 0, m[1] + " is not there"})
				continue
			}

			declared := regexp.MustCompile(`(?m)^(func |\t|type |var |const |func \([^)]*\) )` + m[2] + `\b`)
			if m[2] != "" && !declared.Match(code) {
				problems = append(problems, Problem{page, 0, m[1] + " does not declare " + m[2]})
			}
		}
	}

	return problems
}

var packageRow = regexp.MustCompile("(?m)^\\| `(internal/[a-z]+(?:/[a-z]+)?|cmd/[a-z]+|small)` \\|.*\\| ([^|]*) \\|$")

// checkImports compares the packages of step 6 and their imports with the table of the contract
// page, in both languages: who may import whom is decided there.
func checkImports(book *Book) []Problem {
	have, err := importsOf(filepath.Join(book.Root, "step06-final"))
	if err != nil {
		return []Problem{{"step06-final", 0, err.Error()}}
	}

	var problems []Problem

	for _, language := range []string{"zh", "en"} {
		page := filepath.Join("docs", language, "contributing.md")
		text, err := os.ReadFile(filepath.Join(book.Root, page))
		if err != nil {
			return append(problems, Problem{page, 0, err.Error()})
		}

		allowed := map[string]string{}
		for _, row := range packageRow.FindAllStringSubmatch(string(text), -1) {
			allowed[row[1]] = row[2]
		}

		for name, imports := range have {
			list, listed := allowed[name]
			if !listed {
				problems = append(problems, Problem{page, 0, "the table of packages has no row for " + name})
				continue
			}
			for _, imported := range imports {
				if !strings.Contains(list, "`"+imported+"`") {
					problems = append(problems,
						Problem{page, 0, name + " imports " + imported + ", which its row does not allow"})
				}
			}
		}

		for name := range allowed {
			if _, there := have[name]; !there {
				problems = append(problems,
					Problem{page, 0, "the table of packages has a row for " + name + ", which is not there"})
			}
		}
	}

	return problems
}

// importsOf lists, for each package below a module, the packages of internal/ that it imports.
// Tests may import more.
func importsOf(module string) (map[string][]string, error) {
	imports := map[string][]string{}
	for _, pattern := range []string{"internal/*", "internal/*/*", "cmd/*", "small"} {
		dirs, err := filepath.Glob(filepath.Join(module, pattern))
		if err != nil {
			return nil, err
		}

		for _, dir := range dirs {
			if code, _ := filepath.Glob(filepath.Join(dir, "*.go")); pattern == "internal/*/*" && (code == nil ||
				strings.HasSuffix(dir, "/generate")) { // a program that makes a table
				continue
			}

			name, err := filepath.Rel(module, dir)
			if err != nil {
				return nil, err
			}
			if imports[name], err = importsOfPackage(dir); err != nil {
				return nil, err
			}
		}
	}
	return imports, nil
}

func importsOfPackage(dir string) ([]string, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return nil, err
	}

	var imports []string

	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}

		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			return nil, err
		}

		for _, spec := range parsed.Imports {
			_, name, ours := strings.Cut(strings.Trim(spec.Path.Value, `"`), "step06-final/internal/")
			if ours {
				imports = append(imports, name)
			}
		}
	}
	return imports, nil
}
