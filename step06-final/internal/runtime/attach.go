package runtime

// Frames of the attach socket, in both directions: one byte type, four bytes length (big endian), the payload.
const (
	AttachStdin  = 0 // client → container; a frame of length 0 closes stdin
	AttachStdout = 1 // container → client
	AttachStderr = 2 // container → client
	AttachResize = 3 // client → container: rows and columns, two big-endian uint16 (terminal only)
)
