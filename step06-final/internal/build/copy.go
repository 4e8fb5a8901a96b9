package build

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"mydocker/step06-final/internal/dockerfile"
	"mydocker/step06-final/internal/image"
	"mydocker/step06-final/internal/layer"
	"mydocker/step06-final/internal/snapshot"
)

// copier carries out one COPY or ADD.
type copier struct {
	b       *builder
	in      dockerfile.Instruction
	env     []string
	tree    string      // where the sources are
	ignore  *ignoreList // for the context; nil for another stage
	noChown bool
	sources []source
	uid     int
	gid     int
	mode    int64  // of --chmod; -1 for none
	mkdir   string // the destination, if it is a directory that is not there yet
}

// source is one file or directory to copy.
type source struct {
	tree    string // where it is
	name    string // in the tree, without links
	base    string // what it is called at its destination
	isDir   bool
	archive bool // ADD unpacks it
	content []byte
	inline  bool // a here document
}

// copy executes COPY [--from=STAGE|IMAGE] [--chown=U:G] [--chmod=M] SOURCE… DESTINATION, and ADD
// of local files.
func (b *builder) copy(c *current, in dockerfile.Instruction) error {
	if err := in.CheckFlags("from", "chown", "chmod", "link"); err != nil { // --link is about speed only
		return err
	}

	expanded, err := in.Expand(c.env())
	if err != nil {
		return err
	}
	if len(expanded.Args) < 2 {
		return fmt.Errorf("want SOURCE… DESTINATION")
	}

	cp := &copier{b: b, in: expanded, env: c.env(), mode: -1}
	if value := expanded.Flag("chmod"); value != "" {
		if cp.mode, err = strconv.ParseInt(value, 8, 32); err != nil || cp.mode < 0 || cp.mode > 07777 {
			return fmt.Errorf("--chmod=%s: want an octal mode", value)
		}
	}

	from := expanded.Flag("from")
	if from == "" {
		cp.tree, cp.ignore = b.o.Context, b.ignore
		return b.copyTo(c, cp)
	}
	if in.Name == "ADD" {
		return fmt.Errorf("--from belongs to COPY")
	}

	st, err := b.fromStage(c, from)
	if err != nil {
		return err
	}
	return b.withSnapshot(st, func(s *snapshot.Snapshot) error {
		if err := s.Mount(""); err != nil {
			return err
		}

		cp.tree, cp.noChown = s.Root(), s.NoChown
		return b.copyTo(c, cp)
	})
}

// fromStage finds what --from names: an earlier stage, or an image.
func (b *builder) fromStage(c *current, from string) (*image.Stage, error) {
	if i, ok := b.find(from, c.index); ok {
		done, err := b.stage(i)
		if err != nil {
			return nil, err
		}
		return done.Stage, nil
	}
	img, err := b.base(from, "")
	if err != nil {
		return nil, err
	}
	return image.NewStage(img)
}

func (b *builder) copyTo(c *current, cp *copier) error {
	if err := cp.find(); err != nil {
		return err
	}

	destination := cp.in.Args[len(cp.in.Args)-1]
	if !path.IsAbs(destination) {
		slash := strings.HasSuffix(destination, "/") || destination == "." || strings.HasSuffix(destination, "/.")
		destination = path.Join("/", c.Config.Config.WorkingDir, destination)
		if slash {
			destination += "/"
		}
	}

	// The key is of the sources' names and content, not of times and places on this disk: a fresh
	// checkout finds the same step. A name counts even where the destination has one of its own:
	// that may be a directory of the image.
	hash := sha256.New()
	if err := cp.write(hash, "key/", true); err != nil {
		return err
	}

	key, err := cacheKey(cp.in.Name, c, hex.EncodeToString(hash.Sum(nil)), destination, cp.in.Flags, len(cp.sources))
	if err != nil {
		return err
	}

	return b.layer(c, key, cp.in.Original, func(s *snapshot.Snapshot) error {
		if err := s.Mount(""); err != nil {
			return err
		}
		if err := cp.owner(s.Root()); err != nil {
			return err
		}

		target, err := cp.target(s.Root(), destination)
		if err != nil {
			return err
		}
		if err := b.unpackInto(s, "", func(w io.Writer) error { return cp.write(w, target, false) }); err != nil {
			return err
		}
		return cp.unpackArchives(s, destination)
	})
}

