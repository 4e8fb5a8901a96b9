// Command idmap says which id of the host stands behind an id of a container. The map is read
// from standard input, in the format of /proc/PID/uid_map:
//
//	idmap ID < /proc/PID/uid_map
package main

import (
	"fmt"
	"io"
	"os"
	"strconv"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: idmap ID < /proc/PID/uid_map")
		os.Exit(2)
	}
	id, err := strconv.ParseUint(os.Args[1], 10, 32)
	if err != nil {
		fmt.Fprintln(os.Stderr, "idmap:", err)
		os.Exit(2)
	}
	host, mapped := hostID(os.Stdin, id)
	if !mapped {
		fmt.Println("unmapped")
		os.Exit(1)
	}
	fmt.Println(host)
}

// hostID looks the id up in the extents, each a line "first id inside, first id outside, length".
func hostID(uidMap io.Reader, id uint64) (host uint64, mapped bool) {
	// TODO: read line by line; each is "first id inside, first id outside, length". Find the line
	// that the id is in.
	return 0, false
}
