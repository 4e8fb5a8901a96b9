// Package logs reads what a container wrote: the log files that the supervisor keeps for it. Its
// story is told in docs/zh/08-step06-logs.md.
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
	"bytes"
	"fmt"
	"time"
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
	fields := bytes.SplitN(line, []byte(" "), 4)
	if len(fields) != 4 {
		return Record{}, fmt.Errorf("parse log record %q: want 4 fields, have %d", shorten(line), len(fields))
	}

	stamp, err := time.Parse(time.RFC3339Nano, string(fields[0]))
	if err != nil {
		return Record{}, fmt.Errorf("parse time of log record %q: %w", shorten(line), err)
	}

	record := Record{Time: stamp, Content: fields[3]}
	switch string(fields[1]) {
	case "stdout":
	case "stderr":
		record.Stderr = true
	default:
		return Record{}, fmt.Errorf("parse log record %q: no such stream", shorten(line))
	}

	switch string(fields[2]) {
	case "F":
	case "P":
		record.Partial = true
	default:
		return Record{}, fmt.Errorf("parse log record %q: neither F nor P", shorten(line))
	}

	return record, nil
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

func shorten(line []byte) []byte {
	if len(line) > 60 {
		return line[:60]
	}
	return line
}
