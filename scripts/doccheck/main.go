// doccheck keeps the book true: it compares the chapters with the sources, runs their terminal
// transcripts and checks links, pictures, flags, the translation and the typography. It needs
// neither Node nor the network.
//
//	doccheck check [CHECK…]          all checks, or those named (snippets coverage links pictures
//	                                 flags messages parity typography …)
//	doccheck transcripts [CHAPTER…]  run the console blocks and compare what they print
//	doccheck play URL [CHAPTER…]     press "run it here" in the site at URL and compare
//	doccheck update                  write the snippets and diffs anew from the sources
//	doccheck fill CHAPTER            put the real output below commands that have none yet
//	doccheck translated CHAPTER      note which Chinese version an English chapter translates
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// A Problem is one thing that is wrong, and where.
type Problem struct {
	Path string
	Line int
	Text string
}

func (p Problem) String() string { return fmt.Sprintf("%s:%d: %s", p.Path, p.Line, p.Text) }

// A Book is everything that the checks look at.
type Book struct {
	Root     string // the repository
	Chapters []*Chapter
}

// chapter is the one with that path, or nil.
func (b *Book) chapter(path string) *Chapter {
	for _, c := range b.Chapters {
		if c.Path == path {
			return c
		}
	}
	return nil
}

// language is "zh" or "en" for a chapter of the book, "" for other pages.
func language(path string) string {
	switch {
	case strings.HasPrefix(path, "docs/zh/"), path == "README.md":
		return "zh"
	case strings.HasPrefix(path, "docs/en/"), path == "README.en.md":
		return "en"
	}
	return ""
}

var checks = []struct {
	name string
	run  func(*Book) []Problem
}{
	{"snippets", checkSnippets},
	{"coverage", checkCoverage},
	{"consoles", checkConsoles},
	{"links", checkLinks},
	{"pictures", checkPictures},
	{"flags", checkFlags},
	{"proofs", checkProofs},
	{"packages", checkPackages},
	{"messages", checkMessages},
	{"parity", checkParity},
	{"typography", checkTypography},
	{"words", checkWords},
	{"glossary", checkGlossary},
}

func main() {
	if len(os.Args) < 2 {
		fail("usage: doccheck check|transcripts|play|update|fill|translated …")
	}

	root, err := findRoot()
	if err != nil {
		fail(err.Error())
	}

	book, err := openBook(root)
	if err != nil {
		fail(err.Error())
	}

	args := os.Args[2:]

	switch os.Args[1] {
	case "check":
		os.Exit(runChecks(book, args))
	case "transcripts":
		os.Exit(runTranscripts(book, args))
	case "fill":
		os.Exit(fillTranscripts(book, args))
	case "translated":
		os.Exit(markTranslated(book, args))
	case "play":
		os.Exit(runPlay(book, args))
	case "update":
		if err := update(book); err != nil {
			fail(err.Error())
		}
	default:
		fail("unknown command " + os.Args[1])
	}
}

func fail(text string) {
	fmt.Fprintln(os.Stderr, "doccheck: "+text)
	os.Exit(2)
}

// findRoot is the first directory above that has a go.work.
func findRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for ; dir != "/"; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.work")); err == nil {
			return dir, nil
		}
	}
	return "", fmt.Errorf("no go.work above the current directory: run this inside the repository")
}

func openBook(root string) (*Book, error) {
	book := &Book{Root: root}
	for _, dir := range []string{"docs/zh", "docs/en"} {
		chapters, err := chaptersIn(root, dir)
		if err != nil {
			return nil, err
		}

		book.Chapters = append(book.Chapters, chapters...)
	}

	for _, path := range []string{"README.md", "README.en.md"} {
		if _, err := os.Stat(filepath.Join(root, path)); err != nil {
			continue
		}

		c, err := readChapter(root, path)
		if err != nil {
			return nil, err
		}

		book.Chapters = append(book.Chapters, c)
	}

	return book, nil
}

func runChecks(book *Book, names []string) int {
	wanted := map[string]bool{}
	for _, name := range names {
		wanted[name] = true
	}

	total := 0
	for _, check := range checks {
		if len(names) > 0 && !wanted[check.name] {
			continue
		}

		problems := check.run(book)
		for _, p := range problems {
			fmt.Println(p)
		}

		mark := "✔"
		if len(problems) > 0 {
			mark = "✘"
		}

		fmt.Printf("%s %s: %d problems\n", mark, check.name, len(problems))
		total += len(problems)
	}

	if total > 0 {
		return 1
	}
	return 0
}

func checkSnippets(book *Book) []Problem {
	var problems []Problem

	for _, c := range book.Chapters {
		for _, f := range c.Fences {
			want, is, err := generated(book.Root, f)
			if err != nil {
				problems = append(problems, Problem{c.Path, f.Start + 1, err.Error()})
				continue
			}
			if is && c.Body(f) != want {
				problems = append(problems, Problem{c.Path, f.Start + 1,
					fmt.Sprintf("the block is not what the source says (run scripts/docs.sh update)\n%s",
						firstDifference(c.Body(f), want))})
			}

			if !is && f.Lang == "go" && !f.Has("sketch") {
				problems = append(problems, Problem{c.Path, f.Start + 1,
					"Go code without file=: take it from a source, or mark it with the word sketch"})
			}
		}
	}

	return problems
}

func firstDifference(have, want string) string {
	h, w := strings.Split(have, "\n"), strings.Split(want, "\n")
	for i := 0; i < len(h) || i < len(w); i++ {
		var a, b string
		if i < len(h) {
			a = h[i]
		}
		if i < len(w) {
			b = w[i]
		}
		if a != b {
			return fmt.Sprintf("    chapter: %s\n    source:  %s", a, b)
		}
	}
	return ""
}

// update writes every generated block anew.
func update(book *Book) error {
	for _, c := range book.Chapters {
		changed := false
		for _, f := range c.Fences {
			text, is, err := generated(book.Root, f)
			if err != nil {
				fmt.Printf("%s:%d: %s\n", c.Path, f.Start+1, err)
				continue
			}
			if is && c.Body(f) != text {
				c.replace(f, text)
				changed = true
			}
		}

		if zh := book.chapter(strings.Replace(c.Path, "docs/en/", "docs/zh/", 1)); zh != nil && zh != c {
			changed = translate(zh, c) || changed
		}
		if changed {
			if err := os.WriteFile(filepath.Join(book.Root, c.Path), []byte(c.text()), 0o644); err != nil {
				return err
			}
			fmt.Println("updated", c.Path)
		}
	}

	return writeCasts(book)
}
