package store

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"mydocker/step06-final/internal/atomicfile"
	"mydocker/step06-final/internal/spec"
)

func openStore(t testing.TB) *Store {
	dir := t.TempDir()
	s, err := Open(filepath.Join(dir, "data"), filepath.Join(dir, "state"))
	require.NoError(t, err)
	return s
}

func add(t testing.TB, s *Store, name string) *Container {
	id, err := NewID()
	require.NoError(t, err)
	c := &Container{ID: id, Name: name, Created: time.Now()}
	lock, err := s.Add(c)
	require.NoError(t, err)
	require.NoError(t, c.Save())
	lock.Unlock()
	return c
}

func TestFindByNameIDAndPrefix(t *testing.T) {
	s := openStore(t)
	c := add(t, s, "web")
	for _, name := range []string{"web", "/web", c.ID, c.ID[:12]} {
		found, err := s.Find(name)
		require.NoError(t, err, name)
		require.Equal(t, c.ID, found.ID)
	}
	for _, name := range []string{"", "nobody", "../web", strings.Repeat("0", 64)} {
		_, err := s.Find(name)
		require.Error(t, err, name)
	}
}

func TestNameIsGivenOnce(t *testing.T) {
	s := openStore(t)
	var wait sync.WaitGroup
	var mutex sync.Mutex
	winners := 0

	for i := 0; i < 20; i++ {
		wait.Add(1)

		go func() {
			defer wait.Done()
			id, _ := NewID()
			c := &Container{ID: id, Name: "one"}
			lock, err := s.Add(c)
			if err != nil {
				if !errors.As(err, new(*NameTakenError)) {
					t.Errorf("unexpected error: %v", err)
				}
				return
			}
			defer lock.Unlock()
			mutex.Lock()
			winners++
			mutex.Unlock()
			if err := c.Save(); err != nil {
				t.Error(err)
			}
		}()
	}

	wait.Wait()
	require.Equal(t, 1, winners)
	ids, err := s.IDs()
	require.NoError(t, err)
	require.Len(t, ids, 1, "the losers left their directories behind")
}

func TestRenameAndDeleteReleaseTheName(t *testing.T) {
	s := openStore(t)
	c := add(t, s, "first")
	require.NoError(t, c.Rename("second"))
	other := add(t, s, "first")
	err := other.Rename("second")
	require.True(t, errors.As(err, new(*NameTakenError)), err)
	require.NoError(t, s.Delete(c.ID))
	require.NoError(t, other.Rename("second"))
	found, err := s.Find("second")
	require.NoError(t, err)
	require.Equal(t, other.ID, found.ID)
}

func TestStaleReservationIsTakenOver(t *testing.T) {
	s := openStore(t)
	require.NoError(t, os.Symlink(strings.Repeat("ab", 32), filepath.Join(s.Data, "names", "web")))
	add(t, s, "web")
}

func TestDamagedFilesAreReportedAndLeaveTheOthersVisible(t *testing.T) {
	s := openStore(t)
	good, bad := add(t, s, "good"), add(t, s, "bad")
	path := filepath.Join(bad.Dir(), "container.json")
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	for _, size := range []int{0, 1, len(data) / 2, len(data) - 3} {
		require.NoError(t, os.WriteFile(path, data[:size], 0o600))
		containers, damaged, err := s.List()
		require.NoError(t, err)
		require.Len(t, damaged, 1)
		require.ErrorContains(t, damaged[0], "rm -f")
		require.Len(t, containers, 1)
		require.Equal(t, good.ID, containers[0].ID)
		_, err = s.Find("bad")
		require.True(t, errors.As(err, new(*atomicfile.DamagedError)), err)
	}
}

func TestHalfMadeContainersAreFoundUnlessSomebodyWorksOnThem(t *testing.T) {
	s := openStore(t)
	add(t, s, "complete")
	id, err := NewID()
	require.NoError(t, err)
	lock, err := s.Add(&Container{ID: id, Name: "half"})
	require.NoError(t, err)
	found, err := s.HalfMade()
	require.NoError(t, err)
	require.Empty(t, found)
	lock.Unlock()
	found, err = s.HalfMade()
	require.NoError(t, err)
	require.Contains(t, found, id)
	require.Len(t, found, 1)
	require.NoError(t, s.Delete(id))
	found[id].Unlock()
}

func TestLockOfADeletedContainer(t *testing.T) {
	s := openStore(t)
	c := add(t, s, "web")
	lock, err := c.Lock()
	require.NoError(t, err)
	result := make(chan error)
	go func() {
		_, err := c.Lock()
		result <- err
	}()
	require.NoError(t, s.Delete(c.ID))
	lock.Unlock()
	require.ErrorIs(t, <-result, os.ErrNotExist)
}

