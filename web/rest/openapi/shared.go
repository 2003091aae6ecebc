package openapi

import (
	"maps"
	"math"

	"stathub/state"
	"stathub/state/schema"
	"stathub/web/rest"
)

// The groups of operations.
const (
	Apps   = "apps"
	Nodes  = "nodes"
	Procs  = "processes"
	Events = "events"
	Bucket = "bucket"
	System = "system"
)

// Tags are the groups in their order.
var Tags = []Tag{
	{Apps, "What to run, where, and how it is doing."},
	{Nodes, "The machines, their tags and environment, and what they are to run."},
	{Procs, "The instances of apps: their output, health and end."},
	{Events, "What happened."},
	{Bucket, "The documents themselves."},
	{System, "The program, its schemas, and its probes."},
}

// Conventions hold for all of the API.
const Conventions = "Bodies are JSON in UTF-8. HEAD is served wherever GET is. Errors are problem JSON (RFC 9457); `errors` gives the path, line and " +
	"column of each thing that is wrong with a document. A document comes with its revision as ETag: send it back as If-Match, and a write " +
	"fails with 412 if somebody else changed the document meanwhile. Without If-Match the last write wins. Unknown members are refused in " +
	"what you send, but for those that the API itself adds to what it shows."

// params are what the parameters of paths are, where it matters after what.
var params = map[string]string{
	"name": "name of the app", "crash/name": "name of what is kept, as the list has it", "id": "id of the node", "app": "name of the app", "key": "key in the bucket, slashes and all",
	"pid":  "number of the process, or the instance by its name on its node, such as web.0, which has output and reasons also without a process",
	"kind": "kind of document, see /v1/schema",
}

// App is an app as the API shows it: the document, and how it is doing.
var App = Made(func(b *schema.Builder) *schema.Schema {
	status := b.Of(state.AppStatus{})
	return b.View("AppView", state.App{}, schema.Member{Name: rest.StatusMember, Schema: &schema.Schema{
		Ref: status.Ref, ReadOnly: true, Description: "how it is doing; ignored in what you send",
	}})
}).Like(shownApp)

// Search are the parameters of a search: the query, where the body is not, and the page.
func Search(query bool, size, most int) []Param {
	page := []Param{Number("from", "first row of the page, from 0", 0, math.MaxInt32), Number("size", "rows of the page", size, most)}
	if !query {
		return page
	}
	return append([]Param{Query}, page...)
}

// Query is the parameter for a query.
var Query = Word("q", "query; everything when it is empty", "")

// Output are the parameters of _stdout and _stderr.
var Output = []Param{
	Number("tail", "lines from the end", 200, 1_000_000),
	Word("offset", "byte of the stream to begin at, in place of tail; the header Stathub-Log-Offset of an answer says which bytes it brings", ""),
	Flag("follow", "go on with what is written from now on, until the client goes away"),
}

// Window are the parameters of a chart.
var Window = []Param{
	Word("time", "how far back: 30min, 1h, 4h, 8h, 24h, or a day: 0day is today, -1day yesterday", "1h"),
	Word("offset", "minutes east of UTC, where a day begins", ""),
}

// Merge gives all of several tables; later ones replace what is in earlier ones.
func Merge(tables ...Ops) Ops {
	all := Ops{}
	for _, t := range tables {
		maps.Copy(all, t)
	}
	return all
}

