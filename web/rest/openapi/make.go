package openapi

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/go-json-experiment/json/jsontext"

	"stathub/state"
	"stathub/state/schema"
	"stathub/web/rest"
)

// API is what a document is made from.
type API struct {
	Info   Info
	Tags   []Tag // groups, in their order
	Routes []rest.Route
	Ops    Ops
	Docs   []schema.Docs  // comments of types in answers
	Names  map[string]any // names for types that have no good one: a sample of each
}

// Undescribed gives the routes without a description, and the descriptions without a route.
func (a API) Undescribed() (routes, descriptions []string) {
	left := maps.Clone(a.Ops)
	for _, r := range a.Routes {
		key := r.Method + " " + r.Path
		if _, ok := a.Ops[key]; !ok {
			routes = append(routes, key)
		}
		delete(left, key)
	}
	return routes, slices.Sorted(maps.Keys(left))
}

// Document describes the routes of the table that have a description, in its order.
func (a API) Document() *Document {
	b := schema.NewBuilder("#/components/schemas/", append([]schema.Docs{{Members: docs(), Words: words()}}, a.Docs...)...)
	b.Name("DocumentProblem", state.Problem{})
	for name, sample := range a.Names {
		b.Name(name, sample)
	}
	d := &Document{OpenAPI: Version, Info: a.Info, Dialect: schema.Dialect, Servers: []Server{{"/"}}, Tags: a.Tags}
	problem := b.Of(rest.Problem{})
	for _, r := range a.Routes {
		op, ok := a.Ops[r.Method+" "+r.Path]
		if !ok {
			continue
		}
		path := strings.ReplaceAll(r.Path, "*", "{key}")
		i := slices.IndexFunc(d.Paths, func(p Pair[PathItem]) bool { return p.Name == path })
		if i < 0 {
			i, d.Paths = len(d.Paths), append(d.Paths, Pair[PathItem]{Name: path})
		}
		made := a.operation(b, problem, r.Method, path, op)
		d.Paths[i].Value = append(d.Paths[i].Value, Pair[*Operation]{strings.ToLower(r.Method), made})
	}
	d.Components.Schemas = b.Defs()
	return d
}

func (a API) operation(b *schema.Builder, problem *schema.Schema, method, path string, op Op) *Operation {
	made := &Operation{ID: operationID(method, path), Tags: []string{op.Tag}, Summary: op.Sum, Description: op.Text}
	made.Parameters = inPath(path)
	for _, p := range op.Query {
		made.Parameters = append(made.Parameters, Parameter{Name: p.Name, In: "query", Description: p.Text, Schema: &p.Schema, Example: p.Example})
	}
	if op.Cond {
		made.Parameters = append(made.Parameters, condition...)
		op.Errors = append(slices.Clone(op.Errors), http.StatusPreconditionFailed)
	}
	if op.Body != nil {
		made.RequestBody = &Body{Description: op.Body.Text, Required: !op.Body.Option, Content: op.Body.media(b)}
	}
	made.Responses = responses(b, problem, op)
	return made
}

// inPath gives the parameters of a path.
func inPath(path string) (all []Parameter) {
	parts := strings.Split(path, "/")
	for i, part := range parts {
		_, name, _ := strings.Cut(part, "{")
		name, _, ok := strings.Cut(name, "}")
		if !ok {
			continue
		}
		text, special := params[parts[i-1]+"/"+name]
		if !special {
			text = params[name]
		}
		all = append(all, Parameter{Name: name, In: "path", Description: text, Required: true, Schema: &schema.Schema{Type: "string"}})
	}
	return all
}

var condition = []Parameter{
	{Name: "If-Match", In: "header", Description: "the ETag that was read: the write fails with 412 when the document changed since", Schema: &schema.Schema{Type: "string"}},
	{Name: "If-None-Match", In: "header", Description: "*: the write fails with 412 when there is a document already", Schema: &schema.Schema{Type: "string"}},
}

