package main

import (
	"bufio"
	"bytes"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// rule bans imports of one part of the tree, with the reason. Patterns match a package and everything below it.
type rule struct {
	from   string
	except []string // below from, but free to import it
	banned string
	only   []string // below banned, but allowed
	reason string
}

var rules = []rule{
	{from: "stathub/master", banned: "stathub/agent", reason: "master and agent meet in the bucket"},
	{from: "stathub/agent", banned: "stathub/master", reason: "master and agent meet in the bucket"},
	{from: "stathub/agent", banned: "stathub/scheduler", reason: "placement is the master's"},
	{from: "stathub", except: []string{"stathub/localstack"}, banned: "stathub/localstack", reason: "nobody imports the local stack"},
	{from: "stathub/state", banned: "stathub", only: []string{"stathub/state"}, reason: "documents and stores stand below everything"},
	{from: "stathub/scheduler", banned: "stathub", only: []string{"stathub/state", "stathub/scheduler"}, reason: "placement is pure"},
	{from: "stathub/agent/converge", banned: "stathub", only: []string{"stathub/state", "stathub/agent/converge"}, reason: "the diff is pure"},
	{from: "stathub/state/schedule", banned: "stathub", only: []string{"stathub/state/schedule", "stathub/state"}, reason: "one job each"},
	{from: "stathub/state/series", banned: "stathub", only: []string{"stathub/state"}, reason: "numbers over time, whoever measures them"},
	{from: "stathub/agent/stats", banned: "stathub", only: []string{"stathub/state", "stathub/agent/host", "stathub/agent/stats"}, reason: "it keeps what is measured; others show it"},
	{from: "stathub/agent/console", banned: "stathub/agent", only: []string{"stathub/agent/console", "stathub/agent/httpapi", "stathub/agent/crash", "stathub/agent/standalone"}, reason: "pages only show"},
	{from: "stathub/master/stats", banned: "stathub", only: []string{"stathub/state", "stathub/master/stats"}, reason: "it keeps what nodes tell; others show it"},
	{from: "stathub/master/httpapi", banned: "stathub/master/console", reason: "the API knows of no pages"},
	{from: "stathub/master/console", banned: "stathub/master/httpapi", reason: "pages only show; what people do on them is a request to the API"},
	{from: "stathub/agent/artifact", banned: "stathub", only: []string{"stathub/state", "stathub/agent/artifact"}, reason: "one job each"},
	{from: "stathub/agent/health", banned: "stathub", only: []string{"stathub/state", "stathub/agent/health"}, reason: "one job each"},
	{from: "stathub/agent/logs", banned: "stathub", only: []string{"stathub/state", "stathub/agent/logs"}, reason: "one job each"},
	{from: "stathub/agent/events", banned: "stathub", only: []string{"stathub/state", "stathub/agent/events"}, reason: "one job each"},
	{from: "stathub/agent/bucket", banned: "stathub", only: []string{"stathub/state", "stathub/agent/bucket"}, reason: "it routes requests; what they say is the others' job"},
	{from: "stathub/agent/crash", banned: "stathub", only: []string{"stathub/state", "stathub/agent/host", "stathub/agent/logs", "stathub/agent/crash"}, reason: "one job each"},
	{from: "stathub/agent/standalone", banned: "stathub", only: []string{"stathub/state", "stathub/agent/standalone"}, reason: "it edits documents; what becomes of them is the others' job"},
	{from: "stathub/agent/proc", banned: "stathub", only: []string{"stathub/state", "stathub/agent/proc"}, reason: "what differs by system knows nothing of the agent"},
	{from: "stathub/agent/host", banned: "stathub", only: []string{"stathub/state", "stathub/agent/host"}, reason: "what differs by system knows nothing of the agent"},
	{from: "stathub/web", banned: "stathub", only: []string{"stathub/state", "stathub/web"}, reason: "pages show documents; they do not fetch them"},
	{from: "stathub/master", except: []string{"stathub/master/console"}, banned: "stathub/web", only: []string{"stathub/web/rest", "stathub/web/live"}, reason: "pages are the console's"},
	{from: "stathub/web/live", banned: "stathub", only: []string{"stathub/state", "stathub/web/live", "stathub/web/rest"}, reason: "it tells that something changed, not what"},
	{from: "stathub", except: []string{"stathub/state/blobstore"}, banned: "gocloud.dev", reason: "state/blobstore is the only importer of gocloud.dev"},
	{from: "stathub", except: []string{"stathub/master/index"}, banned: "github.com/blevesearch/bleve", reason: "master/index is the only importer of bleve"},
	{from: "stathub", except: []string{"stathub/state/signature"}, banned: "aead.dev/minisign", reason: "state/signature is the only importer of minisign"},
	{from: "stathub", except: []string{"stathub/state/circuit"}, banned: "github.com/sony/gobreaker", reason: "state/circuit is the only importer of gobreaker"},
	{from: "stathub", except: []string{"stathub/localstack/faults"}, banned: "github.com/Shopify/toxiproxy", reason: "faults are for tests and the local stack"},
	{from: "stathub/state/schema", banned: "stathub", only: []string{"stathub/state", "stathub/state/schema"}, reason: "documents are told of by those who show them"},
	{from: "stathub", except: []string{"stathub/web"}, banned: "github.com/aymanbagabas/go-udiff", reason: "package web is the only importer of udiff"},
	{from: "stathub", banned: "github.com/santhosh-tekuri/jsonschema", reason: "schemas are checked by tests alone"},
	{from: "stathub", except: []string{"stathub/localstack/console"}, banned: "github.com/chromedp", reason: "browsers are for tests"},
	{from: "stathub/state/metric", banned: "stathub", only: []string{"stathub/state/metric"}, reason: "numbers know nothing of what they count"},
	{from: "stathub/localstack/faults", banned: "stathub", only: []string{"stathub/state", "stathub/localstack/faults"}, reason: "it breaks ways, whoever goes them"},
	{from: "stathub/localstack/fleet", banned: "stathub/master", reason: "agents that are simulated meet a master in the bucket, too"},
	{from: "stathub", banned: "encoding/json", reason: "documents go through state.Encode and state.Decode"},
	{from: "stathub/scheduler", banned: "os", reason: "placement is pure"},
	{from: "stathub/master/query", banned: "stathub", only: []string{"stathub/state", "stathub/master/query"}, reason: "syntax alone"},
	{from: "stathub/master/index", banned: "stathub", only: []string{"stathub/state", "stathub/master/query", "stathub/master/index"}, reason: "it searches whatever it is given"},
	{from: "stathub/master/suggest", banned: "stathub", only: []string{"stathub/master/query", "stathub/master/index", "stathub/master/suggest"}, reason: "it reads an index and nothing else"},
	{from: "stathub/master/journal", banned: "stathub", only: []string{"stathub/state", "stathub/master/query", "stathub/master/index", "stathub/master/journal"}, reason: "events have nothing to do with what is decided"},
	{from: "stathub/master/control", banned: "stathub/master", only: []string{"stathub/master/control", "stathub/master/index", "stathub/master/query", "stathub/master/liveness", "stathub/master/history"}, reason: "decisions do not know who asks"},
	{from: "stathub/master/history", banned: "stathub", only: []string{"stathub/state", "stathub/scheduler", "stathub/master/history"}, reason: "it keeps what was; others decide by it"},
	{from: "stathub/master/lease", banned: "stathub", only: []string{"stathub/state", "stathub/master/lease"}, reason: "who leads has nothing to do with what is decided"},
	{from: "stathub/master/mirror", banned: "stathub", only: []string{"stathub/state", "stathub/master/mirror"}, reason: "it answers agents; what is decided is the others' job"},
	{from: "stathub/master/liveness", banned: "stathub", only: []string{"stathub/state", "stathub/master/liveness"}, reason: "who is alive is judged by heartbeats alone"},
	{from: "stathub/master/airgap", banned: "stathub", only: []string{"stathub/state", "stathub/master/index", "stathub/master/query", "stathub/master/airgap"}, reason: "folders are carried without a master"},
	{from: "stathub/master/cli", banned: "stathub", only: []string{"stathub/state", "stathub/master/airgap", "stathub/master/cli"}, reason: "the command line works on a bucket alone"},
	{from: "stathub/master/liveness", banned: "os", reason: "the judgement is pure"},
	{from: "stathub", except: []string{"stathub/scheduler/sim"}, banned: "stathub/scheduler/sim", reason: "the simulator is for tests"},
	{from: "stathub/agent/converge", banned: "os", reason: "the diff is pure"},
	{from: "stathub/state/schedule", banned: "os", reason: "times are worked out from what is given"},
	{from: "stathub/scheduler", banned: "log/slog", reason: "placement is pure"},
	{from: "stathub/agent/converge", banned: "log/slog", reason: "the diff is pure"},
}

func TestImportRules(t *testing.T) {
	var stderr bytes.Buffer
	cmd := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, "stathub/...")
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}
	var packages []string
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		packages = append(packages, fields[0])
		for _, imported := range fields[1:] {
			for _, r := range rules {
				if r.bans(fields[0], imported) {
					t.Errorf("%s imports %s: %s", fields[0], imported, r.reason)
				}
			}
		}
	}
	for _, r := range rules {
		for _, root := range slices.Concat([]string{r.from}, r.except, r.only) {
			if !slices.ContainsFunc(packages, func(p string) bool { return within(p, root) }) {
				t.Errorf("a rule is about %s, and there is no such package", root)
			}
		}
	}
}

