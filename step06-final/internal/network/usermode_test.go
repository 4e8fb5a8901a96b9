package network

import (
	"fmt"
	"io"
	"mydocker/step06-final/internal/proc"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

const nobody = 65534

// Root runs the test of ordinary users as one, in the world, where /dev/net/tun is open to all as
// on usual hosts.
func TestUserModeAsNobody(t *testing.T) {
	needWorld(t)

	for _, helper := range []string{"slirp4netns", "pasta"} {
		t.Run(helper, func(t *testing.T) {
			path, err := findProgram(helper)
			if err != nil {
				t.Skip(helper + " is not installed")
			}
			other := outside(t) // pasta wants a host with a default route
			other.serve(7000, "outside")
			defaultRoute(t)

			bin := t.TempDir() // a PATH with this helper only
			require.NoError(t, os.Symlink(path, filepath.Join(bin, helper)))
			require.NoError(t, os.Chmod(filepath.Dir(bin), 0o755))
			require.NoError(t, os.Chmod(bin, 0o755))

			command := exec.Command("/proc/self/exe", "-test.run", "^TestUserMode$", "-test.v")
			command.Dir = "/"
			command.Env = []string{"HELPER=" + helper, "HOSTIP=10.99.0.1", "TMPDIR=/run", "PATH=" + bin}
			command.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
			output, err := command.CombinedOutput()
			require.NoError(t, err, "%s", output)
			if strings.Contains(string(output), "--- SKIP") {
				t.Skipf("%s", output)
			}
		})
	}
}

func defaultRoute(t *testing.T) {
	t.Helper()
	link, err := netlink.LinkByName("uplink")
	require.NoError(t, err)
	require.NoError(t, netlink.RouteAdd(&netlink.Route{LinkIndex: link.Attrs().Index, Gw: net.ParseIP("10.99.0.2")}))
}

// TestUserMode: a container of an ordinary user reaches the outside, and its published ports are
// reached.
func TestUserMode(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("is run as an ordinary user; see TestUserModeAsNobody")
	}

	m, err := Open(t.TempDir(), t.TempDir())
	require.NoError(t, err)
	require.True(t, m.userMode)
	if err := m.CheckUserMode(); err != nil {
		t.Skip(err.Error())
	}

	list, err := m.List()
	require.NoError(t, err)
	require.Equal(t, []string{"bridge", "host", "none"}, names(list))
	_, err = m.Create(CreateOptions{Name: "red"})
	require.ErrorContains(t, err, "need root")

	a := newUserBox(t)
	for want, r := range map[string]AttachRequest{
		"need root":        {Network: "red"},
		"cannot be chosen": {IP: net.ParseIP("10.0.2.7")},
		"ordinary user":    {Ports: ports(t, "81:80")},
	} {
		if want == "ordinary user" && lowPortsAreOpen() {
			continue
		}

		r.ContainerID, r.Pid = a.id, a.pid
		_, err := m.Attach(r)
		require.ErrorContains(t, err, want)
	}

	hostIP := os.Getenv("HOSTIP")
	if hostIP == "" {
		t.Skip("is run in the test world; see TestUserModeAsNobody")
	}

	e := a.attach(m, AttachRequest{Ports: ports(t, hostIP+"::7300", hostIP+"::7300/udp")})
	require.Equal(t, userIP, e.IP.String())
	require.True(t, proc.Alive(e.Helper.Pid, e.Helper.PidStart))
	if want := os.Getenv("HELPER"); want != "" {
		require.Equal(t, want, e.Helper.Program)
	}

	for i, proto := range []string{"tcp", "udp"} {
		require.Eventually(t, func() bool { // an old pasta loses a connection that comes at once
			answer, err := askHost(proto, fmt.Sprintf("%s:%d", hostIP, e.Ports[i].HostPort))
			return err == nil && strings.HasPrefix(answer, "user ")
		}, 30*time.Second, time.Millisecond, proto)
	}

	lines, err := m.Path(a.id)
	require.NoError(t, err)
	require.Contains(t, strings.Join(lines, "\n"), e.Helper.Program)

	other := newUserBox(t)
	_, err = m.Attach(AttachRequest{ContainerID: other.id, Pid: other.pid,
		Ports: ports(t, fmt.Sprintf("%s:%d:80", hostIP, e.Ports[0].HostPort))})
	require.ErrorContains(t, err, "in use")

	require.NoError(t, m.Detach(a.id, ""))
	require.False(t, proc.Alive(e.Helper.Pid, e.Helper.PidStart))
	_, err = askHost("tcp", fmt.Sprintf("%s:%d", hostIP, e.Ports[0].HostPort))
	require.Error(t, err)

	killed := a.attach(m, AttachRequest{}) // somebody ends it: what it held is given back all the same
	require.NoError(t, unix.Kill(killed.Helper.Pid, unix.SIGKILL))
	require.Eventually(t, func() bool { return !proc.Alive(killed.Helper.Pid, killed.Helper.PidStart) }, 10*time.Second,
		time.Millisecond)
	lines, err = m.Path(a.id)
	require.NoError(t, err)
	require.Contains(t, strings.Join(lines, "\n"), "has ended")
	require.NoError(t, m.Detach(a.id, ""))

	again := a.attach(m, AttachRequest{}) // the helper of a lost entry is found and ended
	require.NoError(t, os.Remove(m.endpointsFile()))
	require.NoError(t, m.Repair(nil))
	require.False(t, proc.Alive(again.Helper.Pid, again.Helper.PidStart))
	left, err := os.ReadDir(m.stateDir)
	require.NoError(t, err)
	require.Empty(t, left)
}

