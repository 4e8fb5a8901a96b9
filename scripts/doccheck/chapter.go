package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
)

// A Chapter is one Markdown file, cut into the parts that the checks look at.
type Chapter struct {
	Path   string // relative to the repository, e.g. docs/zh/03-step01-uts.md
	Lines  []string
	Fences []*Fence
}

// A Fence is one fenced code block: ```lang key=value "key=value with spaces" word
type Fence struct {
	Lang   string
	Attrs  map[string]string // a word without "=" has the value ""
	Info   string            // everything after the backticks, as written
	Ticks  string            // the backticks themselves
	Start  int               // index in Lines of the opening line
	End    int               // index in Lines of the closing line
	Indent string
}

// Has says whether the opening line carries the attribute.
func (f *Fence) Has(key string) bool { _, ok := f.Attrs[key]; return ok }

// Body is the text between the fences, one newline after each line.
func (c *Chapter) Body(f *Fence) string {
	if f.End <= f.Start+1 {
		return ""
	}
	return strings.Join(c.Lines[f.Start+1:f.End], "\n") + "\n"
}

var fenceLine = regexp.MustCompile("^( *)(`{3,})(.*)$")
var attribute = regexp.MustCompile(`([A-Za-z_-]+)(?:=(?:"([^"]*)"|(\S+)))?`)

func readChapter(root, path string) (*Chapter, error) {
	data, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		return nil, err
	}
	return parseChapter(path, string(data))
}

func parseChapter(path, text string) (*Chapter, error) {
	c := &Chapter{Path: path, Lines: strings.Split(strings.TrimSuffix(text, "\n"), "\n")}
	var open *Fence

	for i, line := range c.Lines {
		m := fenceLine.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		if open != nil {
			if m[2] == open.Ticks && strings.TrimSpace(m[3]) == "" {
				open.End = i
				c.Fences = append(c.Fences, open)
				open = nil
			}
			continue
		}

		open = &Fence{Indent: m[1], Ticks: m[2], Info: strings.TrimSpace(m[3]), Start: i, Attrs: map[string]string{}}
		words := open.Info
		if cut := strings.IndexAny(words, " {"); cut >= 0 {
			open.Lang, words = words[:cut], words[cut:]
		} else {
			open.Lang, words = words, ""
		}

		for _, a := range attribute.FindAllStringSubmatch(words, -1) {
			value := a[2]
			if value == "" {
				value = a[3]
			}
			open.Attrs[a[1]] = value
		}
	}

	if open != nil {
		return nil, fmt.Errorf("%s:%d: the code block is never closed", path, open.Start+1)
	}
	return c, nil
}

// replace puts new text between the fences and keeps every other index right.
func (c *Chapter) replace(f *Fence, body string) {
	lines := strings.Split(strings.TrimSuffix(body, "\n"), "\n")
	grown := len(lines) - (f.End - f.Start - 1)
	all := append([]string{}, c.Lines[:f.Start+1]...)
	all = append(all, lines...)
	all = append(all, c.Lines[f.End:]...)
	c.Lines = all
	for _, other := range c.Fences {
		if other.Start > f.Start {
			other.Start += grown
			other.End += grown
		}
	}
	f.End += grown
}

func (c *Chapter) text() string { return strings.Join(c.Lines, "\n") + "\n" }

// prose calls visit for every line outside of code blocks and front matter.
func (c *Chapter) prose(visit func(number int, line string)) {
	inside := make([]bool, len(c.Lines))
	for _, f := range c.Fences {
		for i := f.Start; i <= f.End; i++ {
			inside[i] = true
		}
	}

	front := len(c.Lines) > 0 && c.Lines[0] == "---"
	for i, line := range c.Lines {
		if front {
			if i > 0 && line == "---" {
				front = false
			}
			continue
		}
		if !inside[i] {
			visit(i+1, line)
		}
	}
}

// frontMatter is the value of "key: value" between the --- lines at the top.
func (c *Chapter) frontMatter(key string) string {
	if len(c.Lines) == 0 || c.Lines[0] != "---" {
		return ""
	}
	for _, line := range c.Lines[1:] {
		if line == "---" {
			break
		}
		if strings.HasPrefix(line, key+":") {
			return strings.TrimSpace(strings.TrimPrefix(line, key+":"))
		}
	}
	return ""
}

var headingLine = regexp.MustCompile(`^(#{1,6}) +(.*?) *$`)

// headings are "level text" in order.
func (c *Chapter) headings() (levels []int, texts []string) {
	c.prose(func(_ int, line string) {
		if m := headingLine.FindStringSubmatch(line); m != nil {
			levels = append(levels, len(m[1]))
			texts = append(texts, m[2])
		}
	})
	return levels, texts
}

// hash names a version of a chapter's own text; the translation carries it in its front matter.
// Code and transcripts are left out: they are the same in both languages and compared with each
// other.
func (c *Chapter) hash() string {
	shared := make([]bool, len(c.Lines))
	for _, f := range c.Fences {
		for i := f.Start; f.isShared() && i <= f.End; i++ {
			shared[i] = true
		}
	}
	sum := sha256.New()
	for i, line := range c.Lines {
		if !shared[i] {
			fmt.Fprintln(sum, line)
		}
	}
	return hex.EncodeToString(sum.Sum(nil))[:12]
}

// chaptersIn reads every Markdown file below dir (relative to root), sorted by name.
func chaptersIn(root, dir string) ([]*Chapter, error) {
	var paths []string

	err := filepath.Walk(filepath.Join(root, dir), func(path string, info os.FileInfo, err error) error {
		if err != nil {
			return err
		}
		if info.IsDir() && info.Name() == "node_modules" {
			return filepath.SkipDir
		}

		if !info.IsDir() && strings.HasSuffix(path, ".md") {
			rel, err := filepath.Rel(root, path)
			if err != nil {
				return err
			}
			paths = append(paths, rel)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}

	sort.Strings(paths)
	var chapters []*Chapter
	for _, path := range paths {
		c, err := readChapter(root, path)
		if err != nil {
			return nil, err
		}

		chapters = append(chapters, c)
	}

	return chapters, nil
}
