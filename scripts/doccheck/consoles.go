package main

import (
	"fmt"
	"regexp"
	"strings"
)

// widest is how many columns a line of a transcript may have: more does not fit on a page.
const widest = 100

// counting is a command that hides what it has found behind a number. The checker can compare
// the lines themselves, so the reader may see them.
var counting = regexp.MustCompile(`\bgrep -[a-zA-Z]*c\b|\bgrep [^|;]* -c\b|\bwc -l\b`)

// checkConsoles wants transcripts for people: lines that fit, and what a command prints in place
// of its count.
func checkConsoles(book *Book) []Problem {
	var problems []Problem

	for _, c := range book.Chapters {
		for _, f := range c.Fences {
			if f.Lang != "console" {
				continue
			}

			for i := f.Start + 1; i < f.End; i++ {
				line := c.Lines[i]
				if n := columnsOf(line); n > widest {
					problems = append(problems, Problem{c.Path, i + 1, fmt.Sprintf(
						"the line has %d columns: at most %d: go on with \"> \" in a command, with %q in what it prints",
						n, widest, longer)})
				}
				if (promptLine.MatchString(line) || strings.HasPrefix(line, "> ")) && counting.MatchString(line) {
					problems = append(problems, Problem{c.Path, i + 1,
						"a count is for the checker, not for the reader: show the lines (‹…› stands for what varies)"})
				}
			}
		}
	}

	return problems
}

// columnsOf is the width of a line in a terminal, where a Chinese character takes two columns.
func columnsOf(line string) int {
	n := 0
	for _, r := range line {
		n++
		if r >= 0x1100 && chinese.MatchString(string(r)) || r >= 0x3000 && r <= 0x303f || r >= 0xff00 && r <= 0xff60 {
			n++
		}
	}
	return n
}
