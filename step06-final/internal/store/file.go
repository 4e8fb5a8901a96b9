package store

import (
	"errors"
	"io/fs"

	"mydocker/step06-final/internal/atomicfile"
)

// readJSON reads a record. What is to be done about a damaged one depends on whose it is.
func readJSON(path string, value interface{}) error {
	err := atomicfile.ReadJSON(path, value)
	if damaged, is := err.(*atomicfile.DamagedError); is {
		damaged.Advice = ""
	}
	return err
}

func isMissing(err error) bool { return errors.Is(err, fs.ErrNotExist) }
