package network

import (
	"fmt"
	"strings"

	"github.com/sirupsen/logrus"
)

// nftables writes the same rules for hosts that have only the command nft (nft(8)): one table of ours, replaced in one
// transaction. A verdict "accept" ends only our own chain: a chain of another table that drops still drops.
type nftables struct {
	command string
	suffix  string
}

// replace: "add" so that "delete" finds a table, then the table as it shall be. `nft -f` does all of it or nothing.
func (t *nftables) replace(r rules) error {
	table := "MYDOCKER" + t.suffix
	input := fmt.Sprintf("add table ip %s\ndelete table ip %s\n", table, table)
	if len(r.bridges) > 0 {
		input += t.table(table, r)
	}
	for _, line := range strings.Split(strings.TrimSpace(input), "\n") {
		logrus.Debugf("nft: %s", line)
	}
	if _, err := runProgram(t.command, []byte(input), "-f", "-"); err != nil {
		return fmt.Errorf("write rules: %w; `nft list ruleset` shows what the host has", err)
	}
	return nil
}

// table says in nft's language what the functions rawRules to forwardRules of iptables.go say, and explain.
func (t *nftables) table(name string, r rules) string {
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
	var out strings.Builder
	fmt.Fprintf(&out, "table ip %s {\n", name)
	nftChain(&out, "ports", "", ports)
	nftChain(&out, "raw", "type filter hook prerouting priority -300;", raw)
	nftChain(&out, "prerouting", "type nat hook prerouting priority -100;", []string{"ip daddr != 127.0.0.0/8 fib daddr type local jump ports"})
	nftChain(&out, "output", "type nat hook output priority -100;", []string{"fib daddr type local jump ports"})
	nftChain(&out, "forward", "type filter hook forward priority 0;", forward)
	nftChain(&out, "postrouting", "type nat hook postrouting priority 100;", post)
	out.WriteString("}\n")
	return out.String()
}

func nftChain(out *strings.Builder, name, hook string, rules []string) {
	fmt.Fprintf(out, " chain %s {\n", name)
	if hook != "" {
		fmt.Fprintf(out, "  %s\n", hook)
	}
	for _, rule := range rules {
		fmt.Fprintf(out, "  %s\n", rule)
	}
	out.WriteString(" }\n")
}
