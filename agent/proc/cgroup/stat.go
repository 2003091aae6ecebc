package cgroup

import (
	"strconv"
	"strings"
)

// value finds a key in a flat keyed file: "key value" lines.
func value(text, key string, otherwise int64) int64 {
	for line := range strings.Lines(text) {
		name, rest, _ := strings.Cut(line, " ")
		if name != key {
			continue
		}
		if n, err := strconv.ParseInt(strings.TrimSpace(rest), 10, 64); err == nil {
			return n
		}
	}
	return otherwise
}

// sumIO adds io.stat up over the devices: "8:0 rbytes=1 wbytes=2 rios=3 …" lines.
func sumIO(text string) (readBytes, written int64) {
	for line := range strings.Lines(text) {
		for _, field := range strings.Fields(line) {
			name, rest, _ := strings.Cut(field, "=")
			n, err := strconv.ParseInt(rest, 10, 64)
			if err != nil {
				continue
			}
			switch name {
			case "rbytes":
				readBytes += n
			case "wbytes":
				written += n
			}
		}
	}
	return readBytes, written
}
