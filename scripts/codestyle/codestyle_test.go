package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func inspectText(t *testing.T, text string) ([]place, *counts) {
	t.Helper()
	total := &counts{}
	places, err := inspectFile("x.go", []byte(text), total)
	require.NoError(t, err)
	return places, total
}

func body(lines int, between string) string {
	return "package x\n\nfunc f() {\n" + strings.Repeat(
		"\tg()\n",
		lines/2,
	) + between + strings.Repeat(
		"\tg()\n",
		lines-lines/2,
	) + "}\n"
}

func TestWallsAreFound(t *testing.T) {
	places, total := inspectText(t, body(26, ""))
	require.Len(t, places, 1)
	assert.Equal(t, 3+maxRun+1, places[0].line)
	assert.Equal(t, counts{functions: 1, long: 1, walls: 1, runs: 1}, *total)

	places, total = inspectText(t, body(26, "\n"))
	assert.Empty(t, places)
	assert.Equal(t, counts{functions: 1, long: 1}, *total)
}

func TestTablesNeedNoParagraph(t *testing.T) {
	rows := "\tx := []int{\n" + strings.Repeat("\t\t1,\n", 30) + "\t}\n"
	places, _ := inspectText(t, "package x\n\nfunc f() {\n"+rows+"}\n")
	assert.Empty(t, places)

	places, _ = inspectText(t, "package x\n\nvar x = []func(){\n\tfunc() {\n"+strings.Repeat("\t\tg()\n", 5)+
		"\t},\n}\n")
	assert.Empty(t, places)
}

func TestWideLinesAreFound(t *testing.T) {
	wide := strings.Repeat("x", 97)
	places, _ := inspectText(t, "package x\n\n// "+wide+"x\n// "+wide+"\nvar a = `"+wide+wide+"`\n")
	require.Len(t, places, 1)
	assert.Equal(t, place{"x.go", 3, "a comment of 101 columns"}, places[0])

	places, _ = inspectText(t, "package x\n\nvar a = \""+wide+wide+"\" // a message is written whole\n")
	assert.Empty(t, places)

	places, _ = inspectText(t, "package x\n\nvar a = "+strings.Repeat("1 + ", 30)+"1\n")
	require.Len(t, places, 1)
	assert.Contains(t, places[0].what, "a line of")
}
