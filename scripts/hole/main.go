// Command hole takes the body out of a function of a Go program, or puts it back. scripts/hole.sh
// uses it to make an exercise of nearly every function of the steps.
//
//	hole list DIR             the functions of the program, tests left out: NAME or TYPE.METHOD
//	hole take DIR NAME        its body becomes a panic, its comment stays
//	hole fill DIR FROM NAME   its body becomes that of the same function in FROM
package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
)

func main() {
	var err error
	switch args := os.Args[1:]; {
	case len(args) == 2 && args[0] == "list":
		err = list(args[1])
	case len(args) == 3 && args[0] == "take":
		err = replace(args[1], args[1], args[2], func([]byte) []byte {
			return []byte(fmt.Sprintf(
				"{\n\t// TODO: write it again. Its comment says what it does.\n\tpanic(%q)\n}", "TODO: "+args[2]))
		})
	case len(args) == 4 && args[0] == "fill":
		err = replace(args[1], args[2], args[3], func(body []byte) []byte { return body })
	default:
		err = fmt.Errorf("usage: hole list DIR | take DIR NAME | fill DIR FROM NAME")
	}

	if err != nil {
		fmt.Fprintln(os.Stderr, "hole:", err)
		os.Exit(2)
	}
}

// source is a file of a program.
type source struct {
	path string
	text []byte
	set  *token.FileSet
	file *ast.File
}

func parse(path string, text []byte) (source, error) {
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, path, text, parser.ParseComments)
	return source{path, text, set, file}, err
}

func sources(dir string) (found []source, err error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return nil, err
	}

	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}

		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}

		s, err := parse(path, text)
		if err != nil {
			return nil, err
		}

		found = append(found, s)
	}

	return found, nil
}

// nameOf is NAME or TYPE.METHOD.
func nameOf(f *ast.FuncDecl) string {
	if f.Recv == nil {
		return f.Name.Name
	}
	receiver := f.Recv.List[0].Type
	if star, ok := receiver.(*ast.StarExpr); ok {
		receiver = star.X
	}
	return receiver.(*ast.Ident).Name + "." + f.Name.Name
}

func list(dir string) error {
	files, err := sources(dir)
	if err != nil {
		return err
	}
	for _, s := range files {
		for _, decl := range s.file.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && f.Name.Name != "main" && f.Name.Name != "init" {
				fmt.Println(nameOf(f))
			}
		}
	}
	return nil
}

// find returns the function with its file.
func find(dir, name string) (source, *ast.FuncDecl, error) {
	files, err := sources(dir)
	if err != nil {
		return source{}, nil, err
	}
	for _, s := range files {
		for _, decl := range s.file.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && nameOf(f) == name {
				return s, f, nil
			}
		}
	}
	return source{}, nil, fmt.Errorf("%s has no function %s: see: scripts/hole.sh --list", dir, name)
}

// body is the text from brace to brace.
func (s source) body(f *ast.FuncDecl) (start, end int) {
	return s.set.Position(f.Body.Lbrace).Offset, s.set.Position(f.Body.Rbrace).Offset + 1
}

// replace gives the function in dir the body that change makes of the one in from. Imports
// follow: what the file needs no longer goes, what it needs again comes from the other file.
func replace(dir, from, name string, change func(body []byte) []byte) error {
	origin, originFunc, err := find(from, name)
	if err != nil {
		return err
	}

	target, targetFunc, err := find(dir, name)
	if err != nil {
		return err
	}

	start, end := origin.body(originFunc)
	body := change(origin.text[start:end])
	start, end = target.body(targetFunc)
	text := bytes.Join([][]byte{target.text[:start], body, target.text[end:]}, nil)

	changed, err := parse(target.path, text)
	if err != nil {
		return err
	}
	if text, err = format.Source(changed.withImports(origin.file)); err != nil {
		return err
	}

	return os.WriteFile(target.path, text, 0o644)
}

// withImports writes one import declaration with what the file uses of its own imports and of the
// other's.
func (s source) withImports(other *ast.File) []byte {
	used := map[string]bool{}
	ast.Inspect(s.file, func(n ast.Node) bool {
		if selector, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := selector.X.(*ast.Ident); ok {
				used[x.Name] = true
			}
		}
		return true
	})

	var standard, foreign []string
	seen := map[string]bool{}

	for _, spec := range append(append([]*ast.ImportSpec(nil), other.Imports...), s.file.Imports...) {
		value, err := strconv.Unquote(spec.Path.Value)
		if err != nil || seen[value] {
			continue
		}

		line, name := spec.Path.Value, path.Base(value)
		if spec.Name != nil {
			line, name = spec.Name.Name+" "+line, spec.Name.Name
		}
		if !used[name] {
			continue
		}

		seen[value] = true
		if strings.Contains(value, ".") {
			foreign = append(foreign, "\t"+line)
		} else {
			standard = append(standard, "\t"+line)
		}
	}

	// The old declarations go, the new one follows the package clause.
	after := s.set.Position(s.file.Name.End()).Offset
	rest := after
	for _, decl := range s.file.Decls {
		if imports, ok := decl.(*ast.GenDecl); ok && imports.Tok == token.IMPORT {
			rest = s.set.Position(imports.End()).Offset
		}
	}

	block := ""
	if len(standard)+len(foreign) > 0 {
		block = "\n\nimport (\n" + strings.Join(standard, "\n") + "\n\n" + strings.Join(foreign, "\n") + "\n)"
	}
	return bytes.Join([][]byte{s.text[:after], []byte(block), s.text[rest:]}, nil)
}
