package shim

import (
	"syscall"

	"mydocker/step06-final/internal/sys"
)

// forgetBinary gives back the pages of this program's own file that its start has touched: a
// megabyte or two, most of it tables for packages that a supervisor never uses. They are
// unchanged, so the kernel can read them again from the page cache when one is needed
// (madvise(2), MADV_DONTNEED). Nothing depends on it: on an error the memory just stays.
func forgetBinary() {
	const dontNeed = 4
	fd, err := syscall.Open("/proc/self/smaps", syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return
	}
	defer syscall.Close(fd)

	// Not from the heap: that would keep it.
	buffer, err := syscall.Mmap(-1, 0, 256<<10, syscall.PROT_READ|syscall.PROT_WRITE,
		syscall.MAP_PRIVATE|syscall.MAP_ANON)
	if err != nil {
		return
	}
	defer syscall.Munmap(buffer)
	n, err := sys.ReadFull(fd, buffer)
	if err != nil || n == len(buffer) {
		return
	}

	for _, m := range unchangedMappings(buffer[:n]) {
		sys.Call(syscall.SYS_MADVISE, m.from, m.to-m.from, dontNeed, 0, 0)
	}
}

type mapping struct{ from, to uintptr }

// unchangedMappings finds the read-only mappings of files in the text of /proc/PID/smaps
// (proc(5)) whose pages are all as they are in the file. The loader writes to some before it
// makes them read-only (RELRO: the addresses of a dynamically linked program); smaps counts those
// as Anonymous.
func unchangedMappings(smaps []byte) (found []mapping) {
	var current mapping
	ofFile := false

	for len(smaps) > 0 {
		end := 0
		for end < len(smaps) && smaps[end] != '\n' {
			end++
		}

		line := string(smaps[:end])
		smaps = smaps[end:]
		if len(smaps) > 0 {
			smaps = smaps[1:]
		}

		first, rest := sys.Cut(line, '-') // 00400000-00abd000 r-xp 00000000 fe:00 9994738  /path
		last, rest := sys.Cut(rest, ' ')
		from, okFrom := sys.Hex(first)
		to, okTo := sys.Hex(last)
		if okFrom && okTo {
			current = mapping{uintptr(from), uintptr(to)}
			ofFile = len(rest) > 4 && rest[:2] == "r-" && hasSlash(rest)
			continue
		}

		name, value := sys.Cut(line, ':') // Anonymous:             0 kB
		if ofFile && name == "Anonymous" {
			for len(value) > 0 && value[0] == ' ' {
				value = value[1:]
			}
			if value == "0 kB" {
				found = append(found, current)
			}
		}
	}

	return found
}

func hasSlash(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] == '/' {
			return true
		}
	}
	return false
}
