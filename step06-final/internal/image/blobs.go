package image

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	digest "github.com/opencontainers/go-digest"

	"mydocker/step06-final/internal/atomicfile"
)

// ErrDigest is the answer to content that is not what its name says.
var ErrDigest = errors.New("the content does not have the digest that its name promises")

// maxJSON bounds manifests and configurations, in bytes: they are read into memory.
const maxJSON = 8 << 20

func (s *Store) blobPath(d digest.Digest) string { return filepath.Join(s.blobs(), d.Encoded()) }

func (s *Store) hasBlob(d digest.Digest) bool {
	info, err := os.Stat(s.blobPath(d))
	return err == nil && info.Mode().IsRegular()
}

// checkDigest refuses what could not be the name of a blob, before it becomes part of a path.
func checkDigest(d digest.Digest) error {
	if !isDigest(string(d)) {
		return fmt.Errorf("%q is not a SHA-256 digest", d)
	}
	return nil
}

// putBlob stores content under its digest. want is the digest that was promised, "" for none.
// Nothing is visible before it is complete and right.
func (s *Store) putBlob(r io.Reader, want digest.Digest) (digest.Digest, int64, error) {
	if want != "" {
		if err := checkDigest(want); err != nil {
			return "", 0, err
		}
	}

	temp, err := os.CreateTemp(s.path("images/tmp"), "blob-*")
	if err != nil {
		return "", 0, fmt.Errorf("store blob: %w", err)
	}
	defer os.Remove(temp.Name()) // fails, rightly, once it is renamed
	defer temp.Close()
	hash := sha256.New()
	size, err := io.Copy(io.MultiWriter(temp, hash), r)
	if err != nil {
		return "", 0, fmt.Errorf("store blob: %w", err)
	}

	got := digest.Digest("sha256:" + hex.EncodeToString(hash.Sum(nil)))
	if want != "" && got != want {
		return "", 0, fmt.Errorf("%w: %s, but it is %s", ErrDigest, want, got)
	}

	// One that is there already is replaced: it may be damaged.
	if err := atomicfile.Publish(temp, s.blobPath(got)); err != nil {
		return "", 0, err
	}
	return got, size, nil
}

// readJSONBlob reads a manifest or configuration, and checks its digest: these say what everything
// else must be.
func (s *Store) readJSONBlob(d digest.Digest) ([]byte, error) {
	if err := checkDigest(d); err != nil {
		return nil, err
	}

	f, err := os.Open(s.blobPath(d))
	if err != nil {
		return nil, fmt.Errorf("read blob: %w", err)
	}
	defer f.Close()
	data, err := readLimited(f)
	if err != nil {
		return nil, fmt.Errorf("read blob %s: %w", d, err)
	}

	if digest.FromBytes(data) != d {
		return nil, fmt.Errorf("blob %s in %s is damaged; remove the image and get it again: %w", d, s.blobs(),
			ErrDigest)
	}
	return data, nil
}

func readLimited(r io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxJSON+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxJSON {
		return nil, fmt.Errorf("longer than %d bytes", maxJSON)
	}
	return data, nil
}
