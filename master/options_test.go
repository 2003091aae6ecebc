package master

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"stathub/state"
	"stathub/state/memstore"
)

func TestParseOptions(t *testing.T) {
	home := t.TempDir()
	env := func(vars map[string]string) func(string) string {
		return func(name string) string {
			if name == "HOME" {
				return home
			}
			return vars[name]
		}
	}
	o, err := ParseOptions(nil, env(nil))
	if err != nil || o.ServerPort != 51026 || o.ServerAddress != "127.0.0.1" || o.StoreDirectory != filepath.Join(home, ".stat_server") ||
		!strings.HasSuffix(o.StateURL, "/.stat_server/state") || !strings.HasPrefix(o.StateURL, "file:///") {
		t.Errorf("defaults: %+v, %v", o, err)
	}
	o, err = ParseOptions([]string{"--server.port=7", "--elastic.http.port=51027", "--store.directory", "/data"}, env(map[string]string{"STATHUB_STATE_UNSAFE": "true"}))
	if err != nil || o.ServerPort != 7 || !o.StateUnsafe || o.StateURL != "file:///data/state" || len(o.Elastic) != 1 {
		t.Errorf("flags: %+v, %v", o, err)
	}
	for _, args := range [][]string{{"--server.port=x"}, {"--server.port=70000"}, {"--sever.port=1"}, {"--elastic.tcp.port=x"}, {"--events.keep.days=-1"}, {"--node.timeout=0s"}, {"--master.name=a b"}, {"--freeze.percent=0"}, {"--freeze.percent=101"}, {"--freeze.nodes=0"}, {"stray"}} {
		if _, err := ParseOptions(args, env(nil)); state.CodeOf(err) != state.Invalid {
			t.Errorf("%v: %v", args, err)
		}
	}
	if _, err := ParseOptions(nil, func(string) string { return "" }); err == nil || !strings.Contains(err.Error(), "--store.directory") {
		t.Errorf("without a home directory: %v", err)
	}
}

func TestMainAnswers(t *testing.T) {
	none := func(string) string { return "" }
	for _, c := range []struct {
		args             []string
		code             int
		stdout, complain string
	}{
		{[]string{"--help"}, 0, "--state.url", ""},
		{[]string{"--version"}, 0, Version, ""},
		{[]string{"--state.ulr=x"}, 2, "", "did you mean --state.url?"},
		{[]string{"--state.url=nope://x", "--server.port=0"}, 1, "", "unknown scheme"},
		{[]string{"--state.url=mem://", "--server.port=0", "--sign.key=/nowhere/key"}, 1, "", "--sign.key: cannot use the secret key /nowhere/key"},
		{[]string{"--state.url=mem://", "--server.port=0", "--trust.key=RWx"}, 1, "", "without --sign.key"},
	} {
		var stdout, stderr bytes.Buffer
		if code := Main(c.args, none, &stdout, &stderr); code != c.code || !strings.Contains(stdout.String(), c.stdout) || !strings.Contains(stderr.String(), c.complain) {
			t.Errorf("%v: exit status %d, %q, %q", c.args, code, stdout.String(), stderr.String())
		}
	}
}

func TestPortInUse(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	port := l.Addr().(*net.TCPAddr).Port
	err = Run(t.Context(), Options{Store: memstore.New(), ServerPort: port, Log: slog.New(slog.DiscardHandler)})
	if err == nil || !strings.Contains(err.Error(), strconv.Itoa(port)) || !strings.Contains(err.Error(), "--server.port") {
		t.Errorf("Run = %v", err)
	}
}

// careless is a store that ignores conditions.
type careless struct{ *memstore.Store }

func (s careless) Put(ctx context.Context, key string, body io.ReadSeeker, _ state.Condition) (state.ETag, error) {
	return s.Store.Put(ctx, key, body, state.Condition{})
}

func TestCarelessStoreIsRefused(t *testing.T) {
	o := Options{Store: careless{memstore.New()}, Log: slog.New(slog.DiscardHandler)}
	if err := Run(t.Context(), o); state.CodeOf(err) != state.Unsupported || !strings.Contains(err.Error(), "--state.unsafe") {
		t.Errorf("Run = %v", err)
	}
	ctx, stop := context.WithCancel(t.Context())
	o.StateUnsafe, o.Started = true, func(net.Addr) { stop() }
	if err := Run(ctx, o); err != nil {
		t.Errorf("with --state.unsafe Run = %v", err)
	}
}
