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

// snapshot lists what a run may not leave behind: mounts, cgroups, interfaces, firewall rules, files.
func snapshot(watch []string) []string {
	var lines []string
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		lines = append(lines, "mounts: "+err.Error())
	}
	for _, line := range strings.Split(strings.TrimSpace(string(mounts)), "\n") {
		lines = append(lines, "mount "+line)
	}
	interfaces, err := os.ReadDir("/sys/class/net")
	if err != nil {
		lines = append(lines, "interfaces: "+err.Error())
	}
	for _, i := range interfaces {
		lines = append(lines, "interface "+i.Name())
	}
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
	for _, line := range tree("/sys/fs/cgroup", true) {
		if ours.MatchString(line) {
			lines = append(lines, line)
		}
	}
	for _, dir := range append([]string{temporary, "/run/mydocker", "/run/myrunc"}, watch...) {
		if dir != "" {
			lines = append(lines, tree(dir, false)...)
		}
	}
	name, _ := os.Hostname()
	lines = append(lines, "hostname "+name)
	sort.Strings(lines)
	return lines
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

// changes compares the host with what it was; what is being torn down gets five seconds.
func changes(before []string, watch []string) []string {
	deadline := time.Now().Add(5 * time.Second)
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
