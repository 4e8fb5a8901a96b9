package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTranscriptMasks(t *testing.T) {
	for _, c := range []struct {
		name string
		want []string
		got  string
		ok   bool
	}{
		{"same", []string{"lab"}, "lab", true},
		{"nothing", nil, "", true},
		{"nothing expected, something printed", nil, "oops", false},
		{"something expected, nothing printed", []string{"lab"}, "", false},
		{"a masked number", []string{"pid ‹pid› ended"}, "pid 4711 ended", true},
		{"a mask is one word", []string{"pid ‹pid›"}, "pid 1 2", false},
		{"the same name twice, the same text", []string{"‹a› ‹a›"}, "x x", true},
		{"the same name twice, other text", []string{"‹a› ‹a›"}, "x y", false},
		{"names with numbers must differ", []string{"uts:[‹uts1›]", "uts:[‹uts2›]"}, "uts:[1]\nuts:[1]", false},
		{"names with numbers do differ", []string{"uts:[‹uts1›]", "uts:[‹uts2›]"}, "uts:[1]\nuts:[2]", true},
		{"anything on a line", []string{"a ‹…› z"}, "a b c z", true},
		{"any lines", []string{"first", "…", "last"}, "first\n1\n2\nlast", true},
		{"any lines, also none", []string{"first", "…"}, "first", true},
		{"columns may be wider", []string{"    PID COMMAND", "      1 sh"}, "  PID COMMAND\n    1 sh", true},
		{"one space is one space", []string{"a b"}, "a  b", false},
		{"any lines do not hide a missing one", []string{"first", "…", "last"}, "first\n1", false},
	} {
		ok, why := matches(c.want, c.got)
		assert.Equal(t, c.ok, ok, "%s: %s", c.name, why)
	}
}

func TestCommandsAreCutAtPrompts(t *testing.T) {
	c, err := parseChapter("x.md", "```console run\n# cat <<E\n> a\n> E\na\n$ id\nbox# exit\n```\n")
	require.NoError(t, err)
	commands, err := commandsOf(c, c.Fences[0])
	require.NoError(t, err)
	require.Len(t, commands, 3)
	assert.Equal(t, "cat <<E\na\nE", commands[0].text)
	assert.Equal(t, []string{"a"}, commands[0].want)
	assert.Equal(t, "$", commands[1].prompt)
	assert.Equal(t, "box#", commands[2].prompt)
}

func TestFenceAttributes(t *testing.T) {
	c, err := parseChapter("x.md", "```go file=a/b.go from=\"x := 1\" to=\"}\"\nbody\n```\n")
	require.NoError(t, err)
	f := c.Fences[0]
	assert.Equal(t, "go", f.Lang)
	assert.Equal(t, map[string]string{"file": "a/b.go", "from": "x := 1", "to": "}"}, f.Attrs)
	assert.Equal(t, "body\n", c.Body(f))
	_, err = parseChapter("x.md", "```go\nnever closed\n")
	assert.Error(t, err)
}

// A changed line of code must be found in the chapter that shows it.
func TestSnippetIsComparedWithItsSource(t *testing.T) {
	root := t.TempDir()
	source := "package p\n\n// f answers.\nfunc f() int {\n\treturn 42\n}\n"
	require.NoError(t, os.WriteFile(filepath.Join(root, "p.go"), []byte(source), 0o644))
	text := "```go file=p.go func=f\n// f answers.\nfunc f() int {\n\treturn 42\n}\n```\n"
	c, err := parseChapter("docs/zh/x.md", text)
	require.NoError(t, err)
	book := &Book{Root: root, Chapters: []*Chapter{c}}
	assert.Empty(t, checkSnippets(book))

	require.NoError(t, os.WriteFile(filepath.Join(root, "p.go"),
		[]byte("package p\n\nfunc f() int { return 43 }\n"), 0o644))
	assert.Len(t, checkSnippets(book), 1)
	require.NoError(t, os.WriteFile(filepath.Join(root, "p.go"), []byte("package p\n"), 0o644))
	assert.Len(t, checkSnippets(book), 1, "a function that is gone")
}

