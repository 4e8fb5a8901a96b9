package network

import (
	"fmt"
	"os"
	"strings"

	"github.com/sirupsen/logrus"
)

// bridgeSysctls lets packets of a network leave the host. An internal network needs neither
// setting.
func bridgeSysctls(n *Network) error {
	if n.Internal {
		return nil
	}
	// The host becomes a router. Not set back later: by then others (virtual machines, VPNs) may
	// rely on it.
	if err := setSysctl("net/ipv4/ip_forward", "1"); err != nil {
		return err
	}
	// as ip_forward made it; withoutForwarding may have been here
	if err := setSysctl("net/ipv4/conf/"+n.Bridge+"/forwarding", "1"); err != nil {
		return err
	}
	// Packets with a 127.0.0.0/8 address may pass this one interface: a port published on
	// 127.0.0.1 is answered from it. The rule in raw PREROUTING keeps containers from using it.
	return setSysctl("net/ipv4/conf/"+n.Bridge+"/route_localnet", "1")
}

// withoutForwarding is what is left where no rule can be written: nothing that comes by the
// bridge is forwarded, so networks are isolated from each other and nothing outside is answered;
// and a source that is not of the subnet is dropped, 127.0.0.0/8 as everywhere where
// route_localnet is off.
func withoutForwarding(n *Network) error {
	for _, setting := range []struct{ name, value string }{{"forwarding", "0"}, {"route_localnet", "0"},
		{"rp_filter", "1"}} {
		if err := setSysctl("net/ipv4/conf/"+n.Bridge+"/"+setting.name, setting.value); err != nil {
			return err
		}
	}
	return nil
}

// setSysctl writes a file below /proc/sys if it holds something else. /proc/sys/net is that of
// the caller's network namespace.
func setSysctl(name, value string) error {
	path := "/proc/sys/" + name
	old, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read kernel setting: %w", err)
	}
	if strings.TrimSpace(string(old)) == value {
		return nil
	}
	logrus.Debugf("echo %s > %s (was %s)", value, path, strings.TrimSpace(string(old)))
	if err := os.WriteFile(path, []byte(value), 0); err != nil {
		return fmt.Errorf("change kernel setting: %w; is /proc/sys read-only here?", err)
	}
	return nil
}

// disableIPv6 keeps an interface from getting a link-local IPv6 address by itself, if the kernel
// has IPv6: no network here has it, and an address that was not planned would be a way past rules
// that are all about IPv4.
func disableIPv6(name string) error {
	if _, err := os.Stat("/proc/sys/net/ipv6/conf/" + name); err != nil {
		return nil
	}
	return setSysctl("net/ipv6/conf/"+name+"/disable_ipv6", "1")
}
