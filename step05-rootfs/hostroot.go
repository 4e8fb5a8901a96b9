package main

import (
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// hostPrograms are bind mounted read-only when --rootfs is not given. Nothing else of the host is.
func hostPrograms() (volumes []volume) {
	for _, path := range []string{
		"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/etc/alternatives", "/etc/ld.so.cache",
	} {
		if info, err := os.Stat(path); err == nil {
			volumes = append(volumes, volume{Source: path, Target: path, Dir: info.IsDir(), ReadOnly: true})
		}
	}
	return volumes
}

// assembleHostRoot makes an empty root in memory with the mount points for the host's programs.
func assembleHostRoot(root string, volumes []volume) error {
	if err := mount("tmpfs", root, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=755"); err != nil {
		return err
	}

	for dir, mode := range map[string]os.FileMode{
		"etc": 0o755, "root": 0o700, "run": 0o755, "tmp": os.ModeSticky | 0o777, "var": 0o755,
	} {
		path := filepath.Join(root, dir)
		err := os.Mkdir(path, mode)
		if err == nil {
			err = os.Chmod(path, mode) // whatever the umask is
		}
		if err != nil {
			return err
		}
	}

	for name, text := range map[string]string{
		"passwd": "root:x:0:0:root:/root:/bin/sh\n", "group": "root:x:0:\n",
	} {
		if err := os.WriteFile(filepath.Join(root, "etc", name), []byte(text), 0o644); err != nil {
			return err
		}
	}

	return makeMountPoints(root, volumes, nil) // no cleaner: the memory ends with the container
}
