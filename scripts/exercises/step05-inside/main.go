// Command inside prints where a path of a container really is on the host. Links are followed as
// the container would follow them: none leads out of the root.
//
//	inside ROOT PATH
package main

import (
	"fmt"
	"os"
	"path/filepath"
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
	// TODO: walk one name at a time. A link starts over at the root if it is absolute. ".." never
	// leaves the root. What is below is what everybody writes first, and it leads out of the
	// root: try it with a link to /etc.
	return filepath.EvalSymlinks(filepath.Join(root, path))
}
