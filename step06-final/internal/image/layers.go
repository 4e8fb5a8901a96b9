package image

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	digest "github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sys/unix"

	"mydocker/step06-final/internal/disk"
	"mydocker/step06-final/internal/layer"
	"mydocker/step06-final/internal/snapshot"
)

// LayerDirs unpacks what is not unpacked yet and returns the layers' directories, bottom first, for snapshot.Prepare.
// m is the container's user namespace map (the owners on disk are shifted by it); nil for none.
func (s *Store) LayerDirs(img *Image, m *layer.IDMap) ([]string, error) {
	lock, err := s.adding()
	if err != nil {
		return nil, err
	}
	defer lock.Unlock()
	var dirs []string
	for _, l := range img.record.Layers {
		dir, _, err := s.unpack(context.Background(), l, m)
		if err != nil {
			return nil, err
		}
		dirs = append(dirs, dir)
	}
	return dirs, nil
}

// layerDir names the directory of a layer. The name tells the form, as one layer may be needed in several.
func (s *Store) layerDir(id digest.Digest, able snapshot.Abilities, m *layer.IDMap) string {
	name := id.Encoded()
	if able.Whiteouts != layer.Trusted {
		name += "." + string(able.Whiteouts)
	}
	if able.NoChown {
		return filepath.Join(s.layers(), name+".own")
	}
	if m != nil {
		name += "." + m.Key()
	}
	return filepath.Join(s.layers(), name)
}

// unpack returns the directory of a layer and the size of its files, unpacking its blob if need be. The blob is locked
// meanwhile: of two processes one works and the other waits.
func (s *Store) unpack(ctx context.Context, l layerRecord, m *layer.IDMap) (dir string, size int64, err error) {
	able, err := s.snapshots.Abilities()
	if err != nil {
		return "", 0, err
	}
	switch {
	case able.NoChown:
		m = nil
	case able.Map != nil:
		m = able.Map
	}
	dir = s.layerDir(l.DiffID, able, m)
	if size, ok := s.unpackedSize(dir, l.DiffID); ok {
		return dir, size, nil
	}
	blob, err := os.Open(s.blobPath(l.Digest))
	if err != nil {
		return "", 0, fmt.Errorf("layer %s (pull or load the image again): %w", l.DiffID, err)
	}
	defer blob.Close() // and with it the lock
	if err := disk.LockFile(blob); err != nil {
		return "", 0, err
	}
	if size, ok := s.unpackedSize(dir, l.DiffID); ok {
		return dir, size, nil
	}
	temp, err := os.MkdirTemp(s.layers(), ".new-")
	if err != nil {
		return "", 0, fmt.Errorf("unpack layer %s: %w", l.DiffID, err)
	}
	defer layer.RemoveTreeAs(able.Map, temp) // nothing is there once it is renamed
	size, err = unpackInto(ctx, temp, blob, l.DiffID, able, m)
	if err != nil {
		return "", 0, fmt.Errorf("unpack layer %s: %w", l.DiffID, err)
	}
	if err := disk.WriteFile(s.sizePath(l.DiffID), []byte(strconv.FormatInt(size, 10)), 0600); err != nil {
		return "", 0, err
	}
	if err := os.Rename(temp, dir); err != nil {
		if size, ok := s.unpackedSize(dir, l.DiffID); ok {
			return dir, size, nil // the same layer from another blob, at the same time
		}
		return "", 0, fmt.Errorf("unpack layer %s: %w", l.DiffID, err)
	}
	return dir, size, nil
}

func (s *Store) sizePath(id digest.Digest) string { return s.path("images/sizes/" + id.Encoded()) }

func (s *Store) unpackedSize(dir string, id digest.Digest) (int64, bool) {
	if _, err := os.Stat(dir); err != nil {
		return 0, false
	}
	data, err := os.ReadFile(s.sizePath(id))
	if err != nil {
		return 0, false
	}
	size, err := strconv.ParseInt(string(data), 10, 64)
	return size, err == nil
}

// maxPadding is what may follow an archive's end, in bytes; tar(1) pads to 10240.
const maxPadding = 16 << 20

// unpackInto unpacks a blob and checks that the archive in it is the one that was promised.
func unpackInto(ctx context.Context, dir string, blob io.Reader, want digest.Digest, able snapshot.Abilities, m *layer.IDMap) (int64, error) {
	// The archive's entry for the root, if it has one, sets another mode.
	if err := os.Chmod(dir, 0755); err != nil {
		return 0, err
	}
	if m != nil {
		uid, gid, err := m.ToHost(0, 0)
		if err != nil {
			return 0, err
		}
		if err := os.Chown(dir, uid, gid); err != nil {
			return 0, err
		}
	}
	content, _, err := decompress(blob)
	if err != nil {
		return 0, err
	}
	defer content.Close()
	hash := sha256.New()
	archive := io.TeeReader(content, hash)
	size, err := able.UnpackLayer(ctx, dir, archive, m)
	if err != nil {
		return 0, err
	}
	padding, err := io.Copy(io.Discard, io.LimitReader(archive, maxPadding+1))
	if err != nil {
		return 0, fmt.Errorf("read the end of the archive: %w", err)
	}
	if padding > maxPadding {
		return 0, fmt.Errorf("%w: more than %d bytes after its end", layer.ErrTooBig, maxPadding)
	}
	if got := digest.Digest("sha256:" + hex.EncodeToString(hash.Sum(nil))); got != want {
		return 0, fmt.Errorf("%w: %s, but it is %s", ErrDigest, want, got)
	}
	return size, syncFileSystem(dir)
}

