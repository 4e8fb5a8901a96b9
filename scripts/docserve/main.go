// docserve shows the built site, or any folder, on this machine's own address. It needs nothing
// but itself.
package main

import (
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

func main() {
	address := flag.String("listen", "127.0.0.1:8000", "address and port to listen on")
	flag.Usage = func() {
		fmt.Fprintln(os.Stderr, "usage: docserve [--listen ADDRESS:PORT] FOLDER")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() != 1 {
		flag.Usage()
		os.Exit(2)
	}

	folder := flag.Arg(0)
	if _, err := os.Stat(filepath.Join(folder, "index.html")); err != nil {
		fmt.Fprintf(os.Stderr, "docserve: %s is no built site (%v): run scripts/docs.sh build first\n", folder, err)
		os.Exit(1)
	}

	listener, err := net.Listen("tcp", *address)
	if err != nil {
		fmt.Fprintf(os.Stderr, "docserve: %v: choose another port with --listen 127.0.0.1:PORT\n", err)
		os.Exit(1)
	}

	fmt.Printf("http://%s/\n", listener.Addr())
	server := &http.Server{Handler: pages(folder), ReadHeaderTimeout: 10 * time.Second}
	if err := server.Serve(listener); err != nil {
		fmt.Fprintln(os.Stderr, "docserve:", err)
		os.Exit(1)
	}
}

// types are those that a host's own table may lack. A saved machine is served as it is,
// compressed: the page unpacks it.
var types = map[string]string{
	".wasm": "application/wasm",
	".zst":  "application/zstd",
	".json": "application/json",
}

// pages serves the folder's files. /name is answered with name.html, as the site's links are
// written without it, and a page that does not exist with the site's own 404 page.
func pages(folder string) http.Handler {
	files := http.FileServer(http.Dir(folder))

	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// Clean makes ".." harmless; http.Dir refuses it a second time.
		name := filepath.Clean("/" + r.URL.Path)
		if filepath.Ext(name) == "" && !strings.HasSuffix(r.URL.Path, "/") {
			if info, err := os.Stat(filepath.Join(folder, name+".html")); err == nil && info.Mode().IsRegular() {
				http.ServeFile(w, r, filepath.Join(folder, name+".html"))
				return
			}
		}

		if _, err := os.Stat(filepath.Join(folder, name)); err != nil {
			page, err := os.ReadFile(filepath.Join(folder, "404.html"))
			if err != nil {
				http.NotFound(w, r)
				return
			}
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			w.WriteHeader(http.StatusNotFound)
			if _, err := w.Write(page); err != nil {
				fmt.Fprintln(os.Stderr, "docserve:", err)
			}
			return
		}

		if kind := types[filepath.Ext(name)]; kind != "" {
			w.Header().Set("Content-Type", kind)
		}
		if strings.HasPrefix(name, "/play/") && r.URL.RawQuery != "" {
			// The page asks with a checksum of what it wants: the answer never changes.
			w.Header().Set("Cache-Control", "max-age=31536000, immutable")
		}

		files.ServeHTTP(w, r)
	})
}
