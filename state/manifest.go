package state

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// Manifest is all that one node must run, self-contained: one conditional GET is all that an agent needs.
// People may write it by hand; then most members may be left out.
type Manifest struct {
	Node       string            `json:"node"`                // id of the node
	Generation int64             `json:"generation,omitzero"` // counts the writes of masters
	Term       int64             `json:"term,omitzero"`       // of the lease of the master that wrote it; 0: a person did
	Writer     string            `json:"writer,omitzero"`     // name of the master that wrote it
	UpdatedAt  time.Time         `json:"updatedAt,omitzero"`  // by the clock of the writer
	Paused     bool              `json:"paused,omitzero"`     // true: the master leaves this manifest alone
	Envs       map[string]string `json:"envs"`                // of the node, for ${NAME} in its apps
	Apps       []ManifestEntry   `json:"apps"`                // all that it runs; what is not listed is stopped
	Kill       []Kill            `json:"kill,omitzero"`       // processes to be killed once
	Extra      jsontext.Value    `json:",embed"`
}

// ManifestEntry is one app of a manifest. It runs as long as app.start is true, which it is where an entry leaves it out;
// with "start": false it runs nothing, and stays listed with its count.
type ManifestEntry struct {
	App          App        `json:"app"`                   // the whole app
	Count        int        `json:"count"`                 // instances on this node; left out: 1
	Schedule     *Schedule  `json:"schedule,omitzero"`     // a job that runs to its end at set times
	RestartToken string     `json:"restartToken,omitzero"` // another value restarts the instances once
	Previous     []Previous `json:"previous,omitzero"`     // what the last instances still are, while a rollout goes on

	// DisconnectSeconds, when more than 0, has the agent stop the instances once it has been out of touch with the bucket
	// for that long (choreography: "onDisconnect": "stop").
	DisconnectSeconds float64 `json:"disconnectSeconds,omitzero"`

	Owner string         `json:"owner,omitzero"` // OwnerMaster, or a person's entry: the master never changes it
	Sum   string         `json:"sum,omitzero"`   // Digest as the master wrote it
	Extra jsontext.Value `json:",embed"`
}

// Previous is what instances of an entry are that a rollout has not reached yet.
type Previous struct {
	App          App            `json:"app"`                   // as it was
	Count        int            `json:"count"`                 // of the last instances
	RestartToken string         `json:"restartToken,omitzero"` // as it was
	Extra        jsontext.Value `json:",embed"`
}

// UnmarshalJSONFrom decodes previous content over the defaults of an entry.
func (p *Previous) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	type plain Previous
	*p = Previous{Count: 1, App: App{Start: true}}
	return decodeOver(dec, (*plain)(p))
}

// Of gives the entry as instance n has it: the first instances are as App says, and Previous has the last ones, in its
// order. The result shares what it can with e and has no Previous.
func (e *ManifestEntry) Of(n int) *ManifestEntry {
	content := *e
	content.Previous = nil
	first := e.Count
	for i := len(e.Previous) - 1; i >= 0; i-- {
		p := &e.Previous[i]
		if first -= p.Count; n >= first {
			content.App, content.RestartToken = p.App, p.RestartToken
			content.App.Start = e.App.Start
			break
		}
	}
	return &content
}

// Owners of a manifest entry. Any other value is a person's name and pins the entry as well.
const (
	OwnerMaster = "master"
	OwnerHand   = "hand" // was the master's, then somebody edited it
)

// MaxCount bounds the instances of one app on one node, and those of all its apps together.
const MaxCount = 100_000

// UnmarshalJSONFrom decodes an entry over its defaults: one instance, started.
func (e *ManifestEntry) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	type plain ManifestEntry
	*e = ManifestEntry{Count: 1, App: App{Start: true}}
	return decodeOver(dec, (*plain)(e))
}

// Instances is how many processes the entry asks for: Count, or none when it is not started.
func (e *ManifestEntry) Instances() int {
	if !e.App.Start {
		return 0
	}
	return e.Count
}

