package main

import (
	"bufio"
	"fmt"
	"io"
	"math/rand"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// A host that nobody prepared: none of the programs is installed that other engines call. Rules
// are written through netlink, the image is made of what is there.

// These are the programs, with the daemons of an ordinary user's network.
var helpers = []string{"iptables", "iptables-save", "iptables-restore", "nft", "busybox", "newuidmap", "newgidmap",
	"slirp4netns", "pasta", "fuse-overlayfs"}

// hideHelpers covers them, wherever PATH or the engine's own list of places has them.
func hideHelpers(t *testing.T) {
	shell, err := exec.LookPath("sh")
	require.NoError(t, err)
	shell, err = filepath.EvalSymlinks(shell)
	require.NoError(t, err)

	places := append(filepath.SplitList(os.Getenv("PATH")), "/usr/sbin", "/sbin", "/usr/local/sbin")
	covered := map[string]bool{shell: true} // a host whose shell is busybox keeps it

	for _, name := range helpers {
		for _, place := range places {
			path, err := filepath.EvalSymlinks(filepath.Join(place, name))
			if err != nil || covered[path] {
				continue
			}

			require.NoError(t, unix.Mount("/dev/null", path, "", unix.MS_BIND, ""))
			t.Cleanup(func() { require.NoError(t, unix.Unmount(path, 0)) })
			covered[path] = true
		}

		if path, err := exec.LookPath(name); err == nil {
			path, err = filepath.EvalSymlinks(path)
			require.NoError(t, err)
			require.Equal(t, shell, path, "%s is still there", name)
		}
	}
}

// unprepared is an engine with empty directories on such a host.
func unprepared(t *testing.T) {
	if _, err := ourTables(); err != nil {
		t.Skipf("this kernel has no nf_tables: %v", err)
	}
	quietHost(t)
	hideHelpers(t)

	directory := filepath.Join(work, "unprepared")
	t.Setenv("MYDOCKER_ROOT", filepath.Join(directory, "root"))
	t.Setenv("MYDOCKER_STATE", filepath.Join(directory, "state"))
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(directory)) })
	requireNoTraces(t) // of earlier tests
}

// ourTables lists the tables of nf_tables that are the engine's.
func ourTables() (tables []string, err error) {
	request := nl.NewNetlinkRequest(unix.NFNL_SUBSYS_NFTABLES<<8|unix.NFT_MSG_GETTABLE, unix.NLM_F_DUMP)
	request.AddData(&nl.Nfgenmsg{NfgenFamily: unix.AF_UNSPEC})
	answers, err := request.Execute(unix.NETLINK_NETFILTER, 0)
	if err != nil {
		return nil, err
	}

	for _, answer := range answers {
		attributes, err := nl.ParseRouteAttr(answer[nl.SizeofNfgenmsg:])
		if err != nil {
			return nil, err
		}
		for _, a := range attributes {
			if name := string(a.Value); a.Attr.Type == unix.NFTA_TABLE_NAME && strings.HasPrefix(name, "MYDOCKER") {
				tables = append(tables, name)
			}
		}
	}
	return tables, nil
}

// traces is what the engine has on the host: tables, interfaces, mounts, processes, cgroups of the
// containers that the record of events knows.
func traces(t *testing.T) string {
	tables, err := ourTables()
	require.NoError(t, err)
	list := tables
	for _, name := range interfaces(t) {
		if strings.HasPrefix(name, "mydocker") || strings.HasPrefix(name, "md-") || strings.HasPrefix(name, "veth") {
			list = append(list, name)
		}
	}
	for _, pid := range processes() {
		command, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		list = append(list, fmt.Sprintf("process %d %q", pid, command))
	}

	if left := mounts(t); left != "" {
		for _, line := range strings.Split(left, "\n") {
			if strings.Contains(line, "/unprepared/") {
				list = append(list, line)
			}
		}
	}
	if left := cgroupsIn(filepath.Join(os.Getenv("MYDOCKER_STATE"), "events"), "", 0); left != "" {
		list = append(list, left)
	}

	sort.Strings(list)
	return strings.Join(list, "\n")
}

