package schema

import (
	"sync"
	"time"

	"stathub/state"
)

// closed are the types that people type: a member that they do not have is refused, as state.DecodeInput does.
var closed = sync.OnceValue(func() map[string]bool {
	return set(
		"state.App", "state.HealthCheck", "state.Resources", "state.Restart", "state.Logs", "state.Choreo", "state.Placement",
		"state.Schedule", "state.UpdatePolicy", "state.Manifest", "state.ManifestEntry", "state.Previous", "state.Kill", "state.Node",
		"state.RollbackInput",
	)
})

// documents are the other types that lie in the bucket: a newer or older peer may have more members, or fewer. All that
// is in neither list is made for an answer of the API, with each of its members but those that are left out when empty.
var documents = sync.OnceValue(func() map[string]bool {
	return set(
		"state.Facts", "state.OS", "state.Memory", "state.Network", "state.Disk", "state.Report", "state.ManifestStatus",
		"state.Instance", "state.Exit", "state.ArtifactState", "state.Run", "state.Event", "state.Lease", "state.Revision",
		"state.RevisionFailure",
	)
})

func set(names ...string) map[string]bool {
	all := map[string]bool{}
	for _, n := range names {
		all[n] = true
	}
	return all
}

func at(v float64) *float64 { return &v }
func count(n int) *int      { return &n }

func between(low, high float64) Schema { return Schema{Minimum: at(low), Maximum: at(high)} }

// seconds is a number of seconds; unless it is zero, def is what holds where it is left out.
func seconds(def time.Duration) Schema {
	s := Schema{Unit: "seconds", Minimum: at(0), Maximum: at(state.MaxSeconds)}
	if def != 0 {
		s.Default = def.Seconds()
	}
	return s
}

func oneOf(def string, words ...string) Schema { return Schema{Default: def, Enum: words} }

// Patterns are in the syntax that ECMA-262 and RE2 share.
const (
	namePattern  = state.NamePattern
	uriPattern   = `^([Hh][Tt][Tt][Pp][Ss]?|[Ff][Ii][Ll][Ee]|[Ss]3|[Bb][Uu][Cc][Kk][Ee][Tt]):`
	tagPattern   = `^\S([\s\S]*\S)?$`
	bytesPattern = `^\s*\+?[0-9.]+([Ee][+-]?[0-9]+)?\s*([KkMmGgTtPp]([Ii]?[Bb])?|[Bb])?\s*$`
	noNUL        = `^[^\x00]*$`
)

const docBytes = "a size in bytes, or as text with a unit: \"512MiB\" or \"1.5GB\" (K, M, G, T, P and KiB… count by 1024, KB… by 1000)"

var variables = Schema{
	Names:      &Schema{Pattern: `^[^=\x00]+$`, Not: &Schema{Pattern: `^STATHUB_`}},
	Additional: &Schema{Type: "string", Pattern: noNUL},
}

func name() Schema { return Schema{Pattern: namePattern} }