func TestLineRangeLosesSharedIndentation(t *testing.T) {
	lines := strings.Split("a\n\t\tif b {\n\t\t\tc\n\t\t}\nd", "\n")

	first, last, err := lineRange("x", lines, "if b", "}")
	require.NoError(t, err)
	assert.Equal(t, "if b {\n\tc\n}\n", outdent(lines[first:last]))
	_, _, err = lineRange("x", []string{"a"}, "nowhere", "")
	assert.Error(t, err)
}

func TestLinksAndAnchors(t *testing.T) {
	root := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(root, "docs/zh"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(root, "docs/zh/b.md"),
		[]byte("# 第 1 步的 `uts`\n\n## a:b\n\n<a id=\"here\"></a>\n"), 0o644))
	check := func(target string) []Problem {
		c, err := parseChapter("docs/zh/a.md", "see [b]("+target+")\n")
		require.NoError(t, err)
		return checkLinks(&Book{Root: root, Chapters: []*Chapter{c}})
	}
	assert.Empty(t, check("./b.md"))
	assert.Empty(t, check("./b.md#here"))
	assert.Empty(t, check("./b.md#第-1-步的-uts"))
	assert.Len(t, check("./b.md#a-b"), 1, "GitHub calls it ab")
	assert.Empty(t, check("https://man7.org/linux/man-pages/man7/namespaces.7.html"))
	assert.Len(t, check("./c.md"), 1)
	assert.Len(t, check("./b.md#there"), 1)
}

func TestTypography(t *testing.T) {
	for line, good := range map[string]bool{
		"进程的 PID 是 1。": true,
		"进程的PID":       false,
		"`/proc`是":     false,
		"用 `ps` 看进程\uff0c再看 `mount`\uff1a": true,
		"一个逗号, 是半角的":                       false,
		"半角括号(中文)":                         false,
		"全角括号\uff08中文\uff09":               true,
		"全角数字 \uff11":                      false,
		"改用 runc,2016 年":                   false,
		"内核 2.6.19:UTS 命名空间":               false,
		"程序 `conmon`(C) 很小":                false,
		"比例大约 2:1\uff0c大小是 4.5 / 4.6":      true,
		"见 [第 2 步](./04-step02.md)\u3002":  true,
	} {
		assert.Equal(t, good, len(typographyProblems(line)) == 0, "%s: %v", line, typographyProblems(line))
	}
}

func TestWordsThatTheBookDoesNotUse(t *testing.T) {
	for line, good := range map[string]bool{
		"父进程等子进程结束":      true,
		"父亲看得见孩子":        false,
		"命令结束了。它的退出码是 7": false,
		"命令把它的退出码交出来":    true,
		"被 OOM 打死了":      false,
		"宿主机上的主机名":       true,
		"别的主机连不上":        false,
		"主机":             false,
		"代码里叫 `父亲` 也可以":  true,
	} {
		assert.Equal(t, good, len(wordProblems(wordRules["zh"], line)) == 0, line)
	}
	for line, good := range map[string]bool{
		"users can map only themselves":        true,
		"a process that the sheriff shares":    true,
		"the user maps himself, as he likes":   false,
		"Whoever can write there is root":      false,
		"it waits for ever":                    false,
		"the differences to runc":              false,
		"refused, for nobody could answer":     false,
		"the file is read, for instance, once": true,
	} {
		assert.Equal(t, good, len(wordProblems(wordRules["en"], line)) == 0, line)
	}
}

