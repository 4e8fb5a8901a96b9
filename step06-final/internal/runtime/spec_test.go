package runtime

import (
	"encoding/json"
	"mydocker/step06-final/internal/containerinit"
	"mydocker/step06-final/internal/reexec"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

func TestParseSpecNamesTheMistake(t *testing.T) {
	for text, want := range map[string]string{
		`{"ociVersion": 1}`:                         "ociVersion must be string, not number",
		"{\n\"process\": {\n\"args\": \"sh\"}}":     "line 3: process.args must be []string",
		"{\n\"root\": {\"path\": \"x\"},\n}":        "line 3: invalid character",
		`{"process": {"user": {"uid": -1}}}`:        "uid must be uint32",
		`{"linux": {"resources": {"memory": "1g"}}`: "line 1:",
		"":   "line 1: unexpected end",
		"[]": "must be an object, not array",
	} {
		_, err := ParseSpec([]byte(text))
		assert.ErrorContains(t, err, want, text)
	}
}

func FuzzParseSpec(f *testing.F) {
	f.Add([]byte(`{"ociVersion":"1.0.2","root":{"path":"r"},"process":{"args":["sh"],"cwd":"/"},"linux":{"namespaces":[{"type":"pid"}]}}`))

	f.Fuzz(func(t *testing.T, data []byte) {
		spec, err := ParseSpec(data)
		if err != nil || validateSpec(spec) != nil || spec.Process == nil {
			return
		}
		if _, err := planRlimits(spec.Process); err != nil {
			return
		}

		for _, m := range spec.Mounts {
			parseMountOptions(m.Options)
		}
		if _, err := json.Marshal(spec); err != nil {
			t.Fatal(err)
		}
	})
}

func TestMountOptions(t *testing.T) {
	o := parseMountOptions([]string{"rbind", "ro", "nosuid", "suid", "rslave", "rro", "rnoatime", "tmpcopyup",
		"size=1m", "mode=755"})
	assert.EqualValues(t, unix.MS_BIND|unix.MS_REC|unix.MS_RDONLY, o.flags)
	assert.Equal(t, []uintptr{unix.MS_SLAVE | unix.MS_REC}, o.propagation)
	assert.EqualValues(t, unix.MOUNT_ATTR_RDONLY|unix.MOUNT_ATTR_NOATIME, o.set)
	assert.EqualValues(t, unix.MOUNT_ATTR__ATIME, o.unset)
	assert.True(t, o.copyUp)
	assert.Equal(t, "size=1m,mode=755", o.data)
}

func TestSysctlNamespaces(t *testing.T) {
	for key, want := range map[string]specs.LinuxNamespaceType{"net.core.somaxconn": "network",
		"net/ipv4/conf/eth0.1/mtu": "network", "kernel.shmmax": "ipc",
		"fs.mqueue.msg_max": "ipc", "kernel.domainname": "uts", "kernel.panic": "", "vm.swappiness": "", "net/../kernel/panic": ""} {
		kind, _ := sysctlNamespace(key)
		assert.Equal(t, want, kind, key)
	}
	assert.Equal(t, "net/ipv4/conf/eth0.1/mtu", sysctlPath("net.ipv4.conf.eth0/1.mtu"))
}

func TestIDs(t *testing.T) {
	for _, id := range []string{"a", "A-1_b+c.d"} {
		assert.NoError(t, checkID(id))
	}
	for _, id := range []string{"", ".", "..", "a/b", "ä", "a b", "a\n"} {
		assert.Error(t, checkID(id), id)
	}
}

func TestOverlappingMappings(t *testing.T) {
	m := func(c, h, s uint32) specs.LinuxIDMapping {
		return specs.LinuxIDMapping{ContainerID: c, HostID: h, Size: s}
	}
	assert.NoError(t, checkMappings("f", []specs.LinuxIDMapping{m(0, 100, 10), m(10, 110, 10)}))
	assert.ErrorContains(t, checkMappings("f", []specs.LinuxIDMapping{m(0, 100, 10), m(9, 200, 1)}), "f[1]")
	assert.ErrorContains(t, checkMappings("f", []specs.LinuxIDMapping{m(0, 100, 10), m(20, 109, 1)}), "overlaps")
	assert.NoError(t, checkMappings("f", []specs.LinuxIDMapping{m(0, 0, 1<<32-1)}))
}

func TestBitSet(t *testing.T) {
	mask, err := bitSet("0-2,9")
	require.NoError(t, err)
	assert.Equal(t, []byte{7, 2}, mask[:2])
	for _, bad := range []string{"x", "3-1", "1,,2", "99999"} {
		_, err := bitSet(bad)
		assert.Error(t, err, bad)
	}
}

func TestVersions(t *testing.T) {
	for _, good := range []string{"1.0.0", "1.0.2-dev", "1.2.1", "1.0.0-rc5"} {
		major, ok := majorVersion(good)
		assert.True(t, ok && major == 1, good)
	}
	for _, bad := range []string{"1.x", "1", "1.2", "1.2.3.4", "v1.0.0", "1.0.", "-1.0.0"} {
		_, ok := majorVersion(bad)
		assert.False(t, ok, bad)
	}
}

func TestNoID(t *testing.T) {
	p := specs.Process{Args: []string{"true"}, Cwd: "/"}
	require.NoError(t, validateProcess(&p))
	p.User.UID = 1<<32 - 1 // setresuid(2) would change nothing: the program would be root
	assert.ErrorContains(t, validateProcess(&p), "process.user.uid")
	p.User = specs.User{GID: 1<<32 - 1}
	assert.ErrorContains(t, validateProcess(&p), "process.user.gid")
	p.User = specs.User{AdditionalGids: []uint32{1, 1<<32 - 1}}
	assert.ErrorContains(t, validateProcess(&p), "process.user.additionalGids[1]")
}

func TestStepsNameTheirField(t *testing.T) {
	for op, want := range map[string]string{containerinit.OpMount: " (config.json: mounts)",
		containerinit.OpHostname: "", containerinit.OpSysctl: " (config.json: linux.sysctl)", "": ""} {
		failure := &reexec.Failure{Op: op, Object: "/x", Text: unix.ENODEV.Error(), Errno: unix.ENODEV}
		prefix := op + ": "
		if op == "" {
			prefix = ""
		}
		assert.EqualError(t, stepError(failure), "set up the container: "+prefix+"/x: no such device"+want)
	}
}
