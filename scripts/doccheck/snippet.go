package main

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// generated says whether the block's text is made from the sources, and makes it.
//
//	```go file=step03-user-ns/idmap.go func=mapArgs      one function, its comment included
//	```go file=step03-user-ns/idmap.go type=idMap        also var=, const=
//	```go file=step03-user-ns/idmap.go head              the package and its imports
//	```go file=step01-uts/main.go from="cmd :=" to="}"   lines, the first that contains each text
//	```bash file=scripts/setup.sh                        a whole file
//	```diff from=step01-uts to=step02-pid-mount file=main.go [only="text"] [context=N]
func generated(root string, f *Fence) (string, bool, error) {
	if f.Lang == "diff" && f.Has("to") && f.Has("file") {
		text, err := diffBlock(root, f)
		return text, true, err
	}
	if !f.Has("file") {
		return "", false, nil
	}
	text, err := snippet(root, f)
	return text, true, err
}

func snippet(root string, f *Fence) (string, error) {
	lines, first, last, err := span(root, f)
	if err != nil {
		return "", err
	}
	return outdent(lines[first:last]), nil
}

// span is the lines of the block's file, and which of them the block shows: from first up to, not
// including, last.
func span(root string, f *Fence) (lines []string, first, last int, err error) {
	path := f.Attrs["file"]
	data, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		return nil, 0, 0, err
	}

	lines = strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
	for _, kind := range []string{"head", "func", "type", "var", "const"} {
		if f.Has(kind) {
			first, last, err = declaration(path, data, kind, f.Attrs[kind])
			return lines, first, last, err
		}
	}

	if f.Has("from") {
		first, last, err = lineRange(path, lines, f.Attrs["from"], f.Attrs["to"])
		return lines, first, last, err
	}
	return lines, 0, len(lines), nil
}

// declaration finds one top-level declaration in a Go file, with the comment above it. A method is
// named Type.Method. The head is what stands before the first one: the package and its imports.
func declaration(path string, data []byte, kind, name string) (first, last int, err error) {
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, path, data, parser.ParseComments)
	if err != nil {
		return 0, 0, fmt.Errorf("parsing: %w", err)
	}

	cut := func(doc *ast.CommentGroup, node ast.Node) (int, int, error) {
		from := node.Pos()
		if doc != nil {
			from = doc.Pos()
		}
		return set.Position(from).Line - 1, set.Position(node.End()).Line, nil
	}

	last = set.Position(file.Name.End()).Line
	for _, decl := range file.Decls {
		switch d := decl.(type) {
		case *ast.FuncDecl:
			if kind == "func" && funcName(d) == name {
				return cut(d.Doc, d)
			}
		case *ast.GenDecl:
			if d.Tok == token.IMPORT {
				last = set.Position(d.End()).Line
			}
			if d.Tok.String() != kind {
				continue
			}

			for _, spec := range d.Specs {
				switch s := spec.(type) {
				case *ast.TypeSpec:
					if s.Name.Name == name {
						return cut(d.Doc, d)
					}
				case *ast.ValueSpec:
					for _, id := range s.Names {
						if id.Name == name {
							return cut(d.Doc, d)
						}
					}
				}
			}
		}
	}

	if kind == "head" {
		return 0, last, nil
	}
	return 0, 0, fmt.Errorf("no %s %s in %s", kind, name, path)
}

func funcName(d *ast.FuncDecl) string {
	if d.Recv == nil || len(d.Recv.List) == 0 {
		return d.Name.Name
	}
	t := d.Recv.List[0].Type
	if star, ok := t.(*ast.StarExpr); ok {
		t = star.X
	}
	if id, ok := t.(*ast.Ident); ok {
		return id.Name + "." + d.Name.Name
	}
	return d.Name.Name
}

// lineRange is the lines from the first that contains from up to the next one that contains to. An
// empty to means one line.
func lineRange(path string, lines []string, from, to string) (first, last int, err error) {
	first = -1

	for i, line := range lines {
		if first < 0 {
			if !strings.Contains(line, from) {
				continue
			}
			first = i
			if to == "" {
				return i, i + 1, nil
			}
			continue
		}

		if strings.Contains(line, to) {
			return first, i + 1, nil
		}
	}

	if first < 0 {
		return 0, 0, fmt.Errorf("no line with %q in %s", from, path)
	}
	return 0, 0, fmt.Errorf("no line with %q after %q in %s", to, from, path)
}

// outdent takes away the indentation that the lines share.
func outdent(lines []string) string {
	shared := -1
	for _, line := range lines {
		if strings.TrimSpace(line) == "" {
			continue
		}
		if n := len(line) - len(strings.TrimLeft(line, "\t ")); shared < 0 || n < shared {
			shared = n
		}
	}

	out := make([]string, len(lines))
	for i, line := range lines {
		if len(line) >= shared {
			out[i] = line[shared:]
		}
	}
	return strings.Join(out, "\n") + "\n"
}

// diffBlock is what diff -u says of one file in two steps. With only="text" just the hunks that
// contain the text are kept.
func diffBlock(root string, f *Fence) (string, error) {
	file, from, to := f.Attrs["file"], f.Attrs["from"], f.Attrs["to"]
	context := f.Attrs["context"]
	if context == "" {
		context = "2"
	}

	cmd := exec.Command("diff", "-N", "-U", context, "--label", from+"/"+file, "--label", to+"/"+file,
		filepath.Join(from, file), filepath.Join(to, file))
	cmd.Dir = root
	out, err := cmd.Output()
	var exit *exec.ExitError
	if err != nil && !(errors.As(err, &exit) && exit.ExitCode() == 1) {
		return "", fmt.Errorf("diff of %s between %s and %s: %w", file, from, to, err)
	}
	if len(out) == 0 {
		return "", fmt.Errorf("%s is the same in %s and %s (or in neither): nothing to show", file, from, to)
	}

	if !f.Has("only") {
		return string(out), nil
	}

	var kept []string
	header, hunks := splitHunks(string(out))
	for _, hunk := range hunks {
		if strings.Contains(hunk, f.Attrs["only"]) {
			kept = append(kept, hunk)
		}
	}
	if len(kept) == 0 {
		return "", fmt.Errorf("no hunk with %q in the diff of %s", f.Attrs["only"], file)
	}

	return header + strings.Join(kept, ""), nil
}

func splitHunks(diff string) (header string, hunks []string) {
	for _, line := range strings.SplitAfter(diff, "\n") {
		switch {
		case strings.HasPrefix(line, "@@ "):
			hunks = append(hunks, line)
		case len(hunks) == 0:
			header += line
		default:
			hunks[len(hunks)-1] += line
		}
	}
	return header, hunks
}
