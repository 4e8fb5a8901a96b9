package explain

import (
	"bufio"
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestChaptersExist(t *testing.T) {
	docs := "../../../docs/zh"
	if _, err := os.Stat(docs); err != nil {
		t.Skip("this copy of the module has no docs beside it")
	}
	chapters := []string{chapterUTS, chapterMount, chapterUser, chapterCgroups, chapterRootfs, chapterSecurity,
		chapterNetwork, chapterSupervision, chapterOverlay}
	for _, ns := range namespaceChapters {
		chapters = append(chapters, ns.chapter)
	}
	for _, chapter := range chapters {
		require.FileExists(t, filepath.Join(docs, chapter+".md"))
	}
}

func TestCgroupLines(t *testing.T) {
	require.Equal(t, []string{"/sys/fs/cgroup/mydocker/x  (v2)"},
		cgroupLines(map[string]string{"": "/sys/fs/cgroup/mydocker/x"}))
	require.Equal(t, []string{"/sys/fs/cgroup/CONTROLLER/mydocker/x  (v1: cpu, memory)"},
		cgroupLines(map[string]string{"cpu": "/sys/fs/cgroup/cpu/mydocker/x",
			"memory": "/sys/fs/cgroup/memory/mydocker/x"}))
	require.Contains(t, cgroupLines(nil)[0], "delegation")
}

func TestWords(t *testing.T) {
	require.Equal(t, "none", limit(0))
	require.Equal(t, "64 MiB", limit(64<<20))
	require.Equal(t, "none", capabilityText(0))
	require.Equal(t, "CAP_CHOWN CAP_KILL", capabilityText(1|1<<5))
	require.Equal(t, "4026531838", inode("uts:[4026531838]"))
}

func TestEveryLineNamesItsChapter(t *testing.T) {
	var out bytes.Buffer
	// we are no container, but the kernel tells the same things about us
	p := &page{w: bufio.NewWriter(&out), pid: os.Getpid()}
	p.namespaces()
	p.identity()
	p.capabilities()
	p.mounts()
	require.NoError(t, p.w.Flush())
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	require.Greater(t, len(lines), 20)
	for _, line := range lines {
		if line != "" {
			require.Regexp(t, `\[(docs/zh/)?0[3-8]-step0[1-6]-[a-z-]+(\.md)?\]$`, line)
		}
	}
}