func TestGlossaryIsInOrderAndExplained(t *testing.T) {
	page := func(path, text string) *Chapter {
		c, err := parseChapter(path, text)
		require.NoError(t, err)
		return c
	}
	row := func(term, target string) string {
		return "| " + term + " | 词 | meaning | [there](./" + target + ") |\n"
	}
	layers := page("docs/en/layers.md", "# Layers\n\nA Whiteout, and a copy-up.\n")

	for text, want := range map[string]int{
		row("copy-up", "layers.md") + row("mark, whiteout", "layers.md"): 0,
		row("whiteout", "layers.md") + row("copy-up", "layers.md"):       1, // order
		row("bind mount", "layers.md"):                                   1, // not used there
	} {
		book := &Book{Chapters: []*Chapter{page("docs/en/glossary.md", text), layers}}
		assert.Len(t, checkGlossary(book), want, text)
	}
}

func TestTranslationIsHeldAgainstTheChapter(t *testing.T) {
	zh, err := parseChapter("docs/zh/x.md", "# 一\n\n## 二\n\n```console run\n# id\n```\n")
	require.NoError(t, err)
	same := "---\nsource: " + zh.hash() + "\n---\n# One\n\n## Two\n\n```console run\n# id\n```\n"
	for text, problems := range map[string]int{
		same: 0,
		"---\nsource: 0\n---\n# One\n\n## Two\n\n```console run\n# id\n```\n":                 1,
		"---\nsource: " + zh.hash() + "\n---\n# One\n\n```console run\n# id\n```\n":           1,
		"---\nsource: " + zh.hash() + "\n---\n# One\n\n## Two\n\n```console run\n# ls\n```\n": 1,
		same + "\n![a picture that the Chinese chapter lacks](../assets/x.svg)\n":             1,
	} {
		en, err := parseChapter("docs/en/x.md", text)
		require.NoError(t, err)
		assert.Len(t, compareTranslation(zh, en), problems, text)
	}
}

func TestNamedProofsExist(t *testing.T) {
	root := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(root, "a_test.go"),
		[]byte("package a\n\nfunc TestHere(t *testing.T) {}\n"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(root, "a.sh"), []byte("check_here() { true; }\n"), 0o600))
	c, err := parseChapter("docs/zh/a.md", "# a\n\n`TestHere` `check_here` `TestGone`\n\n`check_gone`\n")
	require.NoError(t, err)
	problems := checkProofs(&Book{Root: root, Chapters: []*Chapter{c}})
	require.Len(t, problems, 2)
	require.Equal(t, "docs/zh/a.md:3: there is no check or test TestGone", problems[0].String())
	require.Equal(t, 5, problems[1].Line)
}

func TestPicturesNeedTextAndDarkColours(t *testing.T) {
	file := filepath.Join(t.TempDir(), "x.svg")
	good := `<svg xmlns="http://www.w3.org/2000/svg"><title>t</title><desc>d</desc><style>@media (prefers-color-scheme: dark) {}</style></svg>`
	for text, problems := range map[string]int{
		good: 0,
		`<svg xmlns="http://www.w3.org/2000/svg"></svg>`: 3,
		`<svg`: 1,
	} {
		require.NoError(t, os.WriteFile(file, []byte(text), 0o644))
		assert.Len(t, pictureProblems(file), problems, text)
	}
}

// A transcript is executed: what a command really prints counts, not that the chapter has some
// output.
func TestTranscriptIsExecuted(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("the sandbox needs root")
	}
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skip("the sandbox needs ip (iproute2)")
	}

	root, err := findRoot()
	require.NoError(t, err)
	chapter := func(output string) (passed, failed int) {
		c, err := parseChapter("docs/zh/x.md", "```console run\n# hostname\n"+output+"\n```\n")
		require.NoError(t, err)
		blocks, problems := transcriptBlocks(c)
		require.Empty(t, problems)
		passed, failed, _ = runChapter(&Book{Root: root}, c, blocks)
		return passed, failed
	}
	passed, failed := chapter("lab")
	assert.Equal(t, []int{1, 0}, []int{passed, failed}, "the real output")
	passed, failed = chapter("lap")
	assert.Equal(t, []int{0, 1}, []int{passed, failed}, "one letter is different")
}

