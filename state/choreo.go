package state

import (
	"reflect"
	"strings"
	"time"
	_ "time/tzdata" // a document must not be right on one machine and wrong on another

	"github.com/go-json-experiment/json/jsontext"
	"github.com/robfig/cron/v3"
)

// Choreo is where and how many: the choreography of the app of the same name (编排, seed 5.2.2).
type Choreo struct {
	App   string `json:"app"`   // name of the app
	Query string `json:"query"` // node query; "*" is every node
	Scale int    `json:"scale"` // number of processes

	Mode              string         `json:"mode,omitzero"`              // count (default): scale over all matching nodes; each: scale per node
	MaxPerNode        int            `json:"maxPerNode,omitzero"`        // 0: no limit
	Spread            []string       `json:"spread,omitzero"`            // "hostname" or tag prefixes such as "zone:"
	Schedule          *Schedule      `json:"schedule,omitzero"`          // a job that runs to its end
	Update            *UpdatePolicy  `json:"update,omitzero"`            // how a change of the app reaches its instances
	Priority          int            `json:"priority,omitzero"`          // apps with a higher one get their places first; 0 is usual
	OnDisconnect      string         `json:"onDisconnect,omitzero"`      // what instances do on a node that is out of touch: keep running (keep, the default) or stop, to run elsewhere only then
	DisconnectSeconds float64        `json:"disconnectSeconds,omitzero"` // out of touch for so long, with stop
	Dist              []Placement    `json:"dist,omitzero"`              // where it runs now; written by the API, ignored on input
	Extra             jsontext.Value `json:",embed"`
}

// Placement is how many instances of an app one node is to run.
type Placement struct {
	Node  string         `json:"node"`  // id of the node
	Count int            `json:"count"` // instances
	Extra jsontext.Value `json:",embed"`
}

// Schedule makes an app a job that starts at set times and runs to its end.
type Schedule struct {
	Cron        string         `json:"cron"`                 // five fields, or @daily and the like
	Timezone    string         `json:"timezone,omitzero"`    // IANA name; empty: UTC
	Concurrency string         `json:"concurrency,omitzero"` // when a run is due while the one before goes on: forbid (leave it out, the default), replace or allow
	Extra       jsontext.Value `json:",embed"`
}

// UpdatePolicy is how a change of the app reaches its instances.
type UpdatePolicy struct {
	MaxParallel       *int           `json:"maxParallel,omitzero"`       // instances that are changed at a time; default 1
	MinHealthySeconds *float64       `json:"minHealthySeconds,omitzero"` // a new instance must be healthy for so long; default 10
	DeadlineSeconds   *float64       `json:"deadlineSeconds,omitzero"`   // without progress for so long the rollout has failed; default 300
	AutoRevert        *bool          `json:"autoRevert,omitzero"`        // a rollout that failed goes back to the last good revision; default true
	Canary            int            `json:"canary,omitzero"`            // instances that go first; default 0
	Paused            bool           `json:"paused,omitzero"`            // no further instance is replaced while it is true
	Extra             jsontext.Value `json:",embed"`
}

// WithPause gives the policy, which may be nil, with rollouts paused or not; nil where it says nothing then.
func (u *UpdatePolicy) WithPause(paused bool) *UpdatePolicy {
	var next UpdatePolicy
	if u != nil {
		next = *u
	}
	next.Paused = paused
	if reflect.ValueOf(next).IsZero() {
		return nil
	}
	return &next
}

// The words of Choreo.Mode.
const (
	ModeCount = "count"
	ModeEach  = "each"
)

// The words of Choreo.OnDisconnect: what becomes of the instances of a node that is out of touch with the bucket.
const (
	DisconnectKeep = "keep" // they run on
	DisconnectStop = "stop" // they are stopped after DisconnectSeconds, and run elsewhere only then
)

// DefaultDisconnect is Choreo.DisconnectSeconds where it is left out.
const DefaultDisconnect = 60 * time.Second

// The defaults of an UpdatePolicy's members that were left out (design section 3).
const (
	DefaultMaxParallel = 1
	DefaultMinHealthy  = 10 * time.Second
	DefaultDeadline    = 300 * time.Second
)

// MaxPriority bounds Choreo.Priority either way.
const MaxPriority = 1000

// MaxScale bounds the number of instances of one app.
const MaxScale = 1_000_000

// UnmarshalJSONFrom decodes a choreography over its defaults: every node, no process.
func (ch *Choreo) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	type plain Choreo
	*ch = Choreo{Query: "*"}
	return decodeOver(dec, (*plain)(ch))
}

func (ch *Choreo) docName() (string, *string) { return "app", &ch.App }

func (ch *Choreo) check(c *checker) {
	if !nameForm.MatchString(ch.App) {
		c.at("app").fail(nameRule)
	}
	if ch.Scale < 0 || ch.Scale > MaxScale {
		c.at("scale").fail("must be a number of processes from 0 to 1000000")
	}
	if ch.MaxPerNode < 0 {
		c.at("maxPerNode").fail("must not be negative; 0 means no limit")
	}
	for i, s := range ch.Spread {
		if s != "hostname" && !strings.HasSuffix(s, ":") {
			c.at("spread", i).fail(`must be "hostname" or a tag prefix that ends in a colon, such as "zone:"`)
		}
	}
	if ch.Priority < -MaxPriority || ch.Priority > MaxPriority {
		c.at("priority").fail("must be a number from -1000 to 1000")
	}
	c.at("mode").oneOf(ch.Mode, "", ModeCount, ModeEach)
	c.at("onDisconnect").oneOf(ch.OnDisconnect, "", DisconnectKeep, DisconnectStop)
	c.at("disconnectSeconds").seconds(&ch.DisconnectSeconds)
	ch.Schedule.check(c.at("schedule"))
	ch.Update.check(c.at("update"))
}

func (u *UpdatePolicy) check(c *checker) {
	if u == nil {
		return
	}
	if u.MaxParallel != nil && *u.MaxParallel < 1 {
		c.at("maxParallel").fail("must be 1 or more")
	}
	c.at("minHealthySeconds").seconds(u.MinHealthySeconds)
	c.at("deadlineSeconds").seconds(u.DeadlineSeconds)
	if u.Canary < 0 {
		c.at("canary").fail("must not be negative")
	}
}

// aLeapYear is a moment before a 29 February within the five years that cron looks ahead.
var aLeapYear = time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)

func checkCron(c *checker, spec string) {
	if strings.Contains(spec, "TZ=") { // besides, cron's parser panics on some of these
		c.fail(`must not name a time zone: "timezone" does`)
		return
	}
	times, err := cron.ParseStandard(spec)
	switch {
	case err != nil:
		c.fail("is not a cron schedule such as \"0 3 * * *\" or \"@daily\": " + err.Error())
	case times.Next(aLeapYear).IsZero():
		c.fail("never comes: there is no such day")
	}
}

func (s *Schedule) check(c *checker) {
	if s == nil {
		return
	}
	checkCron(c.at("cron"), s.Cron)
	if _, err := time.LoadLocation(s.Timezone); err != nil {
		c.at("timezone").fail("is not a time zone such as \"Asia/Shanghai\"")
	}
	c.at("concurrency").oneOf(s.Concurrency, "", ConcurrencyForbid, ConcurrencyReplace, ConcurrencyAllow)
}
