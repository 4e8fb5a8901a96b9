package snapshot

import (
	"fmt"
	"os"
	"path/filepath"

	"mydocker/step06-final/internal/layer"
)

// What the runtime mounts over in every container, and the two files by which programs know
// docker's containers: an empty /.dockerenv, and /etc/mtab as a link, which says what is mounted.
var (
	mountPointDirs  = []string{"dev", "dev/pts", "dev/shm", "etc", "proc", "sys"}
	mountPointFiles = []string{"dev/console", "etc/hostname", "etc/hosts", "etc/resolv.conf", ".dockerenv"}
	mountTableLink  = "etc/mtab"
)

// mountPointLayer returns the layer below all images that holds the mount points. The runtime would
// otherwise make them in the container's own layer, and `diff` and `commit` would show them as the
// container's work. Whatever an image has of these names hides them.
func (d *Driver) mountPointLayer(able Abilities, m *layer.IDMap) (string, error) {
	name := "mountpoints-2" // another name when the content changes: the old layer may be in use
	if m != nil {
		name += "." + m.Key()
	}
	if able.NoChown {
		name += ".own"
	}

	path := filepath.Join(d.layers, name)
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}

	temp, err := os.MkdirTemp(d.layers, ".new-")
	if err != nil {
		return "", fmt.Errorf("make mount points: %w", err)
	}
	defer os.RemoveAll(temp)
	if err := os.Chmod(temp, 0755); err != nil {
		return "", fmt.Errorf("make mount points: %w", err)
	}

	for _, dir := range mountPointDirs {
		if err := os.Mkdir(filepath.Join(temp, dir), 0755); err != nil {
			return "", fmt.Errorf("make mount points: %w", err)
		}
	}

	for _, file := range mountPointFiles {
		if err := os.WriteFile(filepath.Join(temp, file), nil, 0644); err != nil {
			return "", fmt.Errorf("make mount points: %w", err)
		}
	}
	if err := os.Symlink("/proc/mounts", filepath.Join(temp, mountTableLink)); err != nil {
		return "", fmt.Errorf("make mount points: %w", err)
	}
	if err := os.Chmod(filepath.Join(temp, ".dockerenv"), 0755); err != nil {
		return "", fmt.Errorf("make mount points: %w", err)
	}

	if !able.NoChown && m != nil {
		uid, gid, err := m.ToHost(0, 0)
		if err != nil {
			return "", err
		}

		for _, name := range append(append([]string{".", mountTableLink}, mountPointDirs...), mountPointFiles...) {
			if err := os.Lchown(filepath.Join(temp, name), uid, gid); err != nil {
				return "", fmt.Errorf("make mount points: %w", err)
			}
		}
	}

	if err := os.Rename(temp, path); err != nil {
		if _, statErr := os.Stat(path); statErr == nil {
			return path, nil // another process was faster
		}
		return "", fmt.Errorf("make mount points: %w", err)
	}
	return path, nil
}

// onlyMountPoints are the files of the mount point layer that no layer of the image has: an image
// does not delete them when its build has, and the next container finds them again, as in docker.
func (s *Snapshot) onlyMountPoints() map[string]bool {
	names := map[string]bool{mountTableLink: true}
	for _, name := range mountPointFiles {
		names[name] = true
	}

	for _, dir := range s.Layers[1:] {
		for name := range names {
			if _, _, err := layer.Lookup(dir, name); err == nil {
				delete(names, name)
			}
		}
	}
	return names
}
