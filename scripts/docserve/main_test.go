package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestPages(t *testing.T) {
	outer := t.TempDir()
	site := filepath.Join(outer, "site")
	for name, text := range map[string]string{
		"secret": "secret", "site/index.html": "home", "site/404.html": "nowhere", "site/a.html": "chapter a",
		"site/en/index.html": "english", "site/assets/x.svg": "<svg/>",
	} {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(outer, name)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(outer, name), []byte(text), 0o644))
	}

	handler := pages(site)

	for path, want := range map[string]struct {
		status int
		body   string
	}{
		"/": {200, "home"}, "/a": {200, "chapter a"}, "/a.html": {200, "chapter a"}, "/en/": {200, "english"}, "/assets/x.svg": {200, "<svg/>"},
		"/b": {404, "nowhere"}, "/../secret": {404, "nowhere"}, "/%2e%2e/secret": {404, "nowhere"},
	} {
		request := httptest.NewRequest(http.MethodGet, "http://x/", nil)
		request.URL.Path = path
		if path == "/%2e%2e/secret" {
			request.URL.Path = "/../secret"
		}

		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, request)
		assert.Equal(t, want.status, answer.Code, path)
		assert.Contains(t, answer.Body.String(), want.body, path)
		assert.NotContains(t, answer.Body.String(), "secret", path)
	}
}

func TestMachineFiles(t *testing.T) {
	site := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(site, "play"), 0o755))
	state := "\x28\xb5\x2f\xfd0123456789"
	for _, name := range []string{"v2.zst", "v86.wasm", "machine.json"} {
		require.NoError(t, os.WriteFile(filepath.Join(site, "play", name), []byte(state), 0o644))
	}

	handler := pages(site)

	for name, kind := range map[string]string{"v2.zst": "application/zstd", "v86.wasm": "application/wasm",
		"machine.json": "application/json"} {
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "http://x/play/"+name+"?0123", nil))
		assert.Equal(t, http.StatusOK, answer.Code, name)
		assert.Equal(t, kind, answer.Header().Get("Content-Type"), name)
		assert.Empty(t, answer.Header().Get("Content-Encoding"), name)
		assert.Contains(t, answer.Header().Get("Cache-Control"), "immutable", name)
		assert.Equal(t, state, answer.Body.String(), name)
	}

	request := httptest.NewRequest(http.MethodGet, "http://x/play/v2.zst", nil)
	request.Header.Set("Range", "bytes=4-7")
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, request)
	assert.Equal(t, http.StatusPartialContent, answer.Code)
	assert.Empty(t, answer.Header().Get("Cache-Control"), "asked without a checksum")
	assert.Equal(t, "bytes 4-7/14", answer.Header().Get("Content-Range"))
	assert.Equal(t, "0123", answer.Body.String())
}
