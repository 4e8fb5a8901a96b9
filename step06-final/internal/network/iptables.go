package network

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/sirupsen/logrus"
)

// iptables writes rules with iptables-restore, which takes a whole table in one transaction. Both variants of iptables
// behave the same here: legacy (since the 1.4.21 of CentOS 7) and the one that translates to nf_tables.
type iptables struct {
	save, restore string // paths of iptables-save and iptables-restore
	suffix        string
}

// hook is a chain of ours and the built-in chain that jumps to it. Everything else stands in chains of ours.
type hook struct{ table, builtin, chain string }

func (t *iptables) chain(name string) string { return "MYDOCKER" + t.suffix + "-" + name }

func (t *iptables) hooks() []hook {
	return []hook{
		{"raw", "PREROUTING", t.chain("RAW")},
		{"nat", "PREROUTING", t.chain("PREROUTING")},
		{"nat", "OUTPUT", t.chain("OUTPUT")},
		{"nat", "POSTROUTING", t.chain("POSTROUTING")},
		{"filter", "FORWARD", t.chain("FORWARD")},
	}
}

// replace asks what is there and hands over the difference.
func (t *iptables) replace(r rules) error {
	present, err := runProgram(t.save, nil)
	if err != nil {
		return fmt.Errorf("read the host's rules: %w", err)
	}
	input := t.install(r, present)
	if len(r.bridges) == 0 {
		input = t.uninstall(present)
	}
	if input == "" {
		return nil
	}
	for _, line := range strings.Split(strings.TrimSpace(input), "\n") {
		logrus.Debugf("iptables-restore: %s", line)
	}
	err = t.apply(input)
	if err != nil && strings.Contains(err.Error(), "able does not exist") {
		return fmt.Errorf("write rules: %w; the kernel has no such table: `modprobe iptable_raw iptable_nat iptable_filter`, or use the other variant of iptables (`update-alternatives --config iptables`)", err)
	}
	if err != nil {
		return fmt.Errorf("write rules: %w; `%s` shows what the host has", err, t.save)
	}
	return nil
}

// install is input for `iptables-restore --noflush`: what is missing of the jumps and of the content of our chains; "" when
// nothing is. A jump goes to the top, for firewalls often end a built-in chain with REJECT.
func (t *iptables) install(r rules, present string) string {
	var out strings.Builder
	for _, table := range []string{"raw", "nat", "filter"} {
		var lines []string
		for _, c := range t.chains(r) {
			if c.table == table {
				lines = append(lines, c.changes(present)...)
			}
		}
		for _, h := range t.hooks() {
			if h.table == table && h.jumps(present) == 0 {
				lines = append(lines, fmt.Sprintf("-I %s 1 -j %s", h.builtin, h.chain))
			}
		}
		if len(lines) > 0 {
			fmt.Fprintf(&out, "*%s\n%s\nCOMMIT\n", table, strings.Join(lines, "\n"))
		}
	}
	return out.String()
}

// content is one of our chains as it shall be: its rules in the words of iptables-save.
type content struct {
	table, chain string
	rules        []string
}

// changes compares with what is there. Rules that are only added, as those of one more published port, are appended;
// else naming the chain (":NAME") makes or empties it, and all its rules follow. (An older iptables-save that words a rule
// differently costs a rewriting, no more. To remove rules costs nf_tables some 30 ms, to add them nothing.)
func (c content) changes(present string) []string {
	var now []string
	for _, line := range strings.Split(tableOf(present, c.table), "\n") {
		if strings.HasPrefix(line, "-A "+c.chain+" ") {
			now = append(now, strings.TrimPrefix(line, "-A "+c.chain+" "))
		}
	}
	var lines []string
	missing := c.rules
	if hasChain(present, c.table, c.chain) && isPrefix(now, c.rules) {
		missing = c.rules[len(now):]
	} else {
		lines = []string{":" + c.chain + " - [0:0]"}
	}
	for _, rule := range missing {
		lines = append(lines, "-A "+c.chain+" "+rule)
	}
	return lines
}

func isPrefix(short, long []string) bool {
	if len(short) > len(long) {
		return false
	}
	for i := range short {
		if short[i] != long[i] {
			return false
		}
	}
	return true
}

// uninstall takes out the jumps and then the chains, emptied before; "" when there is nothing of ours.
func (t *iptables) uninstall(present string) string {
	var out strings.Builder
	for _, table := range []string{"raw", "nat", "filter"} {
		var empty, remove []string
		for _, h := range t.hooks() {
			for i := 0; h.table == table && i < h.jumps(present); i++ {
				remove = append(remove, fmt.Sprintf("-D %s -j %s", h.builtin, h.chain))
			}
		}
		for _, c := range t.chains(rules{}) {
			if c.table == table && hasChain(present, table, c.chain) {
				empty = append(empty, ":"+c.chain+" - [0:0]")
				remove = append(remove, "-X "+c.chain)
			}
		}
		if len(remove) > 0 {
			fmt.Fprintf(&out, "*%s\n%s\nCOMMIT\n", table, strings.Join(append(empty, remove...), "\n"))
		}
	}
	return out.String()
}

