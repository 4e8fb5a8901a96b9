package layer

import (
	"bufio"
	"context"
	"errors"
	"io"
)

// UnpackFrom unpacks what write writes, while it writes it.
func UnpackFrom(ctx context.Context, dir string, o Options, write func(io.Writer) error) error {
	return Connect(write, func(r io.Reader) error {
		_, err := Unpack(ctx, dir, r, o)
		return err
	})
}

// Connect lets read read what write writes. An error of either side stops the other.
func Connect(write func(io.Writer) error, read func(io.Reader) error) error {
	r, w := io.Pipe()
	written := make(chan error, 1)
	go func() {
		err := write(w)
		w.CloseWithError(err)
		written <- err
	}()
	buffered := bufio.NewReaderSize(r, packBuffer)
	err := read(buffered)
	if err == nil {
		_, err = io.Copy(io.Discard, buffered) // an archive's padding
	}

	if err != nil {
		r.CloseWithError(err) // the writer stops with this error, too
	} else {
		r.Close()
	}

	if writeErr := <-written; writeErr != nil && !errors.Is(writeErr, err) {
		return writeErr
	}
	return err
}
