package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestPlain(t *testing.T) {
	for got, want := range map[string]string{
		"[1] 123\nhello\n":                                                                         "hello",
		"[1]+  Terminated              sleep 9\nlab":                                               "lab",
		"sh: 3: Cannot set tty process group (No such process)\nlab":                               "lab",
		"sh: 3: Cannot set tty process group (No such process)\n2026/11/28 04:12:32 exit status 2": "",
		"2026/11/28 04:12:32 exit status 2":                                                        "2026/11/28 04:12:32 exit status 2",
		"[1] is no job":                                                                            "[1] is no job",
		"Killed\n137":                                                                              "bash: line 1: 1 Killed\n137",
		"INFO usage: CPU 1s, OOM kills 0   ":                                                       `level=info msg="usage: CPU 1s, OOM kills 0"`,
		`DEBU execve("/usr/bin/true", ["true"])`:                                                   `level=debug msg="execve(\"/usr/bin/true\", [\"true\"])"`,
		"WARN out of memory":                                                                       `level=warning msg="out of memory"`,
		"INFORMATION":                                                                              "INFORMATION",
	} {
		assert.Equal(t, want, plain(got), got)
	}
}

func TestMatchesTerminal(t *testing.T) {
	for _, c := range []struct {
		want []string
		got  string
		ok   bool
	}{
		{[]string{"bin", "old"}, "bin  old", true},
		{[]string{"bin", "old"}, "bin\nold", true},
		{[]string{"bin", "old"}, "bin  new", false},
		{[]string{"one  two"}, "one  two", true},
		{nil, "something", false},
		{[]string{"the end"}, "bash: line 1: 1 Terminated\nthe end", true},
		{[]string{"the end"}, "bash: line 1: 1 Killed\nthe end", false},
	} {
		ok, _ := matchesTerminal(c.want, c.got)
		assert.Equal(t, c.ok, ok, c.got)
	}
}

func TestKilledJob(t *testing.T) {
	got := "[1]+  Killed                  bash -c 'exec sleep 60'\n"
	assert.Empty(t, plain(got))
	assert.Equal(t, "bash: line 1: 1 Killed", plain(killedJob.ReplaceAllString(got, "Killed")))
}
