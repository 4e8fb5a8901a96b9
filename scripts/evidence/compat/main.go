// Command compat compares the records of the same cases on docker and on mydocker, which
// compat.sh made: how many of docker's lines mydocker prints too, and which differences have no
// reason.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
)

func main() {
	reasonFile := flag.String("reasons", "compat/reasons.txt", "the reasons of the differences that stay")
	verbose := flag.Bool("verbose", false, "show every difference, not only those without a reason")
	zh := flag.String("zh", "", "write the table for the Chinese page into this file")
	en := flag.String("en", "", "write the table for the English page into this file")
	flag.Parse()

	reasons, err := readReasons(*reasonFile)
	if err != nil {
		fmt.Fprintln(os.Stderr, "✘", err)
		os.Exit(2)
	}

	report, err := compare(flag.Arg(0), flag.Arg(1), reasons, *verbose)
	if err != nil {
		fmt.Fprintln(os.Stderr, "✘", err)
		os.Exit(2)
	}

	report.print(os.Stdout)

	if *zh != "" && *en != "" {
		if err := report.write(*zh, *en, reasons); err != nil {
			fmt.Fprintln(os.Stderr, "✘", err)
			os.Exit(2)
		}
	}
	if report.faults > 0 {
		os.Exit(1)
	}
}

// An area's sums. Lines are docker's; same are those of them that mydocker prints at the same
// place.
type area struct {
	name                             string
	cases, sameCases, calls          int
	lines, same, reasoned, mysteries int
}

type report struct {
	areas  []*area
	why    map[string]int // lines that differ, by reason
	faults int
}

// compare reads the list of cases (AREA/CASE) and both sides' records.
func compare(list, records string, reasons map[string][2]string, verbose bool) (*report, error) {
	file, err := os.Open(list)
	if err != nil {
		return nil, err
	}
	defer file.Close()

	result := &report{why: map[string]int{}}

	for scanner := bufio.NewScanner(file); scanner.Scan(); {
		name := scanner.Text()
		theirs, err := readRecord(filepath.Join(records, "docker", name))
		if err != nil {
			return nil, err
		}

		ours, err := readRecord(filepath.Join(records, "mydocker", name))
		if err != nil {
			return nil, err
		}

		if len(theirs) != len(ours) {
			fmt.Printf(
				"✘ %s: docker made %d calls, mydocker %d: the case must not depend on what the engine prints\n",
				name, len(theirs), len(ours))
			result.faults++
			continue
		}

		result.add(name, theirs, ours, reasons, verbose)
	}

	return result, nil
}

func (r *report) area(name string) *area {
	for _, known := range r.areas {
		if known.name == name {
			return known
		}
	}
	r.areas = append(r.areas, &area{name: name})
	return r.areas[len(r.areas)-1]
}

// add compares one case call by call. A reason that nothing needs is a fault as well: it would
// hide the next difference.
func (r *report) add(name string, theirs, ours []call, reasons map[string][2]string, verbose bool) {
	sums := r.area(strings.Split(name, "/")[0])
	sums.cases++
	sums.calls += len(theirs)
	whole := true

	for i, expected := range theirs {
		missing, extra := difference(expected.lines, ours[i].lines)
		sums.lines += len(expected.lines)
		sums.same += len(expected.lines) - len(missing)
		equal := len(missing)+len(extra) == 0
		whole = whole && equal

		why := strings.TrimPrefix(expected.why, "~") // of a difference that is not there each time
		_, known := reasons[why]

		switch {
		case equal && (expected.why == "-" || known && why != expected.why):
			continue
		case equal:
			fmt.Printf("✘ %s: $ %s\n    nothing differs: take “because %s” away\n", name, expected.command,
				why)
			r.faults++
			continue
		case known:
			sums.reasoned += len(missing)
			r.why[why] += len(missing)
			if !verbose {
				continue
			}
			fmt.Printf("– %s: $ %s\n    because %s\n", name, expected.command, why)
		case why != "-":
			fmt.Printf("✘ %s: $ %s\n    reasons.txt has no %q\n", name, expected.command, why)
			r.faults++
		default:
			fmt.Printf("✘ %s: $ %s\n", name, expected.command)
			sums.mysteries++
			r.faults++
		}

		for _, line := range missing {
			fmt.Println("    docker:  ", shorten(line))
		}

		for _, line := range extra {
			fmt.Println("    mydocker:", shorten(line))
		}
	}

	if whole {
		sums.sameCases++
	}
}