// requireNoTraces gives the engine's last acts their time: a bridge lingers for a second.
func requireNoTraces(t *testing.T) {
	t.Helper()
	left := ""
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if left = traces(t); left == "" {
			return
		}
	}
	require.Empty(t, left, "is left on the host after 20 s")
}

// processes are those of this PID namespace: the engine's, and its containers'. This test program,
// as itself and in its roles, is not among them; a zombie has no program.
func processes() (pids []int) {
	ours, _ := os.Readlink("/proc/self/exe")
	links, _ := filepath.Glob("/proc/[0-9]*/exe")
	for _, link := range links {
		if target, err := os.Readlink(link); err == nil && target != ours {
			if pid, err := strconv.Atoi(strings.Split(link, "/")[2]); err == nil {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

// Containers and other hosts that send and answer are this test program in another role.
const talkVariable = "MYDOCKER_TEST_TALK"

func talk(role string) {
	fail := func(err error) {
		if err != nil {
			fmt.Fprintln(os.Stderr, "talk:", err)
			os.Exit(1)
		}
	}

	words := strings.Fields(role)
	switch words[0] {
	case "serve":
		listener, err := net.Listen("tcp4", words[1])
		fail(err)
		for {
			conn, err := listener.Accept()
			fail(err)
			fmt.Fprintln(conn, "hello")
			conn.Close()
		}

	case "ask":
		answer, err := ask(words[1])
		fail(err)
		fmt.Print(answer)

	case "neighbour": // another host: ADDRESS/PREFIX for its interface, then it asks whom it is told to
		input := bufio.NewScanner(os.Stdin)
		input.Scan() // the wire is there
		link, err := netlink.LinkByName("wire")
		fail(err)
		address, err := netlink.ParseAddr(words[1])
		fail(err)
		fail(netlink.AddrAdd(link, address))
		fail(netlink.LinkSetUp(link))
		for fmt.Println("ready"); input.Scan(); {
			answer, err := ask(input.Text())
			fmt.Printf("%q %v\n", answer, err)
		}
	}
}

// ask returns what the server at the address says.
func ask(address string) (string, error) {
	conn, err := net.DialTimeout("tcp4", address, 5*time.Second)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	answer, err := io.ReadAll(conn)
	return string(answer), err
}

// neighbour is another host on a wire: it asks an address and says how that went.
func neighbour(t *testing.T, ours, its string) (asks func(address string) string) {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), talkVariable+"=neighbour "+its)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, start(cmd))
	t.Cleanup(func() {
		stdin.Close()
		finish(cmd)
	})

	require.NoError(t, netlink.LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "wire0"},
		PeerName: "wire", PeerNamespace: netlink.NsPid(cmd.Process.Pid)}))
	link, err := netlink.LinkByName("wire0")
	require.NoError(t, err)
	t.Cleanup(func() { netlink.LinkDel(link) })
	address, err := netlink.ParseAddr(ours)
	require.NoError(t, err)
	require.NoError(t, netlink.AddrAdd(link, address))
	require.NoError(t, netlink.LinkSetUp(link))

	lines := bufio.NewScanner(stdout)
	tell := func(line string) string {
		fmt.Fprintln(stdin, line)
		require.True(t, lines.Scan(), "the other host has ended")
		return lines.Text()
	}
	require.Equal(t, "ready", tell("up"))
	return tell
}

