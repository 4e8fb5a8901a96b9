package main

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"unicode"
)

var (
	linkTarget   = regexp.MustCompile(`!?\[[^\]]*\]\(<?([^)\s>]+)>?(?:\s+"[^"]*")?\)`)
	explicitID   = regexp.MustCompile(`<a id="([^"]+)">`)
	codeSpan     = regexp.MustCompile("`[^`]*`")
	htmlImage    = regexp.MustCompile(`<img[^>]*src="([^"]+)"`)
	imageWithAlt = regexp.MustCompile(`!\[([^\]]*)\]\(([^)\s]+)`)
)

// slug makes a heading's anchor the way the site generator does (VitePress, @mdit-vue/shared).
func slug(heading string) string {
	heading = codeSpan.ReplaceAllStringFunc(heading, func(s string) string { return strings.Trim(s, "`") })
	var b strings.Builder
	dash := false

	for _, r := range heading {
		if r >= 0xFF01 && r <= 0xFF5E {
			r -= 0xFEE0 // the generator turns full-width forms into ASCII first (NFKD)
		}
		if unicode.IsSpace(r) || strings.ContainsRune("~`!@#$%^&*()-_+=[]{}|\\;:\"'“”‘’<>,.?/", r) {
			dash = true
			continue
		}
		if dash && b.Len() > 0 {
			b.WriteByte('-')
		}

		dash = false
		b.WriteRune(unicode.ToLower(r))
	}

	s := b.String()
	if s != "" && s[0] >= '0' && s[0] <= '9' {
		s = "_" + s
	}
	return s
}

// githubSlug makes it the way GitHub does when it shows the file.
func githubSlug(heading string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(heading) {
		switch {
		case r == ' ':
			b.WriteByte('-')
		case unicode.IsLetter(r) || unicode.IsDigit(r) || r == '-' || r == '_':
			b.WriteRune(r)
		}
	}
	return b.String()
}

// anchors are the names that can be linked to: a heading's only if it is the same on the site and
// on GitHub, which is so when the heading has no punctuation inside.
func (c *Chapter) anchors() map[string]bool {
	ids := map[string]bool{}
	_, texts := c.headings()
	for _, text := range texts {
		if slug(text) == githubSlug(text) {
			ids[slug(text)] = true
		}
	}
	c.prose(func(_ int, line string) {
		for _, m := range explicitID.FindAllStringSubmatch(line, -1) {
			ids[m[1]] = true
		}
	})
	return ids
}

// checkLinks follows every relative link and every anchor. Addresses on the web are only checked
// for their form: the check must give the same answer without a network.
func checkLinks(book *Book) []Problem {
	var problems []Problem

	for _, c := range book.Chapters {
		c.prose(func(number int, line string) {
			bare := codeSpan.ReplaceAllString(line, "``")
			var targets []string
			for _, m := range linkTarget.FindAllStringSubmatch(bare, -1) {
				targets = append(targets, m[1])
			}
			for _, m := range htmlImage.FindAllStringSubmatch(bare, -1) {
				targets = append(targets, m[1])
			}

			for _, target := range targets {
				if err := checkLink(book, c, target); err != nil {
					problems = append(problems, Problem{c.Path, number, err.Error()})
				}
			}
		})
	}

	return problems
}

func checkLink(book *Book, c *Chapter, target string) error {
	u, err := url.Parse(target)
	if err != nil {
		return fmt.Errorf("link %s: %w", target, err)
	}
	if u.Scheme == "http" || u.Scheme == "https" {
		if u.Host == "" {
			return fmt.Errorf("link %s has no host", target)
		}
		return nil
	}

	path := c.Path
	if u.Path != "" {
		path = filepath.Join(filepath.Dir(c.Path), u.Path)
		if _, err := os.Stat(filepath.Join(book.Root, path)); err != nil {
			return fmt.Errorf("link %s: there is no %s", target, path)
		}
	}
	if u.Fragment == "" {
		return nil
	}

	other, err := readChapter(book.Root, path)
	if err != nil {
		return fmt.Errorf("link %s: %w", target, err)
	}
	if !other.anchors()[u.Fragment] {
		return fmt.Errorf("link %s: %s has no heading (without punctuation inside) or <a id> of that name", target,
			path)
	}

	return nil
}
