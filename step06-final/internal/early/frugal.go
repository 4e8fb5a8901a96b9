package early

import "syscall"

// forgetBinary gives back the pages of this program's own file that its start has touched: a megabyte or two, most of it tables for packages that a
// supervisor never uses. They are unchanged, so the kernel can read them again from the page cache when one is needed (madvise(2), MADV_DONTNEED).
// Nothing depends on it: on an error the memory just stays.
func forgetBinary() {
	const dontNeed = 4
	fd, err := syscall.Open("/proc/self/maps", syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return
	}
	buffer := make([]byte, 16<<10)
	n, err := readFull(fd, buffer)
	syscall.Close(fd)
	if err != nil {
		return
	}
	for text := string(buffer[:n]); text != ""; {
		var line, first, last, rights string
		line, text = cutAt(text, '\n')
		first, line = cutAt(line, '-') // 00400000-00abd000 r-xp 00000000 fe:00 9994738  /path
		last, line = cutAt(line, ' ')
		rights, line = cutAt(line, ' ')
		from, okFrom := hex(first)
		to, okTo := hex(last)
		if okFrom && okTo && len(rights) == 4 && rights[0] == 'r' && rights[1] == '-' && hasSlash(line) {
			call(syscall.SYS_MADVISE, from, to-from, dontNeed, 0, 0)
		}
	}
}

func hasSlash(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] == '/' {
			return true
		}
	}
	return false
}

// hex reads a hexadecimal number in small letters.
func hex(s string) (n uintptr, ok bool) {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c >= '0' && c <= '9':
			n = n<<4 | uintptr(c-'0')
		case c >= 'a' && c <= 'f':
			n = n<<4 | uintptr(c-'a'+10)
		default:
			return 0, false
		}
	}
	return n, len(s) > 0
}