// TestDeleteWhileOthersAskForTheLock: asking makes the lock file, also in a directory that is
// being emptied.
func TestDeleteWhileOthersAskForTheLock(t *testing.T) {
	s := openStore(t)

	for i := 0; i < 100; i++ {
		c := add(t, s, "busy")
		lock, err := s.LockID(c.ID)
		require.NoError(t, err)
		stop := make(chan struct{})
		var others sync.WaitGroup

		for n := 0; n < 4; n++ {
			others.Add(1)
			go func() {
				defer others.Done()
				for {
					select {
					case <-stop:
						return
					default:
						if theirs, err := acquire(s.Dir(c.ID), false); err == nil {
							theirs.Unlock()
						}
					}
				}
			}()
		}

		err = s.Delete(c.ID)
		close(stop)
		others.Wait()
		lock.Unlock()
		require.NoError(t, err)
	}

	left, err := os.ReadDir(filepath.Join(s.Data, "containers"))
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestReaderNeverSeesAPartOfAFile(t *testing.T) {
	s := openStore(t)
	c := add(t, s, "web")
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := 0; i < 300; i++ {
			if err := c.SaveState(State{Status: Running, Error: strings.Repeat("x", i*37)}); err != nil {
				t.Error(err)
			}
		}
	}()

	for {
		_, err := c.State()
		require.NoError(t, err)
		select {
		case <-done:
			entries, err := os.ReadDir(c.Dir())
			require.NoError(t, err)
			for _, entry := range entries {
				require.NotContains(t, entry.Name(), ".tmp-")
			}
			return
		default:
		}
	}
}

func TestVolumes(t *testing.T) {
	s := openStore(t)
	v, err := s.CreateVolume("data", map[string]string{"a": "b"}, false)
	require.NoError(t, err)
	require.DirExists(t, v.Mountpoint)
	again, err := s.CreateVolume("data", nil, false)
	require.NoError(t, err)
	require.Equal(t, v.CreatedAt.UnixNano(), again.CreatedAt.UnixNano())
	for _, name := range []string{"", "../x", ".x", "a/b"} {
		_, err := s.CreateVolume(name, nil, false)
		require.Error(t, err, name)
	}

	require.NoError(t, s.RemoveVolume("data"))
	require.True(t, errors.As(s.RemoveVolume("data"), new(*NoVolumeError)))
	entries, err := os.ReadDir(filepath.Join(s.Data, "volumes"))
	require.NoError(t, err)
	require.Empty(t, entries)
}

func TestEvents(t *testing.T) {
	s := openStore(t)
	for i := 0; i < 3; i++ {
		require.NoError(t, s.AddEvent("container", "start", "id", map[string]string{"name": "web"}))
	}
	count := 0
	require.NoError(t, s.Events(time.Unix(0, 0), func() bool { return true },
		func(e Event) error { count++; return nil }))
	require.Equal(t, 3, count)
}

func FuzzStateFiles(f *testing.F) {
	f.Add([]byte(`{"ID":"x","Config":{"Env":["a"]},"Mounts":[{"Type":"bind"}]}`), []byte(`{"Status":"running","StartedAt":"2020-01-01T00:00:00Z"}`))
	f.Add([]byte(`null`), []byte(`[]`))
	s := openStore(f)
	c := &Container{ID: strings.Repeat("a", 64), Name: "web", Config: spec.Config{}, store: s}
	if err := os.Mkdir(c.Dir(), 0o700); err != nil {
		f.Fatal(err)
	}

	f.Fuzz(func(t *testing.T, container, state []byte) {
		require.NoError(t, os.WriteFile(filepath.Join(c.Dir(), "container.json"), container, 0o600))
		require.NoError(t, os.WriteFile(filepath.Join(c.Dir(), "state.json"), state, 0o600))
		if loaded, err := s.Load(c.ID); err == nil {
			require.Equal(t, c.ID, loaded.ID)
		}

		c.State()
		_, _, err := s.List()
		require.NoError(t, err)
	})
}

// Two commands that loaded the record before either had the lock: the second must not undo what
// the first has done.
func TestLockReadsTheRecordAnew(t *testing.T) {
	s := openStore(t)
	id := add(t, s, "web").ID
	first, err := s.Load(id)
	require.NoError(t, err)
	second, err := s.Load(id)
	require.NoError(t, err)

	lock, err := first.Lock()
	require.NoError(t, err)
	require.NoError(t, first.Rename("site"))
	first.HostConfig.Memory = 64 << 20
	require.NoError(t, first.Save())
	lock.Unlock()

	lock, err = second.Lock()
	require.NoError(t, err)
	require.NoError(t, second.Rename("shop"))
	lock.Unlock()

	now, err := s.Load(id)
	require.NoError(t, err)
	require.Equal(t, int64(64<<20), now.HostConfig.Memory)
	for _, old := range []string{"web", "site"} {
		_, err := s.Find(old)
		require.Error(t, err, old)
	}

	require.NoError(t, os.RemoveAll(second.Dir()))
	_, err = second.Lock()
	require.ErrorIs(t, err, os.ErrNotExist)
}

// A crash between a rename's record and the release of the old name leaves a link that points to
// a container of another name.
func TestStaleNameFindsNobody(t *testing.T) {
	s := openStore(t)
	id := add(t, s, "web").ID
	require.NoError(t, os.Symlink(id, filepath.Join(s.Data, "names", "before")))
	_, err := s.Find("before")
	require.Error(t, err)
	_, err = s.Find("web")
	require.NoError(t, err)
}
