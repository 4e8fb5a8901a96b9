package shim

import "mydocker/step06-final/internal/sys"

// The attach protocol: what a client (engine/attach.go) and a container's supervisor (attach.go)
// say to each other over the attach socket. A frame is one byte kind, four bytes length (big
// endian) and the payload. Both ends encode and decode here, so that they cannot disagree about
// what a frame is or how large it may be.
//
//	client → supervisor   FrameStdin, FrameResize
//	supervisor → client   FrameStdout, FrameStderr, FrameGap, FrameRefused; FrameEnd is the last
//
// A connection that ends without FrameEnd was cut off: the client reports that and does not take
// it for the end of the output.
const (
	FrameStdin   = iota // input for the container; an empty one is the end of the input
	FrameStdout         // output of the container, or of its terminal
	FrameStderr         // error output of the container
	FrameResize         // size of the client's terminal: rows and columns, two bytes each
	FrameGap            // output that the client was too slow for; it is to be read from the log (Gap)
	FrameRefused        // the client broke the protocol: a text that says how. The connection ends
	FrameEnd            // the container has ended and all its output was sent
)

// MaxFramePayload is the size of the largest payload in both directions. It bounds the memory for a
// peer.
const MaxFramePayload = 16 << 10

const frameHead = 5

// frameKinds says who may send a kind of frame, and with how many bytes.
var frameKinds = [...]struct {
	fromClient  bool
	least, most int
}{
	FrameStdin:   {true, 0, MaxFramePayload},
	FrameStdout:  {false, 1, MaxFramePayload},
	FrameStderr:  {false, 1, MaxFramePayload},
	FrameResize:  {true, 4, 4},
	FrameGap:     {false, 24, 24},
	FrameRefused: {false, 0, MaxFramePayload},
	FrameEnd:     {false, 0, 0},
}

// AppendFrame encodes a frame behind what is already there. The payload has at most MaxFramePayload
// bytes.
func AppendFrame(to []byte, kind byte, payload []byte) []byte {
	n := len(payload)
	to = append(to, kind, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
	return append(to, payload...)
}

// FrameReader collects the frame that is being received.
type FrameReader struct {
	FromClient bool // who is at the other end

	buffer [frameHead + MaxFramePayload]byte
	have   int
}

// FrameError is a frame that the protocol does not have.
type FrameError struct {
	Kind byte
	Size int
}

func (e *FrameError) Error() string {
	return "a frame of kind " + sys.Itoa(int(e.Kind)) + " with " + sys.Itoa(e.Size) +
		" bytes is not part of the attach protocol"
}

// Space is where the next bytes are to be read to: at most up to the end of the frame.
func (r *FrameReader) Space() []byte {
	if r.have < frameHead {
		return r.buffer[r.have:frameHead]
	}
	return r.buffer[r.have : frameHead+r.size()]
}

// Add counts n bytes that were read into Space. A complete frame is returned; its payload is valid
// until the next Space. A head that the protocol does not have is an error before anything is read
// into its payload.
func (r *FrameReader) Add(n int) (kind byte, payload []byte, complete bool, err error) {
	if r.have += n; r.have < frameHead {
		return 0, nil, false, nil
	}

	kind, size := r.buffer[0], r.size()
	if int(kind) >= len(frameKinds) {
		return 0, nil, false, &FrameError{kind, size}
	}
	if k := frameKinds[kind]; k.fromClient != r.FromClient || size < k.least || size > k.most {
		return 0, nil, false, &FrameError{kind, size}
	}

	if r.have < frameHead+size {
		return 0, nil, false, nil
	}

	r.have = 0
	return kind, r.buffer[frameHead : frameHead+size], true, nil
}

// size is the length that the head says; as an unsigned number, so that none is negative where int
// has 32 bits.
func (r *FrameReader) size() int {
	size := uint32(r.buffer[1])<<24 | uint32(r.buffer[2])<<16 | uint32(r.buffer[3])<<8 | uint32(r.buffer[4])
	if size > 1<<30 {
		size = 1 << 30
	}
	return int(size)
}

// WindowSize is the payload of FrameResize.
type WindowSize struct{ Rows, Columns uint16 }

func (w WindowSize) Encode() []byte {
	return []byte{byte(w.Rows >> 8), byte(w.Rows), byte(w.Columns >> 8), byte(w.Columns)}
}

func decodeWindowSize(p []byte) WindowSize {
	return WindowSize{uint16(p[0])<<8 | uint16(p[1]), uint16(p[2])<<8 | uint16(p[3])}
}

// Gap is the payload of FrameGap: the log's records from the one time to the other, both included
// (nanoseconds since 1970), hold so many bytes of output.
type Gap struct{ From, To, Bytes int64 }

func (g Gap) encode() []byte {
	out := make([]byte, 0, 24)
	for _, n := range []int64{g.From, g.To, g.Bytes} {
		for shift := 56; shift >= 0; shift -= 8 {
			out = append(out, byte(n>>uint(shift)))
		}
	}
	return out
}

// DecodeGap reads the payload of a FrameGap.
func DecodeGap(p []byte) (g Gap) {
	for i, n := range []*int64{&g.From, &g.To, &g.Bytes} {
		for _, b := range p[8*i : 8*i+8] {
			*n = *n<<8 | int64(b)
		}
	}
	return g
}
