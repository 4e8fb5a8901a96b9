package dockerfile

import (
	"encoding/json"
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/require"

	"mydocker/step06-final/internal/spec"
)

func TestChange(t *testing.T) {
	for line, want := range map[string]Config{
		`CMD ["a b", "c"]`:      {ImageConfig: v1.ImageConfig{Cmd: []string{"a b", "c"}}, hasCmd: true},
		`CMD a "b c"`:           {ImageConfig: v1.ImageConfig{Cmd: []string{"/bin/sh", "-c", `a "b c"`}}, hasCmd: true},
		`ENTRYPOINT ["e"]`:      {ImageConfig: v1.ImageConfig{Entrypoint: []string{"e"}}},
		`ENV A=1 B="x y"`:       {ImageConfig: v1.ImageConfig{Env: []string{"A=1", "B=x y"}}},
		`ENV OLD form of it`:    {ImageConfig: v1.ImageConfig{Env: []string{"OLD=form of it"}}},
		`LABEL a.b="c" d=e`:     {ImageConfig: v1.ImageConfig{Labels: map[string]string{"a.b": "c", "d": "e"}}},
		`EXPOSE 80 90/UDP`:      {ImageConfig: v1.ImageConfig{ExposedPorts: map[string]struct{}{"80/tcp": {}, "90/udp": {}}}},
		`EXPOSE 80-82`:          {ImageConfig: v1.ImageConfig{ExposedPorts: map[string]struct{}{"80/tcp": {}, "81/tcp": {}, "82/tcp": {}}}},
		`VOLUME ["/a", "/b"]`:   {ImageConfig: v1.ImageConfig{Volumes: map[string]struct{}{"/a": {}, "/b": {}}}},
		`USER me`:               {ImageConfig: v1.ImageConfig{User: "me"}},
		`WORKDIR a/../b`:        {ImageConfig: v1.ImageConfig{WorkingDir: "/b"}},
		`STOPSIGNAL SIGINT`:     {ImageConfig: v1.ImageConfig{StopSignal: "SIGINT"}},
		`SHELL ["x"]`:           {Shell: []string{"x"}},
		`ONBUILD COPY a b`:      {OnBuild: []string{"COPY a b"}},
		`HEALTHCHECK NONE`:      {Healthcheck: &spec.Healthcheck{Test: []string{"NONE"}}},
		`HEALTHCHECK CMD ["x"]`: {Healthcheck: &spec.Healthcheck{Test: []string{"CMD", "x"}}},
	} {
		var c Config
		require.NoError(t, c.Change(line), line)
		require.Equal(t, want, c, line)
	}

	for _, line := range []string{"", "FROM x", "RUN x", "NONSENSE", "ENV A", "EXPOSE 0", "EXPOSE 99999",
		"EXPOSE 1/x", "SHELL x", "USER", "HEALTHCHECK x", "HEALTHCHECK NONE x", "HEALTHCHECK --bad=1 CMD y", "HEALTHCHECK --timeout=1us CMD y", "ENV --bad=1 A=b", "HEALTHCHECK CMD", "MAINTAINER me",
		"HEALTHCHECK --interval=x CMD y", "CMD a\nCMD b", "ENV =x", `CMD [1, 2]`, "WORKDIR", "ONBUILD",
		"ONBUILD FROM x", "ONBUILD ONBUILD RUN x", "onbuild maintainer me", "STOPSIGNAL SIGFLY", "STOPSIGNAL 99", "VOLUME", "VOLUME []", "EXPOSE",
		"EXPOSE 9-8", "EXPOSE 80/"} {
		var c Config
		require.Error(t, c.Change(line), "%q", line)
	}
}

// ENTRYPOINT forgets the CMD of the base, and a setting does not change what another image shares
// with it.
func TestChangesDoNotLeak(t *testing.T) {
	base := Config{ImageConfig: v1.ImageConfig{Cmd: []string{"c"}, Env: []string{"A=1"},
		Labels: map[string]string{"a": "b"}}}
	copied := base
	for _, line := range []string{`ENTRYPOINT ["e"]`, "ENV A=2", "LABEL a=c", "EXPOSE 1", "VOLUME /x"} {
		require.NoError(t, copied.Change(line))
	}
	require.Nil(t, copied.Cmd)
	require.Equal(t, []string{"A=1"}, base.Env)
	require.Equal(t, "b", base.Labels["a"])
}

// CMD and ENTRYPOINT of one stage may come in either order; a CMD of the base is forgotten with
// its entrypoint.
func TestEntrypointAndCmd(t *testing.T) {
	var stage Config
	require.NoError(t, stage.Change(`CMD ["a"]`))
	require.NoError(t, stage.Change(`ENTRYPOINT ["echo"]`))
	require.Equal(t, []string{"a"}, stage.Cmd)

	next := stage.Inherited()
	require.NoError(t, next.Change(`ENTRYPOINT ["printf"]`))
	require.Nil(t, next.Cmd)
	require.Equal(t, []string{"a"}, stage.Cmd)
}

// The JSON is docker's: the fields of image-spec and docker's own beside each other.
func TestJSON(t *testing.T) {
	data, err := json.Marshal(Config{ImageConfig: v1.ImageConfig{User: "u"}, Shell: []string{"s"}})
	require.NoError(t, err)
	require.JSONEq(t, `{"User":"u","Shell":["s"]}`, string(data))
}

func TestExpand(t *testing.T) {
	list, err := Parse([]byte("# escape=`\nFROM x\nCOPY --chown=$U ${A:-d} \"$B\" '$B' `$B /\n"))
	require.NoError(t, err)
	out, err := list[1].Expand([]string{"B=old", "U=me", "B=new"})
	require.NoError(t, err)
	require.Equal(t, []string{"d", "new", "$B", "$B", "/"}, out.Args)
	require.Equal(t, "me", out.Flag("chown"))
	require.Error(t, list[1].CheckFlags("from"))
	require.NoError(t, list[1].CheckFlags("chown"))
}

func FuzzParse(f *testing.F) {
	f.Add("FROM x AS y\nRUN <<E\na\nE\nENV a=b\nONBUILD RUN x\nHEALTHCHECK CMD x\n")
	f.Fuzz(func(t *testing.T, text string) {
		list, err := Parse([]byte(text))
		if err != nil {
			return
		}
		var c Config
		for _, in := range list {
			if expanded, err := in.Expand([]string{"a=b"}); err == nil {
				if _, err := c.Apply(expanded); err != nil {
					continue
				}
			}
		}
	})
}