// unpackArchives carries out the part of ADD that unpacks. The destination is the archive's root:
// no name and no link in it leads out of that directory.
func (cp *copier) unpackArchives(s *snapshot.Snapshot, destination string) error {
	for _, source := range cp.sources {
		if !source.archive {
			continue
		}

		below, mode, err := layer.Lookup(s.Root(), destination)
		if err != nil {
			return err
		}
		if mode&unix.S_IFMT != unix.S_IFDIR {
			return fmt.Errorf("unpack %s: %s is not a directory in the image", source.base, destination)
		}

		err = cp.b.unpackInto(s, below, func(w io.Writer) error { return cp.writeArchive(w, source) })
		if err != nil {
			return fmt.Errorf("unpack %s: %w", source.base, err)
		}
	}

	return nil
}

// writeArchive writes what is in an archive; "./" would change the destination itself.
func (cp *copier) writeArchive(w io.Writer, s source) error {
	out := tar.NewWriter(w)
	if err := cp.archiveEntries(out, s, "", false); err != nil {
		return err
	}
	return out.Close()
}

func (cp *copier) archiveEntries(out *tar.Writer, s source, prefix string, forKey bool) error {
	f, err := os.Open(filepath.Join(s.tree, s.name))
	if err != nil {
		return err
	}
	defer f.Close()
	content, err := image.Decompress(f)
	if err != nil {
		return err
	}
	defer content.Close()

	return cp.rewrite(out, content, func(h *tar.Header) bool {
		if path.Clean("/"+h.Name) == "/" {
			return false
		}

		h.Name = prefix + h.Name
		return true
	}, forKey)
}

// find expands the sources.
func (cp *copier) find() error {
	heredocs := cp.in.Heredocs

	for _, arg := range cp.in.Args[:len(cp.in.Args)-1] {
		if strings.HasPrefix(arg, "<<") && len(heredocs) > 0 {
			h := heredocs[0]
			heredocs = heredocs[1:]
			content := dockerfile.HeredocText(h)
			if h.Expand {
				var err error
				if content, err = cp.in.ExpandHeredoc(content, cp.env); err != nil {
					return err
				}
			}
			cp.sources = append(cp.sources, source{base: h.Name, inline: true, content: []byte(content)})
			continue
		}

		if cp.in.Name == "ADD" && (strings.Contains(arg, "://") || strings.HasPrefix(arg, "git@")) {
			dir, name, err := cp.b.fetch(arg)
			if err != nil {
				return err
			}
			cp.sources = append(cp.sources, source{tree: dir, name: name, base: name})
			continue
		}
		if err := cp.glob(arg); err != nil {
			return err
		}
	}

	return nil
}

// glob finds the files that a source names. A pattern is matched against the names in the tree;
// each match is then resolved inside of it.
func (cp *copier) glob(arg string) error {
	matches, err := globTree(cp.tree, strings.TrimPrefix(path.Clean("/"+arg), "/"))
	if err != nil {
		return fmt.Errorf("source %q: %w", arg, err)
	}

	found := false
	for _, match := range matches {
		if cp.ignored(match) {
			continue
		}

		s, err := cp.source(match)
		if err != nil {
			return fmt.Errorf("source %q (sources are in the context, and .dockerignore may hide them): %w", arg, err)
		}

		cp.sources, found = append(cp.sources, s), true
	}

	if !found && len(matches) > 0 {
		return fmt.Errorf("source %q is left out by .dockerignore", arg)
	}
	if !found {
		return fmt.Errorf("source %q matches no file", arg)
	}
	return nil
}

// ignored reports whether .dockerignore hides a source: a directory only together with all that is
// in it.
func (cp *copier) ignored(name string) bool {
	if cp.ignore == nil || name == "" || !cp.ignore.ignores(name) {
		return false
	}

	real, _, err := layer.Lookup(cp.tree, name)
	if err != nil {
		return false // the caller says why
	}

	wanted := errors.New("wanted")
	return filepath.WalkDir(filepath.Join(cp.tree, real), func(file string, _ fs.DirEntry, err error) error {
		below, relErr := filepath.Rel(filepath.Join(cp.tree, real), file)
		if err == nil && relErr == nil && !cp.ignore.ignores(path.Join(name, below)) {
			return wanted
		}
		return nil
	}) == nil
}

func (cp *copier) source(name string) (source, error) {
	real, mode, err := layer.Lookup(cp.tree, name)
	if err != nil {
		return source{}, err
	}
	s := source{tree: cp.tree, name: real, base: path.Base("/" + name), isDir: mode&unix.S_IFMT == unix.S_IFDIR}
	if cp.in.Name == "ADD" && mode&unix.S_IFMT == unix.S_IFREG {
		s.archive, err = cp.isArchive(real)
	}
	return s, err
}

