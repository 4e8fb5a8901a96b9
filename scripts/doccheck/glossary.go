package main

import (
	"fmt"
	"regexp"
	"strings"
)

// glossaries: the page, the column that it is sorted by, and the columns with the term itself.
var glossaries = []struct {
	path  string
	order int
	terms []int
}{
	{"docs/zh/glossary.md", 1, []int{0, 2}},
	{"docs/en/glossary.md", 0, []int{0}},
}

var (
	linkedPage  = regexp.MustCompile(`\]\(\./([^)#]+\.md)`)
	termVariant = regexp.MustCompile(`[、（）]|, `)
)

// checkGlossary: the rows are in order, and the page that a row names uses the term.
func checkGlossary(book *Book) []Problem {
	var problems []Problem
	for _, g := range glossaries {
		page := book.chapter(g.path)
		if page == nil {
			continue // nothing of it to check
		}

		before := ""
		for i, line := range page.Lines {
			cells := strings.Split(strings.Trim(line, "| "), " | ")
			link := linkedPage.FindStringSubmatch(line)
			if link == nil || len(cells) <= g.order {
				continue
			}

			key := strings.ToLower(cells[g.order])
			if key < before {
				problems = append(problems, Problem{g.path, i + 1, fmt.Sprintf("%q stands after %q", key, before)})
			}
			before = key

			target := book.chapter(strings.TrimSuffix(g.path, "glossary.md") + link[1])
			if target != nil && !usesTerm(target, cells, g.terms) {
				problems = append(problems, Problem{g.path, i + 1, link[1] + " does not use the term " + cells[0]})
			}
		}
	}
	return problems
}

// usesTerm says whether the page has one of the variants of the term.
func usesTerm(page *Chapter, cells []string, columns []int) bool {
	text := strings.ToLower(strings.Join(page.Lines, "\n"))
	for _, column := range columns {
		for _, variant := range termVariant.Split(strings.ToLower(cells[column]), -1) {
			if variant != "" && strings.Contains(text, variant) {
				return true
			}
		}
	}
	return false
}
