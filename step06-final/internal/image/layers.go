package image

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	digest "github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sys/unix"

	"mydocker/step06-final/internal/atomicfile"
	"mydocker/step06-final/internal/layer"
	"mydocker/step06-final/internal/snapshot"
)

// LayerDirs unpacks what is not unpacked yet and returns the layers' directories, bottom first, for
// snapshot.Prepare. m is the container's user namespace map (the owners on disk are shifted by it);
// nil for none.
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

// layerDir names the directory of a layer. The name says the form, as one layer may be needed in
// several.
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

// unpack returns the directory of a layer and the size of its files, unpacking its blob if need be.
// The blob is locked for that time: of two processes one works and the other waits.
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
	if err := atomicfile.LockFile(blob); err != nil {
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
	if err := atomicfile.Write(s.sizePath(l.DiffID), []byte(strconv.FormatInt(size, 10)), 0600, true); err != nil {
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
func unpackInto(ctx context.Context, dir string, blob io.Reader, want digest.Digest, able snapshot.Abilities,
	m *layer.IDMap) (int64, error) {
	content, _, err := decompress(blob)
	if err != nil {
		return 0, err
	}
	defer content.Close()
	hash := newAside(nil)
	defer hash.stop()
	size, err := unpackArchive(ctx, dir, io.TeeReader(content, hash), able, m)
	if err != nil {
		return 0, err
	}
	if err := hash.finish(want); err != nil {
		return 0, err
	}
	return size, syncFileSystem(dir)
}

// unpackArchive unpacks to the archive's end and reads what follows it.
func unpackArchive(ctx context.Context, dir string, archive io.Reader, able snapshot.Abilities,
	m *layer.IDMap) (int64, error) {
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

	archive = bufio.NewReaderSize(archive, streamBuffer)
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

	return size, nil
}

// syncFileSystem makes the files durable before their directory gets its name: after a power
// failure a layer must not be there with empty files. One call for all; syncfs(2), Linux 2.6.39.
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

// addLayer stores a stream as a layer in one pass: its blob as it comes, its files unpacked, and
// both digests taken, each by a goroutine of its own. want says what was promised of it; an empty
// field was not.
func (s *Store) addLayer(ctx context.Context, r io.Reader, want layerRecord) (l layerRecord, err error) {
	for _, d := range []digest.Digest{want.DiffID, want.Digest} {
		if d != "" && checkDigest(d) != nil {
			return l, checkDigest(d)
		}
	}

	in := bufio.NewReaderSize(r, streamBuffer)
	kind, err := compressionOf(in)
	if err != nil {
		return l, err
	}

	temp, err := os.CreateTemp(s.path("images/tmp"), "blob-*")
	if err != nil {
		return l, fmt.Errorf("store blob: %w", err)
	}
	defer os.Remove(temp.Name()) // fails, rightly, once it is renamed
	defer temp.Close()
	blob, hash := newAside(temp), newAside(nil)
	defer blob.stop()
	defer hash.stop()

	// What is no layer format (bzip2, xz) is stored decompressed. Of what is not compressed both
	// digests are one.
	stream := in
	l.MediaType = layerTypes[kind]
	if l.MediaType != "" {
		stream = bufio.NewReaderSize(io.TeeReader(in, blob), streamBuffer)
	}

	content, err := expand(stream, kind)
	if err != nil {
		return l, err
	}
	defer content.Close()
	archive := io.Reader(&limitedReader{r: content, left: layer.DefaultMaxSize})
	switch kind {
	case "":
		hash = blob
	case "gzip", "zstd":
		archive = io.TeeReader(archive, hash)
	default:
		archive, hash, l.MediaType = io.TeeReader(archive, blob), blob, layerTypes[""]
	}

	dir, size, err := s.unpackNew(ctx, archive, want.DiffID)
	defer s.discard(dir)
	if err != nil {
		return l, err
	}
	if _, err := io.Copy(io.Discard, stream); err != nil { // what follows the compressed data belongs to the blob
		return l, fmt.Errorf("read the end of the layer: %w", err)
	}
	if err := blob.finish(want.Digest); err != nil {
		return l, err
	}

	if err := hash.finish(want.DiffID); err != nil {
		return l, err
	}
	if want.MediaType != "" {
		l.MediaType = want.MediaType
	}

	l.Digest, l.DiffID, l.Size, l.Unpacked = blob.digest(), hash.digest(), blob.size, size
	return l, s.publishLayer(l, temp, dir)
}

// layerTypes are the compressions that a layer may have.
var layerTypes = map[string]string{"": v1.MediaTypeImageLayer, "gzip": v1.MediaTypeImageLayerGzip,
	"zstd": v1.MediaTypeImageLayerZstd}

// unpackNew unpacks an archive into a new directory without a name. One that is there already is
// only read: dir is "".
func (s *Store) unpackNew(ctx context.Context, archive io.Reader, want digest.Digest) (dir string, size int64,
	err error) {
	able, err := s.snapshots.Abilities()
	if err != nil {
		return "", 0, err
	}
	if want != "" {
		if size, ok := s.unpackedSize(s.layerDir(want, able, able.Map), want); ok {
			_, err := io.Copy(io.Discard, archive)
			return "", size, err
		}
	}

	if dir, err = os.MkdirTemp(s.layers(), ".new-"); err != nil {
		return "", 0, fmt.Errorf("unpack layer: %w", err)
	}

	size, err = unpackArchive(ctx, dir, archive, able, able.Map)
	if err != nil {
		return dir, 0, fmt.Errorf("unpack layer: %w", err)
	}
	return dir, size, syncFileSystem(dir)
}

// discard deletes a directory that got no name.
func (s *Store) discard(dir string) {
	if able, err := s.snapshots.Abilities(); err == nil && dir != "" {
		layer.RemoveTreeAs(able.Map, dir) // tidy finds what is left
	}
}

// publishLayer gives a layer's blob and directory their names: the blob first, from which the
// directory can be made again.
func (s *Store) publishLayer(l layerRecord, blob *os.File, dir string) error {
	if err := atomicfile.Publish(blob, s.blobPath(l.Digest)); err != nil {
		return err
	}
	if dir == "" {
		return nil
	}

	able, err := s.snapshots.Abilities()
	if err != nil {
		return err
	}
	if err := atomicfile.Write(s.sizePath(l.DiffID), []byte(strconv.FormatInt(l.Unpacked, 10)), 0600,
		true); err != nil {
		return err
	}

	place := s.layerDir(l.DiffID, able, able.Map)
	if err := os.Rename(dir, place); err != nil {
		if _, ok := s.unpackedSize(place, l.DiffID); ok {
			return nil // another process has added the same layer
		}
		return fmt.Errorf("unpack layer %s: %w", l.DiffID, err)
	}

	return nil
}

// verify reads a blob and compares it with both digests that it is recorded under.
func (s *Store) verify(l layerRecord) error {
	f, err := os.Open(s.blobPath(l.Digest))
	if err != nil {
		return fmt.Errorf("read layer: %w", err)
	}
	defer f.Close()
	blob, hash := newAside(nil), newAside(nil)
	defer blob.stop()
	defer hash.stop()
	content, _, err := decompress(io.TeeReader(f, blob))
	if err != nil {
		return err
	}

	defer content.Close()
	if _, err := io.Copy(hash, content); err != nil {
		return fmt.Errorf("read layer: %w", err)
	}
	if err := blob.finish(l.Digest); err != nil {
		return err
	}

	return hash.finish(l.DiffID)
}

// limitedReader fails, where io.LimitReader would pretend that the stream ended.
type limitedReader struct {
	r    io.Reader
	left int64
}

func (l *limitedReader) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	if l.left -= int64(n); l.left < 0 {
		return n, fmt.Errorf("%w: it is longer than its limit", layer.ErrTooBig)
	}
	return n, err
}

// tidy deletes the temporary files of commands that were killed. While another command adds
// content, it leaves all.
func (s *Store) tidy() error {
	lock, err := atomicfile.TryExclusive(snapshot.LockLayers(s.layers()))
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
