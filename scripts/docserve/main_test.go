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
