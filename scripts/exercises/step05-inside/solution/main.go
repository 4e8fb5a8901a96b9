// Command inside prints where a path of a container really is on the host. Links are followed as
// the container would follow them: none leads out of the root.
//
//	inside ROOT PATH
package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: inside ROOT PATH")
		os.Exit(2)
	}
	path, err := inside(os.Args[1], os.Args[2])
	if err != nil {
		fmt.Fprintln(os.Stderr, "inside:", err)
		os.Exit(1)
	}
	fmt.Println(path)
}

// inside walks one name at a time, because each of them may be a link. After 40 links it gives
// up, as the kernel does (ELOOP, path_resolution(7)).
func inside(root, path string) (string, error) {
	resolved, todo, links := "/", path, 0

	for todo != "" {
		name, rest, _ := strings.Cut(todo, "/")
		todo = rest
		next := filepath.Join(resolved, name) // "" and "." change nothing, ".." at / stays there
		link, err := os.Readlink(filepath.Join(root, next))
		if err != nil { // not a link, or not there
			resolved = next
			continue
		}
		if links++; links > 40 {
			return "", errors.New("too many links")
		}

		if filepath.IsAbs(link) {
			resolved = "/"
		}

		todo = link + "/" + todo
	}

	return filepath.Join(root, resolved), nil
}
