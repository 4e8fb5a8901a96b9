// Command codestyle counts what makes Go code hard to read: walls of lines without a paragraph,
// and lines that are too wide. `codestyle DIR…` prints every place and ends with 1 if there is
// one; `codestyle -count DIR…` prints the totals by package only. Rules: docs/zh/contributing.md.
package main

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
	"unicode/utf8"
)

const (
	maxRun     = 20  // lines of a body without a blank line or a case
	maxComment = 100 // columns of a comment line, a tab counts as four
	maxCode    = 120 // columns of a line of code
	longBody   = 25  // from this many lines on a function needs paragraphs
)

// counts are the totals of one package.
type counts struct {
	functions, long, walls     int // functions, those of longBody lines and more, those of them without a blank line
	runs, wideComments, wideGo int
}

// place is one line that breaks a rule.
type place struct {
	file string
	line int
	what string
}

func main() {
	onlyCount := flag.Bool("count", false, "print the totals by package only")
	flag.Parse()

	totals := map[string]*counts{}
	var places []place
	for _, root := range flag.Args() {
		found, err := inspectTree(root, totals)
		if err != nil {
			fmt.Fprintln(os.Stderr, "codestyle:", err)
			os.Exit(2)
		}

		places = append(places, found...)
	}

	if *onlyCount {
		printTotals(totals)
		return
	}

	for _, p := range places {
		fmt.Printf("%s:%d: %s\n", p.file, p.line, p.what)
	}
	if len(places) > 0 {
		fmt.Printf("✘ %d places: blank lines between ideas, comments of at most %d and code of at most %d columns\n",
			len(places), maxComment, maxCode)
		os.Exit(1)
	}
}

// inspectTree looks at every Go file below root that a person wrote.
func inspectTree(root string, totals map[string]*counts) ([]place, error) {
	var places []place

	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") {
			return err
		}

		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if bytes.Contains(text, []byte("\n// Code generated ")) || bytes.HasPrefix(text, []byte("// Code generated ")) {
			return nil
		}

		directory := filepath.Dir(path)
		if totals[directory] == nil {
			totals[directory] = &counts{}
		}

		found, err := inspectFile(path, text, totals[directory])
		places = append(places, found...)
		return err
	})

	return places, err
}

func inspectFile(path string, text []byte, total *counts) ([]place, error) {
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, path, text, parser.ParseComments)
	if err != nil {
		return nil, err
	}

	lines := splitLines(text)
	rawStrings, tables := insideRawStrings(files, file), insideTables(files, file)
	for line := range rawStrings {
		tables[line] = true
	}

	places := wideLines(path, lines, rawStrings, total)
	for _, declaration := range file.Decls {
		function, ok := declaration.(*ast.FuncDecl)
		if !ok || function.Body == nil {
			continue
		}

		first, last := files.Position(function.Body.Lbrace).Line, files.Position(function.Body.Rbrace).Line
		if first == last { // the whole function on one line
			total.functions++
			continue
		}

		places = append(places, walls(path, lines[first:last-1], first+1, tables, total)...)
	}

	return places, nil
}

// wideLines finds lines that are wider than a reader's window. A raw string, and a string that
// has a line to itself, is data and may be wide: who looks for a message finds it whole.
func wideLines(path string, lines []string, rawStrings map[int]bool, total *counts) []place {
	var places []place
	for i, line := range lines {
		width := columns(line)
		comment := strings.HasPrefix(strings.TrimSpace(line), "//")
		switch {
		case rawStrings[i+1] || strings.HasPrefix(line, "//go:") || isRow(path, line):
		case comment && width > maxComment:
			total.wideComments++
			places = append(places, place{path, i + 1, fmt.Sprintf("a comment of %d columns", width)})
		case !comment && columns(withoutMessage(line)) > maxCode:
			total.wideGo++
			places = append(places, place{path, i + 1, fmt.Sprintf("a line of %d columns", width)})
		}
	}
	return places
}

var longString = regexp.MustCompile(`"(?:[^"\\]|\\.){58,}"`)

