// Images: layers that are directories, and a file that names them in order. They come from a tar of
// a file system, from docker save or from an OCI layout.
//
// Chapter: docs/zh/08-small-images.md
package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// hostImage is built in: the host's programs, as in step 5.
const hostImage = "host"

// image is a file in images/. Layers are directories relative to the root, the topmost first.
type image struct {
	ID, Name string
	Created  time.Time
	Layers   []string
	Config   imageConfig
}

// imageConfig is the part of an OCI image config that run needs.
type imageConfig struct {
	Env, Entrypoint, Cmd []string
	WorkingDir, User     string
}

// familiar turns docker.io/library/alpine into alpine:latest.
func familiar(name string) (string, error) {
	short := strings.TrimPrefix(strings.TrimPrefix(name, "docker.io/"), "library/")
	if !regexp.MustCompile(`^[a-z0-9]+(([._/-]|__|:[0-9]+/)[a-z0-9]+)*(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?$`).MatchString(short) {
		return "", fail("%q is no name of an image: it is NAME or NAME:TAG, in lower case", name)
	}
	if !strings.Contains(short[strings.LastIndex(short, "/")+1:], ":") {
		short += ":latest"
	}
	return short, nil
}

func imagePath(name string) string {
	return filepath.Join(rootDir(), "images", url.PathEscape(name)+".json")
}

// findImage takes a name or the beginning of an ID.
func findImage(name string) (*image, error) {
	short, err := familiar(name)
	if err != nil {
		return nil, err
	}

	text, err := os.ReadFile(imagePath(short))
	if err == nil {
		i := &image{}
		if err := json.Unmarshal(text, i); err != nil {
			return nil, fail("the image %s is damaged (%v): remove it: rm %s", short, err, imagePath(short))
		}
		return i, nil
	}

	all, err := readImages()
	if err != nil {
		return nil, err
	}

	for _, i := range all {
		if strings.HasPrefix(strings.TrimPrefix(i.ID, "sha256:"), strings.TrimPrefix(name, "sha256:")) {
			return i, nil
		}
	}
	return nil, fail("No such image: %s: see: images; import or load one first", short)
}

func readImages() ([]*image, error) {
	files, err := filepath.Glob(filepath.Join(rootDir(), "images", "*.json"))
	if err != nil {
		return nil, err
	}

	var images []*image
	for _, file := range files {
		name, err := url.PathUnescape(strings.TrimSuffix(filepath.Base(file), ".json"))
		if err != nil {
			continue // not ours
		}

		i, err := findImage(name)
		if err != nil {
			return nil, err
		}

		images = append(images, i)
	}

	return images, nil
}

// saveImage gives layers a name. An image of that name before is replaced.
func saveImage(name string, layers []string, config imageConfig) (*image, error) {
	short, err := familiar(name)
	if err != nil {
		return nil, err
	}

	i := &image{Name: short, Created: time.Now(), Layers: layers, Config: config}
	text, err := json.Marshal(i)
	if err != nil {
		return nil, err
	}

	sum := sha256.Sum256(text)
	i.ID = "sha256:" + hex.EncodeToString(sum[:])

	if text, err = json.MarshalIndent(i, "", "\t"); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Join(rootDir(), "images"), 0o700); err != nil {
		return nil, fail("make the directory of the images: %v", err)
	}
	return i, writeAtomically(imagePath(short), text)
}

// addLayer unpacks a tar, compressed or not, into layers/DIGEST, and returns that relative path.
// The digest is that of the uncompressed tar, which OCI calls the diff ID.
func addLayer(r io.Reader) (string, error) {
	plain, err := decompress(r)
	if err != nil {
		return "", err
	}

	layers := filepath.Join(rootDir(), "layers")
	if err := os.MkdirAll(layers, 0o700); err != nil {
		return "", fail("make the directory of the layers: %v", err)
	}

	dir, err := os.MkdirTemp(layers, ".new-")
	if err != nil {
		return "", fail("make the directory of a layer: %v", err)
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil {
		return "", err
	}

	hash := sha256.New()
	source := io.TeeReader(plain, hash)
	if err := unpack(source, dir, true); err != nil {
		return "", err
	}
	if _, err := io.Copy(io.Discard, source); err != nil { // what follows the end of the tar
		return "", fail("read the layer: %v", err)
	}

	name := filepath.Join("layers", hex.EncodeToString(hash.Sum(nil))[:32])
	err = os.Rename(dir, filepath.Join(rootDir(), name))
	if err != nil && !os.IsExist(err) && !isNotEmpty(err) { // a layer that is there is the same one
		return "", fail("store the layer: %v", err)
	}
	return name, nil
}

// importImage makes an image of one layer from a tar of a file system.
func importImage(file, name string) (*image, error) {
	if _, err := familiar(name); err != nil {
		return nil, err
	}

	source, err := openInput(file)
	if err != nil {
		return nil, fail("import: %v", err)
	}
	defer source.Close()

	layer, err := addLayer(source)
	if err != nil {
		return nil, err
	}
	return saveImage(name, []string{layer}, imageConfig{})
}

// removeImage removes a name, and the layers that no other image and no container has.
func removeImage(name string) error {
	all, err := lockFile(filepath.Join(rootDir(), "lock"), unix.LOCK_EX)
	if err != nil {
		return err
	}
	defer all.Close()
	i, err := findImage(name)
	if err != nil {
		return err
	}

	used := map[string]bool{}
	records, err := readRecords()
	if err != nil {
		return err
	}

	for _, r := range records {
		if r.Image == i.Name {
			return failWith(1, "the image %s is used by container %s: remove that first: rm %s", i.Name, r.Name, r.Name)
		}

		for _, layer := range r.Config.Layers {
			used[layer] = true
		}
	}

	if err := os.Remove(imagePath(i.Name)); err != nil {
		return fail("remove the image: %v", err)
	}

	others, err := readImages()
	if err != nil {
		return err
	}

	for _, other := range others {
		for _, layer := range other.Layers {
			used[layer] = true
		}
	}

	for _, layer := range i.Layers {
		if !used[layer] {
			if err := os.RemoveAll(filepath.Join(rootDir(), layer)); err != nil {
				return fail("remove a layer: %v", err)
			}
		}
	}

	return nil
}
