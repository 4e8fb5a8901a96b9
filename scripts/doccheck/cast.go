package main

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"
)

// The sizes of a recording: of a character, of the picture in characters, and its times in seconds.
const (
	castLine    = 18
	castChar    = 8
	castColumns = 96
	castPause   = 1.2  // after a command, before its output
	castStep    = 0.05 // from one line of output to the next
)

const castStyle = `
    text { font: 13px ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace; white-space: pre; fill: #1f2937; }
    .box { fill: #ffffff; stroke: #cbd5e1; } .command { font-weight: bold; fill: #4338ca; }
    g { opacity: 0; animation: show 0.1s forwards; }
    @keyframes show { to { opacity: 1; } }
    @media (prefers-color-scheme: dark) {
      text { fill: #e5e7eb; } .box { fill: #111827; stroke: #374151; } .command { fill: #a5b4fc; }
    }
    @media (prefers-reduced-motion: reduce) { g { opacity: 1; animation: none; } }
`

// example stands for what a transcript leaves open.
var example = strings.NewReplacer("‹id›", "5d8f3ba7c1e2", "‹pid1›", "4711   ", "‹pid2›", "4718   ", "‹", "", "›", "")

// casts draws the recordings of the book, by the path of their file: the blocks that are marked
// cast=NAME, one after the other. What they print is checked with the other transcripts, so a
// recording cannot be out of date; the check for that is in checkPictures.
func casts(book *Book) (map[string][]byte, error) {
	commands := map[string][]*command{}
	for _, c := range book.Chapters {
		if !strings.HasPrefix(c.Path, "docs/zh/") {
			continue
		}
		for _, f := range c.Fences {
			if !f.Has("cast") {
				continue
			}
			found, err := commandsOf(c, f)
			if err != nil {
				return nil, err
			}
			path := filepath.Join("docs/assets", "cast-"+f.Attrs["cast"]+".svg")
			commands[path] = append(commands[path], found...)
		}
	}

	pictures := map[string][]byte{}
	for path, found := range commands {
		pictures[path] = castPicture(found)
	}
	return pictures, nil
}

// castPicture is an animated SVG: one line of the terminal after the other appears.
func castPicture(commands []*command) []byte {
	var lines bytes.Buffer
	row, at := 0, 0.0

	add := func(class, text string) {
		text = example.Replace(strings.ReplaceAll(text, "\t", "  "))
		if utf8.RuneCountInString(text) > castColumns {
			text = string([]rune(text)[:castColumns-1]) + "…"
		}
		fmt.Fprintf(&lines, `  <g style="animation-delay: %.2fs"><text class="%s" x="16" y="%d">`, at, class, 30+row*castLine)
		_ = xml.EscapeText(&lines, []byte(text)) // into a buffer
		lines.WriteString("</text></g>\n")
		row++
	}

	for _, c := range commands {
		for _, line := range strings.Split(c.prompt+" "+c.text, "\n") {
			add("command", line)
		}
		at += castPause
		for _, line := range c.want {
			add("output", line)
			at += castStep
		}
		at += castPause
	}

	var out bytes.Buffer
	width, height := castColumns*castChar+32, 24+row*castLine+8
	fmt.Fprintf(&out, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" aria-labelledby="t d">`+"\n", width, height)
	out.WriteString("  <title id=\"t\">终端录像 / recording of a terminal</title>\n  <desc id=\"d\">")
	for _, c := range commands {
		_ = xml.EscapeText(&out, []byte(c.text+"; "))
	}
	fmt.Fprintf(&out, "</desc>\n  <style>%s  </style>\n", castStyle)
	fmt.Fprintf(&out, "  <rect class=\"box\" x=\"0.5\" y=\"0.5\" width=\"%d\" height=\"%d\" rx=\"8\"/>\n", width-1, height-1)
	out.Write(lines.Bytes())
	out.WriteString("</svg>\n")
	return out.Bytes()
}

// castProblems compares the recordings with their transcripts.
func castProblems(book *Book) []Problem {
	pictures, err := casts(book)
	if err != nil {
		return []Problem{{"docs/assets", 0, err.Error()}}
	}

	var problems []Problem
	for path, want := range pictures {
		if is, err := os.ReadFile(filepath.Join(book.Root, path)); err != nil || !bytes.Equal(is, want) {
			problems = append(problems, Problem{path, 1, "the recording is not of today's transcript: scripts/docs.sh update"})
		}
	}
	return problems
}

func writeCasts(book *Book) error {
	pictures, err := casts(book)
	if err != nil {
		return err
	}
	for path, data := range pictures {
		if err := os.WriteFile(filepath.Join(book.Root, path), data, 0o644); err != nil {
			return err
		}
	}
	return nil
}
