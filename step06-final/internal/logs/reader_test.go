package logs

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func record(n int64, text string) Record {
	return Record{Time: time.Unix(0, n).UTC(), Content: []byte(text)}
}

func write(t *testing.T, path string, records ...Record) {
	t.Helper()
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	require.NoError(t, err)
	defer file.Close()
	for _, r := range records {
		_, err := file.Write(Format(r))
		require.NoError(t, err)
	}
}

func collect(t *testing.T, path string, o Options) []string {
	t.Helper()
	var texts []string
	require.NoError(t, Read(path, o, func(r Record) error {
		texts = append(texts, string(r.Content))
		return nil
	}))
	return texts
}

func TestParseIsTheInverseOfFormat(t *testing.T) {
	for _, r := range []Record{
		{Time: time.Unix(1700000000, 5).UTC(), Content: []byte("two  spaces and a tab\t")},
		{Time: time.Unix(1700000000, 5).UTC(), Content: []byte{}, Stderr: true},
		{Time: time.Unix(0, 1).UTC(), Content: []byte("no newline"), Partial: true},
	} {
		parsed, err := Parse(bytes.TrimSuffix(Format(r), []byte("\n")))
		require.NoError(t, err)
		require.Equal(t, r, parsed)
	}
}

func TestReadDeliversRotatedFilesOldestFirst(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	write(t, path+".2", record(1, "a"), record(2, "b"))
	write(t, path+".1", record(3, "c"))
	write(t, path, record(4, "d"), record(5, "e"))
	require.Equal(t, []string{"a", "b", "c", "d", "e"}, collect(t, path, Options{Tail: -1}))
	require.Equal(t, []string{"e"}, collect(t, path, Options{Tail: 1}))
	require.Equal(t, []string{"c", "d", "e"}, collect(t, path, Options{Tail: 3}))
	require.Equal(t, []string{"b", "c", "d", "e"}, collect(t, path, Options{Tail: 4}))
	require.Equal(t, []string{"a", "b", "c", "d", "e"}, collect(t, path, Options{Tail: 100}))
	require.Empty(t, collect(t, path, Options{Tail: 0}))
	require.Equal(t, []string{"d", "e"}, collect(t, path, Options{Tail: -1, Since: time.Unix(0, 4)}))
	require.Equal(t, []string{"a", "b"}, collect(t, path, Options{Tail: -1, Until: time.Unix(0, 2)}))
}

func TestReadInTheMiddleOfARotation(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	write(t, path+".2", record(1, "a"))
	write(t, path+".1", record(2, "b"))
	require.Equal(t, []string{"a", "b"}, collect(t, path, Options{Tail: -1}), "the new file is not yet there")
	require.Equal(t, []string{"b"}, collect(t, path, Options{Tail: 1}))
	require.NoError(t, os.Rename(path+".1", path))
	require.Equal(t, []string{"a", "b"}, collect(t, path, Options{Tail: -1}), "one number is free")
	empty := Read(filepath.Join(t.TempDir(), "log"), Options{Tail: -1}, nil)
	require.ErrorContains(t, empty, "the container was never started")
}

func TestTailCrossesBlocks(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	var want []string
	for i := 0; i < 5000; i++ {
		text := fmt.Sprintf("line %d %s", i, bytes.Repeat([]byte("x"), i%50))
		write(t, path, record(int64(i), text))
		if i >= 1000 {
			want = append(want, text)
		}
	}
	require.Equal(t, want, collect(t, path, Options{Tail: 4000}))
}

// TestTailCountsLines: a line that was stored in pieces is one, also when the other stream wrote
// in between, and an unfinished one too.
func TestTailCountsLines(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	part := func(n int64, text string) Record { r := record(n, text); r.Partial = true; return r }
	fault := func(r Record) Record { r.Stderr = true; return r }
	write(t, path+".1", record(1, "first"), part(2, "a"), fault(record(3, "e1")))
	write(t, path, part(4, "b"), fault(part(5, "x")), record(6, "c"), fault(record(7, "y")), record(8, "last"),
		part(9, "rest"))

	for lines, want := range [][]string{
		{}, {"rest"}, {"last", "rest"}, {"x", "y", "last", "rest"}, {"a", "b", "x", "c", "y", "last", "rest"},
		{"a", "e1", "b", "x", "c", "y", "last", "rest"}, {"first", "a", "e1", "b", "x", "c", "y", "last", "rest"},
	} {
		var got []string
		got = append(got, collect(t, path, Options{Tail: lines})...)
		require.Equal(t, append([]string(nil), want...), got, "tail %d", lines)
	}
}

