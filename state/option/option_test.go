package option

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"stathub/state"
)

type settings struct {
	Port    int
	Address string
	Stop    bool
	Every   time.Duration
	Tags    []string
	Cap     state.Bytes
}

func table(v *settings) *Set {
	s := New("prog")
	s.Int(&v.Port, "server.port", 51025, "port")
	s.String(&v.Address, "server.address", "127.0.0.1", "address")
	s.Bool(&v.Stop, "stop.on.exit", false, "stop")
	s.Duration(&v.Every, "poll", 2*time.Second, "poll")
	s.Bytes(&v.Cap, "cap", "1KiB", "cap")
	s.Strings(&v.Tags, "node.tags", nil, "tags")
	return s
}

func TestParse(t *testing.T) {
	defaults := settings{Port: 51025, Address: "127.0.0.1", Every: 2 * time.Second, Cap: 1024}
	with := func(f func(*settings)) settings { v := defaults; f(&v); return v }
	tests := []struct {
		name string
		args []string
		env  map[string]string
		file string
		want settings
		err  string
	}{
		{name: "defaults", want: defaults},
		{name: "equals sign", args: []string{"--server.port=1"}, want: with(func(v *settings) { v.Port = 1 })},
		{name: "separate value", args: []string{"--server.port", "1"}, want: with(func(v *settings) { v.Port = 1 })},
		{name: "value that starts with a dash", args: []string{"--server.port", "-1"}, want: with(func(v *settings) { v.Port = -1 })},
		{name: "value with an equals sign", args: []string{"--server.address=a=b"}, want: with(func(v *settings) { v.Address = "a=b" })},
		{name: "empty value", args: []string{"--server.address="}, want: with(func(v *settings) { v.Address = "" })},
		{name: "last flag wins", args: []string{"--server.port=1", "--server.port=2"}, want: with(func(v *settings) { v.Port = 2 })},
		{name: "bool alone", args: []string{"--stop.on.exit"}, want: with(func(v *settings) { v.Stop = true })},
		{name: "bool off", args: []string{"--stop.on.exit=false"}, env: map[string]string{"STATHUB_STOP_ON_EXIT": "true"}, want: defaults},
		{name: "list", args: []string{"--node.tags=a, b,,c"}, want: with(func(v *settings) { v.Tags = []string{"a", "b", "c"} })},
		{name: "seconds", args: []string{"--poll=0.5"}, want: with(func(v *settings) { v.Every = time.Second / 2 })},
		{name: "size", args: []string{"--cap=1.5MiB"}, want: with(func(v *settings) { v.Cap = 3 << 19 })},
		{name: "variable", env: map[string]string{"STATHUB_SERVER_PORT": "7"}, want: with(func(v *settings) { v.Port = 7 })},
		{name: "file nested", file: "server:\n  port: 8\nnode:\n  tags: [x, y]\n",
			want: with(func(v *settings) { v.Port = 8; v.Tags = []string{"x", "y"} })},
		{name: "file dotted", file: "server.port: 8\npoll: 1m\nstop.on.exit: true\n",
			want: with(func(v *settings) { v.Port = 8; v.Every = time.Minute; v.Stop = true })},
		{name: "file empty", file: "# nothing\n", want: defaults},
		{name: "file with nulls", file: "server:\nnode.tags:\n", want: defaults},
		{name: "flag over variable over file", args: []string{"--server.port=1"}, file: "server.port: 3\npoll: 9s\nserver.address: f\n",
			env:  map[string]string{"STATHUB_SERVER_PORT": "2", "STATHUB_SERVER_ADDRESS": "e"},
			want: with(func(v *settings) { v.Port = 1; v.Address = "e"; v.Every = 9 * time.Second })},
		{name: "unknown flag", args: []string{"--server.prot=1"}, err: "did you mean --server.port?"},
		{name: "unknown and far", args: []string{"--zzzzzzzz"}, err: "--help lists"},
		{name: "positional", args: []string{"start"}, err: `unexpected argument "start"`},
		{name: "one dash", args: []string{"-server.port=1"}, err: "unexpected argument"},
		{name: "no value", args: []string{"--server.port"}, err: "needs a value"},
		{name: "no value before a flag", args: []string{"--server.port", "--poll=1s"}, err: "needs a value"},
		{name: "bad number", args: []string{"--server.port=x"}, err: `--server.port: must be a whole number, not "x"`},
		{name: "bad variable", env: map[string]string{"STATHUB_POLL": "-1s"}, err: "STATHUB_POLL: must be a time"},
		{name: "bad file value", file: "server:\n  port: x\n", err: "line 2 column 9: server.port: must be a whole number"},
		{name: "unknown in file", file: "server:\n  prot: 1\n", err: `unknown option "server.prot": did you mean server.port?`},
		{name: "not a mapping", file: "[1]\n", err: "want names and values"},
		{name: "not YAML", file: "a: b: c\n", err: "cannot read the configuration"},
		{name: "too deep", file: "server.port: {a: 1}\n", err: "want number"},
		{name: "missing file", args: []string{"--config=/does/not/exist"}, err: "cannot read the configuration"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			args := tt.args
			if tt.file != "" {
				path := filepath.Join(t.TempDir(), "c.yaml")
				if err := os.WriteFile(path, []byte(tt.file), 0o600); err != nil {
					t.Fatal(err)
				}
				args = append([]string{"--config", path}, args...)
			}
			var got settings
			err := table(&got).Parse(args, func(n string) string { return tt.env[n] })
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) || state.CodeOf(err) != state.Invalid {
					t.Fatalf("error %v (code %s), want %q", err, state.CodeOf(err), tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

func TestGiven(t *testing.T) {
	var v settings
	s := table(&v)
	if err := s.Parse([]string{"--server.port=51025"}, func(string) string { return "" }); err != nil {
		t.Fatal(err)
	}
	if !s.Given("server.port") || s.Given("server.address") {
		t.Error("Given does not tell what was given")
	}
}

func TestHelpAndVersion(t *testing.T) {
	for arg, want := range map[string]error{"--help": ErrHelp, "-h": ErrHelp, "--version": ErrVersion} {
		var v settings
		if err := table(&v).Parse([]string{arg}, func(string) string { return "" }); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", arg, err, want)
		}
	}
	var v settings
	usage := table(&v).Usage()
	for _, want := range []string{"--server.port=number", "STATHUB_NODE_TAGS", "51025", "--config", "--version"} {
		if !strings.Contains(usage, want) {
			t.Errorf("usage lacks %q:\n%s", want, usage)
		}
	}
}
