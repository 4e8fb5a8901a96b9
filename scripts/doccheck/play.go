package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// A played block is what the machine in the page printed: docs/play/drive.mjs writes one line of
// JSON for each.
type played struct {
	Page    string
	Block   int
	Machine string
	Seconds float64
	Outputs []string
	Error   string
	Screen  string
	Problem string
	Reason  string // why the page has no button there
	Ready   []struct{ Milliseconds float64 }
}

// A playPage is a chapter and its console blocks in the order in which the page numbers them.
type playPage struct {
	Page    string      `json:"page"`
	Blocks  []playBlock `json:"blocks"`
	chapter *Chapter
	fences  []*Fence
}

// A playBlock is what docs/play/needs.mjs judges: the fence's first line and its text.
type playBlock struct {
	Info    string `json:"info"`
	Content string `json:"content"`
}

// runPlay presses the buttons "run it here" of the built site in a browser, and compares what the
// machine prints with the book. A block has passed when each of its commands printed what the
// chapter says.
func runPlay(book *Book, args []string) int {
	if len(args) == 0 {
		fmt.Println("usage: doccheck play URL [CHAPTER…]")
		return 2
	}

	pages := pagesToPlay(book, args[1:])
	results, problems, err := drive(book.Root, args[0], pages)
	for _, problem := range problems {
		fmt.Println("✘", problem)
	}
	if err != nil {
		problems = append(problems, "the browser: "+err.Error())
		fmt.Println("✘ the browser:", err) // what was played before is compared all the same
	}

	passed, failed, skipped := 0, len(problems), 0
	for _, page := range pages {
		p, f, s := comparePage(page, results)
		passed, failed, skipped = passed+p, failed+f, skipped+s
		fmt.Printf("%s: %d passed, %d failed, %d skipped\n", page.chapter.Path, p, f, s)
	}

	fmt.Printf("play: %d passed, %d failed, %d skipped\n", passed, failed, skipped)
	if failed > 0 {
		return 1
	}
	return 0
}

// pagesToPlay are the Chinese chapters that have blocks to run.
func pagesToPlay(book *Book, only []string) []*playPage {
	var pages []*playPage

	for _, c := range book.Chapters {
		if !strings.HasPrefix(c.Path, "docs/zh/") || !selected(c.Path, only) {
			continue
		}

		page := &playPage{Page: strings.TrimSuffix(strings.TrimPrefix(c.Path, "docs/zh/"), ".md"), chapter: c}
		for _, f := range c.Fences {
			if f.Lang == "console" && (f.Has("run") || f.Has("play")) {
				page.fences = append(page.fences, f)
				info := strings.TrimLeft(c.Lines[f.Start], " `")
				page.Blocks = append(page.Blocks, playBlock{info, c.Body(f)})
			}
		}
		if len(page.fences) > 0 {
			pages = append(pages, page)
		}
	}

	return pages
}

// drive opens the pages in the browser. The results are by page and number of the block.
func drive(root, url string, pages []*playPage) (map[string]*played, []string, error) {
	input, err := json.Marshal(pages)
	if err != nil {
		return nil, nil, err
	}

	cmd := exec.Command("node", "play/drive.mjs", url)
	cmd.Dir = filepath.Join(root, "docs")
	cmd.Stdin, cmd.Stderr = bytes.NewReader(input), os.Stderr

	output, err := cmd.StdoutPipe()
	if err != nil {
		return nil, nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, nil, err
	}

	results := map[string]*played{}
	var problems []string
	lines := bufio.NewScanner(output)
	lines.Buffer(nil, 16<<20)

	for lines.Scan() {
		result := &played{Block: -1}
		if err := json.Unmarshal(lines.Bytes(), result); err != nil {
			return results, problems, fmt.Errorf("drive.mjs: %w: %s", err, lines.Text())
		}

		switch {
		case result.Problem != "":
			problems = append(problems, result.Problem)
		case result.Block >= 0:
			results[result.Page+" "+strconv.Itoa(result.Block)] = result
			if result.Reason != "" {
				continue
			}
			fmt.Fprintf(os.Stderr, "%s, block %d: %.1f s\n", result.Page, result.Block, result.Seconds)
		default:
			for _, ready := range result.Ready {
				fmt.Printf("%s: the machine was ready after %.1f s\n", result.Page, ready.Milliseconds/1000)
			}
		}
	}

	return results, problems, cmd.Wait()
}

