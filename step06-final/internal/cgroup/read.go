package cgroup

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// readUint reads a file with one number; "max" is 0.
func readUint(directory, file string) (uint64, error) {
	text, err := readString(directory, file)
	if err != nil {
		return 0, err
	}
	return parseUint(text)
}

func parseUint(text string) (uint64, error) {
	if text == "max" {
		return 0, nil
	}
	if strings.HasPrefix(text, "-") { // some counters of old kernels can be below zero for a moment
		return 0, nil
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is not a number", text)
	}
	return n, nil
}

// readPairs reads a file of lines "key value". A missing file has no pairs.
func readPairs(directory, file string) (map[string]uint64, error) {
	f, err := os.Open(filepath.Join(directory, file))
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return parsePairs(bufio.NewScanner(f))
}

func parsePairs(lines *bufio.Scanner) (map[string]uint64, error) {
	pairs := map[string]uint64{}
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) != 2 {
			continue
		}
		n, err := parseUint(fields[1])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", fields[0], err)
		}
		pairs[fields[0]] = n
	}
	return pairs, lines.Err()
}