// Shared are the operations that master and agent have in common.
func Shared() Ops {
	return Ops{
		"GET /v1/app": {Tag: Apps, Sum: "List apps", Query: []Param{Flag("full", "the documents with their status, not just the names")},
			Answer: Either(List(JSON("")), List(App)).Like(`["http_server", "web"]`)},
		"POST /v1/app": {Tag: Apps, Sum: "Create an app", Text: "It is not started yet unless it says \"start\": true.",
			Body: JSON(state.App{}).Like(typedApp), Answer: App, Status: 201, Errors: []int{409, 413, 422}, ETag: true},
		"GET /v1/app/{name}": {Tag: Apps, Sum: "Show an app and how it is doing", Answer: App, ETag: true, Errors: []int{404, 422}},
		"PUT /v1/app/{name}": {Tag: Apps, Sum: "Replace an app, or create it",
			Text: "A document that does not say start leaves it as it is.",
			Body: JSON(state.App{}).Like(typedApp), Answer: App, Also: []int{201}, ETag: true, Cond: true, Errors: []int{413, 422}},
		"DELETE /v1/app/{name}":        {Tag: Apps, Sum: "Delete an app and stop its processes", Cond: true, Errors: []int{404}},
		"POST /v1/app/{name}/_start":   {Tag: Apps, Sum: "Start an app", Answer: App, ETag: true, Errors: []int{404}},
		"POST /v1/app/{name}/_stop":    {Tag: Apps, Sum: "Stop an app; its choreography stays as it is", Answer: App, ETag: true, Errors: []int{404}},
		"POST /v1/app/{name}/_restart": {Tag: Apps, Sum: "Restart the instances of an app, as its update policy says", Answer: App, ETag: true, Errors: []int{404}},
		"GET /v1/app/{name}/_scale":    {Tag: Apps, Sum: "Show how many processes an app is to have", Answer: JSON(0).Like("5"), ETag: true, Errors: []int{404}},
		"POST /v1/app/{name}/_scale":   {Tag: Apps, Sum: "Set how many processes an app is to have", Body: number, Answer: JSON(state.Choreo{}).Like(typedChoreo), ETag: true, Errors: []int{404, 422}},
		"GET /v1/app/{name}/choreo":    {Tag: Apps, Sum: "Show the choreography of an app", Text: "dist is where it is to run now.", Answer: JSON(state.Choreo{}).Like(shownChoreo), ETag: true, Errors: []int{404}},
		"PUT /v1/app/{name}/choreo":    {Tag: Apps, Sum: "Replace the choreography of an app, or create it", Body: JSON(state.Choreo{}).Like(typedChoreo), Answer: JSON(state.Choreo{}).Like(shownChoreo), Also: []int{201}, ETag: true, Cond: true, Errors: []int{404, 422}},
		"GET /v1/app/{name}/proc":      {Tag: Apps, Sum: "List the processes of an app", Query: []Param{Flag("full", "all that is known of its instances, those without a process too")}, Answer: Either(List(JSON(state.Proc{})), List(shortProc)).Like(`[{"pid": 4711, "node": "n1", "app": "http_server"}]`), Errors: []int{404}},
		"GET /v1/schema":               {Tag: System, Sum: "List the schemas of documents", Answer: List(JSON(kind{}))},
		"GET /v1/schema/{kind}.json":   {Tag: System, Sum: "Show the JSON Schema (2020-12) of a kind of document", Answer: JSON(map[string]any(nil)), ETag: true, Errors: []int{404}},
		"GET /v1/openapi.json":         {Tag: System, Sum: "Show this description of the API", Answer: JSON(map[string]any(nil)), ETag: true},
		"GET /healthz":                 {Tag: System, Sum: "Tell that the process works", Answer: statusOnly.Like(`{"status": "ok"}`)},
		"GET /readyz":                  {Tag: System, Sum: "Tell whether the program can do its work", Answer: statusOnly.Like(`{"status": "ready"}`), Errors: []int{503}},
		"GET /metrics":                 {Tag: System, Sum: "Show metrics in the text format of Prometheus", Answer: Text("metrics", "")},
	}
}

var number = Text("the number of processes", "5")

var statusOnly = Made(func(*schema.Builder) *schema.Schema {
	return &schema.Schema{Type: "object", Required: []string{"status"}, Properties: schema.Members{{Name: "status", Schema: &schema.Schema{Type: "string"}}}}
})

var shortProc = Made(func(*schema.Builder) *schema.Schema {
	text, number := &schema.Schema{Type: "string"}, &schema.Schema{Type: "integer"}
	return &schema.Schema{Type: "object", Required: []string{"pid", "node", "app"}, Properties: schema.Members{
		{Name: "pid", Schema: number}, {Name: "node", Schema: text}, {Name: "app", Schema: text},
	}}
})