// chains is the full content of our chains; those that others jump to come first.
func (t *iptables) chains(r rules) []content {
	return []content{
		{"raw", t.chain("RAW"), rawRules(r)},
		{"nat", t.chain("PORTS"), portRules(r)},
		{"nat", t.chain("PREROUTING"), []string{"! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j " + t.chain("PORTS")}},
		{"nat", t.chain("OUTPUT"), []string{"-m addrtype --dst-type LOCAL -j " + t.chain("PORTS")}},
		{"nat", t.chain("POSTROUTING"), masqueradeRules(r)},
		{"filter", t.chain("FORWARD"), forwardRules(r)},
	}
}

// rawRules keep containers out of the host's loopback, which route_localnet would open to them. Answers to packets from
// 127.0.0.1 are no exception: here, before address translation is undone, they still carry the bridge's address.
func rawRules(r rules) []string {
	var list []string
	for _, b := range r.bridges {
		list = append(list, fmt.Sprintf("-d 127.0.0.0/8 -i %s -j DROP", b.name))
	}
	return list
}

// portRules publish ports. Packets that arrive and packets of the host itself come here by the chains PREROUTING and
// OUTPUT. A packet to 127.0.0.0/8 that arrives is forged, and must not reach a port that is published on 127.0.0.1.
func portRules(r rules) []string {
	var list []string
	for _, p := range r.ports {
		to := ""
		if p.hostIP != "" {
			to = "-d " + p.hostIP + "/32 "
		}
		list = append(list, fmt.Sprintf("%s-p %s -m %s --dport %d -j DNAT --to-destination %s:%d", to, p.proto, p.proto, p.hostPort, p.ip, p.port))
	}
	return list
}

// masqueradeRules put the host's address in place of the container's: for packets that leave, for those that go back to
// the same bridge through a published port, and for those that the host's own 127.0.0.1 sends in.
func masqueradeRules(r rules) []string {
	var list []string
	for _, b := range r.bridges {
		if !b.internal {
			list = append(list,
				fmt.Sprintf("-s %s ! -o %s -j MASQUERADE", b.subnet, b.name),
				fmt.Sprintf("-s %s -o %s -m conntrack --ctstate DNAT -j MASQUERADE", b.subnet, b.name),
				fmt.Sprintf("-s 127.0.0.0/8 -o %s -j MASQUERADE", b.name))
		}
	}
	return list
}

// forwardRules: into a network come answers and what a published port was meant for, nothing else; so networks are isolated
// from each other, and a neighbour of the host cannot reach containers by a route of its own. Out may go everything.
func forwardRules(r rules) []string {
	var list []string
	for _, b := range r.bridges { // members of one network, where the kernel shows bridged packets to iptables (br_netfilter)
		list = append(list, fmt.Sprintf("-i %s -o %s -j ACCEPT", b.name, b.name))
	}
	for _, b := range r.bridges {
		if b.internal {
			list = append(list, fmt.Sprintf("-i %s -j DROP", b.name), fmt.Sprintf("-o %s -j DROP", b.name))
		}
	}
	for _, b := range r.bridges {
		if !b.internal {
			list = append(list,
				fmt.Sprintf("-o %s -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT", b.name),
				fmt.Sprintf("-o %s -m conntrack --ctstate DNAT -j ACCEPT", b.name),
				fmt.Sprintf("-o %s -j DROP", b.name))
		}
	}
	for _, b := range r.bridges {
		if !b.internal {
			list = append(list, fmt.Sprintf("-i %s -j ACCEPT", b.name))
		}
	}
	return list
}

// jumps counts the rules that lead from the built-in chain to ours in the output of iptables-save.
func (h hook) jumps(present string) int {
	return countLine(tableOf(present, h.table), "-A "+h.builtin+" -j "+h.chain)
}

func hasChain(present, table, chain string) bool {
	return strings.Contains(tableOf(present, table), "\n:"+chain+" ")
}

// tableOf cuts one table out of the output of iptables-save.
func tableOf(present, table string) string {
	begin := strings.Index("\n"+present, "\n*"+table+"\n")
	if begin < 0 {
		return ""
	}
	rest := present[begin:]
	if end := strings.Index(rest, "\nCOMMIT"); end >= 0 {
		return rest[:end+1]
	}
	return rest
}

func countLine(text, line string) int {
	count := 0
	for _, l := range strings.Split(text, "\n") {
		if l == line {
			count++
		}
	}
	return count
}

// apply runs iptables-restore. Since 1.6.2 it can wait for others that hold the lock (-w). Older ones do not know the
// option and take no lock: when somebody changed the table in between, the kernel refuses, and it is tried again.
func (t *iptables) apply(input string) error {
	_, err := runProgram(t.restore, []byte(input), "-w", "--noflush")
	if err == nil || !strings.Contains(err.Error(), "option") {
		return err
	}
	for attempt := 0; attempt < 50; attempt++ {
		_, err = runProgram(t.restore, []byte(input), "--noflush")
		if err == nil || !strings.Contains(err.Error(), "Resource temporarily unavailable") {
			return err
		}
		time.Sleep(20 * time.Millisecond)
	}
	return err
}

// runProgram starts a program and returns its output; its error output becomes the error.
func runProgram(program string, input []byte, arguments ...string) (string, error) {
	var out, complaint bytes.Buffer
	command := exec.Command(program, arguments...)
	command.Env = append(os.Environ(), "LC_ALL=C")
	command.Stdin = bytes.NewReader(input)
	command.Stdout, command.Stderr = &out, &complaint
	if err := command.Run(); err != nil {
		return "", fmt.Errorf("%s %s: %w: %s", program, strings.Join(arguments, " "), err, strings.TrimSpace(complaint.String()))
	}
	return out.String(), nil
}
