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

// iptables writes rules with iptables-restore, which takes a whole table in one transaction. Both
// variants of iptables behave the same here: legacy (since the 1.4.21 of CentOS 7) and the one
// that translates to nf_tables.
type iptables struct {
	save, restore string // paths of iptables-save and iptables-restore
	suffix        string
}

func (t *iptables) chainName(name string) string { return "MYDOCKER" + t.suffix + "-" + name }

func (t *iptables) place(chain string) string { return "chain " + t.chainName(chain) }

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
		return fmt.Errorf(
			"write rules: %w; the kernel has no such table: `modprobe iptable_raw iptable_nat iptable_filter`, or use the other variant of iptables (`update-alternatives --config iptables`)", err)
	}
	if err != nil {
		return fmt.Errorf("write rules: %w; `%s` shows what the host has", err, t.save)
	}

	return nil
}

// install is input for `iptables-restore --noflush`: what is missing of the jumps and of the
// content of our chains; "" when nothing is. A jump goes to the top, for firewalls often end a
// built-in chain with REJECT.
func (t *iptables) install(r rules, present string) string {
	var out strings.Builder

	for _, table := range []string{"raw", "nat", "filter"} {
		var lines, jumps []string
		for _, c := range r.chains() {
			if c.table != table {
				continue
			}
			lines = append(lines, t.changes(c, present)...)
			if c.hook != "" && t.jumps(c, present) == 0 {
				jumps = append(jumps, fmt.Sprintf("-I %s 1 -j %s", c.hook, t.chainName(c.name)))
			}
		}

		if lines = append(lines, jumps...); len(lines) > 0 {
			fmt.Fprintf(&out, "*%s\n%s\nCOMMIT\n", table, strings.Join(lines, "\n"))
		}
	}

	return out.String()
}

// changes compares a chain with what is there. Rules that are only added, as those of one more
// published port, are appended; else naming the chain (":NAME") makes or empties it, and all its
// rules follow. (An older iptables-save that words a rule differently costs a rewriting, no more.
// To remove rules costs nf_tables some 30 ms, to add them nothing.)
func (t *iptables) changes(c chain, present string) []string {
	name := t.chainName(c.name)
	var now []string
	for _, line := range strings.Split(tableOf(present, c.table), "\n") {
		if strings.HasPrefix(line, "-A "+name+" ") {
			now = append(now, strings.TrimPrefix(line, "-A "+name+" "))
		}
	}

	var lines []string
	missing := c.words(t.chainName)
	if t.exists(c, present) && isPrefix(now, missing) {
		missing = missing[len(now):]
	} else {
		lines = []string{":" + name + " - [0:0]"}
	}

	for _, words := range missing {
		lines = append(lines, "-A "+name+" "+words)
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

// uninstall takes out the jumps and then the chains, emptied before; "" when there is nothing of
// ours.
func (t *iptables) uninstall(present string) string {
	var out strings.Builder

	for _, table := range []string{"raw", "nat", "filter"} {
		var empty, jumps, remove []string
		for _, c := range (rules{}).chains() {
			if c.table != table {
				continue
			}
			for i := 0; i < t.jumps(c, present); i++ {
				jumps = append(jumps, fmt.Sprintf("-D %s -j %s", c.hook, t.chainName(c.name)))
			}
			if t.exists(c, present) {
				empty = append(empty, ":"+t.chainName(c.name)+" - [0:0]")
				remove = append(remove, "-X "+t.chainName(c.name))
			}
		}

		if lines := append(append(empty, jumps...), remove...); len(lines) > 0 {
			fmt.Fprintf(&out, "*%s\n%s\nCOMMIT\n", table, strings.Join(lines, "\n"))
		}
	}

	return out.String()
}

// jumps counts the rules that lead from the built-in chain to ours in the output of iptables-save.
func (t *iptables) jumps(c chain, present string) int {
	if c.hook == "" {
		return 0
	}
	return countLine(tableOf(present, c.table), "-A "+c.hook+" -j "+t.chainName(c.name))
}

func (t *iptables) exists(c chain, present string) bool {
	return strings.Contains(tableOf(present, c.table), "\n:"+t.chainName(c.name)+" ")
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

// apply runs iptables-restore. Since 1.6.2 it can wait for others that hold the lock (-w). Older
// ones do not know the option and take no lock: when another program changed the table in
// between, the kernel refuses, and it is tried again.
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
		return "", fmt.Errorf("%s %s: %w: %s", program, strings.Join(arguments, " "), err,
			strings.TrimSpace(complaint.String()))
	}
	return out.String(), nil
}
