package state

import "strings"

// IsOwn reports whether a key is of a document that the agent of a node writes, and nobody else: its report, heartbeat, events
// and crashes (design section 2).
func IsOwn(node, key string) bool {
	if key == KindReport.Key(node) || key == KindHeartbeat.Key(node) {
		return true
	}
	_, writer, ok := ParseEventKey(key)
	return ok && writer == node || strings.HasPrefix(key, KindCrash.Prefix()+node+"/")
}
