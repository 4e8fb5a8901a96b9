package engine

import (
	"fmt"
	"os"

	"mydocker/step06-final/internal/store"
)

// fillVolumes copies what the image has at a volume's place into the volume, if it is still empty:
// docker's rule.
func (e *Engine) fillVolumes(c *store.Container, rootfs string) error {
	for _, m := range c.Mounts {
		if m.Type != "volume" || m.NoCopy {
			continue
		}

		entries, err := os.ReadDir(m.Source)
		if os.IsNotExist(err) {
			return fmt.Errorf("volume %s is gone; remove the container (rm %s) and create it anew", m.Name, c.Name)
		}
		if err != nil {
			return fmt.Errorf("look into volume %s: %w", m.Name, err)
		}
		if len(entries) > 0 {
			continue
		}

		if err := copyTree(rootfs, m.Destination, m.Source); err != nil {
			return fmt.Errorf("fill volume %s from the image: %w", m.Name, err)
		}
	}

	return nil
}

// volumeUsers are the containers that name a volume.
func (e *Engine) volumeUsers(name string) ([]string, error) {
	containers, _, err := e.Store.List()
	if err != nil {
		return nil, err
	}
	var users []string
	for _, c := range containers {
		for _, m := range c.Mounts {
			if m.Type == "volume" && m.Name == name {
				users = append(users, c.ID)
			}
		}
	}
	return users, nil
}

// RemoveVolume removes a volume that no container uses.
func (e *Engine) RemoveVolume(name string) error {
	users, err := e.volumeUsers(name)
	if err != nil {
		return err
	}
	if len(users) > 0 {
		return fmt.Errorf("volume %s is in use by container %.12s; `mydocker rm %.12s` first", name, users[0], users[0])
	}
	if err := e.Store.RemoveVolume(name); err != nil {
		return err
	}
	return e.Store.AddEvent("volume", "destroy", name, map[string]string{"driver": "local"})
}

// VolumeUsers is the number of containers that name each volume.
func (e *Engine) VolumeUsers() (map[string]int, error) {
	containers, _, err := e.Store.List()
	if err != nil {
		return nil, err
	}
	users := map[string]int{}
	for _, c := range containers {
		for _, m := range c.Mounts {
			if m.Type == "volume" {
				users[m.Name]++
			}
		}
	}
	return users, nil
}

// PruneVolumes removes the volumes that no container names: the anonymous ones, or all.
func (e *Engine) PruneVolumes(all bool, keep func(*store.Volume) bool) ([]string, error) {
	users, err := e.VolumeUsers()
	if err != nil {
		return nil, err
	}

	volumes, err := e.Store.Volumes()
	if err != nil {
		return nil, err
	}

	var removed []string
	for _, v := range volumes {
		if users[v.Name] > 0 || (!all && !v.Anonymous) || (keep != nil && keep(v)) {
			continue
		}
		if err := e.RemoveVolume(v.Name); err != nil {
			return removed, err
		}

		removed = append(removed, v.Name)
	}

	return removed, nil
}
