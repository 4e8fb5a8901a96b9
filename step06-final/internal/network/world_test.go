package network

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// The tests that need a kernel run in a host of their own: TestMain starts the test program again
// in a new network and mount namespace. "Containers" and "other hosts" are processes in further
// network namespaces, and packets go to addresses of these and to loopback only.
const roleVariable = "MYDOCKER_NETWORK_TEST"

func TestMain(m *testing.M) {
	switch os.Getenv(roleVariable) {
	case "pause": // a container: there until its standard input ends
		io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	case "serve": // a container of an ordinary user
		serveMain()
	case "attach": // another process of the engine
		attachMain()
	case "world":
		if err := enterWorld(); err != nil {
			fmt.Fprintln(os.Stderr, "test world:", err)
			os.Exit(1)
		}
		os.Exit(m.Run())
	}

	if fuzzing() || os.Geteuid() != 0 {
		os.Exit(m.Run()) // tests that need the world say that they are skipped
	}

	command := exec.Command("/proc/self/exe", os.Args[1:]...)
	command.Env = append(os.Environ(), roleVariable+"=world")
	command.Stdin, command.Stdout, command.Stderr = os.Stdin, os.Stdout, os.Stderr
	command.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET | unix.CLONE_NEWNS,
		Pdeathsig: syscall.SIGKILL}
	err := command.Run()
	if exit, ok := err.(*exec.ExitError); ok {
		os.Exit(exit.ExitCode())
	}
	if err != nil { // root of a container without the right to make namespaces
		fmt.Fprintln(os.Stderr, "no test world, tests that need it are skipped:", err)
		os.Exit(m.Run())
	}

	os.Exit(0)
}

// fuzzing: `go test -fuzz` starts this program as its worker, and talks to it through descriptors.
func fuzzing() bool {
	for _, argument := range os.Args[1:] {
		if strings.HasPrefix(argument, "-test.fuzz=") {
			return true
		}
	}
	return false
}

func enterWorld() error {
	if err := unix.Mount("", "/", "", unix.MS_PRIVATE|unix.MS_REC, ""); err != nil {
		return err
	}
	if err := unix.Mount("run", "/run", "tmpfs", 0, ""); err != nil { // /run/xtables.lock
		return err
	}
	if err := openTun(); err != nil {
		return err
	}
	if err := os.Setenv("TMPDIR", "/run"); err != nil { // state directories are on a tmpfs, as in reality
		return err
	}
	return loopbackUp(&netlink.Handle{})
}

// openTun puts a /dev/net/tun for everybody over the one of the machine, which may be for root
// only.
func openTun() error {
	if _, err := os.Stat("/dev/net/tun"); err != nil {
		return nil // tests that need it are skipped
	}
	if err := unix.Mknod("/run/tun", unix.S_IFCHR|0o666, int(unix.Mkdev(10, 200))); err != nil {
		return err
	}
	if err := os.Chmod("/run/tun", 0o666); err != nil { // the umask
		return err
	}
	return unix.Mount("/run/tun", "/dev/net/tun", "", unix.MS_BIND, "")
}

func needWorld(t *testing.T) {
	t.Helper()
	if os.Getenv(roleVariable) != "world" {
		t.Skip("needs root: a network namespace of its own, a bridge and rules")
	}
}

// manager is an engine with empty directories. After the test nothing of it may be left on the
// host.
func manager(t *testing.T) *Manager {
	t.Helper()
	needWorld(t)
	before := hostState(t)
	m, err := Open(t.TempDir(), t.TempDir())
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, m.Repair(nil))
		require.Equal(t, before, hostState(t), "the host is not as it was")
	})
	return m
}

// eachFirewall runs a test with every way to write rules that there is here.
func eachFirewall(t *testing.T, test func(t *testing.T, m *Manager)) {
	for _, name := range []string{"iptables-legacy", "iptables-nft", "nf_tables"} {
		t.Run(name, func(t *testing.T) {
			m := manager(t)
			if name == "nf_tables" {
				if _, err := m.nftables().present(); err != nil {
					t.Skip(err.Error())
				}
				m.firewall = m.nftables()
			} else {
				path, err := findProgram(name + "-restore")
				if err != nil {
					t.Skip(name + " is not installed")
				}
				if _, err := runProgram(path, []byte("*nat\nCOMMIT\n"), "--noflush"); err != nil {
					t.Skip(name + " does not work on this kernel: " + err.Error())
				}
				m.firewall = &iptables{save: strings.TrimSuffix(path, "restore") + "save", restore: path,
					suffix: m.suffix}
			}

			test(t, m)
		})
	}
}

