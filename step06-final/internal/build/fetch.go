package build

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"
)

// connectTimeout is how long a server may take until it begins to answer.
const connectTimeout = 60 * time.Second

// fetch downloads what ADD http://… names, and returns the directory that holds it and its name.
// As docker, it is readable by its owner only, and as old as the server says.
func (b *builder) fetch(address string) (dir, name string, err error) {
	parsed, err := url.Parse(address)
	if err != nil || parsed.Scheme != "http" && parsed.Scheme != "https" {
		return "", "", fmt.Errorf("%s: only http and https are fetched: use RUN with a program that knows it", address)
	}

	name = path.Base(parsed.Path)
	if name == "." || name == "/" {
		return "", "", fmt.Errorf("cannot determine filename for source %s: name a file", address)
	}
	if dir, err = b.temporaryDir(); err != nil {
		return "", "", err
	}

	request, err := http.NewRequestWithContext(b.ctx, http.MethodGet, address, nil)
	if err != nil {
		return "", "", fmt.Errorf("fetch %s: %w", address, err)
	}

	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.ResponseHeaderTimeout = connectTimeout
	response, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		return "", "", fmt.Errorf("fetch %s: %w", address, err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return "", "", fmt.Errorf("fetch %s: the server answers %s", address, response.Status)
	}

	if err := save(response, filepath.Join(dir, name)); err != nil {
		return "", "", fmt.Errorf("fetch %s: %w", address, err)
	}
	return dir, name, nil
}

func save(response *http.Response, file string) error {
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}

	_, err = io.Copy(f, response.Body)
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return err
	}

	modified, err := http.ParseTime(strings.TrimSpace(response.Header.Get("Last-Modified")))
	if err != nil {
		modified = time.Unix(0, 0)
	}
	return os.Chtimes(file, modified, modified)
}
