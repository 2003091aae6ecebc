package state

import (
	"strconv"
	"strings"
	"time"
)

// EventKey is the key of one batch of events of a writer. id is a ULID, so that keys sort by time.
func EventKey(at time.Time, writer, id string) string {
	return KindEvents.Prefix() + at.UTC().Format(time.DateOnly) + "/" + writer + "/" + id + ".jsonl"
}

// ParseEventKey is EventKey's inverse: the day, in UTC, and the writer of a batch of events. It is false for anything
// else that lies under the prefix.
func ParseEventKey(key string) (day time.Time, writer string, ok bool) {
	rest, ok := strings.CutPrefix(key, KindEvents.Prefix())
	parts := strings.Split(rest, "/")
	if !ok || len(parts) != 3 || !nameForm.MatchString(parts[1]) {
		return time.Time{}, "", false
	}
	day, err := time.Parse(time.DateOnly, parts[0])
	id, ok := strings.CutSuffix(parts[2], ".jsonl")
	if err != nil || !ok || len(id) != ulidLength || strings.Trim(id, "0123456789ABCDEFGHJKMNPQRSTVWXYZ") != "" {
		return time.Time{}, "", false
	}
	return day, parts[1], true
}

// ulidLength is the length of a ULID in characters (https://github.com/ulid/spec).
const ulidLength = 26

// crashTime is how a crash's key tells the time, in UTC: it sorts, and is a file name everywhere.
const crashTime = "20060102T150405Z"

// CrashName is the last segment of a crash's key: it names the instance, and when it ended.
func CrashName(app string, n int, at time.Time) string {
	return app + "." + strconv.Itoa(n) + "-" + at.UTC().Format(crashTime) + ".txt"
}

// CrashKey is the key of what an instance of a node said last before a bad end. name is a CrashName.
func CrashKey(node, name string) string { return KindCrash.Prefix() + node + "/" + name }

// ParseCrashName is CrashName's inverse. It is false for any other name.
func ParseCrashName(name string) (app string, n int, at time.Time, ok bool) {
	text, ok := strings.CutSuffix(name, ".txt")
	dash := strings.LastIndexByte(text, '-')
	if !ok || dash < 0 {
		return "", 0, time.Time{}, false
	}
	at, err := time.Parse(crashTime, text[dash+1:])
	text = text[:dash]
	dot := strings.LastIndexByte(text, '.')
	if err != nil || dot < 0 || !nameForm.MatchString(text[:dot]) {
		return "", 0, time.Time{}, false
	}
	n, err = strconv.Atoi(text[dot+1:])
	if err != nil || n < 0 || strconv.Itoa(n) != text[dot+1:] {
		return "", 0, time.Time{}, false
	}
	return text[:dot], n, at, true
}

// ParseCrashKey is CrashKey's inverse. It is false for anything else that lies under the prefix.
func ParseCrashKey(key string) (node, name string, ok bool) {
	rest, ok := strings.CutPrefix(key, KindCrash.Prefix())
	node, name, cut := strings.Cut(rest, "/")
	if !ok || !cut || !nameForm.MatchString(node) {
		return "", "", false
	}
	_, _, _, ok = ParseCrashName(name)
	return node, name, ok
}
