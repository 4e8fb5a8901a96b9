package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path"
	"sort"
	"strings"

	"github.com/urfave/cli"
	"golang.org/x/sys/unix"

	"mydocker/step06-final/internal/engine"
	"mydocker/step06-final/internal/image"
	"mydocker/step06-final/internal/units"
)

// imageRow is a line of `images`.
type imageRow struct {
	ID, Repository, Tag, Digest, CreatedSince, CreatedAt, Size, Containers string
}

var imageList = list{
	row: imageRow{},
	headers: map[string]string{"ID": "IMAGE ID", "Repository": "REPOSITORY", "Tag": "TAG", "Digest": "DIGEST",
		"CreatedSince": "CREATED",
		"CreatedAt":    "CREATED AT", "Size": "SIZE", "Containers": "CONTAINERS"},
	columns: "{{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}",
	quiet:   "{{.ID}}",
}

// historyRow is a line of `history`.
type historyRow struct {
	ID, CreatedAt, CreatedSince, CreatedBy, Size, Comment string
}

var historyList = list{
	row: historyRow{},
	headers: map[string]string{"ID": "IMAGE", "CreatedAt": "CREATED AT", "CreatedSince": "CREATED",
		"CreatedBy": "CREATED BY", "Size": "SIZE", "Comment": "COMMENT"},
	columns: "{{.ID}}\t{{.CreatedSince}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}",
	quiet:   "{{.ID}}",
}

func imagesCommand(name string) cli.Command {
	return cli.Command{
		Name: name, Usage: "List images", ArgsUsage: "[REPOSITORY[:TAG]]",
		Flags: []cli.Flag{
			cli.BoolFlag{Name: "all, a", Usage: "accepted for compatibility: all images are shown"},
			cli.BoolFlag{Name: "digests", Usage: "show digests"},
			cli.StringSliceFlag{Name: "filter, f",
				Usage: "only those for which `KEY=VALUE` holds (dangling, label, reference, before, since)"},
			cli.StringFlag{Name: "format", Usage: "`TEMPLATE` for each image, \"table TEMPLATE\" or json"},
			cli.BoolFlag{Name: "no-trunc", Usage: "do not shorten"},
			cli.BoolFlag{Name: "quiet, q", Usage: "only ids"},
		},
		Description: examples("mydocker images", "mydocker images --filter dangling=true -q"),
		Action:      withEngine(0, 1, imagesAction),
	}
}

// interruptible is a context that ^C ends, so that what is half made is taken back.
func interruptible() (context.Context, context.CancelFunc) {
	return signal.NotifyContext(context.Background(), unix.SIGINT, unix.SIGTERM, unix.SIGHUP)
}

// plainHTTP is the flag of commands that talk to a registry.
var plainHTTP = cli.BoolFlag{Name: "plain-http", Usage: "speak http to the registry, without TLS"}

// imageCommands are those that docker has at the top level.
func imageCommands() []cli.Command {
	return []cli.Command{imagesCommand("images"), pullCommand(), pushCommand(), loadCommand(), saveCommand(),
		importCommand(), tagCommand(),
		removeImageCommand("rmi"), historyCommand(), buildCommand(), commitCommand()}
}

func pullCommand() cli.Command {
	return cli.Command{
		Name: "pull", Usage: "Fetch an image from a registry", ArgsUsage: "NAME[:TAG|@DIGEST]",
		Flags: []cli.Flag{plainHTTP, cli.StringFlag{Name: "platform", Usage: "`OS/ARCH[/VARIANT]` to fetch"},
			cli.BoolFlag{Name: "quiet, q", Usage: "no progress"}},
		Description: examples("mydocker pull alpine:3.19", "mydocker pull --plain-http localhost:5000/busybox"),
		Action:      withEngine(1, 1, pullAction),
	}
}

func pullAction(ctx *cli.Context, e *engine.Engine) error {
	o := image.PullOptions{Platform: ctx.String("platform"), PlainHTTP: ctx.Bool("plain-http"), Progress: os.Stderr}
	if ctx.Bool("quiet") {
		o.Progress = nil
	}

	ref, err := image.ParseReference(ctx.Args().First())
	if err == nil && ref.Tag == "latest" && !strings.HasSuffix(ctx.Args().First(), ":latest") && !ctx.Bool("quiet") {
		fmt.Println("Using default tag: latest")
	}

	until, stop := interruptible()
	defer stop()
	img, err := e.Images.Pull(until, ctx.Args().First(), o)
	if err != nil {
		return err
	}

	e.NamedImageEvent("pull", ctx.Args().First())
	if ctx.Bool("quiet") {
		fmt.Println(ctx.Args().First())
		return nil
	}

	fmt.Println(img.ID)
	return nil
}

