package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// savedArchive is what docker save writes, or an OCI layout, with one layer.
func savedArchive(t *testing.T, oci bool, damage string) []byte {
	layer := makeTar(t, []tar.Header{{Name: "etc/motd", Mode: 0o644, Typeflag: tar.TypeReg}},
		map[string]string{"etc/motd": "hello\n"})
	sum := sha256.Sum256(layer)
	digest := hex.EncodeToString(sum[:])
	if damage == "digest" {
		digest = hex.EncodeToString(make([]byte, 32))
	}

	config := fmt.Sprintf(`{"config":{"Cmd":["sh"],"Env":["A=b"]},"rootfs":{"diff_ids":["sha256:%s"]}}`, digest)
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, err := w.Write(layer)
	require.NoError(t, err)
	require.NoError(t, w.Close())

	files := map[string]string{"config.json": config, "l/layer.tar": packed.String(),
		"manifest.json": `[{"Config":"config.json","RepoTags":["docker.io/library/loaded:1"],"Layers":["l/layer.tar"]}]`}
	if oci {
		files = map[string]string{"blobs/sha256/c": config, "blobs/sha256/l": packed.String(),
			"blobs/sha256/m": `{"config":{"digest":"sha256:c"},"layers":[{"digest":"sha256:l"}]}`,
			"index.json":     `{"manifests":[{"digest":"sha256:m","annotations":{"org.opencontainers.image.ref.name":"loaded:1"}}]}`}
	}
	if damage == "outside" {
		files["manifest.json"] = `[{"Config":"../../../../../../etc/passwd","RepoTags":["x"],"Layers":[]}]`
	}

	var entries []tar.Header
	for name := range files {
		entries = append(entries, tar.Header{Name: name, Mode: 0o644, Typeflag: tar.TypeReg})
	}
	return makeTar(t, entries, files)
}

func TestLoad(t *testing.T) {
	t.Setenv("MYDOCKER_SMALL_ROOT", t.TempDir())
	for _, oci := range []bool{false, true} {
		var names []string
		require.NoError(t, loadImages(bytes.NewReader(savedArchive(t, oci, "")),
			func(name string) { names = append(names, name) }))
		require.Equal(t, []string{"loaded:1"}, names)
		i, err := findImage("loaded:1")
		require.NoError(t, err)
		require.Equal(t, []string{"sh"}, i.Config.Cmd)
		require.Len(t, i.Layers, 1)
	}
	require.NoError(t, removeImage("loaded:1"))
}

func TestLoadRefusesADamagedArchive(t *testing.T) {
	t.Setenv("MYDOCKER_SMALL_ROOT", t.TempDir())
	for _, damage := range []string{"digest", "outside"} {
		err := loadImages(bytes.NewReader(savedArchive(t, false, damage)), func(string) {})
		require.Error(t, err, damage)
		require.Contains(t, err.Error(), "damaged", damage)
	}
	whole := savedArchive(t, false, "")
	require.Error(t, loadImages(bytes.NewReader(whole[:len(whole)/2]), func(string) {}))
	require.Error(t, loadImages(bytes.NewReader([]byte("\x28\xb5\x2f\xfd zstd")), func(string) {}))
	images, err := readImages()
	require.NoError(t, err)
	require.Empty(t, images)
}

func TestFamiliarNames(t *testing.T) {
	for name, expect := range map[string]string{"a": "a:latest", "docker.io/library/a:1": "a:1",
		"host:5000/a/b": "host:5000/a/b:latest"} {
		short, err := familiar(name)
		require.NoError(t, err, name)
		require.Equal(t, expect, short)
	}
	for _, bad := range []string{"", "A", "../x", "a:", "a b", "-x", "a//b"} {
		_, err := familiar(bad)
		require.Error(t, err, bad)
	}
}

func TestParsePortsAndCapabilities(t *testing.T) {
	ports, err := parsePorts([]string{"8080:80", "127.0.0.1:1:2/tcp", "9"})
	require.NoError(t, err)
	require.Equal(t, []port{{"0.0.0.0", 8080, 80}, {"127.0.0.1", 1, 2}, {"0.0.0.0", 0, 9}}, ports)
	for _, bad := range []string{"", "0", "a:1", "1:2:3:4", "1:70000", "::1:1:2", "53:53/udp"} {
		_, err := parsePorts([]string{bad})
		require.Error(t, err, bad)
	}

	set, err := parseCapabilities(nil)
	require.NoError(t, err)
	require.Equal(t, uint64(0xa80425fb), set, "docker's fourteen")
	set, err = parseCapabilities([]string{"cap_net_admin"})
	require.NoError(t, err)
	require.Equal(t, uint64(0xa80435fb), set)
	_, err = parseCapabilities([]string{"NO_SUCH"})
	require.Error(t, err)
}