func comparePage(page *playPage, results map[string]*played) (passed, failed, skipped int) {
	broken := ""

	for number, fence := range page.fences {
		result := results[page.Page+" "+strconv.Itoa(number)]
		where := fmt.Sprintf("%s:%d", page.chapter.Path, fence.Start+1)

		switch {
		case result == nil && broken != "":
			fmt.Printf("%s: not run: %s\n", where, broken)
			failed++
		case result == nil:
			fmt.Printf("%s: not run: the page has no such block: run scripts/docs.sh build (or see above)\n", where)
			failed++
		case result.Reason != "":
			fmt.Printf("%s: skipped: %s\n", where, result.Reason)
			skipped++
		case result.Error != "":
			fmt.Printf("%s: %s; on the screen:\n%s", where, result.Error, indent(result.Screen))
			broken = "the block before did not end"
			failed++
		case compareBlock(page.chapter, fence, result):
			passed++
		default:
			failed++
		}
	}

	return passed, failed, skipped
}

func compareBlock(c *Chapter, f *Fence, result *played) bool {
	commands, err := commandsOf(c, f)
	if err != nil {
		fmt.Println(err)
		return false
	}
	if len(commands) != len(result.Outputs) {
		fmt.Printf("%s:%d: %d commands, %d ran\n", c.Path, f.Start+1, len(commands), len(result.Outputs))
		return false
	}

	same := true
	for i, cmd := range commands {
		if f.Has("play") && len(cmd.want) == 0 {
			continue
		}

		got := plain(result.Outputs[i])
		ok, why := matchesTerminal(cmd.want, got)
		if !ok {
			// In the book the shell that is not interactive names a job that was killed.
			named := killedJob.ReplaceAllString(result.Outputs[i], "Killed")
			ok, _ = matchesTerminal(cmd.want, plain(named))
		}
		if !ok {
			fmt.Printf("%s:%d: %s\n    %s; it prints:\n%s", c.Path, cmd.line, cmd.text, why, indent(got))
			same = false
		}
	}

	return same
}

var (
	jobNotice = regexp.MustCompile(`^\[\d+\]([-+ ] | \d+$)`)
	noGroup   = regexp.MustCompile(`(?m)^sh: \d+: Cannot set tty process group.*\n?(\d.* exit status 2$)?`)
	killedJob = regexp.MustCompile(`(?m)^\[\d+\][-+ ] +Killed( .*)?$`)
	killed    = regexp.MustCompile(`^(Killed|Terminated)( .*)?$`)
	logLine   = regexp.MustCompile(`^(DEBU|INFO|WARN|ERRO) (.*?) *$`)
	levels    = map[string]string{"DEBU": "debug", "INFO": "info", "WARN": "warning", "ERRO": "error"}
)

// plain is the text as the book has it. The book's commands write into a pipe and their shell is
// not interactive. In the page there is a terminal: the shell reports its jobs, one in a new PID
// namespace finds its process group no more when it exits and says so with status 2, and the
// programs' log is short and in colour.
func plain(got string) string {
	got = noGroup.ReplaceAllString(got, "")

	var lines []string
	for _, line := range strings.Split(strings.TrimRight(got, "\n"), "\n") {
		if jobNotice.MatchString(line) {
			continue
		}
		if killed.MatchString(line) {
			line = "bash: line 1: 1 " + line
		}
		if m := logLine.FindStringSubmatch(line); m != nil {
			line = "level=" + levels[m[1]] + " msg=" + strconv.Quote(m[2])
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

var gap = regexp.MustCompile(`\t+| {2,}`)

var terminated = regexp.MustCompile(`(?m)^bash: line 1: 1 Terminated.*\n?`)

// matchesTerminal also takes names in columns for names one a line: so ls prints them on a
// terminal. And a job there is a process group, all of which kill %1 ends: a shell in the container
// then reports that its own child was terminated.
func matchesTerminal(want []string, got string) (bool, string) {
	ok, why := matches(want, got)
	if ok {
		return true, ""
	}

	for _, other := range []string{gap.ReplaceAllString(got, "\n"), terminated.ReplaceAllString(got, "")} {
		if same, _ := matches(want, other); same {
			return true, ""
		}
	}

	return false, why
}