func TestEngineMessages(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a.go"), []byte(`package a
func (e *E) Error() string { return fmt.Sprintf("no such thing: %s", e.Name) }
func mountAdvice() string { return " (mount it first)" }
func f() error {
	warn("left "+name+" where it was", x)
	fieldError("root.path", "%q is not a directory", x)
	errors.New("not needed any more")
	fmt.Errorf("open the thing: %w", err)
	return fmt.Errorf("%w (choose another one with --root)", err)
}
`), 0o644))
	messages, problems := engineMessages(dir, dir)
	require.Empty(t, problems)
	var formats []string

	for _, m := range messages {
		formats = append(formats, m.format)
	}

	assert.Equal(t, []string{"no such thing: %s", " (mount it first)", "left %v where it was",
		"%q is not a directory", "%w (choose another one with --root)"}, formats)
	assert.Equal(t, "container", longestPiece("container %s; `mydocker rm it first`"))
}

// Every new line of a step is printed once; a line more in the source, or a block twice, is found.
func TestCoverageFindsWhatIsNotPrinted(t *testing.T) {
	root := t.TempDir()
	write := func(path, text string) {
		require.NoError(t, os.MkdirAll(filepath.Join(root, filepath.Dir(path)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(root, path), []byte(text), 0o644))
	}
	problems := func(page string) []Problem {
		c, err := parseChapter("docs/zh/04-step02-b.md", page)
		require.NoError(t, err)
		_, _, found := coverageOf(&Book{Root: root, Chapters: []*Chapter{c}}, "a", "b", "-step02-")
		return found
	}

	write("a/p.go", "package p\n\nvar x = 1\n")
	write("b/p.go", "package p\n\nvar x = 1\n\n// f answers.\nfunc f() int {\n\treturn 42\n}\n")
	page := "```go file=b/p.go func=f\n```\n"
	assert.Empty(t, problems(page))
	assert.Empty(t, problems("```diff from=a to=b file=p.go\n```\n"), "a diff shows its added lines")
	assert.Empty(t, problems(page+"\n```go file=b/p.go func=f again\n```\n"))
	assert.Len(t, problems(page+"\n"+page), 3, "the comment, the function and its body are printed twice")
	assert.Len(t, problems("nothing\n"), 3)

	write("b/q.go", "package p\n\nimport \"os\"\n\nvar y = os.Args\n")
	assert.Len(t, problems(page), 3, "package, import and declaration of a new file")
	assert.Empty(t, problems(page+"\n```go file=b/q.go head\n```\n\n```go file=b/q.go var=y\n```\n"))
}

func TestTranscriptsAreForPeople(t *testing.T) {
	problems := func(lines string) []Problem {
		c, err := parseChapter("docs/zh/x.md", "```console run\n"+lines+"```\n")
		require.NoError(t, err)
		return checkConsoles(&Book{Chapters: []*Chapter{c}})
	}

	assert.Empty(t, problems("# ps\n  PID\n"))
	assert.Empty(t, problems("# echo wc -L\n"+strings.Repeat("x", 100)+"\n"))
	assert.Len(t, problems("# ps\n"+strings.Repeat("x", 101)+"\n"), 1)
	assert.Len(t, problems("# ps\n"+strings.Repeat("命", 51)+"\n"), 1, "two columns each")
	assert.Len(t, problems("# ps | grep -c sh\n1\n"), 1)
	assert.Len(t, problems("# ps |\n>   grep -ic sh\n1\n"), 1)
	assert.Len(t, problems("# ps | wc -l\n1\n"), 1)
}

// A line that is too long for the page goes on below, and is compared as one.
func TestLongLineGoesOn(t *testing.T) {
	c, err := parseChapter("docs/zh/x.md", "```console run\n# echo\none two\n↪ three\n```\n")
	require.NoError(t, err)
	commands, err := commandsOf(c, c.Fences[0])
	require.NoError(t, err)

	ok, why := matches(commands[0].want, "one two three\n")
	assert.True(t, ok, why)
	ok, _ = matches(commands[0].want, "one two\nthree\n")
	assert.False(t, ok)
}