func (r rule) bans(from, imported string) bool {
	return within(from, r.from) && !anyWithin(from, r.except) && within(imported, r.banned) && !anyWithin(imported, r.only)
}

func within(path, root string) bool { return path == root || strings.HasPrefix(path, root+"/") }

func anyWithin(path string, roots []string) bool {
	return slices.ContainsFunc(roots, func(root string) bool { return within(path, root) })
}

// A rule that bans nothing would go unnoticed.
func TestImportRulesBan(t *testing.T) {
	for _, tt := range []struct {
		from, imported string
		banned         bool
	}{
		{"stathub/master/control", "stathub/agent/proc", true},
		{"stathub/agent", "stathub/master", true},
		{"stathub/masterful", "stathub/agent", false},
		{"stathub/state", "stathub/web", true},
		{"stathub/state/dirstore", "stathub/state", false},
		{"stathub/state/blobstore", "gocloud.dev/blob", false},
		{"stathub/master", "gocloud.dev/blob", true},
		{"stathub/scheduler", "stathub/state", false},
		{"stathub/scheduler", "os", true},
		{"stathub/scheduler", "stathub/master/index", true},
		{"stathub/master/control", "stathub/master/httpapi", true},
		{"stathub/master/control", "stathub/scheduler", false},
		{"stathub/master/liveness", "stathub/master/control", true},
		{"stathub/master", "stathub/scheduler/sim", true},
		{"stathub/localstack", "stathub/agent", false},
	} {
		banned := false
		for _, r := range rules {
			banned = banned || r.bans(tt.from, tt.imported)
		}
		if banned != tt.banned {
			t.Errorf("%s importing %s: banned is %v, want %v", tt.from, tt.imported, banned, tt.banned)
		}
	}
}
