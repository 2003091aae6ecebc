package web

import (
	"html/template"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"stathub/state"
)

// local is an instance's name on its own node: "web.0" of "n1/web.0".
func local(instance string) string { return instance[strings.LastIndexByte(instance, '/')+1:] }

// size shows bytes with a binary unit.
func size(b state.Bytes) string {
	v, unit := float64(b), "B"
	for _, next := range []string{"KiB", "MiB", "GiB", "TiB", "PiB"} {
		if v < 1024 {
			break
		}
		v, unit = v/1024, next
	}
	if v >= 100 || unit == "B" {
		return strconv.FormatFloat(v, 'f', 0, 64) + " " + unit
	}
	return strconv.FormatFloat(v, 'f', 1, 64) + " " + unit
}

// since shows how long ago something was, as an element whose text a script keeps true; its title is the time.
func since(now, at time.Time) template.HTML {
	if at.IsZero() {
		return "–"
	}
	stamp := at.UTC().Format(time.RFC3339)
	return template.HTML(`<time datetime="` + stamp + `" title="` + stamp + `">` + span(now.Sub(at)) + `</time>`)
}

// span shows a duration in its largest unit, in two where the second says much: "45s", "5m 3s", "2h 5m", "3d 4h".
// assets/console.js does the same.
func span(d time.Duration) string {
	s := int64(max(0, d) / time.Second)
	switch {
	case s >= 24*3600:
		return strconv.FormatInt(s/86400, 10) + "d " + strconv.FormatInt(s/3600%24, 10) + "h"
	case s >= 3600:
		return strconv.FormatInt(s/3600, 10) + "h " + strconv.FormatInt(s/60%60, 10) + "m"
	case s >= 60:
		return strconv.FormatInt(s/60, 10) + "m " + strconv.FormatInt(s%60, 10) + "s"
	}
	return strconv.FormatInt(s, 10) + "s"
}

// link is a port as something to click.
type link struct {
	Port int
	URL  string
}

// links guesses the addresses of a process's ports from its agent's address.
func links(agentAddress string, ports []int) []link {
	host := "127.0.0.1"
	if u, err := url.Parse(agentAddress); err == nil && u.Hostname() != "" {
		host = u.Hostname()
	}
	var all []link
	for _, p := range ports {
		all = append(all, link{p, "http://" + net.JoinHostPort(host, strconv.Itoa(p)) + "/"})
	}
	return all
}

// clock shows a time, in UTC until a script shows it in the browser's zone.
func clock(at time.Time) template.HTML {
	if at.IsZero() {
		return "–"
	}
	return template.HTML(`<time datetime="` + at.UTC().Format(time.RFC3339) + `" data-clock>` + stamp(at) + ` UTC</time>`)
}

// stamp shows a time in UTC, to the second.
func stamp(at time.Time) string {
	if at.IsZero() {
		return "–"
	}
	return at.UTC().Format("2006-01-02 15:04:05")
}
