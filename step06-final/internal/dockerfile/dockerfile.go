// Package dockerfile reads Dockerfiles and carries out those instructions that only change an
// image's settings; they are also what `commit --change` and `import --change` accept.
//
// Chapter: docs/zh/08-step06-images.md.
package dockerfile

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/dockerfile/shell"
)

// Instruction is one line of a Dockerfile.
type Instruction struct {
	Name     string   // upper case
	Flags    []string // --from=x
	Args     []string
	JSON     bool // the arguments were a JSON array
	Heredocs []parser.Heredoc
	Original string
	Line     int
	escape   rune
}

// Parse reads a Dockerfile.
func Parse(data []byte) ([]Instruction, error) {
	if len(bytes.TrimSpace(data)) == 0 {
		return nil, errors.New("the Dockerfile is empty")
	}

	result, err := parser.Parse(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("read Dockerfile: %w", err)
	}

	var list []Instruction
	for _, node := range result.AST.Children {
		in := Instruction{Name: strings.ToUpper(node.Value), Flags: node.Flags, JSON: node.Attributes["json"],
			Heredocs: node.Heredocs, Original: node.Original, Line: node.StartLine, escape: result.EscapeToken}
		for n := node.Next; n != nil; n = n.Next {
			if len(n.Children) > 0 {
				in.Args = append(in.Args, n.Children[0].Original) // ONBUILD holds a whole instruction
				continue
			}
			in.Args = append(in.Args, n.Value)
		}

		list = append(list, in)
	}

	return list, nil
}

// Expand replaces variables in the arguments and flags: $x, ${x}, ${x:-default}, ${x:+other}.
// Quotes are removed. env are NAME=VALUE pairs; the last of a name counts.
func (in Instruction) Expand(env []string) (Instruction, error) {
	lex := shell.NewLex(in.escape)
	out := in
	out.Args, out.Flags = nil, nil
	for _, arg := range in.Args {
		word, err := lex.ProcessWord(arg, latest(env))
		if err != nil {
			return in, fmt.Errorf("%s: %w", in.Name, err)
		}

		out.Args = append(out.Args, word)
	}

	for _, flag := range in.Flags {
		word, err := lex.ProcessWord(flag, latest(env))
		if err != nil {
			return in, fmt.Errorf("%s: %w", in.Name, err)
		}

		out.Flags = append(out.Flags, word)
	}

	return out, nil
}

// ExpandHeredoc replaces variables in a here document.
func (in Instruction) ExpandHeredoc(text string, env []string) (string, error) {
	lex := shell.NewLex(in.escape)
	lex.RawQuotes, lex.RawEscapes = true, true
	return lex.ProcessWord(text, latest(env))
}

// HeredocText is what a here document says: <<-NAME drops the tabs at the beginning of its lines.
func HeredocText(h parser.Heredoc) string {
	if h.Chomp {
		return parser.ChompHeredocContent(h.Content)
	}
	return h.Content
}

// latest leaves one value for each name: the lexer takes the first it finds.
func latest(env []string) []string {
	var out []string
	for _, pair := range env {
		out = setEnv(out, pair)
	}
	return out
}

// Flag returns the value of a flag --name=value, "" if it is not there.
func (in Instruction) Flag(name string) string {
	for _, flag := range in.Flags {
		if strings.HasPrefix(flag, "--"+name+"=") {
			return strings.TrimPrefix(flag, "--"+name+"=")
		}
	}
	return ""
}

// CheckFlags refuses flags other than the named.
func (in Instruction) CheckFlags(known ...string) error {
	for _, flag := range in.Flags {
		name := strings.TrimPrefix(strings.SplitN(flag, "=", 2)[0], "--")
		ok := false
		for _, k := range known {
			ok = ok || k == name
		}
		if !ok {
			return fmt.Errorf("line %d: %s has no flag --%s here", in.Line, in.Name, name)
		}
	}
	return nil
}
