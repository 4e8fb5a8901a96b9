package network

import (
	"bufio"
	"fmt"
	"io"
	"math/rand"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// attachMain is another process of the engine. Arguments in the environment: the directories, a
// prefix for ids, how many containers, and whether to do it once, with a pause while all are
// attached, or until killed.
func attachMain() {
	count, err := strconv.Atoi(os.Getenv("COUNT"))
	if err == nil {
		var m *Manager
		m, err = Open(os.Getenv("DATA"), os.Getenv("STATE"))
		for once := false; err == nil && !once; once = os.Getenv("ONCE") != "" {
			err = attachMany(m, os.Getenv("PREFIX"), count)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// attachMany attaches all containers in parallel, prints their addresses, waits until standard
// input ends, detaches all.
func attachMany(m *Manager, prefix string, count int) error {
	open := make(chan *os.File, count)
	defer func() {
		for len(open) > 0 {
			(<-open).Close()
		}
	}()
	results := make(chan error, count)

	inParallel := func(f func(id string) error) error {
		for i := 0; i < count; i++ {
			go func(i int) { results <- f(fmt.Sprintf("%s%03d", prefix, i)) }(i)
		}

		var first error
		for i := 0; i < count; i++ {
			if err := <-results; err != nil && first == nil {
				first = err
			}
		}
		return first
	}

	err := inParallel(func(id string) error {
		ns, err := newNamespace()
		if err != nil {
			return err
		}

		path := fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), ns.Fd())
		open <- ns // until the container is detached, as its process would keep it
		e, err := m.Attach(AttachRequest{ContainerID: id, NetNS: path,
			Ports: []PortMapping{{ContainerPort: 80, Proto: "tcp"}}})
		if err == nil {
			fmt.Printf("%s %d\n", e.IP, e.Ports[0].HostPort)
		}
		return err
	})
	if err != nil {
		return err
	}

	io.Copy(io.Discard, os.Stdin)
	return inParallel(func(id string) error { return m.Detach(id, "") })
}

// newNamespace is a network namespace without a process, held by the descriptor.
func newNamespace() (*os.File, error) {
	type result struct {
		ns  *os.File
		err error
	}
	made := make(chan result)

	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends
		host, err := os.Open(fmt.Sprintf("/proc/self/task/%d/ns/net", unix.Gettid()))
		if err == nil {
			defer host.Close()
			err = unix.Unshare(unix.CLONE_NEWNET)
		}
		if err != nil {
			made <- result{nil, err}
			return
		}

		ns, err := os.Open(fmt.Sprintf("/proc/self/task/%d/ns/net", unix.Gettid()))
		unix.Setns(int(host.Fd()), unix.CLONE_NEWNET)
		made <- result{ns, err}
	}()
	r := <-made

	return r.ns, r.err
}

func otherEngine(m *Manager, prefix string, count int) *exec.Cmd {
	data, state := dirs(m)
	command := exec.Command("/proc/self/exe")
	command.Env = append(os.Environ(), roleVariable+"=attach", "DATA="+data, "STATE="+state, "PREFIX="+prefix,
		fmt.Sprintf("COUNT=%d", count))
	command.Stderr = os.Stderr
	return command
}

// dirs are the engine's directories of a manager.
func dirs(m *Manager) (data, state string) {
	return strings.TrimSuffix(m.dataDir, "/network"), strings.TrimSuffix(m.stateDir, "/network")
}

// Two hundred containers come in parallel, from ten processes, are all there at once, and go in
// parallel: no address or port is given twice, and no address, rule or interface is left.
func TestTwoHundredInParallel(t *testing.T) {
	m := manager(t)
	before := hostState(t)
	var engines []*exec.Cmd
	var stdins []io.Closer
	lines := make(chan string)

	for i := 0; i < 10; i++ {
		other := otherEngine(m, fmt.Sprintf("p%d-", i), 20)
		other.Env = append(other.Env, "ONCE=1")
		stdin, err := other.StdinPipe()
		require.NoError(t, err)
		stdout, err := other.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, other.Start())
		engines, stdins = append(engines, other), append(stdins, stdin)
		go func() {
			for scanner := bufio.NewScanner(stdout); scanner.Scan(); {
				lines <- scanner.Text()
			}
			lines <- ""
		}()
	}

	addresses, hostPorts := map[string]bool{}, map[string]bool{}
	for i := 0; i < 200; i++ {
		words := strings.Fields(<-lines)
		require.Len(t, words, 2, "an engine has failed")
		addresses[words[0]], hostPorts[words[1]] = true, true
	}

	require.Len(t, addresses, 200)
	require.Len(t, hostPorts, 200)
	for i, other := range engines {
		require.NoError(t, stdins[i].Close())
		defer func(other *exec.Cmd) { require.NoError(t, other.Wait()) }(other)
	}

	for range engines {
		require.Empty(t, <-lines)
	}

	require.Eventually(t, func() bool {
		s, err := m.load()
		return err == nil && len(s.endpoints) == 0 && hostState(t) == before
	}, time.Minute, 20*time.Millisecond)
}

