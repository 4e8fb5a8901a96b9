package image

import (
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/sys/unix"
)

// progress shows how far a transfer is: one bar over all layers on a terminal, a line for
// each layer elsewhere.
type progress struct {
	mu  sync.Mutex
	out io.Writer // nil: quiet
	bar *progressbar.ProgressBar
}

func newProgress(out io.Writer, total int64, what string) *progress {
	p := &progress{out: out}
	f, ok := out.(*os.File)
	if !ok || total <= 0 {
		return p
	}
	if _, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS); err == nil {
		p.bar = progressbar.NewOptions64(total, progressbar.OptionSetWriter(out),
			progressbar.OptionSetDescription(what),
			progressbar.OptionShowBytes(true), progressbar.OptionFullWidth(), progressbar.OptionClearOnFinish())
	}
	return p
}

// add counts bytes.
func (p *progress) add(n int64) {
	if p.bar != nil {
		// A bar that cannot be drawn is no reason to stop a transfer.
		_ = p.bar.Add64(n)
	}
}

// line says something about one object, for who has no bar.
func (p *progress) line(format string, args ...interface{}) {
	if p.out == nil || p.bar != nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Fprintf(p.out, format+"\n", args...)
}

func (p *progress) close() {
	if p.bar != nil {
		_ = p.bar.Finish()
	}
}

// reader counts what is read through it.
func (p *progress) reader(r io.Reader) io.Reader { return &countingReader{r, p} }

type countingReader struct {
	r io.Reader
	p *progress
}

func (c *countingReader) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	c.p.add(int64(n))
	return n, err
}