func pushCommand() cli.Command {
	return cli.Command{
		Name: "push", Usage: "Send an image to a registry", ArgsUsage: "NAME[:TAG]",
		Flags:       []cli.Flag{plainHTTP, cli.BoolFlag{Name: "quiet, q", Usage: "no progress"}},
		Description: examples("mydocker push --plain-http localhost:5000/busybox"),
		Action:      withEngine(1, 1, pushAction),
	}
}

func pushAction(ctx *cli.Context, e *engine.Engine) error {
	o := image.PushOptions{PlainHTTP: ctx.Bool("plain-http"), Progress: os.Stderr}
	if ctx.Bool("quiet") {
		o.Progress = nil
	}
	until, stop := interruptible()
	defer stop()
	digest, err := e.Images.Push(until, ctx.Args().First(), o)
	if err != nil {
		return err
	}
	e.NamedImageEvent("push", ctx.Args().First())
	fmt.Println("digest: " + digest)
	return nil
}

func loadCommand() cli.Command {
	return cli.Command{
		Name: "load", Usage: "Read images from a docker archive or an OCI layout", ArgsUsage: " ",
		Flags: []cli.Flag{cli.StringFlag{Name: "input, i", Usage: "`FILE` or layout directory instead of stdin"},
			cli.StringFlag{Name: "platform", Usage: "`OS/ARCH[/VARIANT]` to take from an archive of several"},
			cli.BoolFlag{Name: "quiet, q", Usage: "no progress"}},
		Description: examples("mydocker load -i busybox.tar",
			"skopeo copy docker://alpine oci-archive:/dev/stdout | mydocker load"),
		Action: withEngine(0, 0, loadAction),
	}
}

func loadAction(ctx *cli.Context, e *engine.Engine) error {
	o := image.LoadOptions{Progress: os.Stderr, Platform: ctx.String("platform")}
	if ctx.Bool("quiet") || !engine.IsTerminal(os.Stderr) {
		o.Progress = nil
	}

	names, err := load(ctx, e, o)
	if err != nil {
		return err
	}

	for _, name := range names {
		e.NamedImageEvent("load", name)
		if strings.HasPrefix(name, "sha256:") {
			fmt.Println("Loaded image ID: " + name)
		} else {
			fmt.Println("Loaded image: " + name)
		}
	}

	return nil
}

func load(ctx *cli.Context, e *engine.Engine, o image.LoadOptions) ([]string, error) {
	input := ctx.String("input")
	if input == "" {
		if engine.IsTerminal(os.Stdin) {
			return nil, errors.New("an archive is read from a file (-i FILE) or a pipe, not from a terminal")
		}
		return e.Images.Load(context.Background(), os.Stdin, o)
	}

	info, err := os.Stat(input)
	if err != nil {
		return nil, fmt.Errorf("load: %w", err)
	}
	if info.IsDir() {
		return e.Images.LoadDir(context.Background(), input, o)
	}

	file, err := os.Open(input)
	if err != nil {
		return nil, fmt.Errorf("load: %w", err)
	}
	defer file.Close()
	return e.Images.Load(context.Background(), file, o)
}

func saveCommand() cli.Command {
	return cli.Command{
		Name: "save", Usage: "Write images as an archive that docker and OCI tools read", ArgsUsage: "IMAGE [IMAGE...]",
		Flags:       []cli.Flag{cli.StringFlag{Name: "output, o", Usage: "`FILE` instead of stdout"}},
		Description: examples("mydocker save -o images.tar busybox alpine:3.19"),
		Action:      withEngine(1, -1, saveAction),
	}
}

func saveAction(ctx *cli.Context, e *engine.Engine) error {
	err := writeTo(ctx.String("output"),
		func(w io.Writer) error { return e.Images.Save(context.Background(), w, ctx.Args()) })
	for _, name := range ctx.Args() {
		if err == nil {
			e.NamedImageEvent("save", name)
		}
	}
	return err
}

func importCommand() cli.Command {
	return cli.Command{
		Name: "import", Usage: "Make an image from the tar of a file system", ArgsUsage: "FILE|- [REPOSITORY[:TAG]]",
		Flags: []cli.Flag{cli.StringSliceFlag{Name: "change, c", Usage: "apply a Dockerfile `INSTRUCTION`"},
			cli.StringFlag{Name: "message, m", Usage: "`TEXT` for the history"},
			cli.StringFlag{Name: "platform", Usage: "`OS/ARCH[/VARIANT]` that the files are for, if not this host's"}},
		Description: examples("mydocker import rootfs.tar my/base:1",
			"tar -C rootfs -c . | mydocker import -c 'CMD [\"sh\"]' - my/base"),
		Action: withEngine(1, 2, importAction),
	}
}

