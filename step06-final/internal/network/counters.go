package network

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// Counters are the traffic numbers of one interface since it exists.
type Counters struct {
	Interface                               string
	RxBytes, RxPackets, RxErrors, RxDropped uint64
	TxBytes, TxPackets, TxErrors, TxDropped uint64
}

// ReadCounters reads /proc/PID/net/dev (proc(5)), lo left out.
func ReadCounters(pid int) ([]Counters, error) {
	path := fmt.Sprintf("/proc/%d/net/dev", pid)
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("network counters: %w; has the container ended?", err)
	}
	counters, err := parseCounters(string(data))
	if err != nil {
		return nil, fmt.Errorf("network counters %s: %w", path, err)
	}
	return counters, nil
}

// parseCounters: two lines of headings, then NAME: and 16 numbers, 8 for each direction.
func parseCounters(text string) ([]Counters, error) {
	var list []Counters

	for _, line := range strings.Split(text, "\n") {
		colon := strings.LastIndexByte(line, ':')
		if colon < 0 {
			continue
		}

		name := strings.TrimSpace(line[:colon])
		if name == "lo" {
			continue
		}

		words := strings.Fields(line[colon+1:])
		if len(words) < 16 {
			return nil, fmt.Errorf("line of %s has %d numbers instead of 16", name, len(words))
		}

		var n [16]uint64
		for i := range n {
			number, err := strconv.ParseUint(words[i], 10, 64)
			if err != nil {
				return nil, fmt.Errorf("line of %s: %w", name, err)
			}
			n[i] = number
		}

		list = append(list, Counters{name, n[0], n[1], n[2], n[3], n[8], n[9], n[10], n[11]})
	}

	return list, nil
}