// Digest identifies the content of an entry: everything but Owner and Sum. A master's entry whose Digest is not its Sum
// was edited by hand; one without a Sum was handed over to the master.
func (e *ManifestEntry) Digest() string {
	bare := *e
	bare.Owner, bare.Sum = "", ""
	return digest(bare)
}

// Pinned reports whether the entry belongs to a person: it never was the master's, or was edited since. One that says
// that it is the master's and has no Sum was handed to the master, by hand: the master makes of it what the app says.
func (e *ManifestEntry) Pinned() bool {
	return e.Owner != OwnerMaster || e.Sum != "" && e.Sum != e.Digest()
}

// ContentETag is a revision of something that is a part of a document, or made from one: equal content, equal revision.
func ContentETag(v any) ETag { return ETag(digest(v)) }

// digest is 16 hex digits of the SHA-256 of v's JSON.
func digest(v any) string {
	sum := sha256.Sum256(Encode(v))
	return hex.EncodeToString(sum[:8])
}

// Entry gives the entry of an app, or nil.
func (m *Manifest) Entry(app string) *ManifestEntry {
	if m == nil {
		return nil
	}
	for i := range m.Apps {
		if m.Apps[i].App.Name == app {
			return &m.Apps[i]
		}
	}
	return nil
}

func (m *Manifest) docName() (string, *string) { return "node", &m.Node }

func (m *Manifest) check(c *checker) {
	if !nameForm.MatchString(m.Node) {
		c.at("node").fail(nameRule)
	}
	c.at("generation").sequence(m.Generation)
	c.at("term").sequence(m.Term)
	checkEnvs(c.at("envs"), m.Envs)
	seen := map[string]int{}
	total := 0
	for i := range m.Apps {
		e, ec := &m.Apps[i], c.at("apps", i)
		e.App.check(ec.at("app"))
		if first, ok := seen[e.App.Name]; ok {
			ec.at("app", "name").fail(fmt.Sprintf("app %q is already listed at apps[%d]", e.App.Name, first))
		}
		seen[e.App.Name] = i
		if e.Count < 0 || e.Count > MaxCount {
			ec.at("count").fail("must be a number of processes from 0 to 100000")
		} else if total += e.Count; total > MaxCount && total-e.Count <= MaxCount {
			ec.at("count").fail("makes more than 100000 processes of all apps together, which is too many for one node")
		}
		e.Schedule.check(ec.at("schedule"))
		ec.at("disconnectSeconds").seconds(&e.DisconnectSeconds)
		e.checkPrevious(ec)
	}
	for i := range m.Kill {
		m.Kill[i].check(c.at("kill", i), m.Node)
	}
}

func (e *ManifestEntry) checkPrevious(c *checker) {
	left := e.Count
	for i := range e.Previous {
		p, pc := &e.Previous[i], c.at("previous", i)
		p.App.check(pc.at("app"))
		if p.App.Name != e.App.Name {
			pc.at("app", "name").fail(fmt.Sprintf("must be the entry's app %q", e.App.Name))
		}
		if p.Count < 1 || p.Count > left {
			pc.at("count").fail("must be a number of the entry's instances, 1 or more; together no more than it has")
		}
		left -= p.Count
	}
}

// InstanceID names instance n (from 0) of an app on a node: "node/app.n". It is the value of STATHUB_INSTANCE.
func InstanceID(node, app string, n int) string { return fmt.Sprintf("%s/%s.%d", node, app, n) }

// ParseInstance reads the name that an instance has on its node, "app.n". It is false for what InstanceID never gives.
func ParseInstance(name string) (app string, n int, ok bool) {
	dot := strings.LastIndexByte(name, '.')
	if dot < 0 || !nameForm.MatchString(name[:dot]) {
		return "", 0, false
	}
	n, err := strconv.Atoi(name[dot+1:])
	return name[:dot], n, err == nil && n >= 0 && strconv.Itoa(n) == name[dot+1:]
}