func importAction(ctx *cli.Context, e *engine.Engine) error {
	in := os.Stdin
	if name := ctx.Args().First(); name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return fmt.Errorf("import: %w", err)
		}
		defer file.Close()
		in = file
	}

	img, err := e.Images.Import(context.Background(), in,
		image.ImportOptions{Name: ctx.Args().Get(1), Message: ctx.String("message"),
			Platform: ctx.String("platform"), Changes: ctx.StringSlice("change")})
	if err != nil {
		return err
	}
	if name := ctx.Args().Get(1); name != "" {
		e.NamedImageEvent("tag", name)
	}

	e.ImageEvent("import", img, "")
	fmt.Println(img.ID)
	return nil
}

func tagCommand() cli.Command {
	return cli.Command{
		Name: "tag", Usage: "Give an image another name", ArgsUsage: "SOURCE[:TAG] TARGET[:TAG]",
		Description: examples("mydocker tag busybox localhost:5000/busybox:test"),
		Action:      withEngine(2, 2, tagAction),
	}
}

func tagAction(ctx *cli.Context, e *engine.Engine) error {
	if err := e.Images.Tag(ctx.Args().First(), ctx.Args().Get(1)); err != nil {
		return err
	}
	e.NamedImageEvent("tag", ctx.Args().Get(1))
	return nil
}

func removeImageCommand(name string) cli.Command {
	return cli.Command{
		Name: name, Usage: "Remove one or more images", ArgsUsage: "IMAGE [IMAGE...]",
		Flags: []cli.Flag{cli.BoolFlag{Name: "force, f",
			Usage: "also when stopped containers use it or it has several names"},
			cli.BoolFlag{Name: "no-prune", Usage: "accepted for compatibility: images have no untagged parents here"}},
		Description: examples("mydocker rmi busybox"),
		Action:      withEngine(1, -1, removeImageAction),
	}
}

func removeImageAction(ctx *cli.Context, e *engine.Engine) error {
	return forEach(ctx, func(name string) (string, error) {
		users, err := e.ImageUsers()
		if err != nil {
			return "", err
		}
		lines, err := e.RemoveImage(name, image.RemoveOptions{Force: ctx.Bool("force"), Users: users})
		if ctx.Bool("force") && errors.Is(err, os.ErrNotExist) {
			err = absentError{err}
		}
		return strings.Join(lines, "\n"), err
	})
}

func historyCommand() cli.Command {
	return cli.Command{
		Name: "history", Usage: "Show how an image was made", ArgsUsage: "IMAGE",
		Flags: []cli.Flag{cli.StringFlag{Name: "format",
			Usage: "`TEMPLATE` for each layer, \"table TEMPLATE\" or json"},
			cli.BoolTFlag{Name: "human, H", Usage: "sizes and times for people (true)"},
			cli.BoolFlag{Name: "no-trunc", Usage: "do not shorten"},
			cli.BoolFlag{Name: "quiet, q", Usage: "only ids"}},
		Description: examples("mydocker history busybox"),
		Action:      withEngine(1, 1, historyAction),
	}
}

func historyAction(ctx *cli.Context, e *engine.Engine) error {
	entries, err := e.Images.History(ctx.Args().First())
	if err != nil {
		return err
	}

	rows := []interface{}{}

	for _, h := range entries {
		row := historyRow{ID: h.ID, CreatedAt: h.Created.Format("2006-01-02T15:04:05Z07:00"),
			CreatedSince: ago(h.Created), CreatedBy: oneLine(h.CreatedBy), Size: humanSize(float64(h.Size), 3),
			Comment: h.Comment}
		if h.Created.Unix() <= 0 {
			row.CreatedSince = "N/A" // reproducible builds say 1970
		}
		if !ctx.BoolT("human") {
			row.Size, row.CreatedSince = fmt.Sprint(h.Size), row.CreatedAt
		}

		if !ctx.Bool("no-trunc") {
			row.ID = units.ShortID(row.ID)
			if runes := []rune(row.CreatedBy); len(runes) > 45 {
				row.CreatedBy = string(runes[:44]) + "…"
			}
		}

		rows = append(rows, row)
	}

	return historyList.print(rows, ctx.String("format"), ctx.Bool("quiet"))
}