// TestNothingInstalled: the README's command, and a published port from every side.
func TestNothingInstalled(t *testing.T) {
	unprepared(t)
	require.Contains(t, must(t, "run", "--rm", "host", "sh", "-c", `echo "hello from pid $$"; ls /`), "hello from pid 1\n")

	self, err := os.Executable()
	require.NoError(t, err)
	talker := func(role string, flags ...string) []string {
		args := append([]string{"run", "-v", self + ":/talk:ro", "-e", talkVariable + "=" + role}, flags...)
		return append(args, "host", "/talk")
	}
	remove(t, "web")
	must(t, talker("serve 0.0.0.0:80", "-d", "--name", "web", "-p", "18081:80", "-p", "127.0.0.1:18082:80")...)
	tables, err := ourTables()
	require.NoError(t, err)
	require.Len(t, tables, 1, "the rules are in a table of ours")

	// From the host itself, over loopback and over another address of its own.
	asks := neighbour(t, "198.18.9.1/24", "198.18.9.2/24")
	eventually(t, "the server answers", func() bool {
		answer, err := ask("127.0.0.1:18081")
		return err == nil && answer == "hello\n"
	})
	for _, address := range []string{"198.18.9.1:18081", "127.0.0.1:18082"} {
		answer, err := ask(address)
		require.NoError(t, err, address)
		require.Equal(t, "hello\n", answer, address)
	}

	// From another container: on its network by name and around by the host; from another network.
	require.Equal(t, "hello", must(t, talker("ask 198.18.9.1:18081", "--rm")...))
	address := must(t, "inspect", "-f", "{{.NetworkSettings.IPAddress}}", "web")
	require.Equal(t, "hello", must(t, talker("ask "+address+":80", "--rm")...))
	must(t, "network", "create", "apart")
	require.Equal(t, "hello", must(t, talker("ask 198.18.9.1:18081", "--rm", "--network", "apart")...))
	r := docker(talker("ask "+address+":80", "--rm", "--network", "apart")...)
	require.Equal(t, 1, r.code, "networks are isolated: %s%s", r.out, r.err)
	must(t, "network", "rm", "apart")

	// From another host; but what is published on 127.0.0.1 is not for it.
	require.Equal(t, `"hello\n" <nil>`, asks("198.18.9.1:18081"))
	require.NotContains(t, asks("198.18.9.1:18082"), "hello")

	must(t, "rm", "-f", "web")
	requireNoTraces(t)
}

// TestKilledWithNothingInstalled kills the client, a supervisor, an init or what the network waits
// in at random moments: the next command clears up, tables and links included.
func TestKilledWithNothingInstalled(t *testing.T) {
	kills := 50
	if n, err := strconv.Atoi(os.Getenv("MYDOCKER_KILLS")); err == nil {
		kills = n
	}

	unprepared(t)
	line := []string{"run", "--rm", "--name", "victim", "-p", "18081:80", "-v", "kept:/kept", "host", "sleep", "0.05"}
	must(t, line...)
	begin := time.Now()
	must(t, line...)
	span := time.Since(begin)
	random := rand.New(rand.NewSource(2))
	killed := map[string]int{}

	for i := 0; i < kills; i++ {
		if i%2 == 1 {
			line[1] = "-d"
		} else {
			line[1] = "--rm"
		}
		cmd := exec.Command(binary, line...)
		require.NoError(t, start(cmd))
		time.Sleep(time.Duration(random.Int63n(int64(span))))

		victims := processes()
		if len(victims) == 0 || i%3 == 0 {
			victims = []int{cmd.Process.Pid}
		}
		victim := victims[random.Intn(len(victims))]
		command, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", victim))
		killed[filepath.Base(strings.Split(string(command), "\x00")[0])]++
		unix.Kill(victim, unix.SIGKILL)
		finish(cmd)

		docker("rm", "-f", "victim")
		must(t, "ps", "-a") // clears up what had no name yet
		require.Empty(t, must(t, "ps", "-aq"))
	}

	t.Logf("killed: %v", killed)
	must(t, "run", "--rm", "host", "true") // also a bridge that lingered and lost the process that waited for it
	requireNoTraces(t)
}
