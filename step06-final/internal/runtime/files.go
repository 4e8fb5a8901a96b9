package runtime

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// fileTable is the list of descriptors that a stage gets: 0 to 2, the preserved ones, then
// those that its plan names by number.
type fileTable struct {
	fds       []int
	preserved int
	owned     []*os.File // closed when the process has them
}

// newFileTable begins with standard input, output and error (nil is /dev/null) and n descriptors of
// the caller's from 3 on.
func newFileTable(standard [3]*os.File, preserve int) (*fileTable, error) {
	t := &fileTable{preserved: preserve}
	for _, f := range standard {
		if f == nil {
			null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
			if err != nil {
				t.close()
				return nil, fmt.Errorf("open %s: %w", os.DevNull, err)
			}
			t.owned = append(t.owned, null)
			f = null
		}

		t.fds = append(t.fds, int(f.Fd()))
	}

	for fd := 3; fd < 3+preserve; fd++ {
		t.fds = append(t.fds, fd)
	}

	return t, nil
}

// CheckPreserved says whether the caller has given n descriptors from 3 on. It must be asked before
// this program opens anything: what it opens takes the lowest numbers that are free.
func CheckPreserved(n int) error {
	if n < 0 {
		return fmt.Errorf("--preserve-fds %d: must not be negative", n)
	}
	for fd := 3; fd < 3+n; fd++ {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil {
			return fmt.Errorf("--preserve-fds %d: descriptor %d is not open", n, fd)
		}
	}
	return nil
}

// add appends a file, which now belongs to the table, and returns the number that it will have.
func (t *fileTable) add(f *os.File) int {
	t.owned = append(t.owned, f)
	t.fds = append(t.fds, int(f.Fd()))
	return len(t.fds) - 1
}

// notYet stands in a table for a descriptor that fill will bring.
const notYet = -1

// reserve appends a place, notYet or reexec.FromSources, for a descriptor that is opened later, and
// returns the number that it will have.
func (t *fileTable) reserve(placeholder int) int {
	t.fds = append(t.fds, placeholder)
	return len(t.fds) - 1
}

// fill puts a file, which now belongs to the table, into a reserved place.
func (t *fileTable) fill(number int, f *os.File) {
	t.owned = append(t.owned, f)
	t.fds[number] = int(f.Fd())
}

func (t *fileTable) close() {
	for _, f := range t.owned {
		f.Close()
	}
	t.owned = nil
}
