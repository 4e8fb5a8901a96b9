package layer

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// RemoveTree deletes a directory and all below it; nil if it is not there. Other than os.RemoveAll it also deletes what
// lies in directories without write permission, which images contain and an ordinary user cannot otherwise remove.
func RemoveTree(dir string) error {
	err := os.RemoveAll(dir)
	if !errors.Is(err, fs.ErrPermission) {
		return err
	}
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return os.Chmod(path, 0700)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("make %s removable: %w", dir, err)
	}
	return os.RemoveAll(dir)
}
