package shim

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestFramesInPieces: however the bytes of frames are cut, the same frames come out.
func TestFramesInPieces(t *testing.T) {
	large := make([]byte, MaxFramePayload)
	stream := AppendFrame(nil, FrameStdin, large)
	stream = AppendFrame(stream, FrameResize, WindowSize{50, 132}.Encode())
	stream = AppendFrame(stream, FrameStdin, nil)

	for _, piece := range []int{1, 2, 5, 7, 4096, len(stream)} {
		r := FrameReader{FromClient: true}
		var kinds []byte

		for rest := stream; len(rest) > 0; {
			space := r.Space()
			if len(space) > piece {
				space = space[:piece]
			}
			n := copy(space, rest)
			rest = rest[n:]
			kind, payload, complete, err := r.Add(n)
			require.NoError(t, err)
			if !complete {
				continue
			}
			kinds = append(kinds, kind)
			if kind == FrameResize {
				assert.Equal(t, WindowSize{50, 132}, decodeWindowSize(payload))
			}
		}

		assert.Equal(t, []byte{FrameStdin, FrameResize, FrameStdin}, kinds, "in pieces of %d", piece)
	}
}

func TestGapIsWhatWasEncoded(t *testing.T) {
	gap := Gap{From: 1700000000123456789, To: 1<<63 - 1, Bytes: 5 << 32}
	assert.Equal(t, gap, DecodeGap(gap.encode()))
}
