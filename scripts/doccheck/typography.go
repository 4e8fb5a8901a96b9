package main

import (
	"fmt"
	"regexp"
	"strings"
)

// What the Chinese chapters keep: a space between Chinese and Latin letters, digits or code;
// full-width punctuation inside Chinese sentences; no full-width letters and digits.
var typographyRules = []struct {
	find *regexp.Regexp
	say  string
}{
	{regexp.MustCompile("[\\p{Han}][A-Za-z0-9`]"), "no space between Chinese and what follows it"},
	{regexp.MustCompile("[A-Za-z0-9`%][\\p{Han}]"), "no space before the Chinese"},
	{regexp.MustCompile(`[\p{Han}”」》][,;:?!](?:\s|$|[\p{Han}])`), "half-width punctuation after Chinese"},
	{regexp.MustCompile(
		"[A-Za-z0-9][,;:?!]$|[A-Za-z0-9`][,;][A-Za-z0-9`]|[A-Za-z`]:[A-Za-z0-9`]|[0-9]:[A-Za-z`]|[A-Za-z`]\\([A-Za-z`]+\\)"), "half-width punctuation in a Chinese sentence"},
	{regexp.MustCompile(`[\p{Han}]\.(?:\s|$)`), "half-width full stop after Chinese"},
	{regexp.MustCompile(`[\p{Han}] ?\([^)]*[\p{Han}]|\([\p{Han}]`), "half-width brackets around Chinese"},
	{regexp.MustCompile(`[\x{FF10}-\x{FF19}\x{FF21}-\x{FF3A}\x{FF41}-\x{FF5A}]`), "full-width letters or digits"},
	{regexp.MustCompile(`[。、\x{FF0C}\x{FF1B}\x{FF1A}\x{FF1F}\x{FF01}\x{FF08}\x{FF09}] |[^ ] [。、\x{FF0C}\x{FF1B}\x{FF1A}\x{FF1F}\x{FF01}\x{FF08}\x{FF09}]`), "space beside full-width punctuation"},
	{regexp.MustCompile(`。。|、、|\x{FF0C}\x{FF0C}`), "the same punctuation twice"},
}

var (
	tableBorder = regexp.MustCompile(` *\| *`)
	chinese     = regexp.MustCompile(`\p{Han}`)
	emphasisEnd = regexp.MustCompile(`([。\x{FF0C}\x{FF1A}\x{FF1F}\x{FF01}])\*\* `)
	linkAddress = regexp.MustCompile(`\]\([^)]*\)`)
	htmlTag     = regexp.MustCompile(`<[^>]+>`)
)

func checkTypography(book *Book) []Problem {
	var problems []Problem
	for _, c := range book.Chapters {
		if language(c.Path) != "zh" {
			continue
		}
		c.prose(func(number int, line string) {
			for _, text := range typographyProblems(line) {
				problems = append(problems, Problem{c.Path, number, text})
			}
		})
	}
	return problems
}

func typographyProblems(line string) []string {
	// What stands in code is not prose: only the ticks are kept. Emphasis marks stand between a
	// letter and its neighbour without being seen.
	line = codeSpan.ReplaceAllString(line, "`x`")
	line = linkAddress.ReplaceAllString(line, "")
	line = htmlTag.ReplaceAllString(line, "")
	line = emphasisEnd.ReplaceAllString(line, "$1") // Markdown needs the space after "。**"
	line = strings.NewReplacer("**", "", "[", "", "]", "").Replace(line)
	line = strings.TrimLeft(line, "> ")
	if strings.HasPrefix(line, "|") || strings.HasPrefix(line, ":::") {
		line = tableBorder.ReplaceAllString(line, "\t")
	}

	var problems []string
	if !chinese.MatchString(line) {
		return nil
	}

	for _, rule := range typographyRules {
		if at := rule.find.FindString(line); at != "" {
			problems = append(problems, fmt.Sprintf("%s: …%s…", rule.say, at))
		}
	}
	return problems
}