// SIGKILL at any point: Repair puts everything right, and the next container gets the first
// address.
func TestKilledAnywhere(t *testing.T) {
	m := manager(t)
	before := hostState(t)
	seed := time.Now().UnixNano()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewSource(seed))

	for i := 0; i < 40; i++ {
		other := otherEngine(m, "killed-", 2)
		require.NoError(t, other.Start())
		// the point of the kill, not a wait for something
		time.Sleep(time.Duration(20+random.Intn(100)) * time.Millisecond)
		require.NoError(t, other.Process.Kill())
		other.Wait()
		if i%2 == 0 {
			require.NoError(t, m.Repair(nil))
			require.Equal(t, before, hostState(t))
		}

		b := newBox(t)
		e := b.attach(m, AttachRequest{ContainerID: b.id, Ports: ports(t, "8080:80")})
		if i%2 == 0 {
			require.Equal(t, "172.28.0.2", e.IP.String())
		}

		require.NoError(t, m.Detach(b.id, ""))
		b.end()
	}
}

// A kill between the creation of a bridge and its alias: Repair removes it, by its name and its
// hardware address. A bridge of that name which somebody else made has another address, and stays.
func TestRepairRemovesAHalfMadeBridge(t *testing.T) {
	m := manager(t)
	before := hostState(t)
	_, err := m.Create(CreateOptions{Name: "red"})
	require.NoError(t, err)
	b := newBox(t)
	b.attach(m, AttachRequest{ContainerID: b.id})
	b.end()
	require.NoError(t, m.Repair(nil))
	require.Equal(t, before, hostState(t))

	for _, name := range []string{"bridge", "red"} {
		details, err := m.Inspect(name)
		require.NoError(t, err)
		attributes := netlink.NewLinkAttrs()
		attributes.Name, attributes.HardwareAddr = details.Bridge, macOf(net.ParseIP(details.Gateway))
		require.NoError(t, netlink.LinkAdd(&netlink.Bridge{LinkAttrs: attributes}))
		require.NoError(t, m.Repair(nil))
		require.Equal(t, before, hostState(t), name)

		attributes.HardwareAddr = net.HardwareAddr{2, 0, 0, 0, 0, 9}
		foreign := &netlink.Bridge{LinkAttrs: attributes}
		require.NoError(t, netlink.LinkAdd(foreign))
		require.NoError(t, m.Repair(nil))
		require.NotEqual(t, before, hostState(t), name)
		require.NoError(t, netlink.LinkDel(foreign))
	}
}

// A container that died without a Detach: the next Attach takes its address, port and name back.
func TestDeadContainerIsReleased(t *testing.T) {
	m := manager(t)
	a, b := newBox(t), newBox(t)
	e := a.attach(m, AttachRequest{Ports: ports(t, "8080:80")})
	a.end()
	again := b.attach(m, AttachRequest{Ports: ports(t, "8080:80")})
	require.Equal(t, e.IP, again.IP)
	list, err := m.Endpoints(a.id)
	require.NoError(t, err)
	require.Empty(t, list)
}

// A container that another command starts while Repair is on its way is not in Repair's list, and
// stays attached.
func TestRepairSparesTheLiving(t *testing.T) {
	m := manager(t)
	a := newBox(t)
	a.attach(m, AttachRequest{})
	require.NoError(t, m.Repair(nil))
	list, err := m.Endpoints(a.id)
	require.NoError(t, err)
	require.Len(t, list, 1)
	a.end()
	require.NoError(t, m.Repair(map[string]bool{a.id: true}))
	list, err = m.Endpoints(a.id)
	require.NoError(t, err)
	require.Empty(t, list)
}

