package image

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"

	digest "github.com/opencontainers/go-digest"
)

// aside takes the digest of what is written to it, and stores it in a file if it has one, while the
// writer goes on: a layer is read once, and its digests, its blob and its files are made at the
// same time.
type aside struct {
	in   *bufio.Writer
	pipe *io.PipeWriter
	done chan error
	hash hash.Hash
	size int64
}

func newAside(file io.Writer) *aside {
	r, w := io.Pipe()
	a := &aside{in: bufio.NewWriterSize(w, streamBuffer), pipe: w, done: make(chan error, 1), hash: sha256.New()}
	out := io.Writer(a.hash)
	if file != nil {
		out = io.MultiWriter(a.hash, file)
	}
	go func() {
		var err error
		a.size, err = io.CopyBuffer(out, r, make([]byte, streamBuffer))
		r.CloseWithError(err)
		a.done <- err
	}()
	return a
}

func (a *aside) Write(p []byte) (int, error) { return a.in.Write(p) }

// finish waits until all is taken, and compares the digest with the one that was promised ("" for
// none).
func (a *aside) finish(want digest.Digest) error {
	if a.pipe != nil {
		err := a.in.Flush()
		a.pipe.Close()
		a.pipe = nil
		if doneErr := <-a.done; err == nil {
			err = doneErr
		}
		if err != nil {
			return fmt.Errorf("store layer: %w", err)
		}
	}
	if got := a.digest(); want != "" && got != want {
		return fmt.Errorf("%w: %s, but it is %s", ErrDigest, want, got)
	}
	return nil
}

func (a *aside) digest() digest.Digest {
	return digest.Digest("sha256:" + hex.EncodeToString(a.hash.Sum(nil)))
}

// stop ends the goroutine, whatever was not finished.
func (a *aside) stop() {
	if a.pipe != nil {
		a.pipe.CloseWithError(errors.New("not needed any more"))
		<-a.done
		a.pipe = nil
	}
}
