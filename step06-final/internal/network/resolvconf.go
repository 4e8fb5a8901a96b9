package network

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strings"

	"github.com/sirupsen/logrus"
)

// ResolvOptions are --dns, --dns-search and --dns-option.
type ResolvOptions struct {
	Servers, Search, Options []string
	HostNetwork              bool // the container shares the host's network: loopback resolvers work there and stay
}

// hostResolvFiles: where systemd-resolved runs, the first names only its stub on 127.0.0.53, and
// the second the real ones.
var hostResolvFiles = []string{"/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"}

// fallbackServers are Docker's, for a host whose resolvers a container cannot reach.
var fallbackServers = []string{"8.8.8.8", "8.8.4.4"}

// ResolvConf is the content of /etc/resolv.conf (resolv.conf(5)) for a container: the host's,
// without resolvers that only the host can reach (loopback; IPv6, which containers do not have),
// and with the user's flags in place of what they replace. An ordinary user's container asks
// slirp4netns or pasta, which ask the host's resolvers, whichever they are.
func ResolvConf(o ResolvOptions) ([]byte, error) {
	conf, err := resolvConf(o, os.Geteuid() != 0, hostResolvFiles)
	if err != nil {
		return nil, fmt.Errorf("resolv.conf: %w", err)
	}
	return conf, nil
}

// resolver is what a resolv.conf says.
type resolver struct{ servers, search, options []string }

func resolvConf(o ResolvOptions, userMode bool, files []string) ([]byte, error) {
	for _, server := range o.Servers {
		if net.ParseIP(server) == nil {
			return nil, fmt.Errorf("--dns %q is not an IP address", server)
		}
	}

	for _, word := range append(append([]string{}, o.Search...), o.Options...) {
		if word == "" || strings.ContainsAny(word, " \t\r\n#;") {
			return nil, fmt.Errorf("--dns-search or --dns-option %q: one word is needed", word)
		}
	}

	host, err := hostResolver(files, !o.HostNetwork)
	if err != nil {
		return nil, err
	}

	switch {
	case len(o.Servers) > 0:
		host.servers = o.Servers
	case userMode && !o.HostNetwork:
		host.servers = []string{userDNS}
	case len(host.servers) == 0 && !o.HostNetwork:
		logrus.Debugf("the host names no resolver that a container can reach: %s instead (--dns changes it)",
			strings.Join(fallbackServers, " and "))
		host.servers = fallbackServers
	}
	if len(o.Search) > 0 {
		host.search = o.Search
	}

	if len(o.Options) > 0 {
		host.options = o.Options
	}
	return host.content(), nil
}

// hostResolver reads the host's files; the second only if nothing usable is in the first.
func hostResolver(files []string, filter bool) (resolver, error) {
	var found resolver

	for i, file := range files {
		data, err := os.ReadFile(file)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return resolver{}, err
		}

		r := parseResolv(string(data))
		if filter {
			r.servers = reachable(r.servers)
		}
		if i == 0 || len(found.search) == 0 {
			found.search, found.options = r.search, r.options
		}
		if found.servers = r.servers; len(found.servers) > 0 || !filter {
			return found, nil
		}
	}

	return found, nil
}

// parseResolv knows the keywords of resolv.conf(5); the last of domain and search wins.
func parseResolv(text string) resolver {
	var r resolver

	for _, line := range strings.Split(text, "\n") {
		if comment := strings.IndexAny(line, "#;"); comment >= 0 {
			line = line[:comment]
		}

		words := strings.Fields(line)
		if len(words) < 2 {
			continue
		}

		switch words[0] {
		case "nameserver":
			r.servers = append(r.servers, words[1])
		case "domain", "search":
			r.search = words[1:]
		case "options":
			r.options = append(r.options, words[1:]...)
		}
	}

	return r
}

func reachable(servers []string) []string {
	var kept []string
	for _, server := range servers {
		if ip := net.ParseIP(server).To4(); ip != nil && !ip.IsLoopback() && !ip.IsUnspecified() {
			kept = append(kept, server)
		}
	}
	return kept
}

// content writes the file. A search of "." (--dns-search .) means none.
func (r resolver) content() []byte {
	var out strings.Builder
	for _, server := range r.servers {
		fmt.Fprintf(&out, "nameserver %s\n", server)
	}
	if len(r.search) > 0 && !(len(r.search) == 1 && r.search[0] == ".") {
		fmt.Fprintf(&out, "search %s\n", strings.Join(r.search, " "))
	}
	if len(r.options) > 0 {
		fmt.Fprintf(&out, "options %s\n", strings.Join(r.options, " "))
	}
	return []byte(out.String())
}