// hostState is what must be the same before and after: interfaces, addresses, routes, and rules
// of every kind without counters, comments, and tables that hold nothing (asking for a table
// loads it, empty).
func hostState(t *testing.T) string {
	t.Helper()
	var out strings.Builder
	linksAndAddresses(t, &out)
	chains, err := nftDump(unix.NFT_MSG_GETCHAIN) // ours in nf_tables, seen without any program
	for _, c := range chains {
		if strings.HasPrefix(c[unix.NFTA_CHAIN_TABLE], "MYDOCKER") {
			fmt.Fprintln(&out, "chain", c[unix.NFTA_CHAIN_TABLE], c[unix.NFTA_CHAIN_NAME])
		}
	}

	var list []map[int]string
	if err == nil {
		list, err = nftDump(unix.NFT_MSG_GETRULE)
	}

	for _, r := range list {
		if strings.HasPrefix(r[unix.NFTA_RULE_TABLE], "MYDOCKER") {
			fmt.Fprintln(&out, "rule", r[unix.NFTA_RULE_TABLE], r[unix.NFTA_RULE_CHAIN],
				commentText(r[unix.NFTA_RULE_USERDATA]))
		}
	}
	if err != nil && !errors.Is(nftError("read", err), errNoRules) {
		require.NoError(t, err)
	}

	for _, command := range []string{"iptables-legacy-save", "iptables-nft-save", "nft list ruleset"} {
		words := strings.Fields(command)
		path, err := findProgram(words[0])
		if err != nil {
			continue
		}

		text, err := runProgram(path, nil, words[1:]...)
		require.NoError(t, err)
		if words[0] == "nft" && !strings.Contains(text, "MYDOCKER") {
			continue // iptables-nft-save has shown it; the empty base chains that iptables-nft leaves do not count
		}

		for _, line := range strings.Split(text, "\n") {
			if line == "" || strings.ContainsAny(line[:1], "#*:") && !strings.Contains(line, "MYDOCKER") ||
				line == "COMMIT" {
				continue
			}
			line = regexp.MustCompile(`counter packets \d+ bytes \d+`).ReplaceAllString(line, "")
			fmt.Fprintln(&out, strings.TrimSpace(line))
		}
	}

	return out.String()
}

func linksAndAddresses(t *testing.T, out io.Writer) {
	t.Helper()
	links, err := netlink.LinkList()
	require.NoError(t, err)
	for _, link := range links {
		a := link.Attrs()
		fmt.Fprintln(out, "link", a.Name, link.Type(), a.HardwareAddr, a.MTU, a.Alias)
		addresses, err := netlink.AddrList(link, netlink.FAMILY_V4)
		if !isLinkNotFound(err) {
			require.NoError(t, err)
		}

		for _, address := range addresses {
			fmt.Fprintln(out, "address", a.Name, address.IPNet)
		}
	}

	routes, err := netlink.RouteList(nil, netlink.FAMILY_V4)
	require.NoError(t, err)
	for _, r := range routes {
		fmt.Fprintln(out, "route", r.Dst, r.Gw)
	}
}

// box is a process in a network namespace of its own: a container, or another host.
type box struct {
	t     *testing.T
	id    string
	pid   int
	ns    *os.File
	stdin io.WriteCloser
	cmd   *exec.Cmd
}

var boxCount int

func newBox(t *testing.T) *box {
	t.Helper()
	boxCount++
	b := &box{t: t, id: fmt.Sprintf("%012x", boxCount) + strings.Repeat("a", 52)}
	b.cmd = exec.Command("/proc/self/exe")
	b.cmd.Env = []string{roleVariable + "=pause"}
	// no Pdeathsig: it is the death of the thread
	b.cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET}
	var err error
	b.stdin, err = b.cmd.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, b.cmd.Start())
	b.pid = b.cmd.Process.Pid
	b.ns, err = os.Open(fmt.Sprintf("/proc/%d/ns/net", b.pid))
	require.NoError(t, err)
	t.Cleanup(b.end)
	return b
}

// end is the death of the container. It may be called twice.
func (b *box) end() {
	b.stdin.Close()
	b.cmd.Process.Kill()
	b.cmd.Wait()
	b.ns.Close()
}

func (b *box) attach(m *Manager, r AttachRequest) *Endpoint {
	b.t.Helper()
	r.ContainerID, r.Pid = b.id, b.pid
	e, err := m.Attach(r)
	require.NoError(b.t, err)
	return e
}

