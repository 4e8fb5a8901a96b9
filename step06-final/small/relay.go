// What the caller has redirected stays with the caller.
//
// Chapter: docs/zh/08-small-exec.md
package main

import (
	"errors"
	"io"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// relayed replaces files of the caller by pipes and copies. A descriptor of a file is more than its
// mode allows: root of the container may open it anew through /proc/self/fd, for writing too, and
// change its mode. finish returns when all output is where it belongs.
func (s streams) relayed() (theirs streams, finish func(), err error) {
	var outputs []*output
	finish = func() {
		for _, o := range outputs {
			o.finish()
		}
	}

	if hasName(s.in) {
		reader, writer, err := os.Pipe()
		if err != nil {
			return s, finish, fail("make a pipe for the input: %v: see: ulimit -n", err)
		}
		go copyInput(writer, s.in)
		s.in = reader
	}

	for _, stream := range []**os.File{&s.out, &s.err} {
		if !hasName(*stream) {
			continue
		}
		reader, writer, err := os.Pipe()
		if err != nil {
			return s, finish, fail("make a pipe for the output: %v: see: ulimit -n", err)
		}

		o := &output{from: reader, theirs: writer, done: make(chan struct{})}
		outputs = append(outputs, o)
		go o.copyTo(*stream)
		*stream = writer
	}

	return s, finish, nil
}

// hasName reports whether a stream is a file or device of the host. A pipe and a socket are nothing
// but themselves, and a terminal is what the caller means to share.
func hasName(file *os.File) bool {
	var fs unix.Statfs_t
	if err := unix.Fstatfs(int(file.Fd()), &fs); err != nil {
		return true
	}
	if _, err := unix.IoctlGetTermios(int(file.Fd()), unix.TCGETS); err == nil {
		return false
	}
	return fs.Type != unix.PIPEFS_MAGIC && fs.Type != unix.SOCKFS_MAGIC
}

// copyInput ends with the input; nobody waits for it.
func copyInput(to, from *os.File) {
	_, _ = io.Copy(to, from) // an error: the command reads no more
	_ = to.Close()
}

// output is one stream on its way from the command to a file of the caller.
type output struct {
	from, theirs *os.File
	ended        int32 // 1: the command has ended
	done         chan struct{}
}

// restOfOutput is how long the output is read when nothing comes and the command has ended: a
// process that it has left behind may hold the pipe for ever.
const restOfOutput = 100 * time.Millisecond

func (o *output) copyTo(file *os.File) {
	defer close(o.done)
	defer o.from.Close() // the command then gets SIGPIPE, as from the file
	buffer := make([]byte, 32<<10)

	for {
		if atomic.LoadInt32(&o.ended) == 1 {
			_ = o.from.SetReadDeadline(time.Now().Add(restOfOutput))
		}
		n, err := o.from.Read(buffer)
		if _, failed := file.Write(buffer[:n]); failed != nil {
			return
		}
		if err != nil && !(errors.Is(err, os.ErrDeadlineExceeded) && n > 0) {
			return
		}
	}
}

func (o *output) finish() {
	_ = o.theirs.Close()
	atomic.StoreInt32(&o.ended, 1)
	_ = o.from.SetReadDeadline(time.Now().Add(restOfOutput))
	<-o.done
}
