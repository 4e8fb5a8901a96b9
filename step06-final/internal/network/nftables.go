package network

import (
	"fmt"
	"strings"

	"github.com/sirupsen/logrus"
)

// nftables writes the same rules for hosts that have only the command nft (nft(8)), into one table of ours. A verdict
// "accept" ends only our own chain: a chain of another table that drops still drops.
type nftables struct {
	command string
	suffix  string
}

// replace asks what is there and hands over the difference. `nft -f` does all of it or nothing.
func (t *nftables) replace(r rules) error {
	table := "MYDOCKER" + t.suffix
	present, err := runProgram(t.command, nil, "list", "table", "ip", table)
	if err != nil {
		present = "" // there is none; if nft has another problem, it says so again below
	}
	var lines []string
	switch {
	case len(r.bridges) > 0:
		for _, c := range nftChains(r) {
			lines = append(lines, c.changes(table, present)...)
		}
	case present != "":
		lines = []string{"delete table ip " + table}
	}
	if len(lines) == 0 {
		return nil
	}
	if len(r.bridges) > 0 {
		lines = append([]string{"add table ip " + table}, lines...) // does nothing if there is one
	}
	for _, line := range lines {
		logrus.Debugf("nft: %s", line)
	}
	if _, err := runProgram(t.command, []byte(strings.Join(lines, "\n")+"\n"), "-f", "-"); err != nil {
		return fmt.Errorf("write rules: %w; `nft list ruleset` shows what the host has", err)
	}
	return nil
}

// nftChain is one chain of the table as it shall be: its hook, empty for a chain that others jump to, and its rules in the
// words of `nft list`.
type nftChain struct {
	name, hook string
	rules      []string
}

// changes is content.changes of iptables.go in nft's language.
func (c nftChain) changes(table, present string) []string {
	where := "ip " + table + " " + c.name
	now, exists := c.presentRules(present)
	var lines []string
	missing := c.rules
	switch {
	case !exists && c.hook == "":
		lines = []string{"add chain " + where}
	case !exists:
		lines = []string{fmt.Sprintf("add chain %s { %s }", where, c.hook)}
	case isPrefix(now, c.rules):
		missing = c.rules[len(now):]
	default:
		lines = []string{"flush chain " + where}
	}
	for _, rule := range missing {
		lines = append(lines, "add rule "+where+" "+rule)
	}
	return lines
}

// presentRules cuts the rules of one chain out of the output of `nft list table`.
func (c nftChain) presentRules(present string) (now []string, exists bool) {
	begin := strings.Index(present, "\tchain "+c.name+" {\n")
	if begin < 0 {
		return nil, false
	}
	for _, line := range strings.Split(present[begin:], "\n")[1:] {
		line = strings.TrimSpace(line)
		if line == "}" {
			break
		}
		if line != "" && !strings.HasPrefix(line, "type ") {
			now = append(now, line)
		}
	}
	return now, true
}

// nftChains says in nft's language what the functions rawRules to forwardRules of iptables.go say, and explain.
func nftChains(r rules) []nftChain {
	var ports, post, forward, raw []string
	for _, p := range r.ports {
		to := ""
		if p.hostIP != "" {
			to = "ip daddr " + p.hostIP + " "
		}
		ports = append(ports, fmt.Sprintf("%s%s dport %d dnat to %s:%d", to, p.proto, p.hostPort, p.ip, p.port))
	}
	for _, b := range r.bridges {
		raw = append(raw, fmt.Sprintf("iifname %q ip daddr 127.0.0.0/8 drop", b.name))
		forward = append(forward, fmt.Sprintf("iifname %q oifname %q accept", b.name, b.name))
	}
	for _, b := range r.bridges {
		if b.internal {
			forward = append(forward, fmt.Sprintf("iifname %q drop", b.name), fmt.Sprintf("oifname %q drop", b.name))
		}
	}
	for _, b := range r.bridges {
		if !b.internal {
			forward = append(forward,
				fmt.Sprintf("oifname %q ct state established,related accept", b.name),
				fmt.Sprintf("oifname %q ct status dnat accept", b.name),
				fmt.Sprintf("oifname %q drop", b.name))
			post = append(post,
				fmt.Sprintf("ip saddr %s oifname != %q masquerade", b.subnet, b.name),
				fmt.Sprintf("ip saddr %s oifname %q ct status dnat masquerade", b.subnet, b.name),
				fmt.Sprintf("ip saddr 127.0.0.0/8 oifname %q masquerade", b.name))
		}
	}
	for _, b := range r.bridges {
		if !b.internal {
			forward = append(forward, fmt.Sprintf("iifname %q accept", b.name))
		}
	}
	return []nftChain{
		{"ports", "", ports},
		{"raw", "type filter hook prerouting priority -300;", raw},
		{"prerouting", "type nat hook prerouting priority -100;", []string{"ip daddr != 127.0.0.0/8 fib daddr type local jump ports"}},
		{"output", "type nat hook output priority -100;", []string{"fib daddr type local jump ports"}},
		{"forward", "type filter hook forward priority 0;", forward},
		{"postrouting", "type nat hook postrouting priority 100;", post},
	}
}
