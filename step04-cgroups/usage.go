package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/sirupsen/logrus"
)

// usage is the accounting at the end; a negative number if the kernel does not count that.
type usage struct {
	cpu, throttled       time.Duration
	peakMemory, oomKills int64
}

// report logs what the group has used.
func (g *cgroup) report(memoryLimit int64) {
	if g == nil {
		return
	}

	u := usageV1(g)
	if g.V2 {
		u = usageV2(g)
	}

	peak, kills := "unknown", "unknown"
	if u.peakMemory >= 0 {
		peak = fmt.Sprintf("%.1f MiB", float64(u.peakMemory)/(1<<20))
	}
	if u.oomKills >= 0 {
		kills = fmt.Sprint(u.oomKills)
	}

	logrus.Infof("usage: CPU %v, throttled %v, peak memory %s, OOM kills %s",
		u.cpu.Round(time.Millisecond), u.throttled.Round(time.Millisecond), peak, kills)

	switch {
	case memoryLimit == 0 || u.oomKills == 0:
	case u.oomKills < 0:
		logrus.Warnf("out of memory: --memory %d was reached (this kernel does not count kills; "+
			"exit status 137 means one): give more, or use less", memoryLimit)
	default:
		logrus.Warnf("out of memory: the kernel killed a process because of --memory %d: "+
			"give more, or use less", memoryLimit)
	}
}

// number reads a control file; -1 if this kernel does not count that.
func (g *cgroup) number(controller, file, key string) int64 {
	text, err := os.ReadFile(g.Dirs[controller] + "/" + file)
	if err != nil {
		return -1
	}
	return parseNumber(string(text), key)
}

// parseNumber finds the line "KEY NUMBER", or without a key the line that is only a number.
func parseNumber(text, key string) int64 {
	for _, line := range strings.Split(text, "\n") {
		if !strings.HasPrefix(line, key) {
			continue
		}
		if n, err := strconv.ParseInt(strings.TrimSpace(line[len(key):]), 10, 64); err == nil {
			return n
		}
	}
	return -1
}
