package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// messageLists are the pages where a reader searches for the text of an error, without "docs/zh/"
// or "docs/en/".
var messageLists = []string{"troubleshooting.md", "troubleshooting-engine.md"}

var (
	joinedText = regexp.MustCompile(`"\s*\+\s*"`)
	// a table's cell cannot show commands in ` ` or a |
	formatVerbs = regexp.MustCompile("%[+#]?[a-zA-Z]|%[.0-9]+[a-z]|`[^`]*`|[|\n]")
)

// A message is a text that a program can print, as a format.
type message struct {
	path   string
	line   int
	format string
}

// checkMessages wants every error message of the steps and of the small engine, and those of the
// engine that do not only pass another error on, on the pages of messages of both languages. What
// varies in a message is written … there; the longest piece that does not vary must be found word
// for word.
func checkMessages(book *Book) []Problem {
	messages, problems := stepMessages(book.Root)
	engine, more := engineMessages(filepath.Join(book.Root, "step06-final"), book.Root)
	messages, problems = append(messages, engine...), append(problems, more...)

	for _, language := range []string{"docs/zh/", "docs/en/"} {
		var pages strings.Builder
		for _, list := range messageLists {
			data, err := os.ReadFile(filepath.Join(book.Root, language+list))
			if err != nil {
				problems = append(problems, Problem{language + list, 1, err.Error()})
			}
			pages.Write(data)
			problems = append(problems, staleMessages(book, language+list, string(data))...)
		}

		told := map[string]bool{}
		for _, m := range messages {
			piece := longestPiece(m.format)
			if piece != "" && !told[piece] && !strings.Contains(pages.String(), piece) {
				told[piece] = true
				problems = append(problems,
					Problem{m.path, m.line,
						"the message is not in " + language + messageLists[0] + " or its neighbour: " + m.format})
			}
		}
	}

	return problems
}

// stepMessages are those of the five small programs and of the small engine.
func stepMessages(root string) (messages []message, problems []Problem) {
	steps, err := filepath.Glob(filepath.Join(root, "step0[1-5]*"))
	if err != nil {
		return nil, []Problem{{"step0*", 1, err.Error()}}
	}
	steps = append(steps, filepath.Join(root, "step06-final", "small"))

	for _, step := range steps {
		found, more := messagesUnder(step, root, map[string]int{"Errorf": 0, "fail": 0, "failWith": 1})
		messages, problems = append(messages, found...), append(problems, more...)
	}
	return messages, problems
}

func relative(root, path string) string {
	if short, err := filepath.Rel(root, path); err == nil {
		return short
	}
	return path
}

// notMessages are packages without texts of their own for the user: the stages pass on what
// failed by the name of the step, which runtime explains; explain writes a page; testdata is for
// tests; the small engine is looked at as a step.
var notMessages = regexp.MustCompile(`/(internal/sys|internal/reexec|internal/containerinit|internal/shim|internal/explain|testdata|small)$`)

// engineMessages are those of the engine and of its runtime.
func engineMessages(dir, root string) (messages []message, problems []Problem) {
	return messagesUnder(dir, root, messageArgument)
}

func messagesUnder(dir, root string, arguments map[string]int) (messages []message, problems []Problem) {
	err := filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err != nil {
			return err
		}
		if info.IsDir() && path != dir && notMessages.MatchString(path) {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}

		set := token.NewFileSet()
		file, err := parser.ParseFile(set, path, nil, 0)
		if err != nil {
			return err
		}

		for _, decl := range file.Decls {
			for _, found := range messagesOf(decl, arguments) {
				messages = append(messages,
					message{relative(root, path), set.Position(found.Pos()).Line, formatOf(found)})
			}
		}
		return nil
	})
	if err != nil {
		problems = append(problems, Problem{relative(root, dir), 1, err.Error()})
	}

	return messages, problems
}

// messageArgument is, for each function of the engine that takes a message, the number of the
// argument that is its format.
var messageArgument = map[string]int{"Errorf": 0, "New": 0, "fieldError": 1, "usageError": 0, "Warn": 0, "Warnf": 0,
	"warn": 0}

// messagesOf finds the messages in a declaration: arguments of the functions above, what an Error
// method returns, and what a function returns whose name ends in "advice".
func messagesOf(decl ast.Decl, arguments map[string]int) []ast.Expr {
	returns := false
	if f, ok := decl.(*ast.FuncDecl); ok {
		returns = f.Recv != nil && f.Name.Name == "Error" || strings.HasSuffix(strings.ToLower(f.Name.Name), "advice")
	}

	var found []ast.Expr

	ast.Inspect(decl, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ReturnStmt:
			for _, result := range n.Results {
				if call, ok := result.(*ast.CallExpr); ok && len(call.Args) > 0 {
					result = call.Args[0] // of Sprintf
				}
				if returns && isMessage(formatOf(result)) {
					found = append(found, result)
				}
			}
		case *ast.CallExpr:
			number, ok := arguments[calledName(n)]
			if ok && number < len(n.Args) && isMessage(formatOf(n.Args[number])) {
				found = append(found, n.Args[number])
			}
		}

		return true
	})

	return found
}

func calledName(call *ast.CallExpr) string {
	switch f := call.Fun.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		return f.Sel.Name
	}
	return ""
}

// formatOf is the text of an expression: literals as they stand, everything else as a verb.
func formatOf(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.BasicLit:
		if text, err := strconv.Unquote(e.Value); err == nil && e.Kind == token.STRING {
			return text
		}
	case *ast.BinaryExpr:
		return formatOf(e.X) + formatOf(e.Y)
	}
	return "%v"
}

// unseen are values that their caller compares with and never shows.
var unseen = map[string]bool{"the layer could not be stored": true, "not needed any more": true,
	"end of the wanted records": true, "volatile was not asked for": true, "the recorded state is out of date": true}

// isMessage leaves out what only says where another error happened: the reader looks for that
// other one.
func isMessage(format string) bool {
	if at := strings.LastIndex(format, "%w"); at >= 0 {
		format = format[at:]
	}
	return len(longestPiece(format)) >= 9 && !unseen[format]
}

// staleMessages are those on a page that no program prints any more. The first page's first table
// is about the kernel's.
func staleMessages(book *Book, path, page string) []Problem {
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

	text := strings.ReplaceAll(joinedText.ReplaceAllString(source.String(), ""), `\"`, `"`)
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
				problems = append(problems, Problem{path, number + 1, "no program prints this any more: " + piece})
			}
		}
	}

	return problems
}

// longestPiece is the longest part of a format that is printed as it stands. Backslashes are
// resolved for quotes only.
func longestPiece(format string) string {
	longest := ""
	for _, piece := range formatVerbs.Split(strings.ReplaceAll(format, `\"`, `"`), -1) {
		if piece = strings.Trim(piece, " :,()"); len(piece) > len(longest) {
			longest = piece
		}
	}
	return longest
}
