package logs

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Options says which records Read delivers.
type Options struct {
	Tail   int             // at most so many lines from the end, an unfinished one is one too; negative: all
	Since  time.Time       // zero: from the beginning
	Until  time.Time       // zero: to the end
	Follow bool            // wait for more until Done
	Done   func() bool     // with Follow: the container ended, no more will come
	Warn   func(err error) // a damaged record, which is skipped
}

// maxRecord bounds the memory that one line of a damaged file can take. The supervisor cuts lines
// far below it.
const maxRecord = 1 << 20

// Read delivers the records of the log at path, rotated files included, oldest first.
func Read(path string, o Options, deliver func(Record) error) error {
	files, err := open(path)
	if err != nil {
		return err
	}
	defer func() {
		for _, f := range files {
			f.Close()
		}
	}()

	if o.Tail >= 0 {
		t := tail{lines: o.Tail}
		if files, err = t.seek(files); err != nil {
			return err
		}

		deliver = t.skip(deliver)
	}

	for i, file := range files {
		last := i == len(files)-1
		if last && o.Follow {
			files[i] = nil // follow closes it, and every file that comes after
			return follow(path, file, o, deliver)
		}
		if _, err := readAll(bufio.NewReaderSize(file, 64<<10), nil, o, deliver); err != nil {
			return ignoreEnd(err)
		}
	}

	return nil
}

// errEnd stops the reading early: a record is newer than Until.
var errEnd = errors.New("end of the wanted records")

func ignoreEnd(err error) error {
	if errors.Is(err, errEnd) {
		return nil
	}
	return err
}

// open opens the files of the log, oldest first. After a rotation that has ended it begins
// again, because that has moved every file.
func open(path string) ([]*os.File, error) {
	for {
		newest, err := openNewest(path)
		if err != nil {
			return nil, err
		}

		files, err := openRotated(path, newest)
		if err != nil {
			return nil, err
		}

		now, err := openNewest(path)
		if err != nil {
			closeAll(files)
			return nil, err
		}

		same := newest == nil && now == nil || newest != nil && now != nil && sameFile(newest, now)
		now.Close() // a nil file has nothing to close

		if same && len(files) == 0 {
			return nil, fmt.Errorf(
				"open log %s: %w (the container was never started, or was started with --log-driver none)", path,
				fs.ErrNotExist)
		}
		if same {
			return files, nil
		}

		closeAll(files)
	}
}

// openNewest gives nil where there is no file: so it is just before the end of a rotation.
func openNewest(path string) (*os.File, error) {
	newest, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	return newest, nil
}

// openRotated puts the older files before the newest. A rotation that goes on at the same time
// moves one file after the other, the oldest first: one number is free, or a file is met twice.
func openRotated(path string, newest *os.File) ([]*os.File, error) {
	var files []*os.File
	if newest != nil {
		files = append(files, newest)
	}

	for n, missing := 1, 0; missing < 2; n++ {
		file, err := os.Open(fmt.Sprintf("%s.%d", path, n))
		if errors.Is(err, fs.ErrNotExist) {
			missing++
			continue
		}
		if err != nil {
			closeAll(files)
			return nil, fmt.Errorf("open rotated log: %w", err)
		}

		if len(files) > 0 && sameFile(file, files[0]) {
			file.Close()
			continue
		}

		files = append([]*os.File{file}, files...)
	}

	return files, nil
}

func closeAll(files []*os.File) {
	for _, f := range files {
		f.Close()
	}
}

func sameFile(a, b *os.File) bool {
	aInfo, aErr := a.Stat()
	bInfo, bErr := b.Stat()
	return aErr == nil && bErr == nil && os.SameFile(aInfo, bInfo)
}

// readAll delivers every complete record. What is left without a newline is returned: more of it
// may come.
func readAll(r *bufio.Reader, rest []byte, o Options, deliver func(Record) error) ([]byte, error) {
	for {
		part, err := r.ReadSlice('\n')
		rest = append(rest, part...)
		if err == io.EOF {
			return rest, nil
		}
		if err != nil && err != bufio.ErrBufferFull {
			return rest, fmt.Errorf("read log: %w", err)
		}
		if err == bufio.ErrBufferFull && len(rest) < maxRecord {
			continue
		}

		if err := deliverLine(rest, o, deliver); err != nil {
			return nil, err
		}

		rest = rest[:0]
	}
}

func deliverLine(line []byte, o Options, deliver func(Record) error) error {
	if len(line) > 0 && line[len(line)-1] == '\n' {
		line = line[:len(line)-1]
	}

	record, err := Parse(line)
	if err != nil {
		if o.Warn != nil {
			o.Warn(err)
		}
		return nil
	}
	if record.Time.Before(o.Since) {
		return nil
	}

	if !o.Until.IsZero() && record.Time.After(o.Until) {
		return errEnd
	}
	return deliver(record)
}

// follow reads the current file, waits for growth, and goes on with the next file after a rotation.
func follow(path string, file *os.File, o Options, deliver func(Record) error) error {
	defer func() { file.Close() }()
	watch := newWatch(path)
	defer watch.close()
	reader := bufio.NewReaderSize(file, 64<<10)

	var rest []byte

	for {

		// Both are asked before the last read: what was written before the answer is then read.
		done := o.Done != nil && o.Done()
		next, err := successor(path, file)
		if err != nil {
			return err
		}

		rest, err = readAll(reader, rest, o, deliver)
		if err != nil {
			if next != nil {
				next.Close()
			}
			return ignoreEnd(err)
		}

		if next != nil {
			file.Close()
			file, rest = next, nil
			reader.Reset(file)
			continue
		}
		if done || (!o.Until.IsZero() && time.Now().After(o.Until)) {
			return nil
		}

		watch.wait(200 * time.Millisecond)
	}
}

// successor opens the file that was begun after the given one, nil if that is the newest.
func successor(path string, file *os.File) (*os.File, error) {
	files, err := open(path)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil // between the two steps of a rotation, or removed
		}
		return nil, err
	}

	position := -1 // a file that is gone was older than all
	for i, f := range files {
		if sameFile(f, file) {
			position = i
		}
	}
	if position == len(files)-1 {
		closeAll(files)
		return nil, nil
	}

	next := files[position+1]
	for _, f := range files {
		if f != next {
			f.Close()
		}
	}
	return next, nil
}

// watch wakes a follower when the log's file grows (inotify(7)); without inotify it only sleeps.
type watch struct {
	fd   int
	path string
}

func newWatch(path string) *watch {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		fd = -1
	}
	return &watch{fd: fd, path: path}
}

// wait returns when the file that path names now was written or moved, and after the timeout in any
// case: the end of a container is not an event of its log.
func (w *watch) wait(timeout time.Duration) {
	if w.fd < 0 {
		time.Sleep(timeout)
		return
	}
	// Added anew each time: after a rotation the path is another inode. An existing watch is only
	// confirmed.
	if _, err := unix.InotifyAddWatch(w.fd, w.path, unix.IN_MODIFY|unix.IN_MOVE_SELF|unix.IN_DELETE_SELF); err != nil {
		time.Sleep(timeout / 20) // in the middle of a rotation
		return
	}
	fds := []unix.PollFd{{Fd: int32(w.fd), Events: unix.POLLIN}}
	unix.Poll(fds, int(timeout/time.Millisecond)) // an interrupted or failed wait is a short one
	var events [4096]byte
	unix.Read(w.fd, events[:]) // EAGAIN when there was none
}

func (w *watch) close() {
	if w.fd >= 0 {
		unix.Close(w.fd)
	}
}
