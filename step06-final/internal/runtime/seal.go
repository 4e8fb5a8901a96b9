package runtime

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// sealedSelf opens this very binary for being executed inside of a container.
//
// Root in a container can open /proc/PID/exe of our process there. If that led to the
// file on the host, it could be overwritten, and the next container would be started by the
// attacker's program (CVE-2019-5736). So what we execute is never the file itself:
//
//  1. a bind mount of it that is read-only and attached nowhere (open_tree, mount_setattr; Linux
//     5.12). Nothing is copied.
//  2. a copy in memory that is sealed against writing (memfd_create; Linux 3.17).
//  3. on older kernels a private copy in the state directory, which has no name any more. It can be
//     written to, but no other process uses it.
func sealedSelf(stateDir string) (*os.File, error) {
	const self = "/proc/self/exe"
	if f, err := detachedReadOnly(self); err == nil {
		return f, nil
	}

	original, err := os.Open(self)
	if err != nil {
		return nil, fmt.Errorf("open own binary: %w", err)
	}

	if nobodyElseWrites(original) {
		return original, nil
	}

	defer original.Close()
	f, err := sealedCopy(original)
	if errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EINVAL) {
		f, err = privateCopy(original, stateDir)
	}
	if err != nil {
		return nil, fmt.Errorf("copy own binary: %w", err)
	}

	return f, nil
}

// nobodyElseWrites says that the file may be executed as it is: we are an ordinary user, and the
// file is root's. A container of ours has only ids of ours; none of them could open it for writing.
func nobodyElseWrites(f *os.File) bool {
	var st unix.Stat_t
	if os.Geteuid() == 0 || unix.Fstat(int(f.Fd()), &st) != nil {
		return false
	}
	return st.Uid == 0 && st.Gid == 0 && st.Mode&0o022 == 0
}

func detachedReadOnly(path string) (*os.File, error) {
	tree, err := unix.OpenTree(unix.AT_FDCWD, path, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	if err != nil {
		return nil, err
	}
	attr := unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV}
	if err := unix.MountSetattr(tree, "", unix.AT_EMPTY_PATH, &attr); err != nil {
		unix.Close(tree)
		return nil, err
	}
	return os.NewFile(uintptr(tree), path), nil
}

func sealedCopy(original *os.File) (*os.File, error) {
	const mfdExec = 0x10 // Linux 6.3 wants to know whether it will be executed; older ones answer EINVAL
	fd, err := unix.MemfdCreate("mydocker", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING|mfdExec)
	if err == unix.EINVAL {
		fd, err = unix.MemfdCreate("mydocker", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	}
	if err != nil {
		return nil, err
	}

	f := os.NewFile(uintptr(fd), "memfd:mydocker")
	if _, err := io.Copy(f, original); err != nil {
		f.Close()
		return nil, err
	}

	seals := unix.F_SEAL_SEAL | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_WRITE
	if _, err := unix.FcntlInt(f.Fd(), unix.F_ADD_SEALS, seals); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func privateCopy(original *os.File, directory string) (*os.File, error) {
	f, err := os.CreateTemp(directory, "self-")
	if err != nil {
		return nil, err
	}
	defer f.Close() // a file that is open for writing cannot be executed
	defer os.Remove(f.Name())
	if _, err := io.Copy(f, original); err != nil {
		return nil, err
	}
	if err := f.Chmod(0o555); err != nil { // root of a user namespace is another user on the host
		return nil, err
	}
	return os.Open(f.Name())
}