func responses(b *schema.Builder, problem *schema.Schema, op Op) (all Ordered[ResponseItem]) {
	status := op.Status
	switch {
	case status == 0 && op.Answer == nil:
		status = http.StatusNoContent
	case status == 0:
		status = http.StatusOK
	}
	for _, s := range append([]int{status}, op.Also...) {
		r := ResponseItem{Description: meanings[s]}
		if op.Answer != nil {
			r.Content = op.Answer.media(b)
		}
		if op.ETag {
			r.Headers = Ordered[Header]{{"ETag", Header{"revision of the document, for If-Match", &schema.Schema{Type: "string"}}}}
		}
		all = append(all, Pair[ResponseItem]{strconv.Itoa(s), r})
	}
	if op.ETag && op.Body == nil && op.Also == nil {
		op.Errors = append(slices.Clone(op.Errors), http.StatusNotModified)
	}
	said := Ordered[MediaType]{{"application/problem+json", MediaType{Schema: problem}}}
	for _, s := range slices.Sorted(slices.Values(op.Errors)) {
		r := ResponseItem{Description: meanings[s], Content: said}
		if s == http.StatusNotModified {
			r.Content = nil
		}
		all = append(all, Pair[ResponseItem]{strconv.Itoa(s), r})
	}
	return append(all, Pair[ResponseItem]{"default", ResponseItem{Description: "what went wrong", Content: said}})
}

// meanings are what statuses say here.
var meanings = map[int]string{
	http.StatusOK: "done", http.StatusCreated: "created", http.StatusAccepted: "taken on; it is carried out soon", http.StatusNoContent: "done",
	http.StatusNotModified: "the revision of If-None-Match is current still", http.StatusForbidden: "refused: it is not this program's to do",
	http.StatusNotFound: "there is no such thing", http.StatusConflict: "it is there already, or is in use",
	http.StatusPreconditionFailed:    "the document changed since its ETag was read: read it again",
	http.StatusRequestEntityTooLarge: "the body is too large",
	http.StatusUnprocessableEntity:   "it can be read and makes no sense: errors says where and why",
	http.StatusServiceUnavailable:    "the bucket, or the agent of the node, is out of reach: try again after Retry-After",
}

func (c *Content) media(b *schema.Builder) Ordered[MediaType] {
	m := MediaType{Schema: c.schema(b)}
	switch {
	case c.Example == "":
	case c.Media == "application/json":
		m.Example = jsontext.Value(c.Example)
	default:
		m.Example = state.EncodeLine(c.Example)
	}
	return Ordered[MediaType]{{c.Media, m}}
}

// operationID is made from method and path: "POST /v1/app/{name}/_start" is postAppStart.
func operationID(method, path string) string {
	id := strings.ToLower(method)
	for part := range strings.SplitSeq(strings.TrimPrefix(path, "/v1"), "/") {
		if name, of, ok := strings.Cut(strings.Trim(part, "_."), "{"); ok {
			part = name + "By" + strings.ToUpper(of[:1]) + strings.TrimSuffix(of[1:], "}")
			part = strings.NewReplacer("}", "", ".", "").Replace(part)
		}
		if part = strings.NewReplacer(".", "", "_", "").Replace(part); part != "" {
			id += strings.ToUpper(part[:1]) + part[1:]
		}
	}
	return id
}

// WithDocument adds the routes of the schemas and of the document to a table. describe gives what the document of all of
// them is made from, which happens at the first request.
func WithDocument(routes []rest.Route, describe func(all []rest.Route) API) []rest.Route {
	var all []rest.Route
	made := sync.OnceValues(func() (*Document, state.ETag) {
		d := describe(all).Document()
		return d, state.ContentETag(d)
	})
	serve := func(w http.ResponseWriter, r *http.Request) error {
		d, etag := made()
		rest.WriteJSON(w, r, http.StatusOK, d, etag)
		return nil
	}
	all = append(append(routes, SchemaRoutes()...), rest.Route{Method: http.MethodGet, Path: "/v1/openapi.json", Handler: serve})
	return all
}
