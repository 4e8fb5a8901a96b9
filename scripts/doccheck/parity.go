package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// untranslatedList names the chapters that have no English version yet, one a line: what is missing is written
// down, never silently absent.
const untranslatedList = "docs/en/untranslated.txt"

// checkParity compares each English chapter with the Chinese one that it translates.
func checkParity(book *Book) []Problem {
	var problems []Problem
	english := map[string]*Chapter{}
	for _, c := range book.Chapters {
		if strings.HasPrefix(c.Path, "docs/en/") {
			english[strings.TrimPrefix(c.Path, "docs/en/")] = c
		}
	}
	missing := map[string]bool{}
	if data, err := os.ReadFile(filepath.Join(book.Root, untranslatedList)); err == nil {
		for _, name := range strings.Fields(string(data)) {
			missing[name] = true
		}
	}
	for _, zh := range book.Chapters {
		if !strings.HasPrefix(zh.Path, "docs/zh/") {
			continue
		}
		name := strings.TrimPrefix(zh.Path, "docs/zh/")
		en := english[name]
		delete(english, name)
		switch {
		case en == nil && !missing[name]:
			problems = append(problems, Problem{zh.Path, 1, "has no translation docs/en/" + name + " and is not in " + untranslatedList})
		case en != nil && missing[name]:
			problems = append(problems, Problem{en.Path, 1, "is translated, but still in " + untranslatedList})
		}
		if en != nil {
			problems = append(problems, compareTranslation(zh, en)...)
		}
	}
	for name, en := range english {
		problems = append(problems, Problem{en.Path, 1, "translates docs/zh/" + name + ", which does not exist"})
	}
	return problems
}

func compareTranslation(zh, en *Chapter) []Problem {
	var problems []Problem
	if got := en.frontMatter("source"); got != zh.hash() {
		problems = append(problems, Problem{en.Path, 1,
			fmt.Sprintf("translates version %q of %s, which is now %s: look at the changes, then write `source: %s`", got, zh.Path, zh.hash(), zh.hash())})
	}
	zhLevels, zhTexts := zh.headings()
	enLevels, _ := en.headings()
	if len(zhLevels) != len(enLevels) {
		problems = append(problems, Problem{en.Path, 1, fmt.Sprintf("has %d headings, the Chinese chapter %d", len(enLevels), len(zhLevels))})
	} else {
		for i := range zhLevels {
			if zhLevels[i] != enLevels[i] {
				problems = append(problems, Problem{en.Path, 1, fmt.Sprintf("heading %d (%s) has another level", i+1, zhTexts[i])})
			}
		}
	}
	zhBlocks, enBlocks := sharedBlocks(zh), sharedBlocks(en)
	if len(zhBlocks) != len(enBlocks) {
		return append(problems, Problem{en.Path, 1, fmt.Sprintf("has %d snippets and transcripts, the Chinese chapter %d", len(enBlocks), len(zhBlocks))})
	}
	for i := range zhBlocks {
		if zhBlocks[i] != enBlocks[i] {
			problems = append(problems, Problem{en.Path, 1, fmt.Sprintf("block %d differs from the Chinese chapter\n%s", i+1, firstDifference(enBlocks[i], zhBlocks[i]))})
		}
	}
	return problems
}

// sharedBlocks are the code blocks that must be the same in both languages.
func sharedBlocks(c *Chapter) []string {
	var blocks []string
	for _, f := range c.Fences {
		if f.Has("file") || f.Has("run") {
			blocks = append(blocks, f.Info+"\n"+c.Body(f))
		}
	}
	return blocks
}
