package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// A transcript is a block
//
//	```console run
//	# hostname
//	lab
//	```
//
// "# " is a root shell, "$ " an ordinary user's, "box# " a shell inside a container. "> "
// continues a command. In what the commands print, ‹name› stands for something that varies: the
// same name means the same text, names that differ only in their number (‹uts1› and ‹uts2›) mean
// different texts, ‹…› is anything on that line, and a line with only … is any number of lines. A
// line that begins with ↪ goes on with the line above it, which was too long for the page.
// The blocks of a chapter run one after the other in one sandbox.
//
// Attributes: run; norun="reason" when a block cannot run in the sandbox; needs="cgroup-v1 …"
// what the host must have, otherwise the block is skipped and said to be.
type command struct {
	prompt string // "#", "$", "box#", "box$"
	text   string
	line   int // of the command, in the chapter
	want   []string
}

const longer = "↪ "

var promptLine = regexp.MustCompile(`^(box[#$]|[#$]) (.*)$`)

func commandsOf(c *Chapter, f *Fence) ([]*command, error) {
	var commands []*command

	for i := f.Start + 1; i < f.End; i++ {
		line := c.Lines[i]
		if m := promptLine.FindStringSubmatch(line); m != nil {
			commands = append(commands, &command{prompt: m[1], text: m[2], line: i + 1})
			continue
		}
		if len(commands) == 0 {
			return nil, fmt.Errorf("%s:%d: output before the first command", c.Path, i+1)
		}

		last := commands[len(commands)-1]
		if strings.HasPrefix(line, "> ") && len(last.want) == 0 {
			last.text += "\n" + strings.TrimPrefix(line, "> ")
			continue
		}
		if strings.HasPrefix(line, longer) && len(last.want) > 0 {
			last.want[len(last.want)-1] += "  " + strings.TrimPrefix(line, longer)
			continue
		}

		last.want = append(last.want, line)
	}

	return commands, nil
}

var spaces = regexp.MustCompile(`^ +|  +`)

// columns is the pattern for a piece of text in which the width of columns may vary: ps makes
// them as wide as the largest process number of the machine.
func columns(text string) string {
	return spaces.ReplaceAllString(regexp.QuoteMeta(text), " +")
}

var mask = regexp.MustCompile(`‹([^›]+)›`)

// matches says whether the output fits the lines with masks, and if not, why.
func matches(want []string, got string) (bool, string) {
	got = strings.TrimRight(got, " \n")
	var pattern strings.Builder
	var names []string
	pattern.WriteString(`\A`)

	for _, line := range want {
		line = strings.TrimRight(line, " ")
		if line == "…" {
			pattern.WriteString(`(?:[^\n]*\n)*?`)
			continue
		}

		rest := line

		for {
			at := mask.FindStringSubmatchIndex(rest)
			if at == nil {
				pattern.WriteString(columns(rest))
				break
			}
			pattern.WriteString(columns(rest[:at[0]]))
			name := rest[at[2]:at[3]]
			if name == "…" {
				pattern.WriteString(`[^\n]*?`)
			} else {
				names = append(names, name)
				pattern.WriteString(`([^\s]+?)`)
			}

			rest = rest[at[1]:]
		}

		pattern.WriteString(` *\n`)
	}

	pattern.WriteString(`\z`)
	re, err := regexp.Compile(pattern.String())
	if err != nil {
		return false, err.Error()
	}

	text := got + "\n"
	if got == "" {
		text = ""
	}

	found := re.FindStringSubmatch(text)
	if found == nil {
		return false, "the output is different"
	}

	values := map[string]string{}
	for i, name := range names {
		value := found[i+1]
		if before, seen := values[name]; seen && before != value {
			return false, fmt.Sprintf("‹%s› is %q once and %q later", name, before, value)
		}

		values[name] = value
	}

	for a, x := range values {
		for b, y := range values {
			if a < b && x == y && strings.TrimRight(a, "0123456789") == strings.TrimRight(b, "0123456789") {
				return false, fmt.Sprintf("‹%s› and ‹%s› should differ: both are %q", a, b, x)
			}
		}
	}

	return true, ""
}

// runTranscripts runs the console blocks of the Chinese chapters (the English ones are the same,
// see parity).
func runTranscripts(book *Book, only []string) int {
	passed, failed, skipped := 0, 0, 0
	if err := buildSteps(book.Root); err != nil {
		fmt.Println(err)
		return 1
	}

	for _, c := range book.Chapters {
		if language(c.Path) != "zh" || !selected(c.Path, only) {
			continue
		}

		blocks, problems := transcriptBlocks(c)
		for _, p := range problems {
			fmt.Println(p)
			failed++
		}
		if len(blocks) == 0 {
			continue
		}

		began := time.Now()
		p, f, s := runChapter(book, c, blocks)
		passed, failed, skipped = passed+p, failed+f, skipped+s
		fmt.Printf("%s: %d commands as printed, %d not, %d skipped (%.0f s)\n", c.Path, p, f, s,
			time.Since(began).Seconds())
	}

	fmt.Printf("transcripts: %d passed, %d failed, %d skipped\n", passed, failed, skipped)
	if failed > 0 {
		return 1
	}
	return 0
}

