package build

import (
	"archive/tar"
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"golang.org/x/sys/unix"

	"mydocker/step06-final/internal/image"
	"mydocker/step06-final/internal/layer"
)

// maxText is the size of a Dockerfile or .dockerignore that no one writes by hand.
const maxText = 4 << 20

var remoteContext = regexp.MustCompile(`^(https?|git|ssh)://|^git@|^github\.com/`)

// readContext finds the context, and returns the Dockerfile. The context's own files are read
// inside of it: it may be a stranger's checkout, and a link in it leads to nothing on this host.
// The file that -f names is the caller's choice.
func (b *builder) readContext() ([]byte, error) {
	if b.o.Context == "-" {
		if b.o.Dockerfile == "-" {
			return nil, errors.New("invalid argument: can't use stdin for both build context and dockerfile")
		}

		text, err := b.unpackContext()
		if text != nil || err != nil {
			return text, err
		}
	}

	if remoteContext.MatchString(b.o.Context) {
		return nil, fmt.Errorf(
			"the context %s is not on this machine: clone or download it, then build the directory", b.o.Context)
	}

	info, err := os.Stat(b.o.Context)
	if err != nil {
		return nil, fmt.Errorf("the context: %w", err)
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("the context %s is not a directory", b.o.Context)
	}

	if b.ignore, err = b.findIgnore(); err != nil {
		return nil, err
	}

	data, err := b.readDockerfile()
	if err != nil {
		return nil, fmt.Errorf("read the Dockerfile (-f names another): %w", err)
	}
	return data, nil
}

func (b *builder) readDockerfile() ([]byte, error) {
	switch b.o.Dockerfile {
	case "":
		data, err := layer.ReadFile(b.o.Context, "Dockerfile", maxText)
		if errors.Is(err, fs.ErrNotExist) {
			if lower, lowerErr := layer.ReadFile(b.o.Context, "dockerfile", maxText); lowerErr == nil {
				return lower, nil
			}
		}
		return data, err
	case "-":
		return readText(b.o.Stdin, "standard input")
	}
	return readFile(b.o.Dockerfile)
}

// findIgnore reads the list that belongs to the Dockerfile of -f, or the context's.
func (b *builder) findIgnore() (*ignoreList, error) {
	if b.o.Dockerfile != "" && b.o.Dockerfile != "-" {
		data, err := readFile(b.o.Dockerfile + ".dockerignore")
		if err == nil {
			return readIgnore(data)
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	data, err := layer.ReadFile(b.o.Context, ".dockerignore", maxText)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read .dockerignore: %w", err)
	}
	return readIgnore(data)
}

// readFile reads a text that the caller named. What could block or never end is refused: FIFOs
// and devices.
func readFile(path string) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a file", path)
	}
	return readText(f, path)
}

func readText(r io.Reader, name string) ([]byte, error) {
	if r == nil {
		return nil, fmt.Errorf("%s is not open", name)
	}
	data, err := io.ReadAll(io.LimitReader(r, maxText+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if len(data) > maxText {
		return nil, fmt.Errorf("%s is longer than %d bytes: it is no Dockerfile", name, maxText)
	}
	return data, nil
}

// unpackContext reads standard input: an archive, compressed or not, becomes the context;
// anything else is the Dockerfile of an empty context, and is returned.
func (b *builder) unpackContext() ([]byte, error) {
	if b.o.Stdin == nil {
		return nil, errors.New("standard input is not open")
	}

	dir, err := b.temporaryDir()
	if err != nil {
		return nil, err
	}

	b.o.Context, b.ignore = dir, &ignoreList{}

	content, err := image.Decompress(b.o.Stdin)
	if err != nil {
		return nil, fmt.Errorf("read standard input: %w", err)
	}
	defer content.Close()
	const block = 512 // of tar(5)
	input := bufio.NewReaderSize(content, block)
	head, err := input.Peek(block)
	if err != nil && err != io.EOF {
		return nil, fmt.Errorf("read standard input: %w", err)
	}

	if _, err := tar.NewReader(bytes.NewReader(head)).Next(); err != nil {
		text, err := readText(input, "standard input")
		if err == nil && len(bytes.TrimSpace(text)) == 0 {
			err = errors.New("standard input is empty: want a Dockerfile or an archive")
		}
		return text, err
	}

	_, err = layer.Unpack(b.ctx, dir, input, layer.Options{Whiteouts: layer.Plain, NoChown: true})
	if err != nil {
		return nil, fmt.Errorf("unpack the context from standard input: %w", err)
	}
	return nil, nil
}

// temporaryDir makes a directory that removeTemporary removes. It is in one that no other user
// enters: an archive chooses the mode of the directory that it is unpacked in ("./"), and may hold
// set-user-id programs (CVE-2021-41091).
func (b *builder) temporaryDir() (string, error) {
	private, err := os.MkdirTemp("", "mydocker-build-")
	if err != nil {
		return "", fmt.Errorf("make a directory for the context: %w", err)
	}
	b.temporary = append(b.temporary, private)

	dir := filepath.Join(private, "context")
	if err := os.Mkdir(dir, 0700); err != nil {
		return "", fmt.Errorf("make a directory for the context: %w", err)
	}
	return dir, nil
}

func (b *builder) removeTemporary() {
	for _, dir := range b.temporary {
		if err := layer.RemoveTree(dir); err != nil {
			b.printf("[Warning] %s: %v: remove it\n", dir, strings.TrimSpace(err.Error()))
		}
	}
}
