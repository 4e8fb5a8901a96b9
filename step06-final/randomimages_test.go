package main

import (
	"bytes"
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestRandomImages makes images of random links where the engine, or the user, mounts something,
// and runs, builds, copies and commits them. Whatever the engine answers, nothing of the host may
// change outside of the container, and no proc without its masks may be in it, nor a read-only
// volume that can be written to.
//
// A hundred images are made in every run; RANDOM_IMAGES=1000 makes as many, RANDOM_SEED=N repeats
// those of a failure.
func TestRandomImages(t *testing.T) {
	count, seed := number(t, "RANDOM_IMAGES", 100), int64(number(t, "RANDOM_SEED", 20261128))
	host := filepath.Join(work, "host-of-the-random")
	require.NoError(t, os.MkdirAll(filepath.Join(host, "dir"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(host, "file"), []byte("of the host\n"), 0o600))
	volume := volumeOfHost(t)
	must(t, "run", "--rm", "--network", "none", "host", "true") // makes what is made once

	// and containers, names and volumes; the engine's own locks come and go
	mounts := func() string {
		return regexp.MustCompile(`(?m)^snapshots \..*\n`).ReplaceAllString(hostState(t), "")
	}
	state, before := mounts(), listing(t, host)+listing(t, volume)

	// Four at a time: most of a container's start and end is waiting.
	var failed sync.Map
	next := make(chan int)
	var workers sync.WaitGroup

	for w := 0; w < 4; w++ {
		workers.Add(1)
		go func(w int) {
			defer workers.Done()
			for i := range next {
				c := &randomImage{tree: randomTree(rand.New(rand.NewSource(seed+int64(i))), host),
					name: fmt.Sprintf("random%d", w), host: host, volume: volume,
					dir: filepath.Join(work, "tmp", fmt.Sprintf("random%d", w))}
				c.archive = c.tree.archive(t)
				if violation := c.try(i); violation != "" {
					failed.Store(i, fmt.Sprintf("RANDOM_SEED=%d RANDOM_IMAGES=1: %v: %s", seed+int64(i), c.tree,
						violation))
				}

				// t.TempDir would keep a megabyte for each image until the last one.
				os.RemoveAll(c.dir)
				docker("rmi", "-f", c.name, c.name+"-committed")
			}
		}(w)
	}

	for i := 0; i < count; i++ {
		next <- i
	}

	close(next)
	workers.Wait()

	failed.Range(func(_, violation interface{}) bool {
		t.Error(violation)
		return true
	})
	t.Logf("%d images, %d containers started and found nothing", count, ran)
	require.True(t, count < 20 || ran > 0, "no container has started")
	require.Equal(t, before, listing(t, host)+listing(t, volume), "the host has changed")
	require.Equal(t, state, mounts())
}

func number(t *testing.T, variable string, otherwise int) int {
	if os.Getenv(variable) == "" {
		return otherwise
	}
	n, err := strconv.Atoi(os.Getenv(variable))
	require.NoError(t, err, variable)
	return n
}

// randomTree is an image with links at some of the places where something is mounted or made.
func randomTree(r *rand.Rand, host string) tree {
	places := []string{"proc", "dev", "sys", "etc", "dev/pts", "dev/shm", "dev/mqueue", "dev/console", "dev/null",
		"dev/ptmx", "dev/l", "sys/fs", "sys/fs/cgroup",
		"sys/firmware", "proc/sys", "proc/kcore", "etc/hostname", "etc/hosts", "etc/resolv.conf", "data", "data/run", "x", "x/l", "x/run", "b", "run", "tmp", "work"}
	targets := []string{"/", "/b", "/b/l", "/x", "/x/l", "/x/run", "/dev", "/dev/l", "/dev/shm", "/proc",
		"/proc/sys", "/proc/self/root", "/sys", "/sys/fs", "/data",
		"/data/run", "/run", "/etc", "/tmp", "l", "../b", "../../../../..", host, host + "/dir", host + "/file", "../../.." + host}

	links := map[string]string{}
	for n := 1 + r.Intn(6); n > 0; n-- {
		links[places[r.Intn(len(places))]] = targets[r.Intn(len(targets))]
	}
	if r.Intn(2) == 0 { // a chain, which is hidden when something is mounted on its way
		first, middle := places[r.Intn(4)], []string{"dev/l", "x/l", "x/run", "data/run"}[r.Intn(4)]
		links[first], links[middle] = "/"+middle, targets[r.Intn(len(targets))]
	}

	var out tree
	for _, place := range places {
		if target := links[place]; target != "" {
			if parent := filepath.Dir(place); parent != "." && links[parent] == "" {
				out = append(out, [2]string{parent, ""})
			}
			if links[filepath.Dir(place)] == "" {
				out = append(out, [2]string{place, target})
			}
		} else if r.Intn(2) == 0 && !strings.Contains(place, "/") {
			out = append(out, [2]string{place, ""})
		}
	}

	return out
}

type randomImage struct {
	tree                    tree
	archive                 []byte
	name, host, volume, dir string
}

// try does with the image what number i is for, and says what it has seen that must not be.
func (c *randomImage) try(i int) string {
	if r := dockerInput(bytes.NewReader(c.archive), "import", "-", c.name); r.code != 0 {
		return "" // the image is refused: nothing can come of it
	}
	if violation := c.run(c.name, [][]string{{"-v", c.volume + ":/data:ro"}, {"-v", c.volume + ":/x:ro", "-t"},
		{"--tmpfs", "/tmp", "--read-only"}, {}}[i%4]...); violation != "" {
		return violation
	}
	switch i % 3 {
	case 0:
		return c.build()
	case 1:
		return c.copy()
	default:
		return c.commit()
	}
}

func (c *randomImage) run(image string, flags ...string) string {
	line := append([]string{"run", "--rm", "--network", "none"}, flags...)
	r := docker(append(line, image, "/attack", "look-around")...)
	if r.code == 1 {
		atomic.AddInt32(&ran, 1)
	}
	return judge("run "+strings.Join(flags, " "), r)
}

var ran int32 // containers that started: with none the test would prove nothing

// judge reads the end of a container: 1 is what the attacker answers when it has found nothing,
// 125 an engine that refuses.
func judge(what string, r result) string {
	switch r.code {
	case 1, 125, 126, 127:
		return ""
	}
	return fmt.Sprintf("%s: status %d: %s%s", what, r.code, r.out, r.err)
}

func (c *randomImage) build() string {
	context := filepath.Join(c.dir, "context")
	if err := os.MkdirAll(context, 0o755); err != nil {
		return err.Error()
	}
	for name, data := range map[string][]byte{"tree.tar": c.archive, "planted": []byte("planted"),
		"Dockerfile": []byte("FROM scratch\nADD tree.tar /\nCOPY planted /data/run/\nRUN [\"/attack\", \"look-around\"]\n")} {
		if err := os.WriteFile(filepath.Join(context, name), data, 0o644); err != nil {
			return err.Error()
		}
	}
	r := docker("build", context)
	if r.code == 0 {
		return "build: " + r.out + r.err
	}
	return ""
}

func (c *randomImage) copy() string {
	planted := filepath.Join(c.dir, "planted")
	if err := os.MkdirAll(c.dir, 0o755); err != nil {
		return err.Error()
	}
	if err := os.WriteFile(planted, []byte("planted"), 0o644); err != nil {
		return err.Error()
	}

	r := docker("create", "--network", "none", "-v", c.volume+":/data:ro", c.name, "/attack", "look-around")
	if r.code != 0 {
		return ""
	}
	defer docker("rm", "-f", r.out)
	for _, link := range []string{"/proc", "/dev/l", "/etc", "/x/run", "/b", "/data/run"} {
		docker("cp", planted, r.out+":"+link) // refused or not: the host must not change
	}
	if leaked := docker("cp", r.out+":/x/file", "-"); strings.Contains(leaked.out, "of the host") {
		return "cp reads a file of the host"
	}

	return judge("start", docker("start", "-a", r.out))
}

func (c *randomImage) commit() string {
	r := docker("create", "--network", "none", c.name, "/attack", "look-around")
	if r.code != 0 {
		return ""
	}
	defer docker("rm", "-f", r.out)
	if violation := judge("start", docker("start", "-a", r.out)); violation != "" {
		return violation
	}
	if committed := docker("commit", r.out, c.name+"-committed"); committed.code != 0 {
		return "commit: " + committed.err
	}
	return c.run(c.name + "-committed")
}
