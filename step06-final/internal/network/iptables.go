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

// replace asks what is there, and hands over the difference in the built-in chains (the jumps) and the full content of ours.
func (t *iptables) replace(r rules) error {
	present, err := t.run(t.save, nil)
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
	if err := t.apply(input); err != nil {
		return fmt.Errorf("write rules: %w; `%s` shows what the host has", err, t.save)
	}
	return nil
}

// install is input for `iptables-restore --noflush`: naming a chain (":NAME") makes it or empties it, and what it holds
// follows. The jump goes to the top, for firewalls often end a built-in chain with REJECT.
func (t *iptables) install(r rules, present string) string {
	content := map[string][]string{"raw": t.rawRules(r), "nat": t.natRules(r), "filter": t.filterRules(r)}
	var out strings.Builder
	for _, table := range []string{"raw", "nat", "filter"} {
		fmt.Fprintf(&out, "*%s\n", table)
		if table == "nat" {
			fmt.Fprintf(&out, ":%s - [0:0]\n", t.chain("PORTS"))
		}
		for _, h := range t.hooks() {
			if h.table != table {
				continue
			}
			fmt.Fprintf(&out, ":%s - [0:0]\n", h.chain)
			if h.jumps(present) == 0 {
				fmt.Fprintf(&out, "-I %s 1 -j %s\n", h.builtin, h.chain)
			}
		}
		for _, rule := range content[table] {
			fmt.Fprintf(&out, "-A %s\n", rule)
		}
		out.WriteString("COMMIT\n")
	}
	return out.String()
}

// uninstall takes out the jumps, then the chains; "" when there is nothing of ours.
func (t *iptables) uninstall(present string) string {
	var out strings.Builder
	for _, table := range []string{"raw", "nat", "filter"} {
		var flush, remove strings.Builder
		for _, h := range t.hooks() {
			if h.table != table {
				continue
			}
			for i := 0; i < h.jumps(present); i++ {
				fmt.Fprintf(&remove, "-D %s -j %s\n", h.builtin, h.chain)
			}
			if hasChain(present, table, h.chain) {
				fmt.Fprintf(&flush, ":%s - [0:0]\n", h.chain)
				fmt.Fprintf(&remove, "-X %s\n", h.chain)
			}
		}
		if table == "nat" && hasChain(present, table, t.chain("PORTS")) { // last: the others jump to it
			fmt.Fprintf(&flush, ":%s - [0:0]\n", t.chain("PORTS"))
			fmt.Fprintf(&remove, "-X %s\n", t.chain("PORTS"))
		}
		if remove.Len() > 0 {
			fmt.Fprintf(&out, "*%s\n%s%sCOMMIT\n", table, flush.String(), remove.String())
		}
	}
	return out.String()
}

// rawRules keep containers out of the host's loopback, which route_localnet would open to them. Answers to packets from
// 127.0.0.1 are no exception: here, before address translation is undone, they still carry the bridge's address.
func (t *iptables) rawRules(r rules) []string {
	var list []string
	for _, b := range r.bridges {
		list = append(list, fmt.Sprintf("%s -i %s -d 127.0.0.0/8 -j DROP", t.chain("RAW"), b.name))
	}
	return list
}

// natRules: published ports, for packets that arrive and for those of the host itself; and the host's address for packets
// that leave. A packet to 127.0.0.0/8 that comes from outside is forged: it must not reach a port published on 127.0.0.1.
func (t *iptables) natRules(r rules) []string {
	list := []string{
		fmt.Sprintf("%s ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j %s", t.chain("PREROUTING"), t.chain("PORTS")),
		fmt.Sprintf("%s -m addrtype --dst-type LOCAL -j %s", t.chain("OUTPUT"), t.chain("PORTS")),
	}
	for _, p := range r.ports {
		to := ""
		if p.hostIP != "" {
			to = " -d " + p.hostIP
		}
		list = append(list, fmt.Sprintf("%s%s -p %s -m %s --dport %d -j DNAT --to-destination %s:%d",
			t.chain("PORTS"), to, p.proto, p.proto, p.hostPort, p.ip, p.port))
	}
	post := t.chain("POSTROUTING")
	for _, b := range r.bridges {
		if b.internal {
			continue
		}
		list = append(list,
			fmt.Sprintf("%s -s %s ! -o %s -j MASQUERADE", post, b.subnet, b.name),
			fmt.Sprintf("%s -s %s -o %s -m conntrack --ctstate DNAT -j MASQUERADE", post, b.subnet, b.name), // back to the same bridge
			fmt.Sprintf("%s -s 127.0.0.0/8 -o %s -j MASQUERADE", post, b.name))
	}
	return list
}

// filterRules: into a network come answers and what a published port was meant for, nothing else; so networks are isolated
// from each other, and a neighbour of the host cannot reach containers by a route of its own. Out may go everything.
func (t *iptables) filterRules(r rules) []string {
	var list []string
	forward := t.chain("FORWARD")
	for _, b := range r.bridges { // members of one network, where the kernel shows bridged packets to iptables (br_netfilter)
		list = append(list, fmt.Sprintf("%s -i %s -o %s -j ACCEPT", forward, b.name, b.name))
	}
	for _, b := range r.bridges {
		if b.internal {
			list = append(list, fmt.Sprintf("%s -i %s -j DROP", forward, b.name), fmt.Sprintf("%s -o %s -j DROP", forward, b.name))
		}
	}
	for _, b := range r.bridges {
		if !b.internal {
			list = append(list,
				fmt.Sprintf("%s -o %s -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT", forward, b.name),
				fmt.Sprintf("%s -o %s -m conntrack --ctstate DNAT -j ACCEPT", forward, b.name),
				fmt.Sprintf("%s -o %s -j DROP", forward, b.name))
		}
	}
	for _, b := range r.bridges {
		if !b.internal {
			list = append(list, fmt.Sprintf("%s -i %s -j ACCEPT", forward, b.name))
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
	_, err := t.run(t.restore, []byte(input), "-w", "--noflush")
	if err == nil || !strings.Contains(err.Error(), "option") {
		return err
	}
	for attempt := 0; attempt < 50; attempt++ {
		_, err = t.run(t.restore, []byte(input), "--noflush")
		if err == nil || !strings.Contains(err.Error(), "Resource temporarily unavailable") {
			return err
		}
		time.Sleep(20 * time.Millisecond)
	}
	return err
}

// run starts one of the programs; its error output becomes the error.
func (t *iptables) run(program string, input []byte, arguments ...string) (string, error) {
	return runProgram(program, input, arguments...)
}

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
