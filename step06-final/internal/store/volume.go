package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"time"

	"mydocker/step06-final/internal/atomicfile"
	"mydocker/step06-final/internal/spec"
)

// Volume is a directory that outlives containers.
type Volume struct {
	Name       string
	Driver     string
	Mountpoint string
	CreatedAt  time.Time
	Labels     map[string]string
	Options    map[string]string
	Scope      string
	Anonymous  bool `json:",omitempty"`
}

func (s *Store) volumeDir(name string) string { return filepath.Join(s.Data, "volumes", name) }

// CreateVolume returns the volume of that name and makes it first if need be.
func (s *Store) CreateVolume(name string, labels map[string]string, anonymous bool) (*Volume, error) {
	if !spec.ValidVolumeName(name) {
		return nil, fmt.Errorf("invalid volume name %q: want [a-zA-Z0-9][a-zA-Z0-9_.-]+", name)
	}
	if v, err := s.Volume(name); err == nil || !errors.As(err, new(*NoVolumeError)) {
		return v, err
	}

	// The directory gets its name when it is complete, so a crash leaves no volume without its
	// description.
	temp, err := os.MkdirTemp(filepath.Join(s.Data, "volumes"), ".new-*")
	if err != nil {
		return nil, fmt.Errorf("create volume %s: %w", name, err)
	}
	defer os.RemoveAll(temp)

	v := &Volume{Name: name, Driver: "local", Mountpoint: filepath.Join(s.volumeDir(name), "_data"),
		CreatedAt: time.Now().UTC(),
		Labels:    labels, Options: map[string]string{}, Scope: "local", Anonymous: anonymous}
	if err := os.Mkdir(filepath.Join(temp, "_data"), 0o755); err != nil {
		return nil, fmt.Errorf("create volume %s: %w", name, err)
	}
	if err := os.Chmod(temp, 0o711); err != nil {
		return nil, fmt.Errorf("create volume %s: %w", name, err)
	}
	if err := atomicfile.WriteJSON(filepath.Join(temp, "volume.json"), v, true); err != nil {
		return nil, err
	}

	if err := os.Rename(temp, s.volumeDir(name)); err != nil {
		if existing, findErr := s.Volume(name); findErr == nil {
			return existing, nil // another process was faster
		}
		return nil, fmt.Errorf("create volume %s: %w", name, err)
	}
	return v, nil
}

// NoVolumeError says that no volume has the name.
type NoVolumeError struct{ Name string }

func (e *NoVolumeError) Error() string {
	return fmt.Sprintf("no such volume: %s; see `mydocker volume ls`", e.Name)
}

// Volume reads one volume's description.
func (s *Store) Volume(name string) (*Volume, error) {
	if !spec.ValidVolumeName(name) {
		return nil, &NoVolumeError{name}
	}
	v := &Volume{}
	err := readJSON(filepath.Join(s.volumeDir(name), "volume.json"), v)
	if isMissing(err) {
		return nil, &NoVolumeError{name}
	}
	if err != nil {
		return nil, err
	}
	v.Mountpoint = filepath.Join(s.volumeDir(name), "_data")
	return v, nil
}

// Volumes lists all volumes by name.
func (s *Store) Volumes() ([]*Volume, error) {
	entries, err := os.ReadDir(filepath.Join(s.Data, "volumes"))
	if err != nil {
		return nil, fmt.Errorf("list volumes: %w", err)
	}

	var volumes []*Volume
	for _, entry := range entries {
		v, err := s.Volume(entry.Name())
		if errors.As(err, new(*NoVolumeError)) {
			continue
		}
		if err != nil {
			return nil, err
		}

		volumes = append(volumes, v)
	}

	sort.Slice(volumes, func(i, j int) bool { return volumes[i].Name < volumes[j].Name })
	return volumes, nil
}

// RemoveVolume deletes a volume and what is in it. The caller has made sure that no container uses
// it.
func (s *Store) RemoveVolume(name string) error {
	if _, err := s.Volume(name); err != nil {
		return err
	}

	// Renamed first, so that a crash in the middle leaves no volume with half of its content.
	temp, err := os.MkdirTemp(filepath.Join(s.Data, "volumes"), ".old-*")
	if err != nil {
		return fmt.Errorf("remove volume %s: %w", name, err)
	}
	if err := os.Rename(s.volumeDir(name), filepath.Join(temp, name)); err != nil {
		os.Remove(temp)
		return fmt.Errorf("remove volume %s: %w", name, err)
	}
	if err := os.RemoveAll(temp); err != nil {
		return fmt.Errorf("remove volume %s: %w", name, err)
	}

	return nil
}
