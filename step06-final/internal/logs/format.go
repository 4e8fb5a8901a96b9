// Package logs reads what a container wrote: the log files that the supervisor keeps for it.
//
// Chapter: docs/zh/08-step06-logs.md.
//
// # Format
//
// One record a line, in the log format of the Kubernetes container runtime interface, so that tail
// and grep are of use on the raw file:
//
//	<RFC 3339 time in UTC with nanoseconds> <stdout|stderr> <F|P> <content>\n
//
// F says that the content ended with a newline in the container's output (the newline that ends the
// record stands for it). P says that it did not: the supervisor cut a long line, or the container
// wrote part of one. The content is any bytes but a newline.
//
// # Rotation
//
// When a file has grown past LogMaxSize the supervisor renames FILE.1 to FILE.2 and so on
// (LogMaxFiles in all, the current one included; the oldest is deleted), FILE to FILE.1, and opens
// a new FILE.
package logs

import (
	"fmt"
	"time"

	"mydocker/step06-final/internal/shim"
)

// TimeLayout is RFC 3339 with all nine digits of the nanoseconds, so that records sort as text.
const TimeLayout = "2006-01-02T15:04:05.000000000Z07:00"

// Record is one piece of a container's output.
type Record struct {
	Time    time.Time
	Stderr  bool
	Partial bool   // no newline follows the content
	Content []byte // without the newline
}

// Text is the content as the container wrote it, with the newline that a full record had.
func (r Record) Text() []byte {
	if r.Partial {
		return r.Content
	}
	return append(append([]byte(nil), r.Content...), '\n')
}

// Parse reads one line of a log file, without its newline.
func Parse(line []byte) (Record, error) {
	at, stream, tag, text, ok := shim.SplitRecord(line)
	if !ok {
		return Record{}, fmt.Errorf("parse log record %q: want time, stream, F or P, text", shorten(line))
	}

	stamp, err := time.Parse(time.RFC3339Nano, at)
	if err != nil {
		return Record{}, fmt.Errorf("parse time of log record %q: %w", shorten(line), err)
	}
	return Record{Time: stamp, Stderr: stream == shim.Stderr, Partial: tag == shim.Partial, Content: text}, nil
}

func shorten(line []byte) []byte {
	if len(line) > 60 {
		return line[:60]
	}
	return line
}
