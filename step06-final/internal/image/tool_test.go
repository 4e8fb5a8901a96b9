package image

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"testing"

	"mydocker/step06-final/internal/snapshot"
)

// TestTool is the small command line with which scripts/evidence/interop-images.sh drives this
// package against other tools: IMAGE_TOOL="command arg…" does one thing, on the store in
// IMAGE_TOOL_ROOT. Without it there is nothing to test here.
func TestTool(t *testing.T) {
	args := os.Getenv("IMAGE_TOOL")
	if args == "" {
		t.Skip("driven by scripts/evidence/interop-images.sh")
	}
	var argv []string
	if err := json.Unmarshal([]byte(args), &argv); err != nil {
		t.Fatal(err)
	}
	s, err := Open(os.Getenv("IMAGE_TOOL_ROOT"))
	if err != nil {
		t.Fatal(err)
	}
	if err := tool(s, argv[0], argv[1:]); err != nil {
		t.Fatal(err)
	}
}

func tool(s *Store, command string, args []string) error {
	ctx := context.Background()

	switch command {
	case "load":
		f, err := os.Open(args[0])
		if err != nil {
			return err
		}
		defer f.Close()
		var r io.Reader = f
		if info, err := f.Stat(); err == nil && info.IsDir() {
			names, err := s.LoadDir(ctx, args[0], LoadOptions{})
			fmt.Println(names)
			return err
		}
		names, err := s.Load(ctx, r, LoadOptions{})
		fmt.Println(names)
		return err

	case "save":
		f, err := os.Create(args[0])
		if err != nil {
			return err
		}
		defer f.Close()
		return s.Save(ctx, f, args[1:])
	case "savedir":
		return s.SaveDir(ctx, args[0], args[1:])
	case "pull":
		img, err := s.Pull(ctx, args[0], PullOptions{Progress: os.Stdout})
		if err == nil {
			fmt.Println(img.ID)
		}
		return err

	case "push":
		d, err := s.Push(ctx, args[0], PushOptions{Progress: os.Stdout})
		fmt.Println(d)
		return err
	case "tag":
		return s.Tag(args[0], args[1])
	case "rmi":
		lines, err := s.Remove(args[0], RemoveOptions{Force: true})
		fmt.Println(lines)
		return err
	case "id":
		img, err := s.Resolve(args[0])
		if err == nil {
			fmt.Println(img.ID)
		}
		return err

	case "commit": // IMAGE NAME SCRIPT-FUNCTION: changes a few files and commits
		return toolCommit(ctx, s, args[0], args[1])
	case "export": // the tree of an image as a tar
		return toolExport(s, args[0], args[1])
	}

	return fmt.Errorf("unknown command %s", command)
}

func withSnapshot(s *Store, name string, f func(img *Image, sn *snapshot.Snapshot) error) error {
	img, err := s.Resolve(name)
	if err != nil {
		return err
	}

	dirs, err := s.LayerDirs(img, nil)
	if err != nil {
		return err
	}

	sn, err := s.snapshots.Prepare("tool", dirs, snapshot.Options{})
	if err != nil {
		return err
	}
	defer sn.Remove()
	if err := sn.Mount(""); err != nil {
		return err
	}

	return f(img, sn)
}

func toolCommit(ctx context.Context, s *Store, name, target string) error {
	return withSnapshot(s, name, func(img *Image, sn *snapshot.Snapshot) error {
		if err := os.WriteFile(sn.Root()+"/committed", []byte("by mydocker\n"), 0644); err != nil {
			return err
		}
		if err := os.RemoveAll(sn.Root() + "/etc/delete-me"); err != nil {
			return err
		}
		committed, err := s.Commit(ctx, img, CommitOptions{Name: target, Message: "test", Author: "me",
			Changes: []string{`CMD ["cat", "/committed"]`, "LABEL a=b"}, Diff: sn.Diff})
		if err == nil {
			fmt.Println(committed.ID)
		}
		return err
	})
}

func toolExport(s *Store, name, file string) error {
	return withSnapshot(s, name, func(_ *Image, sn *snapshot.Snapshot) error {
		f, err := os.Create(file)
		if err != nil {
			return err
		}
		defer f.Close()
		return sn.Export(f)
	})
}
