package image

import (
	"bytes"
	"encoding/base64"
	"io"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"
	"github.com/ulikunitz/xz"
)

type panicking struct{ io.ReadCloser }

func (panicking) Read([]byte) (int, error) { panic("index out of range") }

// What the decoder says of foreign bytes is an error, also where its library panics (GO-2026-6865).
func TestPanicOfTheDecoderIsAnError(t *testing.T) {
	_, err := io.ReadAll(guarded{panicking{}})
	require.ErrorContains(t, err, "the stream is damaged: index out of range")

	var packed bytes.Buffer
	z, err := zstd.NewWriter(&packed)
	require.NoError(t, err)
	_, err = z.Write([]byte("content"))
	require.NoError(t, err)
	require.NoError(t, z.Close())
	r, kind, err := decompress(&packed)
	require.NoError(t, err)
	require.Equal(t, "zstd", kind)
	require.IsType(t, guarded{}, r)
	content, err := io.ReadAll(r)
	require.NoError(t, err)
	require.Equal(t, "content", string(content))
	require.NoError(t, r.Close())
}

// Compressions are known by what they are, also behind frames that are to be skipped, and in
// several pieces.
func TestCompressions(t *testing.T) {
	zstandard, _ := zstded(t, []byte("content"))
	skip := append([]byte{0x5e, 0x2a, 0x4d, 0x18, 3, 0, 0, 0}, "abc"...)
	bzipped, err := base64.StdEncoding.DecodeString("QlpoOTFBWSZTWSMNyv0AAAABgAoBhAAgACGDQZoBUwuLuSKcKEgRhuV+gA==")
	require.NoError(t, err)
	zipped, _ := gzipped(t, []byte("content"))
	half, _ := gzipped(t, []byte("con"))
	rest, _ := gzipped(t, []byte("tent"))

	for name, data := range map[string][]byte{
		"": []byte("content"), "gzip": zipped, "gzip, two members": append(half, rest...), "zstd": zstandard, "bzip2": bzipped, "xz": xzed(t, "content"),
		"zstd, skippable first": append(append([]byte{}, skip...), zstandard...), "zstd, skippable last": append(append([]byte{}, zstandard...), skip...),
		"xz, two streams": append(xzed(t, "con"), xzed(t, "tent")...),
	} {
		r, kind, err := decompress(bytes.NewReader(data))
		require.NoError(t, err, name)
		require.Contains(t, name, kind)
		content, err := io.ReadAll(r)
		require.NoError(t, err, name)
		require.Equal(t, "content", string(content), name)
		if name != "" {
			r, _, err := decompress(bytes.NewReader(data[:len(data)-5]))
			if err == nil {
				_, err = io.ReadAll(r)
			}
			require.Error(t, err, "%s, cut short", name)
		}
	}
}

func xzed(t *testing.T, content string) []byte {
	var out bytes.Buffer
	w, err := xz.NewWriter(&out)
	require.NoError(t, err)
	_, err = io.WriteString(w, content)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return out.Bytes()
}

// A stream does not choose how much memory its decoder takes.
func TestGreedyXz(t *testing.T) {
	data := xzed(t, "content")
	const dictionary = 12 + 4 // of the first block's header: size, flags, id, length, dictionary
	require.Equal(t, byte(0x21), data[dictionary-2])
	data[dictionary] = 40
	_, _, err := decompress(bytes.NewReader(data))
	require.ErrorContains(t, err, "more than 128 MiB")
}
