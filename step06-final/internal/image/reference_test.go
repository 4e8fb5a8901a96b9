package image

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseReference(t *testing.T) {
	digest := "sha256:" + strings.Repeat("0a", 32)

	for in, want := range map[string][2]string{ // full name, short name
		"busybox":                        {"docker.io/library/busybox:latest", "busybox:latest"},
		"busybox:1.36":                   {"docker.io/library/busybox:1.36", "busybox:1.36"},
		"me/app":                         {"docker.io/me/app:latest", "me/app:latest"},
		"docker.io/busybox":              {"docker.io/library/busybox:latest", "busybox:latest"},
		"index.docker.io/library/a":      {"docker.io/library/a:latest", "a:latest"},
		"localhost/app:v_1":              {"localhost/app:v_1", "localhost/app:v_1"},
		"localhost:5000/a/b/c":           {"localhost:5000/a/b/c:latest", "localhost:5000/a/b/c:latest"},
		"reg.example.com:80/x@" + digest: {"reg.example.com:80/x@" + digest, "reg.example.com:80/x@" + digest},
		"busybox:1@" + digest:            {"docker.io/library/busybox@" + digest, "busybox@" + digest},
		"a--b/c__d.e":                    {"docker.io/a--b/c__d.e:latest", "a--b/c__d.e:latest"},
		"[::1]:5000/x":                   {"[::1]:5000/x:latest", "[::1]:5000/x:latest"},
	} {
		ref, err := ParseReference(in)
		require.NoError(t, err, in)
		require.Equal(t, want, [2]string{ref.String(), ref.Familiar()}, in)
	}

	for _, in := range []string{
		"", " ", "A", "a b", "-a", "a-", "a/", "/a", "a//b", "a:", "a:" + strings.Repeat("t", 129), "a@sha256:12", "a@md5:" + strings.Repeat("0", 64),
		"a..b", "../a", "a/../b", "a:b:c", "exa_mple.com/x", "x:y/z:w/q", strings.Repeat("a", 300), strings.Repeat("0", 64), "a\x00b", "ä", "a:t\n",
	} {
		_, err := ParseReference(in)
		require.Error(t, err, "%q", in)
	}
}

func TestRemoteName(t *testing.T) {
	ref, err := ParseReference("reg.example.com/x:1")
	require.NoError(t, err)
	_, err = ref.remote(true)
	require.ErrorContains(t, err, "between 2 and 255", "a limit of the registry client")
	ref, err = ParseReference("reg.example.com/xx:1")
	require.NoError(t, err)
	remote, err := ref.remote(true)
	require.NoError(t, err)
	require.Equal(t, "http", remote.Context().Scheme())
	remote, err = ref.remote(false)
	require.NoError(t, err)
	require.Equal(t, "https", remote.Context().Scheme())
}

func FuzzParseReference(f *testing.F) {
	f.Add("localhost:5000/a/b:c@sha256:" + strings.Repeat("0a", 32))
	f.Add("busybox")

	f.Fuzz(func(t *testing.T, s string) {
		ref, err := ParseReference(s)
		if err != nil {
			return
		}

		again, err := ParseReference(ref.String())
		require.NoError(t, err)
		require.Equal(t, ref.String(), again.String())
		again, err = ParseReference(ref.Familiar())
		require.NoError(t, err)
		require.Equal(t, ref.String(), again.String(), "the short name means the same")
		require.NotContains(t, "/"+ref.Path+"/", "/../")
		if _, err := ref.remote(false); err != nil {
			require.NotContains(t, err.Error(), "panic")
		}
	})
}