func commitCommand() cli.Command {
	return cli.Command{
		Name: "commit", Usage: "Make an image of a container's changes", ArgsUsage: "CONTAINER [REPOSITORY[:TAG]]",
		Flags: []cli.Flag{cli.StringFlag{Name: "author, a", Usage: "`NAME` of the author"},
			cli.StringSliceFlag{Name: "change, c", Usage: "apply a Dockerfile `INSTRUCTION`"},
			cli.StringFlag{Name: "message, m", Usage: "`TEXT` for the history"},
			cli.BoolTFlag{Name: "pause, p", Usage: "pause the container meanwhile (true)"}},
		Description: examples("mydocker commit -c 'CMD [\"httpd\"]' web my/web:1"),
		Action:      withEngine(1, 2, commitAction),
	}
}

func commitAction(ctx *cli.Context, e *engine.Engine) error {
	v, err := e.Find(ctx.Args().First())
	if err != nil {
		return err
	}
	img, err := e.Commit(v, engine.CommitOptions{Name: ctx.Args().Get(1), Author: ctx.String("author"),
		Message: ctx.String("message"), Changes: ctx.StringSlice("change"), Pause: ctx.BoolT("pause")})
	if err != nil {
		return err
	}
	fmt.Println(img.ID)
	return nil
}

func imagesAction(ctx *cli.Context, e *engine.Engine) error {
	filters, err := parseFilters(ctx, "dangling", "label", "reference", "before", "since")
	if err != nil {
		return err
	}

	images, err := e.Images.List()
	if err != nil {
		return err
	}

	bounds := map[string]*image.Image{}
	for _, key := range []string{"before", "since"} {
		for _, name := range filters[key] {
			if bounds[key], err = e.Images.Resolve(name); err != nil {
				return err
			}
		}
	}

	users, err := e.ImageUsers()
	if err != nil {
		return err
	}

	count := map[string]int{}
	for _, user := range users {
		count[user.ImageID]++
	}

	rows := []interface{}{}
	for _, img := range images {
		if !matchLabels(img.Config.Config.Labels, filters["label"]) ||
			(bounds["before"] != nil && !img.Created.Before(bounds["before"].Created)) ||
			(bounds["since"] != nil && !img.Created.After(bounds["since"].Created)) {
			continue
		}

		for _, row := range imageRows(img, ctx.Bool("no-trunc"), ctx.Bool("digests")) {
			row.Containers = fmt.Sprint(count[img.ID])
			if wanted(row, ctx.Args().First(), filters) {
				rows = append(rows, row)
			}
		}
	}

	l := imageList
	if ctx.Bool("digests") {
		l.columns = "{{.Repository}}\t{{.Tag}}\t{{.Digest}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}"
	}
	return l.print(rows, ctx.String("format"), ctx.Bool("quiet"))
}

// imageRows is a row for every name of an image, or one for an image without.
func imageRows(img *image.Image, long, digests bool) []imageRow {
	base := imageRow{ID: units.ShortID(img.ID), Repository: "<none>", Tag: "<none>", Digest: "<none>",
		CreatedSince: ago(img.Created),
		CreatedAt:    img.Created.Local().Format("2006-01-02 15:04:05 -0700 MST"),
		Size:         humanSize(float64(img.Size), 3)}
	if img.Created.Unix() <= 0 {
		base.CreatedSince = "N/A"
	}
	if long {
		base.ID = img.ID
	}

	digest := map[string]string{}
	for _, name := range img.RepoDigests {
		if i := strings.Index(name, "@"); i > 0 {
			digest[name[:i]] = name[i+1:]
		}
	}

	var rows []imageRow
	names := append([]string(nil), img.RepoTags...)
	sort.Strings(names)

	for _, name := range names {
		row := base
		row.Repository, row.Tag = splitName(name)
		if d, known := digest[row.Repository]; known {
			row.Digest = d
		}

		rows = append(rows, row)
	}

	if rows == nil {
		for repository, d := range digest {
			base.Repository, base.Digest = repository, d
		}

		rows = []imageRow{base}
	}

	return rows
}

func splitName(name string) (repository, tag string) {
	if i := strings.LastIndex(name, ":"); i > strings.LastIndex(name, "/") {
		return name[:i], name[i+1:]
	}
	return name, "latest"
}

func wanted(row imageRow, name string, filters map[string][]string) bool {
	if name != "" && !matchReference(row, name) {
		return false
	}
	for _, value := range filters["dangling"] {
		if (row.Repository == "<none>") != (value == "true" || value == "1") {
			return false
		}
	}
	for _, pattern := range filters["reference"] {
		if !matchReference(row, pattern) {
			return false
		}
	}
	return true
}

// matchReference compares NAME or NAME:TAG with a pattern of path.Match, such as busy* or
// localhost:5000/*/app:1.
func matchReference(row imageRow, pattern string) bool {
	whole, _ := path.Match(pattern, row.Repository+":"+row.Tag) // a malformed pattern matches nothing
	short, _ := path.Match(pattern, row.Repository)
	return whole || short
}
