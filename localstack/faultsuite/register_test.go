package faultsuite

import (
	"fmt"
	"slices"
	"strings"

	"stathub/state"
)

// register is one place in a document that keeps the token of the last edit. An edit is conditional on the revision that
// it replaces and remembers the token that it found there: so the edits of a register are a chain, and one that was
// acknowledged and is not in the chain that ends at the last token was lost.
type register struct {
	key  string // of the document in the bucket
	read func(doc []byte) (token string, err error)
	edit func(doc []byte, token string) ([]byte, error)
	ways []way // that lead to it through the API; the bucket itself is always one
}

// way is a resource of the master's API that shows the register's document or a part of it.
type way struct {
	path string
	read func(doc []byte) (token string, err error)
	edit func(doc []byte, token string) ([]byte, error)
}

const (
	first     = "first" // the token of a register that nobody has edited
	tokenEnv  = "TOKEN"
	tokenTag  = "token:"
	handEntry = "hand" // the app of manifests that belongs to people
)

// document makes the functions of a register from ones of a decoded document.
func document[T any, P interface {
	*T
	state.Document
}](key string, get func(*T) string, set func(*T, string)) (func([]byte) (string, error), func([]byte, string) ([]byte, error)) {
	read := func(data []byte) (string, error) {
		doc, err := state.Decode[T, P](key, data)
		if err != nil {
			return "", err
		}
		token := get(doc)
		if token == "" {
			return "", fmt.Errorf("%s has no token: %s", key, data)
		}
		return token, nil
	}
	edit := func(data []byte, token string) ([]byte, error) {
		doc, err := state.Decode[T, P](key, data)
		if err != nil {
			return nil, err
		}
		set(doc, token)
		return state.Encode(doc), nil
	}
	return read, edit
}

// ofApp keeps the token in the environment of an app.
func ofApp(name string) *register {
	r := &register{key: state.KindApp.Key(name)}
	r.read, r.edit = document(r.key,
		func(a *state.App) string { return a.Envs[tokenEnv] },
		func(a *state.App, token string) { a.Envs[tokenEnv] = token })
	r.ways = []way{{"/v1/app/" + name, r.read, r.edit}, {"/v1/bucket/" + r.key, r.read, r.edit}}
	return r
}

// ofChoreo keeps it in the query of a choreography, which matches every node all the same.
func ofChoreo(name string) *register {
	r := &register{key: state.KindChoreo.Key(name)}
	const before = `* OR tags:`
	r.read, r.edit = document(r.key,
		func(ch *state.Choreo) string { return strings.TrimPrefix(ch.Query, before) },
		func(ch *state.Choreo, token string) { ch.Query = before + token })
	r.ways = []way{{"/v1/app/" + name + "/choreo", r.read, r.edit}, {"/v1/bucket/" + r.key, r.read, r.edit}}
	return r
}

// ofTags keeps it in the tags of a node, whose record the master writes too.
func ofTags(node string) *register {
	r := &register{key: state.KindNode.Key(node)}
	r.read, r.edit = document(r.key,
		func(n *state.Node) string { return tokenOf(n.Tags) },
		func(n *state.Node, token string) { n.Tags = withToken(n.Tags, token) })
	read, edit := document("tags of "+node,
		func(tags *state.Tags) string { return tokenOf(*tags) },
		func(tags *state.Tags, token string) { *tags = withToken(*tags, token) })
	r.ways = []way{{"/v1/node/" + node + "/tag", read, edit}, {"/v1/bucket/" + r.key, r.read, r.edit}}
	return r
}

func tokenOf(tags []string) string {
	for _, tag := range tags {
		if token, ok := strings.CutPrefix(tag, tokenTag); ok {
			return token
		}
	}
	return ""
}

func withToken(tags []string, token string) []string {
	others := slices.DeleteFunc(slices.Clone(tags), func(tag string) bool { return strings.HasPrefix(tag, tokenTag) })
	return append(others, tokenTag+token)
}

// ofManifest keeps it in a person's entry of a node's manifest, which the master rewrites all the time.
func ofManifest(node string) *register {
	r := &register{key: state.KindManifest.Key(node)}
	r.read, r.edit = document(r.key,
		func(m *state.Manifest) string {
			if e := m.Entry(handEntry); e != nil {
				return e.App.Envs[tokenEnv]
			}
			return ""
		},
		func(m *state.Manifest, token string) { m.Entry(handEntry).App.Envs[tokenEnv] = token })
	r.ways = []way{{"/v1/bucket/" + r.key, r.read, r.edit}}
	return r
}
