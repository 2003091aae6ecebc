package httpapi

import (
	"slices"

	"stathub/master/history"
	"stathub/master/suggest"
	"stathub/scheduler"
	"stathub/state"
	"stathub/state/schema"
	"stathub/state/series"
	"stathub/web/rest"
	"stathub/web/rest/openapi"
)

// description is what the OpenAPI document says of routes: those of the table, and those of Options. A route without a
// description, or the other way round, fails a test.
func description(routes []rest.Route, o Options) openapi.API {
	ops := openapi.Merge(openapi.Shared(), appOps(), nodeOps(), procOps(), otherOps())
	openapi.Dry(ops, "POST /v1/app", "PUT /v1/app/{name}", "PUT /v1/app/{name}/choreo", "PUT /v1/node/{id}/manifest", "PUT /v1/bucket/*")
	for what := range o.Suggest {
		ops["GET /v1/"+what+"/_suggest"] = openapi.Op{
			Tag: tagOf[what], Sum: "Suggest what may follow in a query, for an input box",
			Query:  []openapi.Param{openapi.Word("q", "the query so far", "tags:s"), openapi.Number("pos", "the cursor in characters; left out: the end of the query", 0, maxQuery)},
			Answer: openapi.JSON(suggest.Answer{}),
		}
	}
	return openapi.API{
		Info:   openapi.Info{Title: "STAT hub master", Version: "1", Description: openapi.Conventions},
		Tags:   openapi.Tags,
		Routes: routes, Ops: ops,
		Docs: []schema.Docs{{Members: docs(), Words: words()}},
		Names: map[string]any{
			"HistoryEntry": history.Entry{}, "Suggestions": suggest.Answer{}, "QueryFault": suggest.Fault{}, "Killed": killed{},
			"Crash": keptCrash{}, "BucketEntry": bucketEntry{}, "ManifestFollowed": manifestStatus{},
		},
	}
}

var tagOf = map[string]string{"app": openapi.Apps, "node": openapi.Nodes, "proc": openapi.Procs, "event": openapi.Events}

// nodeView is a node as the API shows it.
var nodeView = openapi.Made(func(b *schema.Builder) *schema.Schema {
	bad := b.Of([]state.BadDocument{})
	bad.Description = "what is wrong with its record, its manifest or its report"
	return b.View("NodeView", state.Node{}, schema.Member{Name: "unreadable", Schema: bad})
})

var manifestView = openapi.Made(func(b *schema.Builder) *schema.Schema {
	return b.View("ManifestView", state.Manifest{}, schema.Member{Name: rest.StatusMember, Schema: b.Of(manifestStatus{})})
})

func appOps() openapi.Ops {
	list := openapi.Shared()["GET /v1/app"]
	list.Query = append(slices.Clone(list.Query), openapi.Query)
	remove := openapi.Shared()["DELETE /v1/app/{name}"]
	remove.Query = []openapi.Param{openapi.Flag("force", "although its document cannot be read")}
	scale := openapi.Shared()["POST /v1/app/{name}/_scale"]
	scale.Cond = true
	query := openapi.Text("a node query; empty: every node", "tags:ssd")
	return openapi.Ops{
		"GET /v1/app":                 list,
		"DELETE /v1/app/{name}":       remove,
		"POST /v1/app/{name}/_scale":  scale,
		"GET /v1/app/{name}/_explain": {Tag: openapi.Apps, Sum: "Tell of each node why it was or was not chosen", Answer: openapi.List(openapi.JSON(scheduler.NodeVerdict{})), Errors: []int{404}},
		"GET /v1/app/{name}/history":  {Tag: openapi.Apps, Sum: "List the revisions of an app, newest first", Answer: openapi.List(openapi.JSON(history.Entry{})), Errors: []int{404}},
		"POST /v1/app/{name}/_rollback": {Tag: openapi.Apps, Sum: "Go back to a revision", Text: "Without a body: to the last good one before what the app is now. If-Match is of the app.",
			Body: openapi.JSON(state.RollbackInput{}).Like(`{"revision": 12}`).Optional(), Answer: openapi.App, ETag: true, Cond: true, Errors: []int{404, 422}},
		"POST /v1/app/{name}/_pause": {Tag: openapi.Apps, Sum: "Pause the rollouts of an app", Text: "No further instance is replaced until POST _resume.",
			Answer: openapi.JSON(state.Choreo{}), ETag: true, Errors: []int{404}},
		"POST /v1/app/{name}/_resume": {Tag: openapi.Apps, Sum: "Let the rollouts of an app go on", Answer: openapi.JSON(state.Choreo{}), ETag: true, Errors: []int{404}},
		"GET /v1/app/{name}/_query":   {Tag: openapi.Apps, Sum: "Show which nodes may run an app", Answer: query, Errors: []int{404}},
		"POST /v1/app/{name}/_query":  {Tag: openapi.Apps, Sum: "Set which nodes may run an app", Body: query, Answer: openapi.JSON(state.Choreo{}), ETag: true, Errors: []int{404}},
		"GET /v1/choreo":              {Tag: openapi.Apps, Sum: "List all choreographies", Answer: openapi.List(openapi.JSON(state.Choreo{}))},
	}
}