// withoutMessage is a line of code without a long string: a message is written whole, so that
// grep finds it.
func withoutMessage(line string) string { return longString.ReplaceAllString(line, `""`) }

// isRow reports whether a line is a row of a test's table, which may be wide and needs no
// paragraph.
func isRow(path, line string) bool {
	trimmed := strings.TrimSpace(line)
	return strings.HasSuffix(path, "_test.go") && (strings.HasPrefix(trimmed, `"`) || strings.HasPrefix(trimmed, "{"))
}

func columns(line string) int { return utf8.RuneCountInString(strings.ReplaceAll(line, "\t", "    ")) }

// walls finds runs of lines in a function's body, which begins at line first, that no blank line
// and no case divides.
func walls(path string, body []string, first int, tables map[int]bool, total *counts) []place {
	total.functions++
	var places []place
	run, blank := 0, false

	for i, line := range body {
		trimmed := strings.TrimSpace(line)
		switch {
		case trimmed == "":
			blank, run = true, 0
		case strings.HasPrefix(trimmed, "case ") || trimmed == "default:" || tables[first+i] || isRow(path, line):
			run = 0
		default:
			run++
		}

		if run == maxRun+1 {
			total.runs++
			places = append(
				places,
				place{path, first + i, fmt.Sprintf("more than %d lines without a paragraph", maxRun)},
			)
		}
	}

	if len(body) >= longBody {
		total.long++
		if !blank {
			total.walls++
		}
	}
	return places
}

// insideTables are the lines of composite literals: a table is read column by column.
func insideTables(files *token.FileSet, file *ast.File) map[int]bool {
	lines := map[int]bool{}
	ast.Inspect(file, func(node ast.Node) bool {
		literal, ok := node.(*ast.CompositeLit)
		if !ok || containsFunction(literal) {
			return true
		}
		for line := files.Position(literal.Lbrace).Line + 1; line < files.Position(literal.Rbrace).Line; line++ {
			lines[line] = true
		}
		return false
	})
	return lines
}

// containsFunction: a function in a table is judged as any other.
func containsFunction(node ast.Node) bool {
	found := false
	ast.Inspect(node, func(inner ast.Node) bool {
		_, isFunction := inner.(*ast.FuncLit)
		found = found || isFunction
		return !found
	})
	return found
}

// insideRawStrings are the lines that a string in backquotes covers.
func insideRawStrings(files *token.FileSet, file *ast.File) map[int]bool {
	lines := map[int]bool{}
	ast.Inspect(file, func(node ast.Node) bool {
		literal, ok := node.(*ast.BasicLit)
		if ok && literal.Kind == token.STRING && strings.HasPrefix(literal.Value, "`") {
			for line := files.Position(literal.Pos()).Line; line <= files.Position(literal.End()).Line; line++ {
				lines[line] = true
			}
		}
		return true
	})
	return lines
}

func splitLines(text []byte) []string {
	var lines []string
	scanner := bufio.NewScanner(bytes.NewReader(text))
	scanner.Buffer(nil, len(text)+1)
	for scanner.Scan() {
		lines = append(lines, scanner.Text())
	}
	return lines
}

func printTotals(totals map[string]*counts) {
	var names []string
	for name := range totals {
		names = append(names, name)
	}

	sort.Strings(names)

	var all counts
	fmt.Printf("%-44s %9s %5s %6s %5s %8s %5s\n", "package", "functions", "long", "walls", "runs", "comments", "code")

	for _, name := range names {
		c := totals[name]
		fmt.Printf(
			"%-44s %9d %5d %6d %5d %8d %5d\n",
			name,
			c.functions,
			c.long,
			c.walls,
			c.runs,
			c.wideComments,
			c.wideGo,
		)
		all = counts{all.functions + c.functions, all.long + c.long, all.walls + c.walls, all.runs + c.runs,
			all.wideComments + c.wideComments, all.wideGo + c.wideGo}
	}

	fmt.Printf(
		"%-44s %9d %5d %6d %5d %8d %5d\n",
		"all",
		all.functions,
		all.long,
		all.walls,
		all.runs,
		all.wideComments,
		all.wideGo,
	)
}
