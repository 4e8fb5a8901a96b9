package image

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// maxWindow is the memory that a zstd stream may ask for, in bytes.
const maxWindow = 128 << 20

// magic bytes at the beginning of compressed streams.
var (
	gzipMagic  = []byte{0x1f, 0x8b}
	zstdMagic  = []byte{0x28, 0xb5, 0x2f, 0xfd}
	bzip2Magic = []byte("BZh")
	xzMagic    = []byte{0xfd, '7', 'z', 'X', 'Z', 0}
)

// Decompress returns the content of a stream, compressed or not: for `build`, which unpacks what ADD names.
func Decompress(r io.Reader) (io.ReadCloser, error) {
	content, _, err := decompress(r)
	return content, err
}

// decompress returns the content of a stream, whatever it is compressed with, and the name of the compression ("" for
// none). The reader is closed to free the decoder's memory.
func decompress(r io.Reader) (io.ReadCloser, string, error) {
	buffered := bufio.NewReaderSize(r, 64<<10)
	head, err := buffered.Peek(len(xzMagic))
	if err != nil && err != io.EOF {
		return nil, "", fmt.Errorf("read the beginning: %w", err)
	}
	switch {
	case bytes.HasPrefix(head, gzipMagic):
		g, err := gzip.NewReader(buffered)
		if err != nil {
			return nil, "", fmt.Errorf("decompress gzip: %w", err)
		}
		return g, "gzip", nil
	case bytes.HasPrefix(head, zstdMagic):
		z, err := zstd.NewReader(buffered, zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderConcurrency(1))
		if err != nil {
			return nil, "", fmt.Errorf("decompress zstd: %w", err)
		}
		return guarded{z.IOReadCloser()}, "zstd", nil
	case bytes.HasPrefix(head, bzip2Magic):
		return io.NopCloser(bzip2.NewReader(buffered)), "bzip2", nil
	case bytes.HasPrefix(head, xzMagic):
		return nil, "", errors.New("xz archives are not supported: decompress it with unxz first")
	}
	return io.NopCloser(buffered), "", nil
}

// guarded makes an error of the decoder's panics: its last version for Go 1.19 has one that a layer can cause (GO-2026-6865), and what
// was begun must be cleaned up. The decoder works in the goroutine that reads, or this would not catch it.
type guarded struct{ io.ReadCloser }

func (g guarded) Read(p []byte) (n int, err error) {
	defer func() {
		if problem := recover(); problem != nil {
			n, err = 0, fmt.Errorf("decompress zstd: the stream is damaged: %v", problem)
		}
	}()
	return g.ReadCloser.Read(p)
}

// newCompressor is gzip at its fastest: layers made here are written once and mostly read here.
func newCompressor(w io.Writer) *gzip.Writer {
	g, err := gzip.NewWriterLevel(w, gzip.BestSpeed)
	if err != nil {
		panic(err) // BestSpeed is a level
	}
	return g
}
