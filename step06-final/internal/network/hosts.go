package network

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mydocker/step06-final/internal/units"
	"net"
	"os"
	"strings"

	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"
)

// HostsOptions say what an /etc/hosts holds.
type HostsOptions struct {
	Hostname    string
	Addresses   []string // the container's own addresses, for Hostname and Names
	Names       []string // the container's other names
	ExtraHosts  []string // name:address; the address host-gateway stands for Gateway
	Gateway     string
	Peers       []Peer
	HostNetwork bool // the container shares the host's network: it gets the host's /etc/hosts, and ExtraHosts
}

// Peer is another container that can be found by name.
type Peer struct {
	Address string
	Names   []string
}

const localhostLines = `127.0.0.1	localhost
::1	localhost ip6-localhost ip6-loopback
fe00::	ip6-localnet
ff00::	ip6-mcastprefix
ff02::1	ip6-allnodes
ff02::2	ip6-allrouters
`

// Between these two lines the file is ours; what the container's own programs write elsewhere in
// it stays.
const (
	hostsBegin = "# mydocker: from here to \"end\" rewritten when containers come and go\n"
	hostsEnd   = "# mydocker: end\n"
)

// HostsFile is the content of /etc/hosts for a container (hosts(5)). With an
// AttachRequest.HostsPath, Attach keeps it up to date; before, it is called without addresses to
// have a file that can be mounted.
func HostsFile(o HostsOptions) ([]byte, error) {
	block, err := hostsBlock(o)
	if err != nil {
		return nil, fmt.Errorf("hosts file: %w", err)
	}
	base := []byte(localhostLines)
	if o.HostNetwork {
		if base, err = os.ReadFile("/etc/hosts"); err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("hosts file: %w", err)
		}
	}
	return append(endLine(base), block...), nil
}

func endLine(text []byte) []byte {
	if len(text) > 0 && text[len(text)-1] != '\n' {
		return append(text, '\n')
	}
	return text
}

// hostsBlock is our part of the file.
func hostsBlock(o HostsOptions) ([]byte, error) {
	var out bytes.Buffer
	out.WriteString(hostsBegin)
	own := []string{}
	if o.Hostname != "" {
		own = append(own, o.Hostname)
		if dot := strings.IndexByte(o.Hostname, '.'); dot > 0 { // web.example.org is also web
			own = append(own, o.Hostname[:dot])
		}
	}

	own = unique(append(own, o.Names...))
	for _, address := range o.Addresses {
		if len(own) > 0 {
			fmt.Fprintf(&out, "%s\t%s\n", address, strings.Join(own, " "))
		}
	}

	extra, err := parseExtraHosts(o.ExtraHosts, o.Gateway)
	if err != nil {
		return nil, err
	}

	for _, p := range append(extra, o.Peers...) {
		fmt.Fprintf(&out, "%s\t%s\n", p.Address, strings.Join(p.Names, " "))
	}

	out.WriteString(hostsEnd)
	return out.Bytes(), nil
}

// parseExtraHosts reads --add-host: NAME:ADDRESS or NAME=ADDRESS, where ADDRESS may be
// host-gateway.
func parseExtraHosts(list []string, gateway string) ([]Peer, error) {
	var peers []Peer

	for _, entry := range list {
		cut := strings.IndexAny(entry, ":=")
		if cut < 1 || !isName(entry[:cut]) {
			return nil, fmt.Errorf("--add-host %q: write it like db:10.1.2.3 or db:host-gateway", entry)
		}

		address := strings.Trim(entry[cut+1:], "[]")
		if address == "host-gateway" {
			if gateway == "" {
				continue // a network without a way to the host; or not attached yet
			}
			address = gateway
		}
		if net.ParseIP(address) == nil {
			return nil, fmt.Errorf("--add-host %q: %q is not an IP address", entry, address)
		}

		peers = append(peers, Peer{address, []string{entry[:cut]}})
	}

	return peers, nil
}

