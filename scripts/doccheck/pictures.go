package main

import (
	"encoding/xml"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// checkPictures wants of every SVG: well-formed, a title and a description for screen readers,
// colours for a dark page too, nothing loaded from elsewhere; and of every picture in a chapter
// an alternative text.
func checkPictures(book *Book) []Problem {
	var problems []Problem
	used := map[string]bool{}
	for _, c := range book.Chapters {
		c.prose(func(number int, line string) {
			for _, m := range imageWithAlt.FindAllStringSubmatch(codeSpan.ReplaceAllString(line, "``"), -1) {
				if strings.TrimSpace(m[1]) == "" {
					problems = append(problems, Problem{c.Path, number, "a picture without an alternative text"})
				}
				used[filepath.Join(filepath.Dir(c.Path), m[2])] = true
			}
			for _, m := range htmlImage.FindAllStringSubmatch(line, -1) {
				used[filepath.Join(filepath.Dir(c.Path), m[1])] = true
			}
		})
	}

	problems = append(problems, castProblems(book)...)
	files, err := filepath.Glob(filepath.Join(book.Root, "docs/assets/*.svg"))
	if err != nil {
		return append(problems, Problem{"docs/assets", 0, err.Error()})
	}

	for _, file := range files {
		path := relative(book.Root, file)
		for _, text := range pictureProblems(file) {
			problems = append(problems, Problem{path, 1, text})
		}
		if !used[path] {
			problems = append(problems, Problem{path, 1, "no chapter shows this picture"})
		}
	}

	return problems
}

func pictureProblems(file string) []string {
	data, err := os.ReadFile(file)
	if err != nil {
		return []string{err.Error()}
	}

	var problems []string
	elements := map[string]bool{}
	d := xml.NewDecoder(strings.NewReader(string(data)))

	for {
		t, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			return []string{"not well-formed: " + err.Error()}
		}

		start, ok := t.(xml.StartElement)
		if !ok {
			continue
		}

		elements[start.Name.Local] = true
		for _, a := range start.Attr {
			if a.Name.Local == "href" && !strings.HasPrefix(a.Value, "#") {
				problems = append(problems, "loads something from outside: "+a.Value)
			}
		}
	}

	for _, need := range []string{"title", "desc"} {
		if !elements[need] {
			problems = append(problems, "no <"+need+"> for screen readers")
		}
	}
	if !strings.Contains(string(data), "prefers-color-scheme: dark") {
		problems = append(problems, "no colours for a dark page (prefers-color-scheme)")
	}

	return problems
}
