package main

import (
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"stathub/agent"
	"stathub/master"
)

// compose is what the test reads of compose.yaml (the Compose Specification).
type compose struct {
	Services map[string]struct {
		Image       string            `yaml:"image"`
		Command     []string          `yaml:"command"`
		Environment map[string]string `yaml:"environment"`
		DependsOn   map[string]any    `yaml:"depends_on"`
		Ports       []string          `yaml:"ports"`
		Volumes     []string          `yaml:"volumes"`
	} `yaml:"services"`
	Volumes map[string]any `yaml:"volumes"`
}

// There is no Docker where the tests run: what can be checked without is that the file hangs together, and that our
// programs understand what it tells them.
func TestCompose(t *testing.T) {
	text, err := os.ReadFile("compose.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var file compose
	if err := yaml.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	programs := 0
	for name, s := range file.Services {
		if first, _, nested := strings.Cut(s.Image, "/"); s.Image == "" || nested && strings.ContainsAny(first, ".:") {
			t.Errorf("%s: image %q", name, s.Image)
		}
		for other := range s.DependsOn {
			if _, ok := file.Services[other]; !ok {
				t.Errorf("%s depends on %s, which is not there", name, other)
			}
		}
		for _, port := range s.Ports {
			if !strings.HasPrefix(port, "127.0.0.1:") {
				t.Errorf("%s publishes %s to everybody", name, port)
			}
		}
		for _, v := range s.Volumes {
			if volume, _, _ := strings.Cut(v, ":"); !slices.Contains(keys(file.Volumes), volume) {
				t.Errorf("%s: volume %s is not declared", name, volume)
			}
		}
		getenv := func(name string) string { return s.Environment[name] }
		switch s.Command[0] {
		case "stathub-master":
			programs++
			o, err := master.ParseOptions(s.Command[1:], getenv)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			file.checkBucket(t, o.StateURL, s.Environment)
		case "stathub-agent":
			programs++
			o, err := agent.ParseOptions(s.Command[1:], getenv)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			u, err := url.Parse(strings.Join(o.Masters, ","))
			if err != nil || !slices.Contains(file.Services[u.Hostname()].Ports, "127.0.0.1:51026:"+u.Port()) {
				t.Errorf("%s asks %s, where no master is: %v", name, o.Masters, err)
			}
			if o.NodeID != s.Environment["STATHUB_NODE_ID"] || len(o.NodeTags) < 2 {
				t.Errorf("%s: node %s, tags %q", name, o.NodeID, o.NodeTags)
			}
		}
	}
	if programs != 3 {
		t.Errorf("%d services are programs of ours, want a master and two agents", programs)
	}
}

// checkBucket compares what the master is told of its bucket with what the other services make.
func (c *compose) checkBucket(t *testing.T, stateURL string, env map[string]string) {
	t.Helper()
	u, err := url.Parse(stateURL)
	if err != nil {
		t.Fatal(err)
	}
	endpoint, err := url.Parse(u.Query().Get("endpoint"))
	if err != nil {
		t.Fatal(err)
	}
	server := c.Services[endpoint.Hostname()]
	if !slices.Contains(server.Ports, "127.0.0.1:9000:"+endpoint.Port()) {
		t.Errorf("no service listens at %s", endpoint)
	}
	user, password := server.Environment["MINIO_ROOT_USER"], server.Environment["MINIO_ROOT_PASSWORD"]
	if env["AWS_ACCESS_KEY_ID"] != user || env["AWS_SECRET_ACCESS_KEY"] != password || len(user) < 3 || len(password) < 8 {
		t.Error("the master's credentials are not those of the server")
	}
	made := strings.Join(c.Services["bucket"].Command, " ")
	for _, part := range []string{endpoint.String(), user, password, "/" + u.Host} {
		if !strings.Contains(made, part) {
			t.Errorf("the bucket is made by %q, without %s", made, part)
		}
	}
}

func keys[V any](m map[string]V) (all []string) {
	for k := range m {
		all = append(all, k)
	}
	return all
}