// globTree lists the names that match a pattern, component by component: no link in the tree
// leads to a directory outside of it.
func globTree(tree, pattern string) ([]string, error) {
	matches := []string{""}

	for _, component := range strings.Split(pattern, "/") {
		if !strings.ContainsAny(component, `*?[\`) {
			for i := range matches {
				matches[i] = path.Join(matches[i], component)
			}
			continue
		}
		if _, err := path.Match(component, ""); err != nil {
			return nil, err
		}

		var next []string
		for _, dir := range matches {
			names, err := layer.ReadDir(tree, dir)
			if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) {
				continue
			}
			if err != nil {
				return nil, err
			}
			for _, name := range names {
				if ok, _ := path.Match(component, name); ok {
					next = append(next, path.Join(dir, name))
				}
			}
		}

		matches = next
	}

	return existing(tree, pattern, matches), nil
}

// existing leaves out matches of a pattern that are not there, such as */file for a directory
// without that file. A name without a pattern stays: that it is missing is an error of its own.
func existing(tree, pattern string, matches []string) []string {
	if !strings.ContainsAny(pattern, `*?[\`) {
		return matches
	}
	var found []string
	for _, match := range matches {
		if _, _, err := layer.Lookup(tree, match); err == nil {
			found = append(found, match)
		}
	}
	return found
}

// isArchive says whether a file of the context is a tar, compressed or not.
func (cp *copier) isArchive(name string) (bool, error) {
	f, err := os.Open(filepath.Join(cp.tree, name))
	if err != nil {
		return false, fmt.Errorf("read source: %w", err)
	}
	defer f.Close()
	content, err := image.Decompress(f)
	if err != nil {
		return false, nil // something compressed, but not by anything that we know
	}
	defer content.Close()
	_, err = tar.NewReader(content).Next()
	return err == nil, nil
}

// target decides the name of the copy: relative to the root, with a trailing slash for a
// directory that the sources go into.
func (cp *copier) target(root, destination string) (string, error) {
	real, mode, err := layer.Lookup(root, destination)
	isDir := err == nil && mode&unix.S_IFMT == unix.S_IFDIR
	if err != nil {
		real = strings.TrimPrefix(path.Clean(destination), "/") // parents are resolved when it is unpacked
	}

	for _, s := range cp.sources {
		if (s.isDir || s.archive) && err != nil {
			cp.mkdir = real
		}
	}

	into := strings.HasSuffix(destination, "/") || isDir
	if !into && len(cp.sources) > 1 {
		return "", fmt.Errorf("several sources need a directory: write %s/", destination)
	}
	if into {
		return real + "/", nil
	}

	return real, nil
}

// write writes all sources as one archive below target. For the key, times are left out.
func (cp *copier) write(w io.Writer, target string, forKey bool) error {
	out := tar.NewWriter(w)
	if cp.mkdir != "" && !forKey {
		h := &tar.Header{Typeflag: tar.TypeDir, Name: cp.mkdir + "/", Mode: 0755, Uid: cp.uid, Gid: cp.gid,
			ModTime: time.Unix(0, 0)}
		if err := out.WriteHeader(h); err != nil {
			return fmt.Errorf("copy: %w", err)
		}
	}

	for _, s := range cp.sources {
		if err := cp.writeSource(out, s, target, forKey); err != nil {
			return fmt.Errorf("copy %s: %w", s.base, err)
		}
	}
	if err := out.Close(); err != nil {
		return fmt.Errorf("copy: %w", err)
	}

	return nil
}

func (cp *copier) writeSource(out *tar.Writer, s source, target string, forKey bool) error {
	name := target
	if strings.HasSuffix(target, "/") && !s.isDir && !s.archive {
		name = target + s.base
	}

	switch {
	case s.inline:
		h := &tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0644, Size: int64(len(s.content)),
			ModTime: time.Unix(0, 0)}
		return cp.entry(out, h, bytes.NewReader(s.content), forKey)
	case s.archive && forKey:
		return cp.archiveEntries(out, s, name+"/", forKey)
	case s.archive:
		return nil // unpackArchives
	}

	// Further names of a file are links again, unless one of them may be left out.
	copyLinks := cp.ignore != nil && len(cp.ignore.rules) > 0
	r, w := io.Pipe()
	go func() {
		w.CloseWithError(layer.PackPath(w, s.tree, s.name, "source",
			layer.Options{Whiteouts: layer.Plain, CopyLinks: copyLinks, NoChown: cp.noChown}))
	}()
	defer r.Close()

	return cp.rewrite(out, r, func(h *tar.Header) bool {
		below := belowSource(h.Name)
		inContext := path.Join(s.name, below)
		if cp.ignore != nil && inContext != "." && cp.ignore.ignores(inContext) {
			return false
		}
		if below == "" && s.isDir {
			// The destination itself: made if it is not there, not changed if it is.
			return false
		}

		h.Name = path.Join(name, below)
		if h.Typeflag == tar.TypeLink {
			h.Linkname = path.Join(name, belowSource(h.Linkname))
		}

		cp.own(h)
		return true
	}, forKey)
}

// belowSource is an entry's name relative to the source.
func belowSource(name string) string { return strings.Trim(strings.TrimPrefix(name, "source"), "/") }

// own gives a file of the context its owner and mode in the image.
func (cp *copier) own(h *tar.Header) {
	h.Uid, h.Gid, h.Uname, h.Gname = cp.uid, cp.gid, "", ""
	if cp.mode >= 0 && h.Typeflag != tar.TypeSymlink {
		h.Mode = cp.mode
	}
}

// rewrite copies an archive's entries with other headers.
func (cp *copier) rewrite(out *tar.Writer, in io.Reader, change func(*tar.Header) bool, forKey bool) error {
	r := tar.NewReader(in)

	for {
		h, err := r.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if !change(h) {
			continue
		}

		if err := cp.entry(out, h, r, forKey); err != nil {
			return err
		}
	}
}

func (cp *copier) entry(out *tar.Writer, h *tar.Header, content io.Reader, forKey bool) error {
	h.Format = tar.FormatPAX
	h.AccessTime, h.ChangeTime = time.Time{}, time.Time{}
	if forKey {
		h.ModTime = time.Time{}
	}

	for key := range h.PAXRecords { // what the header's own fields already say
		if !strings.HasPrefix(key, "SCHILY.xattr.") {
			delete(h.PAXRecords, key)
		}
	}
	if h.Typeflag == tar.TypeGNUSparse {
		h.Typeflag = tar.TypeReg
	}
	if err := out.WriteHeader(h); err != nil {
		return err
	}

	_, err := io.Copy(out, content)
	return err
}

func writeDir(w io.Writer, name string, modified time.Time) error {
	out := tar.NewWriter(w)
	h := &tar.Header{Typeflag: tar.TypeDir, Name: name + "/", Mode: 0755, ModTime: modified, Format: tar.FormatPAX}
	if err := out.WriteHeader(h); err != nil {
		return err
	}
	return out.Close()
}

// owner reads --chown=USER[:GROUP], names looked up in the image.
func (cp *copier) owner(root string) error {
	value := cp.in.Flag("chown")
	if value == "" {
		return nil
	}

	user, group, hasGroup := strings.Cut(value, ":")
	uid, gid, err := lookupID(root, "etc/passwd", user)
	if err != nil {
		return err
	}

	cp.uid, cp.gid = uid, uid
	if gid >= 0 {
		cp.gid = gid
	}
	if hasGroup {
		if cp.gid, _, err = lookupID(root, "etc/group", group); err != nil {
			return err
		}
	}

	return nil
}

// lookupID finds a number in the third field of passwd(5) or group(5), and passwd's group in the
// fourth.
func lookupID(root, file, name string) (id, group int, err error) {
	if n, err := strconv.ParseUint(name, 10, 31); err == nil {
		return int(n), -1, nil
	}

	const maxSize = 1 << 20
	data, err := layer.ReadFile(root, file, maxSize)
	if err != nil {
		return 0, 0, fmt.Errorf("--chown: %w", err)
	}

	for _, line := range strings.Split(string(data), "\n") {
		fields := strings.Split(line, ":")
		if len(fields) < 4 || fields[0] != name {
			continue
		}

		id, err := strconv.Atoi(fields[2])
		if err != nil {
			return 0, 0, fmt.Errorf("--chown: /%s: %q: %w", file, line, err)
		}

		group := -1
		if n, err := strconv.Atoi(fields[3]); err == nil && file == "etc/passwd" {
			group = n
		}
		return id, group, nil
	}

	return 0, 0, fmt.Errorf("--chown: %q is not in the image's /%s", name, file)
}
