//go:build !cgo

package runtime

// dynamicallyLinked: built without cgo this program needs nothing from the file system, and can be
// executed inside of the container.
const dynamicallyLinked = false