func unique(names []string) []string {
	seen := map[string]bool{}
	var kept []string
	for _, name := range names {
		if name != "" && !seen[name] {
			seen[name] = true
			kept = append(kept, name)
		}
	}
	return kept
}

// refreshHosts rewrites the hosts files that show the endpoint `changed`, which has just come or
// gone: its container's own and, in a user-defined network, those of all members.
func (m *Manager) refreshHosts(s *state, changed Endpoint) {
	refresh := []Endpoint{changed}
	if changed.Network != DefaultNetwork {
		for _, e := range s.members(changed.Network) {
			if e.ContainerID != changed.ContainerID {
				refresh = append(refresh, e)
			}
		}
	}

	for _, e := range refresh {
		if e.HostsPath == "" {
			continue
		}

		// A container that is just being removed is the usual reason; no other one may fail for it.
		if err := rewriteHosts(e.HostsPath, s.hostsOptions(e)); err != nil {
			logrus.Debugf("hosts file of container %s: %v", units.ShortID(e.ContainerID), err)
		}
	}
}

// hostsOptions is what one container sees: itself and its peers in all user-defined networks
// that it is in.
func (s *state) hostsOptions(e Endpoint) HostsOptions {
	o := HostsOptions{Hostname: e.Hostname, ExtraHosts: e.ExtraHosts}

	for _, own := range s.ofContainer(e.ContainerID) {
		o.Addresses = append(o.Addresses, own.IP.String())
		if o.Gateway == "" && own.Gateway != nil {
			o.Gateway = own.Gateway.String()
		}
		if own.Network == DefaultNetwork {
			continue
		}

		o.Names = append(o.Names, own.names()...)
		for _, other := range s.members(own.Network) {
			if other.ContainerID != e.ContainerID {
				o.Peers = append(o.Peers, Peer{other.IP.String(), other.names()})
			}
		}
	}

	return o
}

// names are all by which the other members of a network find a container.
func (e Endpoint) names() []string {
	return unique(append(append([]string{e.Name}, e.Aliases...), e.Hostname, units.ShortID(e.ContainerID)))
}

// maxHosts bounds what is read of a file that the container can write to.
const maxHosts = 1 << 20

// rewriteHosts replaces our part of a hosts file in place, for the container has this inode
// mounted. One write: a concurrent reader gets the old or the new beginning, and blank
// lines where an old end was longer.
func rewriteHosts(path string, o HostsOptions) error {
	block, err := hostsBlock(o)
	if err != nil {
		return err
	}

	// O_NONBLOCK: the container may hold a lease on it (fcntl(2), F_SETLEASE), for whose end
	// open(2) waits 45 seconds.
	file, err := os.OpenFile(path, os.O_RDWR|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer file.Close()
	old, err := io.ReadAll(io.LimitReader(file, maxHosts+1))
	if err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}

	if len(old) > maxHosts {
		return fmt.Errorf("%s has more than %d bytes: left alone", path, maxHosts)
	}

	content := replaceBlock(old, block)
	padding := bytes.Repeat([]byte("\n"), maxInt(0, len(old)-len(content)))
	if _, err := file.WriteAt(append(append([]byte{}, content...), padding...), 0); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := file.Truncate(int64(len(content))); err != nil {
		return fmt.Errorf("shorten %s: %w", path, err)
	}

	return nil
}

// replaceBlock puts the new block where the old one was, or at the end.
func replaceBlock(old, block []byte) []byte {
	begin := bytes.Index(old, []byte(hostsBegin))
	if begin < 0 {
		return append(endLine(append([]byte{}, old...)), block...)
	}
	rest := []byte{}
	if end := bytes.Index(old[begin:], []byte(hostsEnd)); end >= 0 {
		rest = old[begin+end+len(hostsEnd):]
	}
	return append(append(append([]byte{}, old[:begin]...), block...), rest...)
}

func maxInt(a, b int) int {
	if a > b {
		return a
	}
	return b
}