func lowPortsAreOpen() bool {
	data, err := os.ReadFile("/proc/sys/net/ipv4/ip_unprivileged_port_start")
	return err == nil && strings.TrimSpace(string(data)) == "0"
}

// newUserBox is a container in a user namespace, with a server in it ("user" on port 7300): its
// test process cannot be joined from outside without being single-threaded, so the server is the
// container's own process.
func newUserBox(t *testing.T) *box {
	t.Helper()
	boxCount++
	b := &box{t: t, id: fmt.Sprintf("%012x", boxCount) + strings.Repeat("b", 52)}
	b.cmd = exec.Command("/proc/self/exe")
	b.cmd.Env = []string{roleVariable + "=serve"}
	b.cmd.Stderr = os.Stderr
	b.cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  unix.CLONE_NEWUSER | unix.CLONE_NEWNET,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	var err error
	b.stdin, err = b.cmd.StdinPipe()
	require.NoError(t, err)

	if err := b.cmd.Start(); err != nil {
		t.Skipf("no user namespace for ordinary users here: %v", err)
	}

	b.pid = b.cmd.Process.Pid
	b.ns, err = os.Open(fmt.Sprintf("/proc/%d/ns/net", b.pid))
	require.NoError(t, err)
	t.Cleanup(b.end)
	return b
}

// serveMain is the process of newUserBox.
func serveMain() {
	if err := serve(nil, "0.0.0.0:7300", "user"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	io.Copy(io.Discard, os.Stdin)
	os.Exit(0)
}

// The error names the two programs when neither is there.
func TestNoHelper(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	if _, err := findHelper(); err == nil {
		t.Skip("a helper is in /usr/sbin or /usr/local/sbin")
	}
	s := &state{}
	_, _, _, err := s.planUser(AttachRequest{ContainerID: "x"})
	require.ErrorContains(t, err, "install one")
}

func TestPastaPorts(t *testing.T) {
	list := []PortMapping{{HostPort: 8080, ContainerPort: 80, Proto: "tcp"},
		{HostIP: "127.0.0.1", HostPort: 1, ContainerPort: 2, Proto: "tcp"}}
	require.Equal(t, []string{"--tcp-ports", "8080:80", "--tcp-ports", "127.0.0.1/1:2"}, pastaPorts("tcp", list))
	require.Equal(t, []string{"--udp-ports", "none"}, pastaPorts("udp", list))
}

func TestHelperThatIgnoresSIGTERM(t *testing.T) {
	command := exec.Command("sh", "-c", "trap '' TERM; echo ready; while :; do sleep 1; done") // needs SIGKILL
	out, err := command.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, command.Start())
	_, err = io.ReadFull(out, make([]byte, 6))
	require.NoError(t, err)
	stat, err := proc.ReadStat(command.Process.Pid)
	require.NoError(t, err)
	require.NoError(t, (&Helper{Program: "sh", Pid: command.Process.Pid, PidStart: stat.Start}).stop())
	command.Wait()
	require.NoError(t, (&Helper{Pid: command.Process.Pid, PidStart: stat.Start}).stop(), "gone already")
}
