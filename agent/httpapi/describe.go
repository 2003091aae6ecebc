package httpapi

import (
	"stathub/agent/crash"
	"stathub/agent/health"
	"stathub/state"
	"stathub/state/schema"
	"stathub/state/series"
	"stathub/web/rest"
	"stathub/web/rest/openapi"
)

// description is what the OpenAPI document says of the routes. A route without a description, or the other way round,
// fails a test.
func description(routes []rest.Route) openapi.API {
	ops := openapi.Merge(openapi.Shared(), nodeOps(), procOps())
	openapi.Dry(ops, "POST /v1/app", "PUT /v1/app/{name}", "PUT /v1/app/{name}/choreo", "PUT /v1/manifest")
	return openapi.API{
		Info: openapi.Info{Title: "STAT hub agent", Version: "1", Description: openapi.Conventions +
			" An agent that has a master answers edits with 403 and the address to send them to."},
		Tags: openapi.Tags, Routes: routes, Ops: ops,
		Docs:  []schema.Docs{{Members: docs(), Words: words()}},
		Names: map[string]any{"HealthCheckStatus": health.Status{}, "HealthCheckResult": health.Result{}, "Crash": crash.Kept{}, "Killed": killing{}},
	}
}

var manifestView = openapi.Made(func(b *schema.Builder) *schema.Schema {
	return b.View("ManifestView", state.Manifest{}, schema.Member{Name: rest.StatusMember, Schema: b.Of(state.ManifestStatus{})})
})

func nodeOps() openapi.Ops {
	tags, envs := openapi.JSON(state.Tags{}).Like(`["ssd", "zone:b"]`), openapi.JSON(state.Envs{}).Like(`{"REGION": "cn-east"}`)
	return openapi.Ops{
		"GET /v1/node":        {Tag: openapi.Nodes, Sum: "Show this node", Answer: openapi.JSON(state.Node{})},
		"GET /v1/node/tag":    {Tag: openapi.Nodes, Sum: "Show its tags", Answer: tags, ETag: true},
		"PUT /v1/node/tag":    {Tag: openapi.Nodes, Sum: "Replace its tags", Body: tags, Answer: tags, ETag: true, Cond: true, Errors: []int{403, 422}},
		"GET /v1/node/env":    {Tag: openapi.Nodes, Sum: "Show its environment", Answer: envs, ETag: true},
		"PUT /v1/node/env":    {Tag: openapi.Nodes, Sum: "Replace its environment", Body: envs, Answer: envs, ETag: true, Cond: true, Errors: []int{403, 422}},
		"GET /v1/manifest":    {Tag: openapi.Nodes, Sum: "Show what it is to run", Answer: manifestView, ETag: true, Errors: []int{404, 422}},
		"PUT /v1/manifest":    {Tag: openapi.Nodes, Sum: "Replace what it is to run", Body: openapi.JSON(state.Manifest{}), Answer: manifestView, Also: []int{201}, ETag: true, Cond: true, Errors: []int{403, 422}},
		"GET /v1/stat/{what}": {Tag: openapi.Nodes, Sum: "Show how much of the machine was in use", Text: "what is os, cpu, mem, disk or net.", Query: openapi.Window, Answer: openapi.JSON(series.Chart{}), Errors: []int{404}},
	}
}

func procOps() openapi.Ops {
	output := openapi.Text("what the process wrote", "")
	return openapi.Ops{
		"GET /v1/proc":                 {Tag: openapi.Procs, Sum: "List all instances, those without a process too", Answer: openapi.List(openapi.JSON(state.Proc{}))},
		"GET /v1/proc/{pid}":           {Tag: openapi.Procs, Sum: "Show a process", Answer: openapi.JSON(state.Proc{}), Errors: []int{404}},
		"POST /v1/proc/{pid}/_kill":    {Tag: openapi.Procs, Sum: "Send a process a signal", Text: "SIGKILL unless the body names another. What its restart policy says follows.", Body: openapi.JSON(openapi.Signal{}).Like(`{"signal": 15}`).Optional(), Answer: openapi.JSON(killing{}), Status: 202, Errors: []int{404, 422}},
		"POST /v1/proc/{pid}/_restart": {Tag: openapi.Procs, Sum: "Restart one instance", Answer: openapi.JSON(restarted{}), Status: 202, Errors: []int{404}},
		"GET /v1/proc/{pid}/_stdout":   {Tag: openapi.Procs, Sum: "Show what a process wrote to stdout", Query: openapi.Output, Answer: output, Errors: []int{404}},
		"GET /v1/proc/{pid}/_stderr":   {Tag: openapi.Procs, Sum: "Show what a process wrote to stderr", Query: openapi.Output, Answer: output, Errors: []int{404}},
		"GET /v1/proc/{pid}/_health":   {Tag: openapi.Procs, Sum: "Show the health checks of a process and their last results", Answer: openapi.JSON([]health.Status{}), Errors: []int{404}},
		"GET /v1/event":                {Tag: openapi.Events, Sum: "List events of this node, newest first", Query: []openapi.Param{openapi.Number("limit", "events at most", defaultEvents, maxEvents)}, Answer: openapi.JSON([]state.Event{})},
		"GET /v1/crash":                {Tag: openapi.Procs, Sum: "List the last outputs of instances that ended badly, newest first", Query: []openapi.Param{openapi.Word("instance", "of this one alone", "web.0")}, Answer: openapi.JSON([]crash.Kept{})},
		"GET /v1/crash/{name}":         {Tag: openapi.Procs, Sum: "Show the last output of an instance that ended badly", Answer: openapi.Text("its output", ""), Errors: []int{404}},
	}
}
