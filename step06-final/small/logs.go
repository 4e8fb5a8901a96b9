// The output of a container in the background goes through a pipe to a file of the supervisor's:
// the container never holds that file.
//
// Chapter: docs/zh/08-small-logs.md
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"os"
	"sync"
	"time"

	"github.com/sirupsen/logrus"
)

// logLine is docker's json-file format: one object a line.
type logLine struct {
	Log    string    `json:"log"`
	Stream string    `json:"stream"`
	Time   time.Time `json:"time"`
}

// logWriter copies two pipes into the log.
type logWriter struct {
	out, err *os.File // what the container writes to
	done     sync.WaitGroup
	mutex    sync.Mutex
	file     *os.File
}

func startLog(r *record) (*logWriter, error) {
	file, err := os.OpenFile(r.dir("log"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fail("open the log: %v", err)
	}

	w := &logWriter{file: file}
	for stream, end := range map[string]**os.File{"stdout": &w.out, "stderr": &w.err} {
		read, write, err := os.Pipe()
		if err != nil {
			return nil, fail("make the pipe of the log: %v: see: ulimit -n", err)
		}

		*end = write
		w.done.Add(1)
		go w.copy(stream, read)
	}

	return w, nil
}

// copy ends with the container, when nobody has the other end of the pipe. Lines of any length are
// cut into pieces, so that memory is bounded.
func (w *logWriter) copy(stream string, pipe *os.File) {
	defer w.done.Done()
	defer pipe.Close()

	for reader := bufio.NewReaderSize(pipe, 16<<10); ; {
		text, err := reader.ReadSlice('\n')
		if len(text) > 0 {
			w.write(logLine{string(text), stream, time.Now().UTC()})
		}
		if err != nil && err != bufio.ErrBufferFull {
			return
		}
	}
}

func (w *logWriter) write(line logLine) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	if err := json.NewEncoder(w.file).Encode(line); err != nil {
		logrus.Errorf("write the log: %v", err) // a full disk must not stop the container
	}
}

// finish waits for the last line. run has ended, so only our own ends of the pipes are open.
func (w *logWriter) finish() {
	_, _ = w.out.Close(), w.err.Close()
	w.done.Wait()
	_ = w.file.Close()
}

// showLogs prints the log; with follow until the container has ended.
func showLogs(r *record, follow bool) error {
	file, err := os.Open(r.dir("log"))
	if os.IsNotExist(err) {
		return nil // it ran in the foreground
	}
	if err != nil {
		return fail("read the log of %s: %v", r.Name, err)
	}
	defer file.Close()

	var partial []byte
	for {
		ended := !follow || !r.running() // asked before reading: what is written later is not lost
		text, err := io.ReadAll(file)
		if err != nil {
			return fail("read the log of %s: %v", r.Name, err)
		}

		partial = printLines(append(partial, text...))
		if ended {
			return nil
		}

		time.Sleep(50 * time.Millisecond)
	}
}

// printLines prints each whole line to its stream, and returns what is still incomplete.
func printLines(text []byte) (rest []byte) {
	for {
		end := bytes.IndexByte(text, '\n')
		if end < 0 {
			return text
		}

		var line logLine
		if err := json.Unmarshal(text[:end], &line); err != nil {
			logrus.Warnf("a line of the log is damaged: %v", err)
		} else if line.Stream == "stderr" {
			_, _ = os.Stderr.WriteString(line.Log)
		} else {
			_, _ = os.Stdout.WriteString(line.Log)
		}

		text = text[end+1:]
	}
}