func shorten(line string) string {
	if len(line) > 400 {
		return line[:400] + "…"
	}
	return line
}

// difference gives the lines that only one side has, by the longest common subsequence.
func difference(a, b []string) (onlyA, onlyB []string) {
	for len(a) > 0 && len(b) > 0 && a[0] == b[0] {
		a, b = a[1:], b[1:]
	}
	if len(a) == 0 || len(b) == 0 {
		return a, b
	}

	// common[i][j] is the length for a[i:] and b[j:].
	common := make([][]int, len(a)+1)
	for i := range common {
		common[i] = make([]int, len(b)+1)
	}

	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			switch {
			case a[i] == b[j]:
				common[i][j] = common[i+1][j+1] + 1
			case common[i+1][j] >= common[i][j+1]:
				common[i][j] = common[i+1][j]
			default:
				common[i][j] = common[i][j+1]
			}
		}
	}

	i, j := 0, 0
	for i < len(a) && j < len(b) {
		switch {
		case a[i] == b[j]:
			i, j = i+1, j+1
		case common[i+1][j] >= common[i][j+1]:
			onlyA = append(onlyA, a[i])
			i++
		default:
			onlyB = append(onlyB, b[j])
			j++
		}
	}

	return append(onlyA, a[i:]...), append(onlyB, b[j:]...)
}

func (r *report) total() area {
	total := area{}
	for _, sums := range r.areas {
		total.cases += sums.cases
		total.sameCases += sums.sameCases
		total.calls += sums.calls
		total.lines += sums.lines
		total.same += sums.same
		total.reasoned += sums.reasoned
		total.mysteries += sums.mysteries
	}
	return total
}

func percent(part, whole int) string {
	if whole == 0 {
		return "–"
	}
	return fmt.Sprintf("%.1f %%", 100*float64(part)/float64(whole))
}

func (r *report) print(out *os.File) {
	total := r.total()
	total.name = "all"
	fmt.Fprintf(out, "%-12s %6s %6s %6s %6s %6s %8s %9s %10s\n", "area", "cases", "same", "calls", "lines", "same",
		"", "reasoned", "no reason")
	for _, sums := range append(r.areas, &total) {
		fmt.Fprintf(out, "%-12s %6d %6d %6d %6d %6d %8s %9d %10d\n", sums.name, sums.cases, sums.sameCases, sums.calls,
			sums.lines, sums.same, percent(sums.same, sums.lines), sums.reasoned, sums.mysteries)
	}
	for _, why := range r.reasons() {
		fmt.Fprintf(out, "  %5d lines: %s\n", r.why[why], why)
	}
}

// reasons lists those that occurred, the most frequent first.
func (r *report) reasons() []string {
	var names []string
	for why := range r.why {
		names = append(names, why)
	}
	sort.Slice(names, func(i, j int) bool {
		if r.why[names[i]] != r.why[names[j]] {
			return r.why[names[i]] > r.why[names[j]]
		}
		return names[i] < names[j]
	})
	return names
}

// write makes the tables of differences.md in both languages.
func (r *report) write(zh, en string, reasons map[string][2]string) error {
	headings := [2][2]string{
		{"| 领域 | 用例 | 命令 | docker 的行 | 相同 | |\n|---|--:|--:|--:|--:|--:|\n", "| 仍然不同的原因 | 行 |\n|---|--:|\n"},
		{"| area | cases | commands | lines of docker | the same | |\n|---|--:|--:|--:|--:|--:|\n",
			"| why the rest differs | lines |\n|---|--:|\n"},
	}

	for language, file := range []string{zh, en} {
		var text strings.Builder
		text.WriteString(headings[language][0])
		total := r.total()
		total.name = [2]string{"合计", "all"}[language]
		for _, sums := range append(r.areas, &total) {
			fmt.Fprintf(&text, "| %s | %d | %d | %d | %d | %s |\n", sums.name, sums.cases, sums.calls, sums.lines,
				sums.same, percent(sums.same, sums.lines))
		}

		text.WriteString("\n" + headings[language][1])
		for _, why := range r.reasons() {
			fmt.Fprintf(&text, "| %s | %d |\n", reasons[why][language], r.why[why])
		}
		if err := os.WriteFile(file, []byte(text.String()), 0o644); err != nil {
			return err
		}
	}

	return nil
}
