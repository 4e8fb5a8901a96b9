package image

import (
	"bytes"
	"io"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"
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