func nodeOps() openapi.Ops {
	search := openapi.Search(false, defaultPage, maxPage)
	tags, envs := openapi.JSON(state.Tags{}).Like(`["ssd", "zone:b"]`), openapi.JSON(state.Envs{}).Like(`{"REGION": "cn-east"}`)
	return openapi.Ops{
		"POST /v1/node/_search": {Tag: openapi.Nodes, Sum: "Search nodes", Query: append(search, openapi.Flag("includeDownNode", "those that are down, too")),
			Body: openapi.Text("the query; empty: every node", "tags:ssd AND os.cpus:>=8").Optional(), Answer: openapi.Page(nodeView)},
		"GET /v1/node/{id}":                          {Tag: openapi.Nodes, Sum: "Show a node", Answer: nodeView, ETag: true, Errors: []int{404, 422}},
		"DELETE /v1/node/{id}":                       {Tag: openapi.Nodes, Sum: "Forget a node that is down", Errors: []int{404, 409}},
		"GET /v1/node/{id}/tag":                      {Tag: openapi.Nodes, Sum: "Show the tags of a node", Answer: tags, ETag: true, Errors: []int{404}},
		"PUT /v1/node/{id}/tag":                      {Tag: openapi.Nodes, Sum: "Replace the tags of a node", Text: "The revision is that of the node.", Body: tags, Answer: tags, ETag: true, Cond: true, Errors: []int{404, 422}},
		"GET /v1/node/{id}/env":                      {Tag: openapi.Nodes, Sum: "Show the environment of a node", Answer: envs, ETag: true, Errors: []int{404}},
		"PUT /v1/node/{id}/env":                      {Tag: openapi.Nodes, Sum: "Replace the environment of a node", Text: "The revision is that of the node.", Body: envs, Answer: envs, ETag: true, Cond: true, Errors: []int{404, 422}},
		"POST /v1/node/{id}/_drain":                  {Tag: openapi.Nodes, Sum: "Move what runs on a node away, and place nothing there", Answer: nodeView, ETag: true, Errors: []int{404}},
		"POST /v1/node/{id}/_undrain":                {Tag: openapi.Nodes, Sum: "End a drain", Answer: nodeView, ETag: true, Errors: []int{404}},
		"POST /v1/node/{id}/_cordon":                 {Tag: openapi.Nodes, Sum: "Place nothing new on a node; what runs there stays", Answer: nodeView, ETag: true, Errors: []int{404}},
		"POST /v1/node/{id}/_uncordon":               {Tag: openapi.Nodes, Sum: "Take a node into use again", Answer: nodeView, ETag: true, Errors: []int{404}},
		"GET /v1/node/{id}/manifest":                 {Tag: openapi.Nodes, Sum: "Show what a node is to run", Answer: manifestView, ETag: true, Errors: []int{404, 422}},
		"PUT /v1/node/{id}/manifest":                 {Tag: openapi.Nodes, Sum: "Replace what a node is to run", Text: "Entries that you change become yours: the master leaves them alone until they are released.", Body: openapi.JSON(state.Manifest{}), Answer: openapi.JSON(state.Manifest{}), Also: []int{201}, ETag: true, Cond: true, Errors: []int{404, 422}},
		"POST /v1/node/{id}/manifest/{app}/_release": {Tag: openapi.Nodes, Sum: "Hand a pinned entry back to the master", Answer: openapi.JSON(state.Manifest{}), ETag: true, Errors: []int{404}},
	}
}

