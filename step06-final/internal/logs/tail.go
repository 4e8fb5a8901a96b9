package logs

import (
	"bytes"
	"fmt"
	"io"
	"os"
)

// tail finds the last lines of a log, reading backwards. A line may be stored in several records,
// between which records of the other stream may stand: so each stream's last lines begin at a place
// of their own, and what the one has before is skipped on the way to the other's.
type tail struct {
	lines int // that are still wanted

	streams [2]struct {
		seen   int  // records that were passed
		wanted int  // of these
		open   bool // the beginning of a wanted line was not found yet
	}
}

// seek positions the files so that reading begins at the first wanted record, and closes those that
// have none.
func (t *tail) seek(files []*os.File) ([]*os.File, error) {
	for i := len(files) - 1; i >= 0; i-- {
		complete, err := t.seekFile(files[i])
		if err != nil {
			closeAll(files)
			return nil, err
		}
		if complete {
			closeAll(files[:i])
			return files[i:], nil
		}
	}
	return files, nil
}

// seekFile goes back through one file. complete says that nothing wanted lies before the place
// where it stopped.
func (t *tail) seekFile(file *os.File) (complete bool, err error) {
	end, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return false, fmt.Errorf("seek in log: %w", err)
	}

	block := make([]byte, 64<<10)

	for end > 0 && !t.complete() {
		start := end - int64(len(block))
		if start < 0 {
			start = 0
		}

		part := block[:end-start]
		if _, err := file.ReadAt(part, start); err != nil {
			return false, fmt.Errorf("read log backwards: %w", err)
		}

		used := len(part)
		for used > 0 && !t.complete() {
			begin := bytes.LastIndexByte(part[:used-1], '\n') + 1
			if begin == 0 && start > 0 {
				break // the record begins before this block
			}
			if !t.take(part[begin:used]) {
				return true, seekTo(file, start+int64(used))
			}
			used = begin
		}

		if used == len(part) { // a record that is larger than the block, in a damaged file
			block = make([]byte, 2*len(block))
		}

		end = start + int64(used)
	}

	return t.complete(), seekTo(file, end)
}

func seekTo(file *os.File, offset int64) error {
	if _, err := file.Seek(offset, io.SeekStart); err != nil {
		return fmt.Errorf("seek in log: %w", err)
	}
	return nil
}

// complete says that all wanted lines were found from their beginnings on.
func (t *tail) complete() bool {
	return t.lines == 0 && !t.streams[0].open && !t.streams[1].open
}

// take counts a record; false: it was not needed, because it only shows that all wanted lines begin
// after it.
func (t *tail) take(line []byte) bool {
	record, err := Parse(bytes.TrimSuffix(line, []byte("\n")))
	if err != nil {
		return true // damaged: it is reported when it is read
	}

	s := &t.streams[0]
	if record.Stderr {
		s = &t.streams[1]
	}

	if !record.Partial || s.seen == 0 { // the end of a line, or what was written of the last one
		s.open = t.lines > 0
		if s.open {
			t.lines--
		}
	}
	if t.complete() && !s.open {
		return false
	}

	s.seen++
	if s.open {
		s.wanted++
	}
	return true
}

// skip leaves out the records of each stream that stand before its wanted ones.
func (t *tail) skip(deliver func(Record) error) func(Record) error {
	left := [2]int{t.streams[0].seen - t.streams[0].wanted, t.streams[1].seen - t.streams[1].wanted}
	return func(r Record) error {
		i := 0
		if r.Stderr {
			i = 1
		}
		if left[i] > 0 {
			left[i]--
			return nil
		}
		return deliver(r)
	}
}
