package agent

import (
	"bytes"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"stathub/state"
)

func TestParseOptions(t *testing.T) {
	home := t.TempDir()
	getenv := func(vars map[string]string) func(string) string {
		return func(name string) string {
			if name == "HOME" {
				return home
			}
			return vars[name]
		}
	}
	o, err := ParseOptions(nil, getenv(nil))
	if err != nil {
		t.Fatal(err)
	}
	if o.ServerPort != 51025 || o.ServerAddress != "127.0.0.1" || o.StoreDirectory != filepath.Join(home, ".stat_agent") ||
		!o.Standalone() || o.NodeID == "" || o.poll() != 2*time.Second || o.Heartbeat != 10*time.Second || o.StopOnExit || o.CacheMaxBytes != 10<<30 {
		t.Errorf("defaults: %+v", o)
	}
	if got := o.stateURL(); got != "file://"+filepath.ToSlash(filepath.Join(home, ".stat_agent", "state")) {
		t.Errorf("bucket %s", got)
	}
	o, err = ParseOptions([]string{"--master.address", "http://m:51026", "--node.tags=ssd,zone:1"},
		getenv(map[string]string{"STATHUB_SERVER_PORT": "7", "STATHUB_NODE_ID": "n1"}))
	if err != nil || o.stateURL() != "http://m:51026" || o.Standalone() || o.ServerPort != 7 || o.NodeID != "n1" ||
		len(o.NodeTags) != 2 || o.poll() != 5*time.Second {
		t.Errorf("with a master: %+v, %v", o, err)
	}
	for arg, want := range map[string]string{
		"--server.port=70000": "--server.port", "--node.id=a/b": "--node.id", "--master.address=m:51026": "--master.address",
		"--agent.address=ftp://x": "--agent.address", "--cache.max.bytes=lots": "such as 512MiB", "--node.tags=a,a": "listed twice", "--node.idd=x": "did you mean --node.id?",
	} {
		if _, err := ParseOptions([]string{arg}, getenv(nil)); err == nil || !strings.Contains(err.Error(), want) ||
			state.CodeOf(err) != state.Invalid && state.CodeOf(err) != state.Nonsense {
			t.Errorf("%s: %v, want %q", arg, err, want)
		}
	}
	if _, err := ParseOptions(nil, func(string) string { return "" }); err == nil || !strings.Contains(err.Error(), "--store.directory") {
		t.Errorf("without a home: %v", err)
	}
}

func TestMainAnswers(t *testing.T) {
	none := func(string) string { return "" }
	for _, tt := range []struct {
		args           []string
		code           int
		stdout, stderr string
	}{
		{[]string{"--help"}, 0, "--master.address", ""},
		{[]string{"--version"}, 0, "stathub-agent " + Version, ""},
		{[]string{"--prot=1"}, 2, "", "unknown option --prot"},
		{[]string{"--store.directory=/dev/null/x"}, 1, "", "cannot make the store directory"},
	} {
		var stdout, stderr bytes.Buffer
		code := Main(tt.args, none, &stdout, &stderr)
		if code != tt.code || !strings.Contains(stdout.String(), tt.stdout) || !strings.Contains(stderr.String(), tt.stderr) {
			t.Errorf("%v: exit code %d\n%s\n%s", tt.args, code, &stdout, &stderr)
		}
	}
}

func TestAddress(t *testing.T) {
	bound := func(ip string) net.Addr { return &net.TCPAddr{IP: net.ParseIP(ip), Port: 99} }
	if got := (&Options{AgentAddress: "http://a:1"}).address(bound("127.0.0.1")); got != "http://a:1" {
		t.Error(got)
	}
	if got := (&Options{}).address(bound("10.1.2.3")); got != "http://10.1.2.3:99" {
		t.Error(got)
	}
	if got := (&Options{}).address(bound("::")); strings.Contains(got, "[::]") || !strings.HasSuffix(got, ":99") {
		t.Error(got)
	}
}
