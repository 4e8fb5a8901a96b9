package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// untranslatedList names the chapters that have no English version yet, one a line: what is
// missing is written down, never silently absent.
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
			problems = append(problems, Problem{zh.Path, 1,
				"has no translation docs/en/" + name + " and is not in " + untranslatedList})
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
			fmt.Sprintf(
				"translates version %q of %s, which is now %s: look at the changes, then write `source: %s`", got,
				zh.Path, zh.hash(), zh.hash())})
	}

	zhLevels, zhTexts := zh.headings()
	enLevels, _ := en.headings()
	if len(zhLevels) != len(enLevels) {
		problems = append(problems, Problem{en.Path, 1,
			fmt.Sprintf("has %d headings, the Chinese chapter %d", len(enLevels), len(zhLevels))})
	} else {
		for i := range zhLevels {
			if zhLevels[i] != enLevels[i] {
				problems = append(problems,
					Problem{en.Path, 1, fmt.Sprintf("heading %d (%s) has another level", i+1, zhTexts[i])})
			}
		}
	}

	if zhPictures, enPictures := zh.pictures(), en.pictures(); zhPictures != enPictures {
		problems = append(problems, Problem{en.Path, 1,
			fmt.Sprintf("shows the pictures %q, the Chinese chapter %q", enPictures, zhPictures)})
	}

	zhBlocks, enBlocks := sharedBlocks(zh), sharedBlocks(en)
	if len(zhBlocks) != len(enBlocks) {
		return append(problems, Problem{en.Path, 1,
			fmt.Sprintf("has %d snippets and transcripts, the Chinese chapter %d", len(enBlocks), len(zhBlocks))})
	}

	for i := range zhBlocks {
		if zhBlocks[i] != enBlocks[i] {
			problems = append(problems, Problem{en.Path, 1,
				fmt.Sprintf("block %d differs from the Chinese chapter\n%s", i+1,
					firstDifference(enBlocks[i], zhBlocks[i]))})
		}
	}
	return problems
}

var pictureAddress = regexp.MustCompile(`!\[[^\]]*\]\(([^)]+)\)`)

// pictures are the addresses of the chapter's pictures, in order.
func (c *Chapter) pictures() string {
	var addresses []string
	c.prose(func(_ int, line string) {
		for _, m := range pictureAddress.FindAllStringSubmatch(line, -1) {
			addresses = append(addresses, m[1])
		}
	})
	return strings.Join(addresses, " ")
}

// isShared says whether the block must be the same in both languages.
func (f *Fence) isShared() bool { return f.Has("file") || f.Has("run") }

// translate copies the shared blocks of a chapter into its translation, where they are the same
// in number and kind.
func translate(zh, en *Chapter) (changed bool) {
	var from, to []*Fence
	for _, f := range zh.Fences {
		if f.isShared() {
			from = append(from, f)
		}
	}

	for _, f := range en.Fences {
		if f.isShared() {
			to = append(to, f)
		}
	}
	if len(from) != len(to) {
		return false
	}

	for i := range from {
		if from[i].Info == to[i].Info && zh.Body(from[i]) != en.Body(to[i]) {
			en.replace(to[i], zh.Body(from[i]))
			changed = true
		}
	}
	return changed
}

// markTranslated writes the version of the Chinese chapter into the translation: its author has
// read the changes.
func markTranslated(book *Book, names []string) int {
	for _, en := range book.Chapters {
		if !strings.HasPrefix(en.Path, "docs/en/") || len(names) == 0 || !selected(en.Path, names) {
			continue
		}

		zh := book.chapter("docs/zh/" + strings.TrimPrefix(en.Path, "docs/en/"))
		if zh == nil {
			fmt.Println(en.Path, "translates a chapter that does not exist")
			return 1
		}

		line := "source: " + zh.hash()
		if len(en.Lines) > 1 && en.Lines[0] == "---" && strings.HasPrefix(en.Lines[1], "source:") {
			en.Lines[1] = line
		} else {
			en.Lines = append([]string{"---", line, "---", ""}, en.Lines...)
		}
		if err := os.WriteFile(filepath.Join(book.Root, en.Path), []byte(en.text()), 0o644); err != nil {
			fmt.Println(err)
			return 1
		}

		fmt.Println("marked", en.Path)
	}

	return 0
}

// sharedBlocks are the code blocks that must be the same in both languages.
func sharedBlocks(c *Chapter) []string {
	var blocks []string
	for _, f := range c.Fences {
		if f.isShared() {
			blocks = append(blocks, f.Info+"\n"+c.Body(f))
		}
	}
	return blocks
}
