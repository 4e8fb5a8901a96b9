package image

import (
	"archive/tar"
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"mydocker/step06-final/internal/layer"
)

// maxArchiveEntries bounds the list of an image archive's files; real ones have a few hundred.
const maxArchiveEntries = 1 << 17

// archive gives access to the files of an image archive by name. Nothing of it is ever unpacked:
// files are read in place, so a name like ../../etc/passwd is only a name that is never asked for.
type archive struct {
	dir   string // an unpacked archive, or
	file  *os.File
	files map[string]archiveFile
	temp  bool
}

type archiveFile struct {
	offset, size int64
	link         string // the name of another file instead of content
}

// openArchiveDir uses an unpacked archive.
func openArchiveDir(dir string) (*archive, error) {
	info, err := os.Stat(dir)
	if err != nil {
		return nil, fmt.Errorf("open image archive: %w", err)
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("%s is not a directory", dir)
	}
	return &archive{dir: dir}, nil
}

// openArchive lists a tar. What cannot be read at random (a pipe, a compressed file) is first
// written to a temporary file in dir.
func openArchive(r io.Reader, dir string) (*archive, error) {
	a := &archive{files: map[string]archiveFile{}}
	if f, ok := plainFile(r); ok {
		a.file = f
	} else if err := a.spool(r, dir); err != nil {
		a.close()
		return nil, err
	}
	if err := a.list(); err != nil {
		a.close()
		return nil, err
	}
	return a, nil
}

// plainFile recognises a file that holds an uncompressed tar from its beginning.
func plainFile(r io.Reader) (*os.File, bool) {
	f, ok := r.(*os.File)
	if !ok {
		return nil, false
	}

	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return nil, false
	}
	if at, err := f.Seek(0, io.SeekCurrent); err != nil || at != 0 {
		return nil, false
	}

	head := make([]byte, tarBlock)
	if n, err := f.ReadAt(head, 0); err != nil || !isTar(head[:n]) {
		return nil, false
	}
	return f, true
}

func (a *archive) spool(r io.Reader, dir string) error {
	content, _, err := decompress(r)
	if err != nil {
		return fmt.Errorf("read image archive: %w", err)
	}
	defer content.Close()
	f, err := os.CreateTemp(dir, "archive-*")
	if err != nil {
		return fmt.Errorf("keep image archive: %w", err)
	}

	a.file, a.temp = f, true

	// What does not begin as a tar is not kept whole: of /dev/zero there is no end.
	in := bufio.NewReaderSize(content, streamBuffer)
	bounded := io.Reader(&limitedReader{in, layer.DefaultMaxSize})
	if head, _ := in.Peek(tarBlock); !isTar(head) {
		bounded = io.LimitReader(bounded, tarBlock)
	}
	if _, err := io.Copy(f, bounded); err != nil {
		return fmt.Errorf("read image archive: %w", err)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("read image archive: %w", err)
	}

	return nil
}

func (a *archive) list() error {
	r := tar.NewReader(a.file)

	for {
		h, err := r.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read image archive: %w", err)
		}
		if len(a.files) >= maxArchiveEntries {
			return fmt.Errorf("read image archive: %w: more than %d files", layer.ErrTooBig, maxArchiveEntries)
		}

		at, err := a.file.Seek(0, io.SeekCurrent) // tar.Reader stands at the content
		if err != nil {
			return fmt.Errorf("read image archive: %w", err)
		}

		name := path.Clean(h.Name)
		switch h.Typeflag {
		case tar.TypeReg:
			a.files[name] = archiveFile{offset: at, size: h.Size}
		case tar.TypeSymlink: // older docker: the same layer of a second image
			a.files[name] = archiveFile{link: path.Join(path.Dir(name), h.Linkname)}
		case tar.TypeLink:
			a.files[name] = archiveFile{link: path.Clean(h.Linkname)}
		}
	}
}

func (a *archive) close() {
	if a.temp {
		a.file.Close()
		os.Remove(a.file.Name())
	}
}

// open reads one file; fs.ErrNotExist if the archive does not have it.
func (a *archive) open(name string) (io.ReadCloser, error) {
	name = path.Clean(name)
	if name == ".." || strings.HasPrefix(name, "../") || path.IsAbs(name) {
		return nil, fmt.Errorf("the archive refers to %q, outside of itself", name)
	}

	if a.dir != "" {
		full := filepath.Join(a.dir, name)
		info, err := os.Stat(full)
		if err != nil {
			return nil, fmt.Errorf("read image archive: %w", err)
		}
		if !info.Mode().IsRegular() {
			return nil, fmt.Errorf("read image archive: %s is not a file", full)
		}

		f, err := os.Open(full)
		if err != nil {
			return nil, fmt.Errorf("read image archive: %w", err)
		}
		return f, nil
	}

	const maxLinks = 8
	for i := 0; i < maxLinks; i++ {
		f, ok := a.files[name]
		if !ok {
			return nil, fmt.Errorf("the archive has no %s: %w", name, fs.ErrNotExist)
		}
		if f.link == "" {
			return io.NopCloser(bufio.NewReaderSize(io.NewSectionReader(a.file, f.offset, f.size), 64<<10)), nil
		}

		name = f.link
	}

	return nil, fmt.Errorf("%s in the archive is a link that leads nowhere", name)
}

// readJSON reads a small file whole.
func (a *archive) readJSON(name string) ([]byte, error) {
	f, err := a.open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := readLimited(f)
	if err != nil {
		return nil, fmt.Errorf("%s in the archive: %w", name, err)
	}
	return data, nil
}

func (a *archive) has(name string) bool {
	f, err := a.open(name)
	if err != nil {
		return false
	}
	f.Close()
	return true
}

var errNoArchive = errors.New("this is neither a docker archive (manifest.json) nor an OCI layout (index.json); " +
	"a tar of a file system is for import")
