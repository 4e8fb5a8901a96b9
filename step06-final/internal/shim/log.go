package shim

import (
	"syscall"
	"unsafe"

	"mydocker/step06-final/internal/sys"
)

// The log has a record for each line of output, as Kubernetes' CRI has it:
//
//	2026-01-02T03:04:05.123456789Z stdout F text
//
// Full says that a newline followed in the output, Partial that the line goes on in the next record
// of the same stream.
const (
	Stdout  = "stdout"
	Stderr  = "stderr"
	Full    = 'F'
	Partial = 'P'
)

// SplitRecord reads one line of a log, without its newline: false when it is not a record.
func SplitRecord(line []byte) (time, stream string, tag byte, text []byte, ok bool) {
	var field [2]string
	for i := range field {
		end := 0
		for end < len(line) && line[end] != ' ' {
			end++
		}
		if end == len(line) {
			return "", "", 0, nil, false
		}

		field[i], line = string(line[:end]), line[end+1:]
	}

	time, stream = field[0], field[1]
	ok = (stream == Stdout || stream == Stderr) && len(line) >= 2 && line[1] == ' ' &&
		(line[0] == Full || line[0] == Partial)
	if !ok {
		return "", "", 0, nil, false
	}
	return time, stream, line[0], line[2:], true
}

// logFile is the container's log.
type logFile struct {
	path     string
	maxSize  int // bytes, 0 = no limit
	maxFiles int
	fd       int
	size     int
	lost     int // bytes that could not be written, since the last success
	out      [32 << 10]byte
	used     int
	total    int64    // bytes that were ever logged
	last     int64    // time of the newest records, in nanoseconds since 1970
	stamp    [30]byte // the same as text
}

func (l *logFile) open() error {
	fd, err := syscall.Open(l.path, syscall.O_WRONLY|syscall.O_CREAT|syscall.O_APPEND|syscall.O_CLOEXEC, 0o600)
	if err != nil {
		return err
	}
	var st syscall.Stat_t
	if err := syscall.Fstat(fd, &st); err != nil {
		syscall.Close(fd)
		return err
	}
	l.fd, l.size = fd, int(st.Size)
	return nil
}

// write logs one piece of output. Each has a later time than the one before, also when the clock is
// set back: by its time a piece is found again (Gap).
func (l *logFile) write(stream string, data []byte) {
	now := realtime()
	if nanos := int64(now.Sec)*1e9 + int64(now.Nsec); nanos > l.last {
		l.last = nanos
	} else {
		l.last++
	}

	formatTime(&l.stamp, syscall.NsecToTimespec(l.last))

	for len(data) > 0 {
		end, tag := len(data), byte(Partial)
		for i, b := range data {
			if b == '\n' {
				end, tag = i, Full
				break
			}
		}

		l.record(stream, tag, data[:end])
		if tag == Full {
			end++
		}

		data = data[end:]
	}

	l.flush()
}

func (l *logFile) record(stream string, tag byte, text []byte) {
	need := len(l.stamp) + len(stream) + len(text) + 5
	if l.used+need > len(l.out) {
		l.flush()
	}
	l.put(l.stamp[:])
	l.put([]byte{' '})
	l.used += copy(l.out[l.used:], stream)
	l.put([]byte{' ', tag, ' '})
	l.put(text)
	l.put([]byte{'\n'})
}

func (l *logFile) put(data []byte) { l.used += copy(l.out[l.used:], data) }

// flush writes what has been collected. When the disk is full output is lost, not the container;
// the log says how much when it can be written again.
func (l *logFile) flush() {
	if l.used == 0 {
		return
	}

	l.total += int64(l.used)
	if l.fd < 0 || l.maxSize > 0 && l.size > 0 && l.size+l.used > l.maxSize {
		l.rotate()
	}
	if l.lost > 0 && l.fd >= 0 {
		note := string(l.stamp[:]) + " " + Stderr + " " + string(rune(Full)) + " mydocker: " + sys.Itoa(l.lost) +
			" bytes of this log were lost (disk full?)\n"
		if sys.WriteAll(l.fd, []byte(note)) == nil {
			l.size += len(note)
			l.lost = 0
		}
	}

	if l.fd < 0 || sys.WriteAll(l.fd, l.out[:l.used]) != nil {
		l.lost += l.used
	} else {
		l.size += l.used
	}

	l.used = 0
}

// rotate renames path to path.1, path.1 to path.2 and so on, drops the oldest and begins a new
// file. A reader that has the old one open reads it to the end.
func (l *logFile) rotate() {
	if l.fd >= 0 {
		syscall.Close(l.fd)
		l.fd = -1
	}
	if l.maxFiles <= 1 {
		syscall.Unlink(l.path)
	}

	for i := l.maxFiles - 1; i > 0; i-- {
		from := l.path
		if i > 1 {
			from += "." + sys.Itoa(i-1)
		}

		syscall.Rename(from, l.path+"."+sys.Itoa(i)) // ENOENT: there are not that many yet
	}
	if l.open() != nil {
		l.fd = -1
	}
}

// kept is how many bytes of log can certainly be read again, however it is rotated, beside what one
// more piece of output adds.
func (l *logFile) kept() int64 {
	const onePiece = 1 << 20 // MaxFramePayload of empty lines
	if l.maxSize == 0 {
		return 1 << 62
	}
	return int64(l.maxFiles-1)*int64(l.maxSize) - onePiece
}

func (l *logFile) end() {
	l.flush()
	if l.fd >= 0 {
		syscall.Close(l.fd)
	}
}

// realtime is the time of day.
func realtime() syscall.Timespec { return clock(0) }

// monotonic is a time in milliseconds that is never set back.
func monotonic() int64 {
	now := clock(1)
	return int64(now.Sec)*1000 + int64(now.Nsec)/1e6
}

// clock reads CLOCK_REALTIME (0) or CLOCK_MONOTONIC (1), clock_gettime(2).
func clock(id uintptr) (now syscall.Timespec) {
	syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, id, uintptr(unsafe.Pointer(&now)), 0)
	return now
}

// formatTime writes a time as 2006-01-02T15:04:05.000000000Z (package time would be another
// import).
func formatTime(out *[30]byte, t syscall.Timespec) {
	days, seconds := int(t.Sec)/86400, int(t.Sec)%86400

	// Years that begin in March, so that the leap day is the last day: then a month's first day
	// follows from a formula.
	days += 719468 // days from 0000-03-01 to 1970-01-01
	era := days / 146097
	day := days % 146097
	year := (day - day/1460 + day/36524 - day/146096) / 365
	day -= 365*year + year/4 - year/100
	month := (5*day + 2) / 153
	day = day - (153*month+2)/5 + 1
	year += era * 400
	if month += 3; month > 12 {
		month -= 12
		year++
	}

	copy(out[:], "0000-00-00T00:00:00.000000000Z")
	digits := func(position, width, n int) {
		for i := width - 1; i >= 0; i-- {
			out[position+i] = byte('0' + n%10)
			n /= 10
		}
	}

	digits(0, 4, year)
	digits(5, 2, month)
	digits(8, 2, day)
	digits(11, 2, seconds/3600)
	digits(14, 2, seconds/60%60)
	digits(17, 2, seconds%60)
	digits(20, 9, int(t.Nsec))
}