// rules are what the check methods of the documents demand and the types do not say, by "package.Type" for all of a type,
// by "package.Type.member" for one member.
var rules = sync.OnceValue(func() map[string]Schema {
	return map[string]Schema{
		"state.App":                    {Required: []string{"name", "toProcess"}},
		"state.App.name":               name(),
		"state.App.toProcess":          {Pattern: `\S`},
		"state.App.workingDirectory":   {Pattern: noNUL},
		"state.App.envs":               variables,
		"state.App.args":               {Items: &Schema{Pattern: noNUL}},
		"state.App.ports":              {Items: &Schema{Minimum: at(0), Maximum: at(65535)}},
		"state.App.killSignal":         {Minimum: at(1), Maximum: at(64), Default: state.DefaultKillSignal},
		"state.App.uris":               {Items: &Schema{Pattern: uriPattern}},
		"state.App.start":              {Default: false},
		"state.App.deleted":            {ReadOnly: true},
		"state.App.restartToken":       {ReadOnly: true},
		"state.App.killTimeoutSeconds": seconds(state.DefaultKillTimeout),
		"state.App.dependsOn":          {Items: &Schema{Pattern: namePattern}},
		"state.App.onArtifactChange":   oneOf("restart", "restart", "ignore"),

		"state.HealthCheck": {
			Required: []string{"intervalSeconds", "maxConsecutiveFailures", "protocol", "timeoutSeconds"},
			AllOf: []*Schema{
				{If: protocolIs("COMMAND"), Then: &Schema{Required: []string{"command"}, Properties: Members{{"command", &Schema{MinItems: count(1)}}}}},
				{If: protocolIs("HTTP", "HTTPS"), Then: &Schema{Properties: Members{{"path", &Schema{Pattern: "^(/|$)"}}}}},
				{If: protocolIs("HTTP", "HTTPS", "TCP"), Then: &Schema{Properties: Members{{"portIndex", &Schema{Minimum: at(0)}}}}},
			},
		},
		"state.HealthCheck.initialDelaySeconds":    seconds(0),
		"state.HealthCheck.intervalSeconds":        {Unit: "seconds", Above: at(0), Maximum: at(state.MaxSeconds)},
		"state.HealthCheck.timeoutSeconds":         {Unit: "seconds", Above: at(0), Maximum: at(state.MaxSeconds)},
		"state.HealthCheck.maxConsecutiveFailures": {Minimum: at(1)},
		"state.HealthCheck.protocol":               {Enum: []string{"HTTP", "HTTPS", "TCP", "COMMAND"}},

		"state.Resources.cpus": {Unit: "cores", Minimum: at(0), Maximum: at(1e6)},
		"state.Resources.pids": between(0, state.MaxPIDs),

		"state.Restart.policy":            oneOf(state.RestartAlways, state.RestartAlways, state.RestartOnFailure, state.RestartNever),
		"state.Restart.backoffSeconds":    seconds(0),
		"state.Restart.maxBackoffSeconds": seconds(state.DefaultMaxBackoff),

		"state.Choreo":                   {Required: []string{"app"}},
		"state.Choreo.app":               name(),
		"state.Choreo.query":             {Default: "*"},
		"state.Choreo.scale":             between(0, state.MaxScale),
		"state.Choreo.mode":              oneOf(state.ModeCount, state.ModeCount, state.ModeEach),
		"state.Choreo.maxPerNode":        {Minimum: at(0), Default: 0},
		"state.Choreo.spread":            {Items: &Schema{Pattern: "^hostname$|:$"}},
		"state.Choreo.priority":          {Minimum: at(-state.MaxPriority), Maximum: at(state.MaxPriority), Default: 0},
		"state.Choreo.onDisconnect":      oneOf(state.DisconnectKeep, state.DisconnectKeep, state.DisconnectStop),
		"state.Choreo.disconnectSeconds": seconds(state.DefaultDisconnect),
		"state.Choreo.dist":              {ReadOnly: true},

		"state.Schedule":             {Required: []string{"cron"}},
		"state.Schedule.timezone":    {Default: "UTC"},
		"state.Schedule.concurrency": oneOf(state.ConcurrencyForbid, state.ConcurrencyForbid, state.ConcurrencyReplace, state.ConcurrencyAllow),

		"state.UpdatePolicy.maxParallel":       {Minimum: at(1), Default: state.DefaultMaxParallel},
		"state.UpdatePolicy.minHealthySeconds": seconds(state.DefaultMinHealthy),
		"state.UpdatePolicy.deadlineSeconds":   seconds(state.DefaultDeadline),
		"state.UpdatePolicy.autoRevert":        {Default: true},
		"state.UpdatePolicy.canary":            {Minimum: at(0), Default: 0},

		"state.Manifest":            {Required: []string{"node", "apps"}},
		"state.Manifest.node":       name(),
		"state.Manifest.generation": {Minimum: at(0), Maximum: at(state.MaxSequence), ReadOnly: true},
		"state.Manifest.term":       {Minimum: at(0), Maximum: at(state.MaxSequence), ReadOnly: true},
		"state.Manifest.writer":     {ReadOnly: true},
		"state.Manifest.updatedAt":  {ReadOnly: true},
		"state.Manifest.envs":       variables,

		"state.ManifestEntry":                   {Required: []string{"app"}},
		"state.ManifestEntry.count":             {Minimum: at(0), Maximum: at(state.MaxCount), Default: 1},
		"state.ManifestEntry.disconnectSeconds": seconds(0),
		"state.ManifestEntry.sum":               {ReadOnly: true},
		"state.Previous":                        {Required: []string{"app"}},
		"state.Previous.count":                  {Minimum: at(1), Maximum: at(state.MaxCount), Default: 1},
		"state.Kill":                            {Required: []string{"instance", "pid"}},
		"state.Kill.instance":                   {Pattern: `/.*\.`},
		"state.Kill.pid":                        {Minimum: at(1)},

		"state.Node":             {Required: []string{"id"}},
		"state.Node.id":          name(),
		"state.Node.tags":        tags,
		"state.Node.envs":        variables,
		"state.Node.schedulable": {Default: true},
		"state.Node.lastSeen":    {ReadOnly: true},
		"state.Tags":             tags,
		"state.Envs":             variables,

		"state.Report":      {Required: []string{"node"}},
		"state.Report.node": name(),
		"state.Event":       {Required: []string{"kind"}},
		"state.Event.kind":  {MinLength: count(1)},
		"state.Lease":       {Required: []string{"term"}},
		"state.Lease.term":  {Minimum: at(1)},
		"state.Revision":    {Required: []string{"app"}},
		"series.Point":      {Type: "array", Items: &Schema{Type: []string{"number", "null"}}},

		"state.RollbackInput.revision": {Minimum: at(0)},
	}
})

var tags = Schema{Items: &Schema{Pattern: tagPattern, MaxLength: count(256)}, Unique: true}

// protocolIs says that the member protocol is one of these words; one that is missing is none.
func protocolIs(words ...string) *Schema {
	return &Schema{Required: []string{"protocol"}, Properties: Members{{"protocol", &Schema{Enum: words}}}}
}
