//go:build cgo

package runtime

// dynamicallyLinked says that this program may need the host's loader and libraries when it is
// executed again (built with cgo enabled, package net links against libc). Inside of a container's
// file system those do not exist, so the mount namespace is joined after that.
const dynamicallyLinked = true