// A list of endpoints cut short at every length: what is attached is found again in the kernel,
// no address is given twice.
func TestEndpointsFileCutShort(t *testing.T) {
	m := manager(t)
	a := newBox(t)
	e := a.attach(m, AttachRequest{})
	whole, err := os.ReadFile(m.endpointsFile())
	require.NoError(t, err)
	for _, length := range []int{0, 1, len(whole) / 2, len(whole) - 1} {
		require.NoError(t, os.WriteFile(m.endpointsFile(), whole[:length], 0o600))
		list, err := m.Endpoints(a.id)
		require.NoError(t, err)
		require.Len(t, list, 1, "cut at %d", length)
		require.Equal(t, e.IP.String(), list[0].IP.String())
		require.Equal(t, e.HostVeth, list[0].HostVeth)
	}

	b := newBox(t)
	other := b.attach(m, AttachRequest{})
	require.NotEqual(t, e.IP.String(), other.IP.String())
	_, err = os.Stat(m.endpointsFile() + ".corrupt")
	require.NoError(t, err, "the damaged file is kept")
	require.NoError(t, m.Detach(a.id, ""))
}

// A list of networks cut short is an error that names the file; nothing is overwritten.
func TestNetworksFileCutShort(t *testing.T) {
	m := manager(t)
	_, err := m.Create(CreateOptions{Name: "red"})
	require.NoError(t, err)
	whole, err := os.ReadFile(m.networksFile())
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(m.networksFile(), whole[:len(whole)/2], 0o600))
	_, err = m.List()
	require.ErrorContains(t, err, m.networksFile())
	now, err := os.ReadFile(m.networksFile())
	require.NoError(t, err)
	require.Equal(t, whole[:len(whole)/2], now)
	require.NoError(t, os.WriteFile(m.networksFile(), whole, 0o600))
}

// Interfaces and rules whose endpoint nobody knows any more.
func TestRepairRemovesStrays(t *testing.T) {
	m := manager(t)
	before := hostState(t)
	a := newBox(t)
	a.attach(m, AttachRequest{Ports: ports(t, "8080:80")})
	require.NoError(t, os.Remove(m.endpointsFile()))
	require.NotEqual(t, before, hostState(t))
	require.NoError(t, m.Repair(map[string]bool{a.id: true}))
	require.Equal(t, before, hostState(t))
}

// Somebody flushed the rules (a firewall was reloaded): Repair, and every Attach, writes them
// again.
func TestRulesFlushedByOthers(t *testing.T) {
	eachFirewall(t, func(t *testing.T, m *Manager) {
		a := newBox(t)
		a.attach(m, AttachRequest{Ports: ports(t, "8080:80")})
		a.serve(80, "a")
		f, isIptables := m.firewall.(*iptables)
		flush := func() {
			if !isIptables {
				require.NoError(t, m.nftables().replace(rules{}))
				return
			}
			for _, table := range []string{"raw", "nat", "filter"} {
				require.NoError(t, f.apply("*"+table+"\n-F\n-X\nCOMMIT\n"))
			}
		}
		flush()
		_, err := askHost("tcp", "127.0.0.1:8080")
		require.Error(t, err)

		require.NoError(t, m.Repair(map[string]bool{a.id: true}))
		answer, err := askHost("tcp", "127.0.0.1:8080")
		require.NoError(t, err)
		require.Equal(t, "a 172.28.0.1", answer)
		flush()
		newBox(t).attach(m, AttachRequest{})
		_, err = askHost("tcp", "127.0.0.1:8080")
		require.NoError(t, err)
	})
}

// The rules cannot be written: the attempt leaves nothing, and says why.
func TestRulesFail(t *testing.T) {
	m := manager(t)
	before := hostState(t)
	m.firewall = &brokenFirewall{}
	a := newBox(t)
	_, err := m.Attach(AttachRequest{ContainerID: a.id, Pid: a.pid})
	require.ErrorContains(t, err, "broken on purpose")
	require.Equal(t, before, hostState(t))
	links := 0
	require.NoError(t, inNetNS(a.ns, func() error {
		list, err := netlink.LinkList()
		links = len(list)
		return err
	}))
	m.firewall = nil
	require.Equal(t, 1, links, "only lo is in the container")
}

type brokenFirewall struct{ iptables }