// outside is another host, 10.99.0.2, connected to this one (10.99.0.1). It has no route to
// containers.
func outside(t *testing.T) *box {
	t.Helper()
	b := newBox(t)
	pair := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "uplink"}, PeerName: "uplink",
		PeerNamespace: netlink.NsFd(int(b.ns.Fd()))}
	require.NoError(t, netlink.LinkAdd(pair))
	t.Cleanup(func() { require.NoError(t, vethDown(&netlink.Handle{}, "uplink")) })
	up := func(ip string) error {
		link, err := netlink.LinkByName("uplink")
		if err != nil {
			return err
		}
		if err := netlink.AddrAdd(link, &netlink.Addr{IPNet: &net.IPNet{IP: net.ParseIP(ip),
			Mask: net.CIDRMask(24, 32)}}); err != nil {
			return err
		}
		return netlink.LinkSetUp(link)
	}
	require.NoError(t, up("10.99.0.1"))

	require.NoError(t, inNetNS(b.ns, func() error {
		if err := up("10.99.0.2"); err != nil {
			return err
		}
		return waitOperational(&netlink.Handle{}, "uplink")
	}))
	require.NoError(t, waitOperational(&netlink.Handle{}, "uplink"))
	return b
}

// route gives a box a way to a subnet through the host, as a curious neighbour would.
func (b *box) route(subnet string) {
	b.t.Helper()
	_, dst, err := net.ParseCIDR(subnet)
	require.NoError(b.t, err)
	require.NoError(b.t, inNetNS(b.ns, func() error {
		return netlink.RouteAdd(&netlink.Route{Dst: dst, Gw: net.ParseIP("10.99.0.1")})
	}))
}

// serve answers every TCP connection and every UDP packet on a port with who asked (its IP
// address) and a name.
func (b *box) serve(port int, name string) {
	b.t.Helper()
	address := fmt.Sprintf("0.0.0.0:%d", port)
	require.NoError(b.t, inNetNS(b.ns, func() error { return serve(b.t, address, name) }))
}

func serve(t *testing.T, address, name string) error {
	listener, err := net.Listen("tcp4", address)
	if err != nil {
		return err
	}

	packets, err := net.ListenPacket("udp4", address)
	if err != nil {
		return err
	}
	if t != nil {
		t.Cleanup(func() { listener.Close(); packets.Close() })
	}

	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			c.Read(make([]byte, 100)) // an old pasta loses the answer of a server that speaks first and closes at once
			fmt.Fprintf(c, "%s %s", name, c.RemoteAddr().(*net.TCPAddr).IP)
			c.Close()
		}
	}()

	go func() {
		buffer := make([]byte, 100)
		for {
			_, from, err := packets.ReadFrom(buffer)
			if err != nil {
				return
			}
			fmt.Fprintf(writerTo{packets, from}, "%s %s", name, from.(*net.UDPAddr).IP)
		}
	}()
	return nil
}

type writerTo struct {
	net.PacketConn
	to net.Addr
}

func (w writerTo) Write(p []byte) (int, error) { return w.WriteTo(p, w.to) }

// ask connects from inside the box; askHost from the host itself. The answer is serve's.
func (b *box) ask(proto, address string) (answer string, err error) {
	err = inNetNS(b.ns, func() error {
		answer, err = askHost(proto, address)
		return err
	})
	return answer, err
}

// cannotAsk is for packets that nobody shall answer: it waits only a moment for the error.
func (b *box) cannotAsk(address string) error {
	return inNetNS(b.ns, func() error {
		c, err := net.DialTimeout("tcp4", address, 300*time.Millisecond)
		if err == nil {
			c.Close()
		}
		return err
	})
}

// askHost waits long enough for one lost packet (TCP sends again after one second); UDP is asked
// again.
func askHost(proto, address string) (string, error) {
	var answer []byte
	var err error

	for i := 0; i < 3; i++ {
		var c net.Conn
		c, err = net.DialTimeout(proto+"4", address, 5*time.Second)
		if err != nil {
			return "", err
		}
		defer c.Close()
		c.SetDeadline(time.Now().Add(5 * time.Second))
		if proto == "udp" {
			c.SetDeadline(time.Now().Add(500 * time.Millisecond))
		}

		if _, err = c.Write([]byte("hello")); err != nil {
			continue
		}
		if proto == "tcp" {
			answer, err = io.ReadAll(c)
			return string(answer), err
		}

		answer = make([]byte, 100)
		var n int
		if n, err = c.Read(answer); err == nil {
			return string(answer[:n]), nil
		}
	}

	return "", err
}

func hostsFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "hosts")
	content, err := HostsFile(HostsOptions{Hostname: "self"})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, content, 0o644))
	return path
}
