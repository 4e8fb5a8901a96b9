package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// chain is what the reader builds, one program after the other, and how the pages are called that
// print it.
var chain = []struct{ dir, pages string }{
	{"step01-uts", "-step01-"},
	{"step02-pid-mount", "-step02-"},
	{"step03-user-ns", "-step03-"},
	{"step04-cgroups", "-step04-"},
	{"step05-rootfs", "-step05-"},
	{"step06-final/small", "-small-"},
}

// checkCoverage wants every line of the chain in the book: each line that a program adds to the
// one before is printed once in that program's pages, as code or as an added line of a diff.
// Tests do not count, nor lines that are blank or close a bracket only: diff cannot tell whose they
// are. A block that shows a line for the second time says "again".
func checkCoverage(book *Book) []Problem {
	var problems []Problem

	before := ""
	for _, program := range chain {
		total, shown, found := coverageOf(book, before, program.dir, program.pages)
		problems = append(problems, found...)
		fmt.Printf("  %s: %d of %d new lines printed\n", program.dir, shown, total)
		before = program.dir
	}

	return problems
}

func coverageOf(book *Book, before, dir, pages string) (total, shown int, problems []Problem) {
	printed, problems := printedLines(book, dir, pages)

	files, err := filepath.Glob(filepath.Join(book.Root, dir, "*.go"))
	if err != nil {
		return 0, 0, append(problems, Problem{dir, 0, err.Error()})
	}

	for _, file := range files {
		path := relative(book.Root, file)
		if strings.HasSuffix(path, "_test.go") {
			continue
		}

		added, err := addedLines(book.Root, before, dir, filepath.Base(path))
		if err != nil {
			problems = append(problems, Problem{path, 0, err.Error()})
			continue
		}

		for _, number := range added {
			total++
			switch len(printed[path][number]) {
			case 0:
				problems = append(problems, Problem{path, number, "this line is printed in no page of the step"})
			case 1:
				shown++
			default:
				shown++
				problems = append(problems, Problem{path, number, "this line is printed twice: " +
					strings.Join(printed[path][number], ", ") + ": mark the second block with the word again"})
			}
		}
	}

	return total, shown, problems
}

// printedLines says for each file and line which blocks of the Chinese pages show it (the English
// ones are the same, see parity).
func printedLines(book *Book, dir, pages string) (map[string]map[int][]string, []Problem) {
	var problems []Problem
	printed := map[string]map[int][]string{}

	for _, c := range book.Chapters {
		if !strings.HasPrefix(c.Path, "docs/zh/") || !strings.Contains(filepath.Base(c.Path), pages) {
			continue
		}

		for _, f := range c.Fences {
			path := f.Attrs["file"]
			if f.Lang == "diff" {
				path = f.Attrs["to"] + "/" + path
			}
			if filepath.Dir(path) != dir || f.Has("again") {
				continue
			}

			numbers, err := linesOf(book.Root, f)
			if err != nil {
				problems = append(problems, Problem{c.Path, f.Start + 1, err.Error()})
				continue
			}

			if printed[path] == nil {
				printed[path] = map[int][]string{}
			}
			for _, n := range numbers {
				printed[path][n] = append(printed[path][n], fmt.Sprintf("%s:%d", c.Path, f.Start+1))
			}
		}
	}

	return printed, problems
}

// linesOf are the numbers of the lines that the block prints: of a diff, the added ones.
func linesOf(root string, f *Fence) ([]int, error) {
	if f.Lang == "diff" {
		text, err := diffBlock(root, f)
		return plusLines(text), err
	}

	_, first, last, err := span(root, f)
	var numbers []int
	for i := first; i < last; i++ {
		numbers = append(numbers, i+1)
	}
	return numbers, err
}

// addedLines are the numbers of the lines of a file that the step before has not, as far as they
// count.
func addedLines(root, before, dir, name string) ([]int, error) {
	old := os.DevNull
	if file := filepath.Join(root, before, name); before != "" && exists(file) {
		old = file
	}

	file := filepath.Join(root, dir, name)
	out, err := exec.Command("diff", "-U", "2", old, file).Output()
	if exit, ok := err.(*exec.ExitError); err != nil && !(ok && exit.ExitCode() == 1) {
		return nil, fmt.Errorf("diff: %w", err)
	}

	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}

	lines := strings.Split(string(data), "\n")
	var added []int
	for _, n := range plusLines(string(out)) {
		if strings.Trim(lines[n-1], " \t})],") != "" {
			added = append(added, n)
		}
	}
	return added, nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

var hunkLine = regexp.MustCompile(`^@@ -\S+ \+(\d+)`)

// plusLines are the numbers, in the new file, of the lines that a diff adds.
func plusLines(diff string) []int {
	var numbers []int
	number, inHunk := 0, false

	for _, line := range strings.Split(diff, "\n") {
		if m := hunkLine.FindStringSubmatch(line); m != nil {
			number, _ = strconv.Atoi(m[1])
			inHunk = true
			continue
		}
		if !inHunk {
			continue
		}

		switch {
		case strings.HasPrefix(line, "+"):
			numbers = append(numbers, number)
			number++
		case strings.HasPrefix(line, " "):
			number++
		}
	}

	return numbers
}
