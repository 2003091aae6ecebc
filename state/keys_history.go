package state

import (
	"strconv"
	"strings"
)

// HistoryPrefix is the folder of an app's revisions.
func HistoryPrefix(app string) string { return KindHistory.Prefix() + app + "/" }

// HistoryKey is the key of a revision of an app.
func HistoryKey(app string, revision int64) string {
	return HistoryPrefix(app) + strconv.FormatInt(revision, 10) + ".json"
}

// maxRevision bounds the numbers of revisions: there must be a next one, and all readers of JSON must be able to hold it.
const maxRevision = 1 << 53

// ParseHistoryKey is HistoryKey's inverse. It is false for anything else that lies under the prefix.
func ParseHistoryKey(key string) (app string, revision int64, ok bool) {
	rest, ok := strings.CutPrefix(key, KindHistory.Prefix())
	app, name, cut := strings.Cut(rest, "/")
	if !ok || !cut || !nameForm.MatchString(app) {
		return "", 0, false
	}
	number, ok := strings.CutSuffix(name, ".json")
	revision, err := strconv.ParseInt(number, 10, 64)
	if !ok || err != nil || revision < 1 || revision >= maxRevision || strconv.FormatInt(revision, 10) != number {
		return "", 0, false
	}
	return app, revision, true
}