func procOps() openapi.Ops {
	output := openapi.Text("what the process wrote", "")
	search := openapi.Search(true, defaultPage, maxPage)
	procs := openapi.List(openapi.JSON(state.Proc{}))
	kill := openapi.JSON(killed{})
	return openapi.Ops{
		"GET /v1/proc": {Tag: openapi.Procs, Sum: "List or search processes", Text: "Without a parameter: a list of all.", Query: search,
			Answer: openapi.Either(procs, openapi.Page(openapi.JSON(state.Proc{})))},
		"GET /v1/node/{id}/proc":                 {Tag: openapi.Procs, Sum: "List the processes of a node", Answer: procs, Errors: []int{404}},
		"GET /v1/node/{id}/proc/{pid}":           {Tag: openapi.Procs, Sum: "Show a process", Answer: openapi.JSON(state.Proc{}), Errors: []int{404}},
		"POST /v1/node/{id}/proc/{pid}/_kill":    {Tag: openapi.Procs, Sum: "Send a process a signal", Text: "SIGKILL, and through the bucket when the agent cannot be dialled, unless the body names another. What its restart policy says follows.", Body: openapi.JSON(openapi.Signal{}).Like(`{"signal": 15}`).Optional(), Answer: kill, Status: 202, Errors: []int{404, 422, 503}},
		"POST /v1/node/{id}/proc/{pid}/_restart": {Tag: openapi.Procs, Sum: "Restart one instance", Answer: openapi.JSON(map[string]any(nil)), Status: 202, Errors: []int{404, 503}},
		"GET /v1/node/{id}/proc/{pid}/_stdout":   {Tag: openapi.Procs, Sum: "Show what a process wrote to stdout", Query: openapi.Output, Answer: output, Errors: []int{404, 503}},
		"GET /v1/node/{id}/proc/{pid}/_stderr":   {Tag: openapi.Procs, Sum: "Show what a process wrote to stderr", Query: openapi.Output, Answer: output, Errors: []int{404, 503}},
		"GET /v1/node/{id}/proc/{pid}/_health":   {Tag: openapi.Procs, Sum: "Show the health checks of a process and their last results", Answer: openapi.JSON([]map[string]any(nil)), Errors: []int{404, 503}},
		"GET /v1/stat/node/{what}": {Tag: openapi.Nodes, Sum: "Show how much of a node was in use",
			Text:   "what is os, cpu, mem, disk or net. The agent answers; where it cannot be reached the master does, from what it keeps, and says so in note.",
			Query:  append([]openapi.Param{openapi.Word("node", "its id", "n1")}, openapi.Window...),
			Answer: openapi.JSON(series.Chart{}), Errors: []int{404}},
		"GET /v1/stat/cluster": {Tag: openapi.Nodes, Sum: "Show how much of all nodes that were up was in use",
			Query:  append([]openapi.Param{openapi.Word("what", "cpu, mem, proc or node; left out: all of them", "cpu")}, openapi.Window...),
			Answer: openapi.JSON(series.Chart{}), Errors: []int{404}},
		"GET /v1/node/{id}/crash": {Tag: openapi.Procs, Sum: "List the last outputs of instances that ended badly, newest first",
			Query: []openapi.Param{openapi.Word("instance", "of this one alone", "web.0")}, Answer: openapi.List(openapi.JSON(keptCrash{}))},
		"GET /v1/node/{id}/crash/{name}": {Tag: openapi.Procs, Sum: "Show the last output of an instance that ended badly", Answer: openapi.Text("its output", ""), Errors: []int{404}},
	}
}

func otherOps() openapi.Ops {
	query := openapi.Text("the query, in place of q", "kind:instance.exit AND app:web").Optional()
	kinds := openapi.Word("kind", "of these kinds alone, with commas between", "node.down,node.up")
	found := openapi.Op{Tag: openapi.Events, Sum: "Search events, newest first", Query: append(openapi.Search(true, defaultPage, maxPage), kinds), Answer: openapi.Page(openapi.JSON(state.Event{}))}
	counted := openapi.Op{Tag: openapi.Events, Sum: "Count events", Query: []openapi.Param{openapi.Query, kinds}, Answer: openapi.JSON(eventCount{})}
	with := func(op openapi.Op) openapi.Op { op.Body = query; return op }
	any := openapi.Raw("the document, or the bytes of an artifact")
	return openapi.Ops{
		"GET /v1/event/_search": found, "POST /v1/event/_search": with(found),
		"GET /v1/event/_count": counted, "POST /v1/event/_count": with(counted),
		"GET /v1/bucket": {Tag: openapi.Bucket, Sum: "List keys", Query: []openapi.Param{
			openapi.Word("prefix", "that keys start with", "apps/"), openapi.Word("after", "key that comes before the first", ""), openapi.Number("limit", "keys at most", defaultKeys, maxKeys),
		}, Answer: openapi.JSON(bucketListing{})},
		"GET /v1/bucket/*":    {Tag: openapi.Bucket, Sum: "Show a document, or fetch an artifact", Answer: any, ETag: true, Errors: []int{404}},
		"PUT /v1/bucket/*":    {Tag: openapi.Bucket, Sum: "Write a document, or upload an artifact", Text: "A document that no master could read is refused.", Body: any, Answer: openapi.JSON(bucketWritten{}), ETag: true, Cond: true, Errors: []int{413, 422}},
		"DELETE /v1/bucket/*": {Tag: openapi.Bucket, Sum: "Delete a document", Text: "The app or node that it is of does not stop: delete that itself.", Cond: true, Errors: []int{404}},
		"GET /v1/master":      {Tag: openapi.System, Sum: "Show which master this is, and which one leads", Answer: openapi.JSON(Master{})},
	}
}
