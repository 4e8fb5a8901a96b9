package runtime

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"mydocker/step06-final/internal/cgroup"
	"mydocker/step06-final/internal/proc"
)

// ownGroup makes a cgroup in every hierarchy as an administrator would, and removes it at the end.
func ownGroup(t *testing.T, path string) []string {
	g, err := cgroup.New(path)
	require.NoError(t, err)
	if len(g.Paths()) == 0 {
		t.Skip("no cgroup file system is mounted")
	}
	require.NoError(t, g.Create(true))
	t.Cleanup(func() { require.NoError(t, g.Remove()) })
	var directories []string
	for _, directory := range g.Paths() {
		directories = append(directories, directory)
	}
	return directories
}

// foreigner is a process that has nothing to do with any container, in one cgroup directory.
func foreigner(t *testing.T, directory string) *exec.Cmd {
	command := exec.Command("sleep", "300")
	require.NoError(t, command.Start())
	t.Cleanup(func() {
		if command.ProcessState == nil {
			require.NoError(t, command.Process.Kill())
			_ = command.Wait() // killed
		}
	})
	enterGroup(t, command.Process.Pid, directory)
	return command
}

func enterGroup(t *testing.T, pid int, directory string) {
	require.NoError(t, os.WriteFile(filepath.Join(directory, "cgroup.procs"), []byte(strconv.Itoa(pid)), 0))
}

func lives(t *testing.T, command *exec.Cmd) bool {
	stat, err := proc.ReadStat(command.Process.Pid)
	require.NoError(t, err)
	return stat.State != 'Z'
}

// freezeGroup stops what is, or will be, in a group.
func freezeGroup(t *testing.T, directories []string) {
	for _, directory := range directories {
		for file, values := range map[string][2]string{"freezer.state": {"FROZEN", "THAWED"},
			"cgroup.freeze": {"1", "0"}} {
			path := filepath.Join(directory, file)
			if _, err := os.Stat(path); err != nil {
				continue
			}
			require.NoError(t, os.WriteFile(path, []byte(values[0]), 0))
			t.Cleanup(func() { require.NoError(t, os.WriteFile(path, []byte(values[1]), 0)) })
			return
		}
	}
	t.Skip("no freezer here")
}

// A cgroup that is in use takes no container, nothing is made, and what is in there lives on.
func TestCgroupInUseIsRefused(t *testing.T) {
	needRoot(t)

	for name, prepare := range map[string]func(t *testing.T, path string) (want string){
		"a process": func(t *testing.T, path string) string {
			foreigner(t, ownGroup(t, path)[0])
			return "container's cgroup is not empty: 1 process(es) found"
		},
		"a process below": func(t *testing.T, path string) string {
			ownGroup(t, path)
			foreigner(t, ownGroup(t, path+"/below")[0])
			return "container's cgroup is not empty: 1 process(es) found"
		},
		"frozen": func(t *testing.T, path string) string {
			freezeGroup(t, ownGroup(t, path))
			return "container's cgroup unexpectedly frozen"
		},
		"frozen above": func(t *testing.T, path string) string {
			freezeGroup(t, ownGroup(t, filepath.Dir(path)))
			return "container's cgroup unexpectedly frozen"
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := "/" + testID(t) + "/x"
			if name != "frozen above" {
				ownGroup(t, filepath.Dir(path))
			}
			want := prepare(t, path)

			bundle, spec := newBundle(t, "true")
			spec.Linux.CgroupsPath = path
			r := newRuntime(t)
			_, err := r.Create(CreateOptions{ID: testID(t), Bundle: bundle, Spec: spec})

			require.ErrorContains(t, err, want)
			assert.NoDirExists(t, r.Root)
		})
	}
}

func TestCgroupOfAnotherContainerIsRefused(t *testing.T) {
	needRoot(t)
	r := newRuntime(t)
	path := "/" + testID(t)
	create := func() (*Container, error) {
		bundle, spec := newBundle(t, "sleep", "300")
		spec.Linux.CgroupsPath = path
		return r.Create(CreateOptions{ID: testID(t), Bundle: bundle, Spec: spec})
	}
	first, err := create()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, first.Delete(true)) })
	require.NoError(t, first.Start())

	_, err = create()
	require.ErrorContains(t, err, "container's cgroup is not empty")
	assert.Equal(t, specs.StateRunning, first.Status())

	// A stopped container still owns its cgroup: its deletion removes it.
	require.NoError(t, first.Kill(unix.SIGKILL, false))
	_, err = WaitInit(first)
	require.NoError(t, err)
	_, err = create()
	require.ErrorContains(t, err, "is the cgroup of container")
}

