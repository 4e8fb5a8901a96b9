// load reads what docker save, podman save and skopeo write: a tar with a manifest that names a
// config and layers.
//
// Chapter: docs/zh/08-small-images.md
package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"os"
	"strings"

	securejoin "github.com/cyphar/filepath-securejoin"
	"golang.org/x/sys/unix"
)

// isNotEmpty: rename(2) onto a directory with files.
func isNotEmpty(err error) bool { return errors.Is(err, unix.ENOTEMPTY) }

// archive is an unpacked image archive.
type archive struct{ dir string }

// savedImage is an entry of docker's manifest.json.
type savedImage struct {
	Config   string
	RepoTags []string
	Layers   []string // files, the lowest first
}

// descriptor points to a blob (OCI image spec). Only what load needs.
type descriptor struct {
	Digest      string            `json:"digest"`
	Annotations map[string]string `json:"annotations"`
}

// loadImages unpacks the archive into a directory of its own, because the manifest may come last.
func loadImages(source io.Reader, report func(name string)) error {
	plain, err := decompress(source)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(rootDir(), 0o700); err != nil {
		return fail("make %s: %v: set MYDOCKER_SMALL_ROOT to a directory of yours", rootDir(), err)
	}

	dir, err := os.MkdirTemp(rootDir(), ".load-")
	if err != nil {
		return fail("make a directory for the archive: %v", err)
	}
	defer os.RemoveAll(dir)
	if err := unpack(plain, dir, false); err != nil {
		return err
	}

	a := archive{dir}
	var saved []savedImage
	if err := a.readJSON("manifest.json", &saved); err != nil {
		if saved, err = a.ociImages(); err != nil {
			return err
		}
	}

	for _, s := range saved {
		if err := a.load(s, report); err != nil {
			return err
		}
	}
	return nil
}

// load adds the layers of one image, and checks each against the config.
func (a archive) load(s savedImage, report func(name string)) error {
	var config struct {
		Config imageConfig `json:"config"`
		RootFS struct {
			DiffIDs []string `json:"diff_ids"`
		} `json:"rootfs"`
	}
	if err := a.readJSON(s.Config, &config); err != nil {
		return err
	}

	if len(config.RootFS.DiffIDs) != len(s.Layers) {
		return fail("the image has %d layers, its config names %d: the archive is damaged",
			len(s.Layers), len(config.RootFS.DiffIDs))
	}
	if len(s.RepoTags) == 0 {
		return fail("the image has no name: save it with one: docker save NAME:TAG")
	}

	var layers []string

	for i, name := range s.Layers {
		file, err := a.open(name)
		if err != nil {
			return err
		}

		layer, err := addLayer(file)
		_ = file.Close()
		if err != nil {
			return err
		}

		want := strings.TrimPrefix(config.RootFS.DiffIDs[i], "sha256:")
		if !strings.HasPrefix(want, strings.TrimPrefix(layer, "layers/")) {
			return fail("a layer has the digest %s, the config says %s: the archive is damaged", layer, want)
		}

		layers = append([]string{layer}, layers...)
	}

	for _, name := range s.RepoTags {
		i, err := saveImage(name, layers, config.Config)
		if err != nil {
			return err
		}

		report(i.Name)
	}

	return nil
}

// ociImages reads an OCI layout: index.json names manifests, a manifest names config and layers.
func (a archive) ociImages() ([]savedImage, error) {
	var index struct {
		Manifests []descriptor `json:"manifests"`
	}
	if err := a.readJSON("index.json", &index); err != nil {
		return nil, fail("the archive has neither manifest.json nor index.json: for a tar of a file system: " +
			"import FILE NAME")
	}

	var saved []savedImage

	for _, m := range index.Manifests {
		var manifest struct {
			Config descriptor   `json:"config"`
			Layers []descriptor `json:"layers"`
		}
		if err := a.readJSON(blobPath(m.Digest), &manifest); err != nil {
			return nil, err
		}

		s := savedImage{Config: blobPath(manifest.Config.Digest)}
		for _, key := range []string{"io.containerd.image.name", "org.opencontainers.image.ref.name"} {
			if name := m.Annotations[key]; name != "" && len(s.RepoTags) == 0 {
				s.RepoTags = []string{name}
			}
		}

		for _, layer := range manifest.Layers {
			s.Layers = append(s.Layers, blobPath(layer.Digest))
		}

		saved = append(saved, s)
	}

	return saved, nil
}

func blobPath(digest string) string { return "blobs/" + strings.Replace(digest, ":", "/", 1) }

// open opens a file of the archive. Old archives have links among their layers.
func (a archive) open(name string) (*os.File, error) {
	handle, err := securejoin.OpenInRoot(a.dir, name)
	if err != nil {
		return nil, fail("the archive has no file %q: %v: it is damaged", name, err)
	}
	defer handle.Close()
	if info, err := handle.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, fail("%q in the archive is not a regular file: it is damaged", name)
	}
	return securejoin.Reopen(handle, unix.O_RDONLY|unix.O_NOCTTY)
}

func (a archive) readJSON(name string, value interface{}) error {
	file, err := a.open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	if err := json.NewDecoder(io.LimitReader(file, 4<<20)).Decode(value); err != nil {
		return fail("%q in the archive: %v: it is damaged", name, err)
	}
	return nil
}

// decompress looks at the first bytes.
func decompress(r io.Reader) (io.Reader, error) {
	buffered := bufio.NewReaderSize(r, 64<<10)
	magic, err := buffered.Peek(4)
	switch {
	case bytes.HasPrefix(magic, []byte{0x1f, 0x8b}):
		return gzip.NewReader(buffered)
	case bytes.HasPrefix(magic, []byte{0x28, 0xb5, 0x2f, 0xfd}), bytes.HasPrefix(magic, []byte("BZh")),
		bytes.HasPrefix(magic, []byte("\xfd7zX")):
		return nil, fail("the archive is compressed with zstd, bzip2 or xz: unpack it first: zstd -d, bunzip2, unxz")
	case err != nil && err != io.EOF:
		return nil, fail("read the archive: %v", err)
	}
	return buffered, nil
}