func selected(path string, only []string) bool {
	if len(only) == 0 {
		return true
	}
	for _, name := range only {
		if strings.Contains(path, name) {
			return true
		}
	}
	return false
}

// transcriptBlocks are the blocks to run, and the console blocks that say neither run nor why not.
func transcriptBlocks(c *Chapter) (blocks []*Fence, problems []Problem) {
	for _, f := range c.Fences {
		if f.Lang != "console" {
			continue
		}
		switch {
		case f.Has("run"):
			blocks = append(blocks, f)
		case f.Attrs["norun"] == "":
			problems = append(problems, Problem{c.Path, f.Start + 1, `a console block needs the word run, or norun="reason"`})
		}
	}
	return blocks, problems
}

func runChapter(book *Book, c *Chapter, blocks []*Fence) (passed, failed, skipped int) {
	box, err := newSandbox(book.Root)
	if err != nil {
		fmt.Printf("%s: %v\n", c.Path, err)
		return 0, 1, 0
	}
	defer box.close()

	for _, f := range blocks {
		commands, err := commandsOf(c, f)
		if err != nil {
			fmt.Println(err)
			failed++
			continue
		}
		if lack := missingNeed(f.Attrs["needs"]); lack != "" {
			fmt.Printf("%s:%d: skipped: %s\n", c.Path, f.Start+1, lack)
			skipped += len(commands)
			continue
		}

		for _, cmd := range commands {
			got, err := box.run(cmd.prompt, cmd.text)
			if err != nil {
				fmt.Printf("%s:%d: %s\n    %v\n%s", c.Path, cmd.line, cmd.text, err, indent(got))
				return passed, failed + 1, skipped
			}
			if ok, why := matches(cmd.want, got); !ok {
				fmt.Printf("%s:%d: %s\n    %s; it prints:\n%s", c.Path, cmd.line, cmd.text, why, indent(got))
				failed++
				continue
			}
			passed++
		}
	}

	return passed, failed, skipped
}

func indent(text string) string {
	if text == "" {
		return "    (nothing)\n"
	}
	return "    | " + strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n    | ") + "\n"
}

// fillTranscripts writes the real output below each command of a chapter that has none yet. An
// author then masks what varies. Namespace numbers are masked here already.
func fillTranscripts(book *Book, names []string) int {
	if err := buildSteps(book.Root); err != nil {
		fmt.Println(err)
		return 1
	}

	for _, c := range book.Chapters {
		if language(c.Path) != "zh" || len(names) == 0 || !selected(c.Path, names) {
			continue
		}

		blocks, _ := transcriptBlocks(c)
		box, err := newSandbox(book.Root)
		if err != nil {
			fmt.Printf("%s: %v\n", c.Path, err)
			return 1
		}

		for _, f := range blocks {
			commands, err := commandsOf(c, f)
			if err != nil {
				fmt.Println(err)
				return 1
			}
			if missingNeed(f.Attrs["needs"]) != "" {
				continue
			}
			empty := true
			for _, cmd := range commands {
				empty = empty && len(cmd.want) == 0
			}

			masks := &namespaceMasks{names: map[string]string{}, count: map[string]int{}}
			var body strings.Builder
			for _, cmd := range commands {
				got, err := box.run(cmd.prompt, cmd.text)
				if err != nil {
					fmt.Printf("%s:%d: %s: %v\n%s", c.Path, cmd.line, cmd.text, err, indent(got))
					return 1
				}
				body.WriteString(cmd.prompt + " " + strings.ReplaceAll(cmd.text, "\n", "\n> ") + "\n")
				body.WriteString(masks.apply(strings.TrimRight(got, " \n")))
				if strings.TrimSpace(got) != "" {
					body.WriteString("\n")
				}
			}

			if empty {
				c.replace(f, body.String())
			}
		}

		box.close()
		if err := os.WriteFile(filepath.Join(book.Root, c.Path), []byte(c.text()), 0o644); err != nil {
			fmt.Println(err)
			return 1
		}

		fmt.Println("filled", c.Path)
	}

	return 0
}

var namespaceNumber = regexp.MustCompile(`([a-z_]+):\[(\d+)\]`)

type namespaceMasks struct {
	names map[string]string
	count map[string]int
}

func (m *namespaceMasks) apply(text string) string {
	return namespaceNumber.ReplaceAllStringFunc(text, func(s string) string {
		if name, ok := m.names[s]; ok {
			return name
		}
		kind := namespaceNumber.FindStringSubmatch(s)[1]
		m.count[kind]++
		m.names[s] = fmt.Sprintf("%s:[‹%s%d›]", kind, kind, m.count[kind])
		return m.names[s]
	})
}