// In a cgroup that was there before, only init and its descendants are the container's.
func TestOnlyOwnProcessesAreKilled(t *testing.T) {
	needRoot(t)

	for name, change := range map[string]func(*specs.Spec){
		"own-pid-namespace": func(*specs.Spec) {},
		"pid-namespace-of-the-host": func(s *specs.Spec) {
			s.Linux.Namespaces = s.Linux.Namespaces[1:]
			s.Mounts[0] = specs.Mount{Destination: "/proc", Type: "bind", Source: "/proc", Options: []string{"rbind"}}
			s.Linux.MaskedPaths, s.Linux.ReadonlyPaths = nil, nil
		},
	} {
		for _, end := range []string{"kill", "kill-all", "delete"} {
			t.Run(name+"-"+end, func(t *testing.T) {
				path := "/" + testID(t)
				directories := ownGroup(t, path)
				bundle, spec := newBundle(t, "sh", "-c", "sleep 300 & sleep 300; true")
				spec.Linux.CgroupsPath = path
				change(spec)
				r := newRuntime(t)
				c, err := r.Create(CreateOptions{ID: testID(t), Bundle: bundle, Spec: spec})
				require.NoError(t, err)
				t.Cleanup(func() { _ = c.Delete(true) }) // where the test has failed
				require.NoError(t, c.Start())

				var own []int
				eventually(t, "three processes", func() bool {
					own, err = c.members()
					require.NoError(t, err)
					return len(own) == 3
				})

				stranger := foreigner(t, directories[0])
				for _, directory := range directories[1:] {
					enterGroup(t, stranger.Process.Pid, directory)
				}
				c, err = r.Load(c.ID)
				require.NoError(t, err)
				switch end {
				case "kill":
					require.NoError(t, c.Kill(unix.SIGKILL, false))
				case "kill-all":
					require.NoError(t, c.Kill(unix.SIGKILL, true))
				case "delete":
					err := c.Delete(true) // the cgroup cannot go: the stranger is in it
					require.Error(t, err)
				}

				if end != "delete" {
					_, err = WaitInit(c)
					require.NoError(t, err)
				}

				eventually(t, "the container's processes are gone", func() bool {
					for _, pid := range own {
						if stat, err := proc.ReadStat(pid); err == nil && stat.State != 'Z' {
							return false
						}
					}
					return true
				})
				assert.True(t, lives(t, stranger), "a process that is not the container's was killed")

				require.NoError(t, stranger.Process.Kill())
				_ = stranger.Wait()
				require.NoError(t, c.Delete(true))
			})
		}
	}
}

// A cgroup that was made for the container may get a process of somebody else's later. With a pid
// namespace it is known which are the container's: those of nested namespaces too.
func TestStrangersInOwnCgroupAreNotKilled(t *testing.T) {
	needRoot(t)

	for _, below := range []string{"", "/below"} {
		path := "/" + testID(t)
		bundle, spec := newBundle(t, "sh", "-c", "sleep 300 & sleep 300; true")
		spec.Linux.CgroupsPath = path
		c, err := newRuntime(t).Create(CreateOptions{ID: testID(t), Bundle: bundle, Spec: spec})
		require.NoError(t, err)
		t.Cleanup(func() { _ = c.Delete(true) })
		require.NoError(t, c.Start())
		var own []int
		eventually(t, "three processes", func() bool {
			own, err = c.members()
			require.NoError(t, err)
			return len(own) == 3
		})

		stranger := exec.Command("sleep", "300")
		require.NoError(t, stranger.Start())
		t.Cleanup(func() { _ = stranger.Process.Kill() }) // where the test has failed
		for controller, directory := range c.group().Paths() {
			if controller == "cpuset" && below != "" {
				continue // it would need processors first
			}
			require.NoError(t, os.MkdirAll(directory+below, 0o755))
			enterGroup(t, stranger.Process.Pid, directory+below)
		}

		require.NoError(t, c.Kill(unix.SIGKILL, true))
		_, err = WaitInit(c)
		require.NoError(t, err)
		assert.True(t, lives(t, stranger), "%s: a process that is not the container's was killed", below)
		require.NoError(t, stranger.Process.Kill())
		_ = stranger.Wait()
		require.NoError(t, c.Delete(true))
	}
}

// What outlives init in a cgroup that was made for the container goes with it.
func TestLeftOverProcessesOfAnOwnCgroupAreKilled(t *testing.T) {
	needRoot(t)
	bundle, spec := newBundle(t, "sh", "-c", "sleep 300 &")
	spec.Linux.Namespaces = spec.Linux.Namespaces[1:]
	spec.Mounts[0] = specs.Mount{Destination: "/proc", Type: "bind", Source: "/proc", Options: []string{"rbind"}}
	spec.Linux.MaskedPaths, spec.Linux.ReadonlyPaths = nil, nil
	c, err := newRuntime(t).Create(CreateOptions{ID: testID(t), Bundle: bundle, Spec: spec})
	require.NoError(t, err)
	require.NoError(t, c.Start())
	_, err = WaitInit(c)
	require.NoError(t, err)
	left, err := c.Processes()
	require.NoError(t, err)
	require.Len(t, left, 1)

	require.NoError(t, c.Delete(false))

	stat, err := proc.ReadStat(left[0])
	assert.True(t, err != nil || stat.State == 'Z', "process %d lives", left[0])
}