// TestTailOfVeryLongLines: records larger than the block in which they are looked for.
func TestTailOfVeryLongLines(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	long := string(bytes.Repeat([]byte("x"), 200<<10))
	write(t, path, record(1, "before"), record(2, long), record(3, "after"))
	require.Equal(t, []string{long, "after"}, collect(t, path, Options{Tail: 2}))
}

func TestDamagedRecordIsReportedAndSkipped(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	write(t, path, record(1, "a"))
	require.NoError(t, os.WriteFile(path,
		append(Format(record(1, "a")), []byte("garbage\n2020-01-01T00:00:00Z stdout F b\n3 std")...), 0o600))
	var warnings []error
	texts := collect(t, path, Options{Tail: -1, Warn: func(err error) { warnings = append(warnings, err) }})
	require.Equal(t, []string{"a", "b"}, texts)
	require.Len(t, warnings, 1)
}

func TestFollowGoesOnAfterRotation(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	write(t, path, record(0, "0"))
	const records = 2000
	var mutex sync.Mutex
	finished := false

	go func() {
		for i := 1; i < records; i++ {
			if i%100 == 0 {
				for n := 20; n > 0; n-- {
					os.Rename(fmt.Sprintf("%s.%d", path, n), fmt.Sprintf("%s.%d", path, n+1))
				}
				os.Rename(path, path+".1")

				// nothing is asserted about it: gives the reader a chance to be in between
				time.Sleep(20 * time.Millisecond)
			}
			file, _ := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
			file.Write(Format(record(int64(i), fmt.Sprint(i))))
			file.Close()
		}

		mutex.Lock()
		finished = true
		mutex.Unlock()
	}()

	done := func() bool { mutex.Lock(); defer mutex.Unlock(); return finished }
	texts := collect(t, path, Options{Tail: -1, Follow: true, Done: done})
	require.Len(t, texts, records)
	for i, text := range texts {
		require.Equal(t, fmt.Sprint(i), text)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("2020-01-01T00:00:00.5Z stdout F x"))
	f.Add([]byte("2020-01-01T00:00:00.5Z stderr P "))
	f.Fuzz(func(t *testing.T, line []byte) {
		r, err := Parse(line)
		if err != nil || bytes.ContainsRune(line, '\n') || r.Time.UTC().Year() > 9999 || r.Time.UTC().Year() < 0 {
			return
		}
		again, err := Parse(bytes.TrimSuffix(Format(r), []byte("\n")))
		require.NoError(t, err)
		require.True(t, r.Time.Equal(again.Time))
		require.Equal(t, r.Content, again.Content)
	})
}

// TestFollowWhileFilesMove: files are rotated again and again while the follower looks for the next
// one. No record may be lost, come twice or come in another order.
func TestFollowWhileFilesMove(t *testing.T) {
	const rotations = 300
	path := filepath.Join(t.TempDir(), "log")
	write(t, path, record(0, "0"))

	var done atomic.Value
	failed := make(chan error, 1)

	go func() {
		var err error
		for i := 1; i <= rotations && err == nil; i++ {
			for n := i - 1; n > 0 && err == nil; n-- { // as the supervisor does: the oldest first
				err = os.Rename(fmt.Sprintf("%s.%d", path, n), fmt.Sprintf("%s.%d", path, n+1))
			}
			if err == nil {
				err = os.Rename(path, path+".1")
			}
			if err == nil {
				err = os.WriteFile(path, Format(record(int64(i), fmt.Sprint(i))), 0o600)
			}
		}

		failed <- err
		done.Store(true)
	}()

	var got, want []string
	got = collect(t, path, Options{Tail: -1, Follow: true, Done: func() bool { return done.Load() != nil }})
	require.NoError(t, <-failed)
	for i := 0; i <= rotations; i++ {
		want = append(want, fmt.Sprint(i))
	}

	require.Equal(t, want, got)
}

// Format is the inverse of Parse; the newline is included.
func Format(r Record) []byte {
	stream, full := "stdout", "F"
	if r.Stderr {
		stream = "stderr"
	}
	if r.Partial {
		full = "P"
	}
	return []byte(fmt.Sprintf("%s %s %s %s\n", r.Time.UTC().Format(TimeLayout), stream, full, r.Content))
}
