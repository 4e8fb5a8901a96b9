// Command merge lists what a container sees of its image's layers, the lowest first, one path a
// line:
//
//	merge LAYER...
//
// In a layer, the file .wh.NAME removes NAME of the layers below, and .wh..wh..opq in a directory
// hides all that the layers below have in it (OCI image-spec, layer.md).
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"sort"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: merge LAYER...")
		os.Exit(2)
	}

	seen := map[string]bool{}
	for _, layer := range os.Args[1:] {
		if err := apply(seen, layer); err != nil {
			fmt.Fprintln(os.Stderr, "merge:", err)
			os.Exit(1)
		}
	}

	var paths []string
	for p := range seen {
		paths = append(paths, p)
	}

	sort.Strings(paths)
	for _, p := range paths {
		fmt.Println(p)
	}
}

// apply puts one layer on those below: first what it takes away, then what it brings.
func apply(seen map[string]bool, layer string) error {
	// TODO: .wh.NAME and .wh..wh..opq take away what the layers below have, before this layer
	// brings its own.
	return filepath.WalkDir(layer, func(file string, _ os.DirEntry, err error) error {
		if err != nil || file == layer {
			return err
		}
		relative, err := filepath.Rel(layer, file)
		seen[relative] = true
		return err
	})
}
