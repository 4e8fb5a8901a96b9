package hostimage

import (
	"bufio"
	"debug/elf"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// isELF looks at the first four bytes.
func isELF(program string) (bool, error) {
	f, err := os.Open(program)
	if err != nil {
		return false, err
	}
	defer f.Close()
	magic := make([]byte, len(elf.ELFMAG))
	_, err = io.ReadFull(f, magic)
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return false, nil
	}
	return string(magic) == elf.ELFMAG, err
}

// isStatic says whether a program needs neither a loader (PT_INTERP) nor libraries (DT_NEEDED);
// elf(5).
func isStatic(program string) (bool, error) {
	f, err := elf.Open(program)
	if err != nil {
		return false, err
	}
	defer f.Close()
	interpreter, err := loaderOf(f)
	if err != nil {
		return false, err
	}
	return interpreter == "", nil
}

// loaderOf returns the program's PT_INTERP, "" for none.
func loaderOf(f *elf.File) (string, error) {
	for _, p := range f.Progs {
		if p.Type != elf.PT_INTERP {
			continue
		}
		data := make([]byte, p.Filesz)
		if _, err := p.ReadAt(data, 0); err != nil {
			return "", fmt.Errorf("read PT_INTERP: %w", err)
		}
		return strings.TrimRight(string(data), "\x00"), nil
	}
	return "", nil
}

// needed lists the loader and all libraries of a program, also those that its libraries need, as
// ldd(1) does, but without running the program's loader. The order of search is that of ld.so(8).
func needed(program string) ([]string, error) {
	if yes, err := isELF(program); err != nil || !yes {
		return nil, err // a script needs an interpreter, which is a tool of its own
	}

	first, err := elf.Open(program)
	if err != nil {
		return nil, err
	}

	loader, err := loaderOf(first)
	class := first.Class
	first.Close()
	if err != nil || loader == "" {
		return nil, err
	}

	found := []string{loader}
	seen := map[string]bool{filepath.Base(loader): true}
	queue := []string{program}

	for len(queue) > 0 {
		file := queue[0]
		queue = queue[1:]
		names, paths, err := dynamic(file)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}

		for _, name := range names {
			if seen[name] {
				continue
			}
			seen[name] = true
			library := findLibrary(name, append(paths, systemPaths()...), class)
			if library == "" {
				return nil, fmt.Errorf("%s needs %s, which is nowhere", file, name)
			}
			found = append(found, library)
			queue = append(queue, library)
		}
	}

	return found, nil
}

// dynamic reads DT_NEEDED, DT_RUNPATH and DT_RPATH.
func dynamic(file string) (names, paths []string, err error) {
	f, err := elf.Open(file)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	if names, err = f.ImportedLibraries(); err != nil {
		return nil, nil, fmt.Errorf("read DT_NEEDED: %w", err)
	}

	for _, tag := range []elf.DynTag{elf.DT_RUNPATH, elf.DT_RPATH} {
		values, err := f.DynString(tag)
		if err != nil {
			return nil, nil, fmt.Errorf("read %s: %w", tag, err)
		}

		for _, value := range values {
			for _, dir := range strings.Split(value, ":") {
				dir = strings.NewReplacer("$ORIGIN", filepath.Dir(file), "${ORIGIN}", filepath.Dir(file)).Replace(dir)
				if filepath.IsAbs(dir) {
					paths = append(paths, dir)
				}
			}
		}
	}

	return names, paths, nil
}

// findLibrary takes the first file of the right class (a 64-bit host may have 32-bit libraries
// too).
func findLibrary(name string, dirs []string, class elf.Class) string {
	for _, dir := range dirs {
		path := filepath.Join(dir, name)
		f, err := elf.Open(path)
		if err != nil {
			continue
		}
		same := f.Class == class
		f.Close()
		if same {
			return path
		}
	}
	return ""
}

// systemPaths are the loader's: what /etc/ld.so.conf says, then the built-in ones.
func systemPaths() []string {
	dirs := configured("/etc/ld.so.conf", 0)
	for _, pattern := range []string{"/lib/*-linux-gnu*", "/usr/lib/*-linux-gnu*"} {
		found, err := filepath.Glob(pattern)
		if err == nil { // the patterns are good
			dirs = append(dirs, found...)
		}
	}
	return append(dirs, "/lib64", "/usr/lib64", "/lib", "/usr/lib")
}

// configured reads a file of ldconfig(8): directories, comments, and "include PATTERN".
func configured(file string, depth int) []string {
	f, err := os.Open(file)
	if err != nil || depth > 4 {
		return nil
	}
	defer f.Close()
	var dirs []string

	for lines := bufio.NewScanner(f); lines.Scan(); {
		line := strings.TrimSpace(strings.SplitN(lines.Text(), "#", 2)[0])
		if strings.HasPrefix(line, "include") {
			pattern := strings.TrimSpace(strings.TrimPrefix(line, "include"))
			if !filepath.IsAbs(pattern) {
				pattern = filepath.Join(filepath.Dir(file), pattern)
			}
			if more, err := filepath.Glob(pattern); err == nil {
				for _, m := range more {
					dirs = append(dirs, configured(m, depth+1)...)
				}
			}
		} else if filepath.IsAbs(line) {
			dirs = append(dirs, line)
		}
	}

	return dirs
}
