package state

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"
)

// RejectedKey is the key under which a manifest is kept that could not be read, as it was. at is when it was found so. Equal
// bytes that were found at one time have one key.
func RejectedKey(node string, at time.Time, data []byte) string {
	sum := sha256.Sum256(data)
	return KindRejected.Prefix() + node + "/" + at.UTC().Format(crashTime) + "-" + hex.EncodeToString(sum[:rejectedSum/2]) + ".json"
}

// rejectedSum is the number of hex digits in a RejectedKey.
const rejectedSum = 8

// ParseRejectedKey is RejectedKey's inverse. It is false for anything else that lies under the prefix.
func ParseRejectedKey(key string) (node string, at time.Time, ok bool) {
	rest, ok := strings.CutPrefix(key, KindRejected.Prefix())
	node, name, cut := strings.Cut(rest, "/")
	text, json := strings.CutSuffix(name, ".json")
	stamp, sum, dash := strings.Cut(text, "-")
	if !ok || !cut || !json || !dash || !nameForm.MatchString(node) || len(sum) != rejectedSum || strings.Trim(sum, "0123456789abcdef") != "" {
		return "", time.Time{}, false
	}
	at, err := time.Parse(crashTime, stamp)
	return node, at, err == nil
}