func (*brokenFirewall) replace(r rules) error {
	if len(r.bridges) == 0 {
		return nil
	}
	return fmt.Errorf("broken on purpose")
}

// A kernel without the table: the error says what to load.
func TestKernelWithoutTables(t *testing.T) {
	m := manager(t)
	before := hostState(t)
	dir := t.TempDir()
	complaint := "iptables-restore: can't initialize iptables table raw: Table does not exist (do you need to insmod?)"
	require.NoError(t, os.WriteFile(dir+"/restore", []byte("#!/bin/sh\necho \""+complaint+"\" >&2\nexit 3\n"), 0o755))
	require.NoError(t, os.WriteFile(dir+"/save", []byte("#!/bin/sh\n"), 0o755))
	m.firewall = &iptables{save: dir + "/save", restore: dir + "/restore", suffix: m.suffix}
	a := newBox(t)
	_, err := m.Attach(AttachRequest{ContainerID: a.id, Pid: a.pid})
	m.firewall = nil
	require.ErrorContains(t, err, "modprobe iptable_raw")
	require.Equal(t, before, hostState(t))
}

// iptables 1.4.21, as CentOS 7 has it: iptables-restore knows no -w, and fails when others change
// the table.
func TestOldIptables(t *testing.T) {
	m := manager(t)
	path, err := findProgram("iptables-restore")
	if err != nil {
		t.Skip("iptables is not installed")
	}

	dir := t.TempDir()
	script := fmt.Sprintf(`#!/bin/sh
for a; do [ "$a" != -w ] || { echo "iptables-restore: invalid option -- 'w'" >&2; exit 2; }; done
[ -e %[1]s/busy ] || { : > %[1]s/busy; echo "iptables-restore: line 3 failed: Resource temporarily unavailable." >&2; exit 4; }
exec %[2]s "$@"
`, dir, path)
	require.NoError(t, os.WriteFile(dir+"/iptables-restore", []byte(script), 0o755))
	m.firewall = &iptables{save: strings.Replace(path, "restore", "save", 1), restore: dir + "/iptables-restore",
		suffix: m.suffix}
	a := newBox(t)
	a.attach(m, AttachRequest{Ports: ports(t, "8080:80")})
	a.serve(80, "a")
	answer, err := askHost("tcp", "127.0.0.1:8080")
	require.NoError(t, err)
	require.Equal(t, "a 172.28.0.1", answer)
	require.NoError(t, m.Detach(a.id, ""))
}

// A full disk: an error that says so before anything has changed; what is attached can still be
// detached afterwards.
func TestFullDisk(t *testing.T) {
	m := manager(t)
	_, state := dirs(m)
	require.NoError(t, unix.Mount("tmpfs", state, "tmpfs", 0, "size=64k"))
	t.Cleanup(func() { require.NoError(t, unix.Unmount(state, 0)) })
	a, b := newBox(t), newBox(t)
	a.attach(m, AttachRequest{Ports: ports(t, "8080:80")})
	filler, err := os.Create(state + "/filler")
	require.NoError(t, err)
	defer filler.Close()
	for err = error(nil); err == nil; {
		_, err = filler.Write(make([]byte, 4096))
	}

	require.ErrorIs(t, err, unix.ENOSPC)
	before := hostState(t)
	_, err = m.Attach(AttachRequest{ContainerID: b.id, Pid: b.pid})
	require.ErrorContains(t, err, "is the disk full?")
	require.Equal(t, before, hostState(t))
	require.ErrorContains(t, m.Detach(a.id, ""), "is the disk full?")
	require.NoError(t, filler.Truncate(0))
	require.NoError(t, m.Detach(a.id, ""))
	list, err := m.Endpoints(a.id)
	require.NoError(t, err)
	require.Empty(t, list)
}

// A data directory that cannot be written.
func TestReadOnlyDirectory(t *testing.T) {
	m := manager(t)
	data, _ := dirs(m)
	require.NoError(t, unix.Mount("tmpfs", data, "tmpfs", unix.MS_RDONLY, ""))
	defer func() { require.NoError(t, unix.Unmount(data, 0)) }()
	_, err := m.Create(CreateOptions{Name: "red"})
	require.ErrorContains(t, err, "read-only")
	a := newBox(t)
	_, err = m.Attach(AttachRequest{ContainerID: a.id, Pid: a.pid})
	require.ErrorContains(t, err, "read-only")
}
