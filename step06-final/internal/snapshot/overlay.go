package snapshot

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"mydocker/step06-final/internal/layer"
)

// prepareOverlay makes the two directories that overlay writes to. The tree's root directory is the
// upper one: it gets owner and mode from the top layer.
func (s *Snapshot) prepareOverlay(dir string) error {
	var st unix.Stat_t
	top := s.Layers[len(s.Layers)-1]
	if err := unix.Stat(top, &st); err != nil {
		return fmt.Errorf("stat layer %s: %w", top, err)
	}

	for _, name := range []string{"upper", "work", "merged"} {
		path := filepath.Join(dir, name)
		if err := os.Mkdir(path, 0700); err != nil {
			return err
		}
		if err := os.Chown(path, int(st.Uid), int(st.Gid)); err != nil {
			return err
		}
	}
	if err := unix.Chmod(filepath.Join(dir, "upper"), st.Mode&07777); err != nil {
		return fmt.Errorf("set mode of the root directory: %w", err)
	}

	return s.linkLayers()
}

// mount(2) takes one page of options, 4096 bytes: forty layers named by 64 hex digits do not fit.
// Each layer has a symbolic link with a short name in <layers>/l, and mount is called from there
// with names relative to it.
func (s *Snapshot) linkLayers() error {
	for _, dir := range s.Layers {
		link := filepath.Join(s.driver.layers, "l", shortName(dir))
		err := os.Symlink("../"+filepath.Base(dir), link)
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("short name of a layer: %w", err)
		}
	}
	return nil
}

func shortName(dir string) string {
	sum := sha256.Sum256([]byte(filepath.Base(dir)))
	return hex.EncodeToString(sum[:5])
}

// UnlinkLayer removes the short name of a layer that is about to be deleted.
func UnlinkLayer(dir string) error {
	err := os.Remove(filepath.Join(filepath.Dir(dir), "l", shortName(dir)))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func (s *Snapshot) mountOverlay(target string) error {
	target, err := filepath.Abs(target)
	if err != nil {
		return fmt.Errorf("mount snapshot: %w", err)
	}

	cwd := filepath.Join(s.driver.layers, "l")
	own, err := filepath.Rel(cwd, s.dir)
	if err != nil {
		return fmt.Errorf("mount snapshot: %w", err)
	}

	var lowers []string
	for i := len(s.Layers) - 1; i >= 0; i-- { // overlay wants the top first
		lowers = append(lowers, shortName(s.Layers[i]))
	}

	data := "lowerdir=" + strings.Join(lowers, ":") +
		",upperdir=" + own + "/upper,workdir=" + own + "/work" + s.mountOptions()
	if len(data) >= os.Getpagesize() {
		return fmt.Errorf("mount overlay of %d layers: the options are longer than a page; squash the image "+
			"with export and import", len(lowers))
	}

	err = errors.New("volatile was not asked for")
	if s.Volatile {
		// The mark of a volatile mount left by a crash is in the way; what it marks
		// is ours to lose.
		if err := os.RemoveAll(filepath.Join(s.dir, "work", "work", "incompat")); err != nil {
			return fmt.Errorf("remove volatile mark: %w", err)
		}

		err = mountFrom(cwd, target, data+",volatile") // Linux 5.10
	}

	if err != nil {
		err = mountFrom(cwd, target, data)
	}

	if err != nil {
		return fmt.Errorf("mount overlay at %s (dmesg may say more; %s=copy works without overlay): %w", target,
			kindVariable, err)
	}
	return nil
}

// mountOptions switches off what a distribution may have switched on: a renamed directory would be
// stored as a reference to the lower layer (redirect_dir), a chmod without the content (metacopy),
// and no other engine, nor Diff, would find the files.
func (s *Snapshot) mountOptions() string {
	if s.Whiteouts == layer.User {
		return ",userxattr" // implies them
	}
	options := ""
	for _, feature := range []string{"redirect_dir", "metacopy", "index"} {
		if _, err := os.Stat("/sys/module/overlay/parameters/" + feature); err == nil {
			options += "," + feature + "=off"
		}
	}
	return options
}

// mountFrom calls mount(2) in another working directory.
func mountFrom(cwd, target, data string) error {
	return onOwnThread(func() error {
		if err := unix.Unshare(unix.CLONE_FS); err != nil {
			return fmt.Errorf("give the thread its own working directory: %w", err)
		}
		if err := unix.Chdir(cwd); err != nil {
			return fmt.Errorf("change to %s: %w", cwd, err)
		}
		return unix.Mount("overlay", target, "overlay", 0, data)
	})
}
