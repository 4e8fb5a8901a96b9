package main

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
	"time"
)

// counters of firewall rules change by themselves.
var counters = regexp.MustCompile(`\[\d+:\d+\]|packets \d+ bytes \d+|(?m)^#.*$`)

// ours: the names of the programs' cgroups. Those of logins and services come and go at any time.
var ours = regexp.MustCompile(`mydocker|myrunc|faults`)

// parts of the host that a run may not change, each with its way to list them.
var parts = []func(watch []string) []string{mounts, interfaces, firewall, cgroups, files, hostname}

// settle is how long what is being torn down may take.
var settle = 5 * time.Second

// snapshot lists what a run may not leave behind.
func snapshot(watch []string) []string {
	var lines []string
	for _, part := range parts {
		lines = append(lines, part(watch)...)
	}
	sort.Strings(lines)
	return lines
}

func mounts([]string) []string {
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return []string{"mounts: " + err.Error()}
	}
	var lines []string
	for _, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		lines = append(lines, "mount "+line)
	}
	return lines
}

func interfaces([]string) []string {
	entries, err := os.ReadDir("/sys/class/net")
	if err != nil {
		return []string{"interfaces: " + err.Error()}
	}
	var lines []string
	for _, i := range entries {
		lines = append(lines, "interface "+i.Name())
	}
	return lines
}

func firewall([]string) []string {
	var lines []string
	for _, command := range [][]string{{"iptables-save"}, {"nft", "list", "ruleset"}} {
		rules, err := exec.Command(command[0], command[1:]...).Output()
		if err != nil {
			continue // not installed, or no such tables in this kernel
		}
		for _, line := range strings.Split(string(counters.ReplaceAll(rules, nil)), "\n") {
			// Reading a table creates its empty chains.
			if strings.HasPrefix(line, "-A") || strings.HasPrefix(line, "\t\t") {
				lines = append(lines, "rule "+strings.TrimSpace(line))
			}
		}
	}
	return lines
}

func cgroups([]string) []string {
	var lines []string
	for _, line := range tree("/sys/fs/cgroup", true) {
		if ours.MatchString(line) {
			lines = append(lines, line)
		}
	}
	return lines
}

func files(watch []string) []string {
	var lines []string
	for _, dir := range append([]string{temporary, "/run/mydocker", "/run/myrunc"}, watch...) {
		if dir != "" {
			lines = append(lines, tree(dir, false)...)
		}
	}
	return lines
}

func hostname([]string) []string {
	name, err := os.Hostname()
	if err != nil {
		return []string{"hostname: " + err.Error()}
	}
	return []string{"hostname " + name}
}

func tree(root string, directoriesOnly bool) []string {
	var lines []string
	// A file that goes while we walk is no error: the next snapshot will not have it either.
	_ = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && (d.IsDir() || !directoriesOnly) {
			lines = append(lines, "file "+path)
		}
		return nil
	})
	return lines
}

// changes compares the host with what it was; what is being torn down gets a while.
func changes(before []string, watch []string) []string {
	deadline := time.Now().Add(settle)
	for {
		after := snapshot(watch)
		left := difference(before, after)
		if len(left) == 0 || time.Now().After(deadline) {
			return left
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// difference: lines with + are new, those with - are gone.
func difference(before, after []string) []string {
	if bytes.Equal([]byte(strings.Join(before, "\n")), []byte(strings.Join(after, "\n"))) {
		return nil
	}

	count := map[string]int{}
	for _, line := range before {
		count[line]--
	}

	for _, line := range after {
		count[line]++
	}

	var lines []string
	for line, n := range count {
		switch {
		case n > 0:
			lines = append(lines, "+"+line)
		case n < 0:
			lines = append(lines, "-"+line)
		}
	}

	sort.Strings(lines)
	return lines
}
