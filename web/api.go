package web

import (
	"slices"
	"strings"

	"stathub/state"
	"stathub/web/rest/openapi"
)

// API is the page of an API, made from its OpenAPI document.
type API struct {
	Title, Text string
	Groups      []APIGroup
	Types       []TypeTable
}

// APIGroup are operations that belong together.
type APIGroup struct {
	Name, Text string
	Operations []APIOperation
}

// APIOperation is one request that can be made.
type APIOperation struct {
	ID, Method, Path, Sum, Text string
	Params                      []APIParam
	Body                        *APIBody // nil: none
	Answers                     []APIAnswer
	call                        string // of curl, with HOST where the program is
}

// APIParam is a parameter of a request.
type APIParam struct {
	Name, In, Text string
	Type           []TypePart
	Required       bool
	Default        string
}

// APIBody is what is sent or comes back.
type APIBody struct {
	Media, Text, Example string
	Type                 []TypePart
	Required             bool
}

// APIAnswer is what comes back with a status.
type APIAnswer struct {
	Status, Text string
	Body         *APIBody
}

// Curl is the command that makes the request at a host.
func (o APIOperation) Curl(host string) string {
	return strings.ReplaceAll(o.call, "HOST", "http://"+host)
}

// NewAPI makes the page of a document.
func NewAPI(d *openapi.Document) *API {
	page := &API{Title: d.Info.Title, Text: d.Info.Description}
	for _, tag := range d.Tags {
		page.Groups = append(page.Groups, APIGroup{Name: tag.Name, Text: tag.Description})
	}
	for _, path := range d.Paths {
		for _, method := range path.Value {
			o := method.Value
			i := slices.IndexFunc(page.Groups, func(g APIGroup) bool { return g.Name == o.Tags[0] })
			page.Groups[i].Operations = append(page.Groups[i].Operations, operationOf(strings.ToUpper(method.Name), path.Name, o))
		}
	}
	for _, def := range d.Components.Schemas {
		if def.Name != "Bytes" {
			page.Types = append(page.Types, tableOf(def.Name, def.Schema))
		}
	}
	return page
}

func operationOf(method, path string, o *openapi.Operation) APIOperation {
	op := APIOperation{ID: o.ID, Method: method, Path: path, Sum: o.Summary, Text: o.Description}
	for _, p := range o.Parameters {
		param := APIParam{Name: p.Name, In: p.In, Text: p.Description, Type: typeOf(p.Schema), Required: p.Required}
		if p.Schema.Default != nil {
			param.Default = strings.TrimSpace(string(state.EncodeLine(p.Schema.Default)))
		}
		op.Params = append(op.Params, param)
	}
	if o.RequestBody != nil {
		op.Body = bodyOf(o.RequestBody.Content)
		op.Body.Required, op.Body.Text = o.RequestBody.Required, o.RequestBody.Description
	}
	for _, r := range o.Responses {
		op.Answers = append(op.Answers, APIAnswer{r.Name, r.Value.Description, bodyOf(r.Value.Content)})
	}
	op.call = callOf(method, path, op.Body, o.Parameters)
	return op
}

func bodyOf(content openapi.Ordered[openapi.MediaType]) *APIBody {
	if len(content) == 0 {
		return nil
	}
	media := content[0].Value
	b := &APIBody{Media: content[0].Name, Type: typeOf(media.Schema), Example: strings.TrimSpace(string(media.Example))}
	if text, ok := strings.CutPrefix(b.Example, `"`); ok && b.Media == "text/plain" {
		b.Example = strings.TrimSuffix(text, `"`)
	}
	return b
}

// sample are values for the parameters of paths, that an example looks like a real one.
var sample = strings.NewReplacer("{name}", "http_server", "{app}", "http_server", "{id}", "n1", "{pid}", "http_server.0", "{kind}", "app",
	"{key}", "apps/http_server.json", "{what}", "cpu")

// callOf writes a request as a shell command. Words that are more than letters are quoted.
func callOf(method, path string, body *APIBody, params []openapi.Parameter) string {
	var b strings.Builder
	b.WriteString("curl ")
	if method != "GET" {
		b.WriteString("-X " + method + " ")
	}
	target := "HOST" + sample.Replace(path)
	if i := slices.IndexFunc(params, func(p openapi.Parameter) bool { return p.In == "query" && p.Example != nil }); i >= 0 && body == nil {
		value, _ := params[i].Example.(string)
		target = "'" + target + "?" + params[i].Name + "=" + value + "'"
	}
	b.WriteString(target)
	switch {
	case body == nil:
	case body.Media == "*/*":
		b.WriteString(" --data-binary @http_server.json")
	case body.Example == "":
		b.WriteString(" -d @body.json")
	default:
		b.WriteString(" -d '" + strings.ReplaceAll(body.Example, "'", `'\''`) + "'")
	}
	return b.String()
}
