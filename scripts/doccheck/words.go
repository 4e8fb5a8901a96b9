package main

import (
	"fmt"
	"regexp"
)

// wordRules are the words that an editor took out of the book, with what to write in their place.
var wordRules = map[string][]wordRule{
	"zh": {
		{regexp.MustCompile(`孩子|父亲`), "子进程, 父进程"},
		{regexp.MustCompile(`打死|干掉`), "杀死 (SIGKILL, OOM) or 终止"},
		{regexp.MustCompile(`里面的人|容器里的人`), "里面的进程, 容器里的进程"},
		{regexp.MustCompile(`转述`), "传递 (an exit status), 转达 (a message)"},
		{regexp.MustCompile(`解药`), "对策"},
		{regexp.MustCompile(`[。！？]它(?:$|[^们])`), "the noun again: 它 does not reach across a full stop"},
		{regexp.MustCompile(`遮盖|遮蔽`), "屏蔽"},
		{regexp.MustCompile(`退出状态`), "退出码"},
		{regexp.MustCompile(`监督进程|垫片进程`), "监护进程, shim"},
		{regexp.MustCompile(`委派给|委派的`), "委托"},
		{regexp.MustCompile(`游离挂载`), "detached mount"},
		{regexp.MustCompile(`(?:^|[^宿])主机(?:$|[^名])`), "宿主机, or 机器 for another one"},
	},
	"en": {
		{regexp.MustCompile(`(?i)\bfor ?ever\b`), "always, permanently, without end"},
		{regexp.MustCompile(`(?i)\bwhoever\b`), "a process that, users who"},
		{regexp.MustCompile(`(?i)\bshall\b`), "will, must"},
		{regexp.MustCompile(`(?i)\b(?:he|him|his)\b`), "they, them, their"},
		{regexp.MustCompile(`(?i)\boneself\b|\bone's\b`), "you, or a passive"},
		{regexp.MustCompile(`(?i)\bdifferences? to\b`), "difference from"},
		{regexp.MustCompile(`, for (?:it|else|nobody|there|otherwise)\b`), "because"},
	},
}

type wordRule struct {
	find  *regexp.Regexp
	write string
}

// checkWords looks for such words in the prose of both languages.
func checkWords(book *Book) []Problem {
	var problems []Problem
	for _, c := range book.Chapters {
		rules := wordRules[language(c.Path)]
		c.prose(func(number int, line string) {
			for _, text := range wordProblems(rules, line) {
				problems = append(problems, Problem{c.Path, number, text})
			}
		})
	}
	return problems
}

func wordProblems(rules []wordRule, line string) []string {
	line = codeSpan.ReplaceAllString(line, "`x`")
	line = linkAddress.ReplaceAllString(line, "")

	var problems []string
	for _, rule := range rules {
		if at := rule.find.FindString(line); at != "" {
			problems = append(problems, fmt.Sprintf("%q: write %s", at, rule.write))
		}
	}
	return problems
}
