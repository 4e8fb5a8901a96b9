package image

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

// maxWindow is the memory that a zstd stream may ask for, in bytes.
const maxWindow = 128 << 20

// maxDictionary is the same for an xz stream, as the format writes it: 28 is 64 MiB, what xz -9
// uses; 30 is 128 MiB.
const maxDictionary = 30

// magic bytes at the beginning of compressed streams.
var (
	gzipMagic  = []byte{0x1f, 0x8b, 8}
	zstdMagic  = []byte{0x28, 0xb5, 0x2f, 0xfd}
	bzip2Magic = []byte("BZh")
	xzMagic    = []byte{0xfd, '7', 'z', 'X', 'Z', 0}
)

// Decompress returns the content of a stream, compressed or not: for what ADD and cp unpack.
func Decompress(r io.Reader) (io.ReadCloser, error) {
	content, _, err := decompress(r)
	return content, err
}

// decompress returns the content of a stream, whatever it is compressed with, and the name of the
// compression ("" for none). The reader is closed to free the decoder's memory.
func decompress(r io.Reader) (io.ReadCloser, string, error) {
	in := bufio.NewReaderSize(r, streamBuffer)
	kind, err := compressionOf(in)
	if err != nil {
		return nil, "", err
	}
	content, err := expand(in, kind)
	return content, kind, err
}

// streamBuffer is how much of a stream is read, written or handed on at once.
const streamBuffer = 256 << 10

// compressionOf recognises a compression by how the stream begins; "" for none. What is a tar is
// not compressed, whatever the name of its first file begins with.
func compressionOf(in *bufio.Reader) (string, error) {
	head, err := in.Peek(tarBlock)
	if err != nil && err != io.EOF {
		return "", fmt.Errorf("read the beginning: %w", err)
	}

	switch {
	case isTar(head):
		return "", nil
	case bytes.HasPrefix(head, gzipMagic):
		return "gzip", nil
	case bytes.HasPrefix(head, zstdMagic), isSkippable(head):
		return "zstd", nil
	case bytes.HasPrefix(head, bzip2Magic) && len(head) > 3 && head[3] >= '1' && head[3] <= '9':
		return "bzip2", nil
	case bytes.HasPrefix(head, xzMagic):
		return "xz", nil
	}

	return "", nil
}

// tarBlock is the size of a tar header.
const tarBlock = 512

// isTar recognises a tar header by its checksum: the sum of its bytes, its own eight counted as
// spaces. The magic "ustar" is younger than the format.
func isTar(head []byte) bool {
	const at, end = 148, 156
	if len(head) < tarBlock {
		return false
	}
	want, err := strconv.ParseInt(strings.Trim(string(head[at:end]), " \x00"), 8, 32)
	if err != nil || want == 0 {
		return false
	}
	sum := int64(end-at) * ' '
	for i, b := range head[:tarBlock] {
		if i < at || i >= end {
			sum += int64(b)
		}
	}
	return sum == want
}

// isSkippable recognises the frame with which estargz, zstd:chunked and pzstd begin: RFC 8878,
// 3.1.2.
func isSkippable(head []byte) bool {
	return len(head) >= 4 && head[0]&0xf0 == 0x50 && bytes.Equal(head[1:4], []byte{0x2a, 0x4d, 0x18})
}

// expand returns the content of a stream that is compressed so.
func expand(in *bufio.Reader, kind string) (io.ReadCloser, error) {
	switch kind {
	case "gzip":
		g, err := gzip.NewReader(in)
		if err != nil {
			return nil, fmt.Errorf("decompress gzip: %w", err)
		}
		return g, nil
	case "zstd":
		z, err := zstd.NewReader(in, zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderConcurrency(1))
		if err != nil {
			return nil, fmt.Errorf("decompress zstd: %w", err)
		}
		return guarded{z.IOReadCloser()}, nil
	case "bzip2":
		return io.NopCloser(bzip2.NewReader(in)), nil

	case "xz":
		if err := checkXz(in); err != nil {
			return nil, fmt.Errorf("decompress xz: %w", err)
		}
		x, err := xz.NewReader(in)
		if err != nil {
			return nil, fmt.Errorf("decompress xz: %w", err)
		}
		return io.NopCloser(x), nil
	}

	return io.NopCloser(in), nil
}

// checkXz looks at the first block's header, which says how much memory the decoder takes:
// xz-file-format.txt, 3.1. After 12 bytes of the stream's header come the size and the flags of the
// block's, and a filter's id, length and properties.
func checkXz(in *bufio.Reader) error {
	const blockHeader, filters = 12, 14
	head, err := in.Peek(filters + 3 + 18) // two optional sizes of at most nine bytes stand before the filters
	if err != nil && err != io.EOF {
		return err
	}
	if len(head) < filters+3 {
		return nil // the decoder says what is wrong with it
	}

	at := filters
	for _, flag := range []byte{0x40, 0x80} { // the sizes of the compressed and of the unpacked data
		if head[blockHeader+1]&flag == 0 {
			continue
		}

		for at < len(head) && head[at]&0x80 != 0 {
			at++
		}

		at++
	}

	const lzma2 = 0x21
	if at+2 < len(head) && head[at] == lzma2 && head[at+2] > maxDictionary {
		return errors.New("it wants more than 128 MiB of memory; compress it with xz -9 or less")
	}
	return nil
}

// guarded makes an error of the decoder's panics: its last version for Go 1.19 has one that a layer
// can cause (GO-2026-6865), and what was begun must be cleaned up. The decoder works in the
// goroutine that reads, or this would not catch it.
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
