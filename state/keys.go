package state

import (
	"strings"
)

// Kind is a document kind: the first segment of its key (design section 2).
type Kind string

// The kinds of documents.
const (
	KindApp       Kind = "apps"
	KindChoreo    Kind = "choreos"
	KindNode      Kind = "nodes"
	KindManifest  Kind = "manifests"
	KindReport    Kind = "reports"
	KindHeartbeat Kind = "heartbeats"
	KindEvents    Kind = "events"
	KindHistory   Kind = "history"
	KindArtifact  Kind = "artifacts"
	KindLease     Kind = "leases"
	KindCrash     Kind = "crashes"
	KindRejected  Kind = "rejected"
)

// Prefix is the kind's folder, with its slash.
func (k Kind) Prefix() string { return string(k) + "/" }

// Key gives the key of the document of this kind that belongs to an app or a node.
func (k Kind) Key(name string) string {
	if k == KindHeartbeat {
		return k.Prefix() + name
	}
	return k.Prefix() + name + ".json"
}

// Name is Key's inverse: the app or node that a key of this kind belongs to. It is false for anything else that lies
// under the prefix: editors' swap files, .DS_Store, sub-folders.
func (k Kind) Name(key string) (string, bool) {
	name, ok := strings.CutPrefix(key, k.Prefix())
	if !ok {
		return "", false
	}
	if k != KindHeartbeat {
		if name, ok = strings.CutSuffix(name, ".json"); !ok {
			return "", false
		}
	}
	return name, nameForm.MatchString(name)
}

// keyName gives the name that the document at key must have, or "" when the key does not say.
func keyName(key string) string {
	kind, _, _ := strings.Cut(key, "/")
	switch k := Kind(kind); k {
	case KindApp, KindChoreo, KindNode, KindManifest, KindReport:
		name, _ := k.Name(key)
		return name
	default:
		return ""
	}
}
