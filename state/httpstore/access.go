package httpstore

import (
	"net/http"
	"strings"
	"time"

	"stathub/state"
	"stathub/state/signature"
)

// NodeHeader names the node whose agent asks. There is no sign-in yet that would prove it.
const NodeHeader = "Stathub-Node"

// The operations that Options.Allow and NodeAccess judge.
const (
	OpGet    = "get"
	OpPut    = "put"
	OpDelete = "delete"
	OpList   = "list"
	OpWatch  = "watch"
)

// NodeAccess says whether the agent of a node may do that: code Denied if not. It reads its manifest with the signature
// beside it, and artifacts; it reads and writes its own report, heartbeat, events and crashes; nothing else (design
// section 6). key is one that state.CheckKey accepts or, for OpList and OpWatch, a prefix.
//
// A watch of a document tells also, and only, that something changed whose key goes on from there.
func NodeAccess(node, op, key string) error {
	// Checked here too, though no store understands "..": a policy that compares beginnings must not depend on that.
	sane := state.CheckName(node) == nil && state.CheckKey(strings.TrimSuffix(key, "/")) == nil
	if sane && allowed(node, op, key) {
		return nil
	}
	return state.Errorf(state.Denied, key, "the agent of node %q may not %s this: it may read its own manifest and artifacts, and read and write "+
		"its own report, heartbeat, events and crashes", node, op)
}

func allowed(node, op, key string) bool {
	readable := isManifest(node, key) || strings.HasPrefix(key, state.KindArtifact.Prefix())
	switch op {
	case OpGet:
		return readable || state.IsOwn(node, key)
	case OpPut, OpDelete:
		return state.IsOwn(node, key)
	case OpList:
		return strings.HasPrefix(key, state.KindArtifact.Prefix()) || inOwnFolder(node, key)
	case OpWatch:
		return readable || state.IsOwn(node, key) || inOwnFolder(node, key)
	default:
		return false
	}
}

// isManifest is true for the node's manifest, and for the detached signature beside it.
func isManifest(node, key string) bool {
	manifest := state.KindManifest.Key(node)
	return key == manifest || key == signature.Key(manifest)
}

// inOwnFolder is true for a prefix that leads into a folder of the node's own, its slash included: "crashes/n1" would
// show those of n10.
func inOwnFolder(node, prefix string) bool {
	if strings.HasPrefix(prefix, state.KindCrash.Prefix()+node+"/") {
		return true
	}
	rest, ok := strings.CutPrefix(prefix, state.KindEvents.Prefix())
	day, rest, cut := strings.Cut(rest, "/")
	_, err := time.Parse(time.DateOnly, day)
	return ok && cut && err == nil && strings.HasPrefix(rest, node+"/")
}

// AllowNode is an Options.Allow: NodeAccess for a request that names its node in NodeHeader, everything for one that does
// not. A request that names several, or none clearly, is denied.
func AllowNode(r *http.Request, op, key string) error {
	switch nodes := r.Header.Values(NodeHeader); len(nodes) {
	case 0:
		return nil
	case 1:
		return NodeAccess(nodes[0], op, key)
	default:
		return state.Errorf(state.Denied, key, "the request names %d nodes", len(nodes))
	}
}
