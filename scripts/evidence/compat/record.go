package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"
)

// A call is one command of a case with everything that it printed, masked. What a case prints
// between two calls belongs to the first of them.
type call struct {
	why     string // why its output differs, a key of reasons.txt; "-" when it must not
	command string
	lines   []string
}

// readRecord reads what record.sh wrote.
func readRecord(path string) ([]call, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()

	var calls []call
	var mask *masks
	scanner := bufio.NewScanner(file)
	scanner.Buffer(nil, 16<<20)

	for scanner.Scan() {
		line := scanner.Text()
		if header := strings.TrimPrefix(line, "@@ "); header != line {
			why, command, _ := strings.Cut(header, " ")
			calls, mask = append(calls, call{why: why, command: command}), newMasks(command)
			continue
		}
		if len(calls) == 0 {
			calls, mask = append(calls, call{why: "-", command: "(before the first call)"}), &masks{}
		}

		last := &calls[len(calls)-1]
		last.add(mask.line(line))
	}

	if err := scanner.Err(); err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return calls, nil
}

// add leaves out empty lines of the masks, and joins the errors of one call: how many lines an
// error has is not compared.
func (c *call) add(line string) {
	if line == "" || line == errorLine && len(c.lines) > 0 && c.lines[len(c.lines)-1] == errorLine {
		return
	}
	c.lines = append(c.lines, line)
}

// readReasons reads lines "KEY | Chinese | English"; others are comments.
func readReasons(path string) (map[string][2]string, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}

	reasons := map[string][2]string{}
	for _, line := range strings.Split(string(content), "\n") {
		fields := strings.Split(line, " | ")
		if len(fields) == 3 {
			reasons[strings.TrimSpace(fields[0])] = [2]string{strings.TrimSpace(fields[1]),
				strings.TrimSpace(fields[2])}
		}
	}
	return reasons, nil
}