// syncFileSystem makes the files durable before their directory gets its name: after a power failure a layer must not
// be there with empty files. One call for all; syncfs(2), Linux 2.6.39.
func syncFileSystem(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := unix.Syncfs(int(f.Fd())); err != nil {
		return fmt.Errorf("sync %s: %w", dir, err)
	}
	return nil
}

// addLayer stores an archive as a new layer: compressed if it is not yet, unpacked, and both digests taken. want is the
// diff ID that was promised, "" for none.
func (s *Store) addLayer(ctx context.Context, r io.Reader, want digest.Digest) (layerRecord, error) {
	content, _, err := decompress(r)
	if err != nil {
		return layerRecord{}, err
	}
	defer content.Close()
	var l layerRecord
	l.MediaType = v1.MediaTypeImageLayerGzip
	hash := sha256.New()
	limited := &limitedReader{r: io.TeeReader(content, hash), left: layer.DefaultMaxSize}
	// What comes compressed is compressed anew: then one pass gives both digests, and bzip2 is no layer format.
	pipe, w := io.Pipe()
	go func() {
		g := newCompressor(w)
		_, err := io.Copy(g, limited)
		if err == nil {
			err = g.Close()
		}
		w.CloseWithError(err)
	}()
	l.Digest, l.Size, err = s.putBlob(pipe, "")
	pipe.CloseWithError(errors.New("not needed any more"))
	if err != nil {
		return layerRecord{}, err
	}
	l.DiffID = digest.Digest("sha256:" + hex.EncodeToString(hash.Sum(nil)))
	if want != "" && l.DiffID != want {
		return layerRecord{}, fmt.Errorf("layer: %w: %s, but it is %s", ErrDigest, want, l.DiffID)
	}
	_, l.Unpacked, err = s.unpack(ctx, l, nil)
	return l, err
}

// limitedReader fails, where io.LimitReader would pretend that the stream ended.
type limitedReader struct {
	r    io.Reader
	left int64
}

func (l *limitedReader) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	if l.left -= int64(n); l.left < 0 {
		return n, fmt.Errorf("%w: it unpacks to more than its limit", layer.ErrTooBig)
	}
	return n, err
}

// tidy deletes the temporary files of commands that were killed. While another command adds content, it leaves all.
func (s *Store) tidy() error {
	lock, err := disk.TryExclusive(snapshot.LockLayers(s.layers()))
	if err != nil || lock == nil {
		return err
	}
	defer lock.Unlock()
	able, err := s.snapshots.Abilities()
	if err != nil {
		return err
	}
	for _, pattern := range []string{"images/tmp/*", "layers/.new-*", "layers/.gone-*"} {
		found, err := filepath.Glob(s.path(pattern))
		if err != nil {
			return fmt.Errorf("list temporary files: %w", err)
		}
		for _, path := range found {
			if err := layer.RemoveTreeAs(able.Map, path); err != nil {
				return fmt.Errorf("remove leftover: %w", err)
			}
		}
	}
	return nil
}

// removeLayerDirs deletes the unpacked forms of layers for which keep is false.
func (s *Store) removeLayerDirs(keep func(dir string, id digest.Digest) bool) (freed int64, err error) {
	able, err := s.snapshots.Abilities()
	if err != nil {
		return 0, err
	}
	entries, err := os.ReadDir(s.layers())
	if err != nil {
		return 0, fmt.Errorf("list layers: %w", err)
	}
	for _, e := range entries {
		dir := filepath.Join(s.layers(), e.Name())
		hex := strings.SplitN(e.Name(), ".", 2)[0]
		unfinished := strings.HasPrefix(e.Name(), ".new-") || strings.HasPrefix(e.Name(), ".gone-")
		if !unfinished && (!isHexID(hex) || keep(dir, digest.Digest("sha256:"+hex))) {
			continue
		}
		if !unfinished {
			if size, ok := s.unpackedSize(dir, digest.Digest("sha256:"+hex)); ok {
				freed += size
			}
			if err := snapshot.UnlinkLayer(dir); err != nil {
				return freed, fmt.Errorf("remove layer: %w", err)
			}
			gone := filepath.Join(s.layers(), ".gone-"+e.Name())
			if err := os.Rename(dir, gone); err != nil {
				return freed, fmt.Errorf("remove layer: %w", err)
			}
			dir = gone
		}
		if err := layer.RemoveTreeAs(able.Map, dir); err != nil {
			return freed, fmt.Errorf("remove layer: %w", err)
		}
	}
	return freed, nil
}
