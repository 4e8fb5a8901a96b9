package plainjson

import (
	"encoding/json"
	"math/rand"
	"reflect"
	"strings"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// document has everything that a configuration is made of.
const document = `{
	"ociVersion": "1.2.0", "hostname": "h", "unknown": [1, {"a": [true, null]}, "x\"y", -3],
	"process": {"terminal": true, "consoleSize": {"height": 40, "width": 100}, "user": {"uid": 1000, "gid": 7,
		"umask": 18, "additionalGids": [5, 6]}, "args": ["sh", "-c", "echo \"é\" \u0026 <x>"], "env": [], "cwd": "/",
		"capabilities": {"bounding": ["CAP_KILL"], "ambient": null}, "oomScoreAdj": -500,
		"rlimits": [{"type": "RLIMIT_NOFILE", "hard": 18446744073709551615, "soft": 1024}], "noNewPrivileges": false},
	"root": {"path": "rootfs", "readonly": true}, "annotations": {"a": "1", "b": "é"},
	"mounts": [{"destination": "/proc", "type": "proc", "source": "proc"},
		{"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"]}],
	"linux": {"namespaces": [{"type": "pid"}, {"type": "network", "path": "/proc/1/ns/net"}],
		"sysctl": {"net.ipv4.ip_forward": "1"}, "timeOffsets": {"monotonic": {"secs": 7, "nanosecs": 1}},
		"resources": {"devices": [{"allow": false, "access": "rwm"}], "memory": {"limit": 100000000, "swap": -1},
			"cpu": {"shares": 1024, "cpus": "0-1"}, "pids": {"limit": 50}, "unified": {"memory.high": "1"}},
		"seccomp": {"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 1, "architectures": ["SCMP_ARCH_X86_64"],
			"syscalls": [{"names": ["read", "write"], "action": "SCMP_ACT_ALLOW",
				"args": [{"index": 0, "value": 2080505856, "op": "SCMP_CMP_MASKED_EQ"}]}]}}}
`

// plain reads with this package alone.
func plain(t testing.TB, text string, into interface{}) bool {
	d := decoder{text: text}
	return d.value(reflect.ValueOf(into).Elem(), 0) && d.next() == 0 && d.at == len(d.text)
}

func TestConfigurationIsPlain(t *testing.T) {
	var ours, theirs specs.Spec
	require.True(t, plain(t, document, &ours), "everything of a configuration is read without encoding/json")
	require.NoError(t, json.Unmarshal([]byte(document), &theirs))
	assert.Equal(t, theirs, ours)
	assert.NotNil(t, ours.Process.Env, "an empty list is a list")

	_, ok := appendValue(nil, reflect.ValueOf(ours))
	assert.True(t, ok)
	mine, err := Marshal(&ours)
	require.NoError(t, err)
	whole, err := json.Marshal(&theirs)
	require.NoError(t, err)
	assert.Equal(t, string(whole), string(mine))
}

// same fails if this package takes a document for something else than encoding/json does.
func same(t testing.TB, text string) {
	var ours, theirs specs.Spec
	if !plain(t, text, &ours) {
		return
	}
	require.NoError(t, json.Unmarshal([]byte(text), &theirs), text)
	require.Equal(t, theirs, ours, text)
}

func TestMistakesAreNotTaken(t *testing.T) {
	for _, text := range []string{``, `{`, `{}x`, `[]`, `null`, `"x"`, `{"hostname": 1}`, `{"hostname": "a" "b"}`, `{"hostname": "a",}`,
		`{hostname: "a"}`, `{"Hostname": "a"}`, `{"root": {"path": "a"}, "root": {"readonly": true}}`,
		`{"mounts": [{"type": "a"}], "mounts": [{"source": "b"}]}`, `{"mounts": [,]}`, `{"mounts": [{} {}]}`, `{"mounts": [{},]}`,
		`{"process": {"oomScoreAdj": 01}}`, `{"process": {"oomScoreAdj": 1.0}}`, `{"process": {"oomScoreAdj": 1e2}}`,
		`{"process": {"oomScoreAdj": +1}}`, `{"process": {"oomScoreAdj": -}}`, `{"process": {"user": {"uid": -1}}}`,
		`{"process": {"user": {"uid": 4294967296}}}`, `{"hostname": "` + "\x01" + `"}`, `{"hostname": "\x"}`, `{"hostname": null}`,
		`{"annotations": {"a": "1", "a": "2"}}`, `{"x": ` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}`,
		`{"process": {"args": ["` + "\xff" + `"]}}`, `{"x": tru}`, `{"x": 1..2}`, `{"x": "\ud800"}`, "{\"x\": 1}\v"} {
		same(t, text)

		var ours, theirs specs.Spec
		err, want := Unmarshal([]byte(text), &ours), json.Unmarshal([]byte(text), &theirs)
		assert.Equal(t, want, err, text)
		assert.Equal(t, theirs, ours, text)
	}
}

// TestDamagedDocuments changes a few bytes at random, thousands of times.
func TestDamagedDocuments(t *testing.T) {
	random := rand.New(rand.NewSource(1))
	const bytes = `{}[]",:\ tfn0-1.eaé`
	for i := 0; i < 20000; i++ {
		text := []byte(document)
		for n := random.Intn(3) + 1; n > 0; n-- {
			at := random.Intn(len(text))
			switch random.Intn(3) {
			case 0:
				text[at] = bytes[random.Intn(len(bytes))]
			case 1:
				text = append(text[:at], text[at+1:]...)
			case 2:
				end := at + random.Intn(len(text)-at)
				text = append(text[:end:end], text[at:]...)
			}
		}
		same(t, string(text))
	}
}

func TestOtherTypesAreLeftToTheLibrary(t *testing.T) {
	type record struct {
		At    time.Time   `json:"at"`
		Any   interface{} `json:"any,omitempty"`
		Data  []byte      `json:"data"`
		Plain string
		Float float64 `json:"float"`
	}
	want := record{time.Unix(1, 2).UTC(), map[string]interface{}{"a": 1.5}, []byte("x"), "p", 1.5}
	data, err := Marshal(want)
	require.NoError(t, err)
	theirs, err := json.Marshal(want)
	require.NoError(t, err)
	assert.Equal(t, string(theirs), string(data))

	var got record
	require.NoError(t, Unmarshal(data, &got))
	assert.Equal(t, want, got)
}

func FuzzUnmarshal(f *testing.F) {
	f.Add(document)
	f.Fuzz(func(t *testing.T, text string) { same(t, text) })
}
