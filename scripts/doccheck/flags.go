package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// A code span that begins with a flag (`--uid-map`) speaks of this project's programs. A flag of
// another tool is written with the tool's name in front (`unshare --fork`), which the reader
// needs anyway.
var flagSpan = regexp.MustCompile("`(--[a-z][a-z0-9-]*)[^`]*`")

// A command line in a chapter that starts one of the steps.
var stepCommand = regexp.MustCompile(`(?:go run \./|\./bin/|\bbin/)(step\d\d-[a-z-]+) (.*)`)
var longFlag = regexp.MustCompile(`(?:^|\s)(--[a-z][a-z0-9-]*)`)

// checkFlags wants every flag that a chapter names to be in some program's --help, and every
// command line of a step to use that step's flags only.
func checkFlags(book *Book) []Problem {
	known := map[string]map[string]bool{}
	all := map[string]bool{}
	steps, err := filepath.Glob(filepath.Join(book.Root, "step0*"))
	if err != nil {
		return []Problem{{"step0*", 0, err.Error()}}
	}

	var problems []Problem
	for _, step := range steps {
		if sources, _ := filepath.Glob(filepath.Join(step, "*.go")); len(sources) == 0 {
			continue
		}

		name := filepath.Base(step)
		flags, err := flagsOf(step)
		if err != nil {
			problems = append(problems, Problem{name, 1, err.Error()})
			continue
		}

		known[name] = flags
		for flag := range flags {
			all[flag] = true
		}
	}

	for _, c := range book.Chapters {
		for i, line := range c.Lines {
			if m := stepCommand.FindStringSubmatch(line); m != nil && known[m[1]] != nil {
				ours := strings.SplitN(m[2], " sh ", 2)[0]
				for _, f := range longFlag.FindAllStringSubmatch(strings.SplitN(ours, " -- ", 2)[0], -1) {
					if !known[m[1]][f[1]] {
						problems = append(problems, Problem{c.Path, i + 1, m[1] + " has no flag " + f[1]})
					}
				}
			}
		}

		c.prose(func(number int, line string) {
			for _, m := range flagSpan.FindAllStringSubmatch(line, -1) {
				if !all[m[1]] {
					problems = append(problems, Problem{c.Path, number,
						fmt.Sprintf(
							"no step has the flag %s (a flag of another tool: write the tool's name in front)", m[1])})
				}
			}
		})
	}

	return problems
}

// flagsOf reads the flags out of the help of a step and of all its commands.
func flagsOf(step string) (map[string]bool, error) {
	dir, err := os.MkdirTemp("", "doccheck-help-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	bin := filepath.Join(dir, filepath.Base(step))
	build := exec.Command("go", "build", "-o", bin, ".")
	build.Dir = step
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("does not build: %v\n%s", err, indent(string(out)))
	}

	flags := map[string]bool{}
	help := func(args ...string) string {
		// Help may end with a status of its own; what counts is the text.
		out, _ := exec.Command(bin, args...).CombinedOutput()
		for _, f := range longFlag.FindAllStringSubmatch(string(out), -1) {
			flags[f[1]] = true
		}
		return string(out)
	}
	for _, name := range commandNames(help("--help")) {
		for _, sub := range commandNames(help(name, "--help")) {
			help(name, sub, "--help")
		}
	}

	return flags, nil
}

var commandLine = regexp.MustCompile(`^ {2,5}([a-z][a-z-]*)[, ]`)

// commandNames are the commands that a help text lists.
func commandNames(help string) []string {
	var names []string
	listed := false
	for _, line := range strings.Split(help, "\n") {
		if strings.HasSuffix(strings.TrimSpace(line), ":") {
			listed = strings.Contains(strings.ToUpper(line), "COMMANDS")
			continue
		}
		if m := commandLine.FindStringSubmatch(line); listed && m != nil && m[1] != "help" {
			names = append(names, m[1])
		}
	}
	return names
}
