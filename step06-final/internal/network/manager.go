package network

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"mydocker/step06-final/internal/atomicfile"
	"os"
	"path/filepath"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// defaultDataDir is the engine's --root when none is given: only there our chains have no suffix.
const defaultDataDir = "/var/lib/mydocker"

// Manager keeps the networks of one engine. All methods may be used by several processes at once:
// each takes the lock.
type Manager struct {
	dataDir  string   // …/network below the engine's --root
	stateDir string   // …/network below the engine's --state
	suffix   string   // distinguishes the rules of engines with different --root; empty for the default one
	userMode bool     // an ordinary user: no bridge, a user-mode network for each container
	firewall firewall // tests set it; nil: what findFirewall finds

	nl *netlink.Handle // to the host's network, while locked
}

// Open prepares the manager; nothing on the host changes. dataDir and stateDir are the engine's
// --root and --state (the manager uses the directory `network` in each).
func Open(dataDir, stateDir string) (*Manager, error) {
	data, err := filepath.Abs(dataDir)
	if err != nil {
		return nil, fmt.Errorf("network state below %s: %w", dataDir, err)
	}

	state, err := filepath.Abs(stateDir)
	if err != nil {
		return nil, fmt.Errorf("network state below %s: %w", stateDir, err)
	}

	m := &Manager{
		dataDir:  filepath.Join(data, "network"),
		stateDir: filepath.Join(state, "network"),
		userMode: os.Geteuid() != 0,
	}
	if data != defaultDataDir {
		sum := sha256.Sum256([]byte(data))
		m.suffix = "-" + hex.EncodeToString(sum[:3])
	}

	return m, nil
}

// locked runs f alone among all processes that use the same data directory, on the state as it is
// in the files.
func (m *Manager) locked(f func(s *state) error) error {
	for _, dir := range []string{m.dataDir, m.stateDir} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("directory for network state: %w; is the file system read-only or full?", err)
		}
	}

	lock, err := atomicfile.Exclusive(filepath.Join(m.dataDir, ".lock"))
	if err != nil {
		return fmt.Errorf("network lock: %w", err)
	}

	defer lock.Unlock() // the lock goes with the descriptor, also when this process is killed
	m.nl = openNetlink(unix.NETLINK_ROUTE)
	defer m.nl.Close()
	s, err := m.load()
	if err != nil {
		return err
	}

	return f(s)
}
