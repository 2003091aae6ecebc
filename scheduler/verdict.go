package scheduler

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"stathub/state"
)

// cause is why a node cannot take one more instance of an app.
type cause uint8

const (
	fits cause = iota // it can
	noMatch
	held
	pinned
	frozenDown
	down
	draining
	cordoned
	portInUse
	onePerNode
	maxPerNode
	full
	lacksMemory
	lacksCPU
	lacksDisk
	causes // how many there are
)

var causeCodes = [causes]string{
	noMatch: CodeNoMatch, held: CodeHeld, pinned: CodePinned, frozenDown: CodeFrozen, down: CodeDown, draining: CodeDraining,
	cordoned: CodeCordoned, portInUse: CodePort, onePerNode: CodeOnePerNode, maxPerNode: CodeMaxPerNode, full: CodeFull,
	lacksMemory: CodeMemory, lacksCPU: CodeCPU, lacksDisk: CodeDisk,
}

// maxOnHost bounds the instances of all apps on one node: a manifest with more is refused.
const maxOnHost = state.MaxCount

// verdict says why a node cannot take one more instance of an app and, for portInUse and held, what else tells such
// nodes apart. pl is the app's place there, nil when it has none.
func (p *planner) verdict(j *job, h *host, pl *place) (why cause, detail string) {
	switch {
	case !j.match.ok.has(h.i):
		return noMatch, ""
	case h.bar == held:
		return held, h.held
	case pl != nil && pl.person:
		return pinned, ""
	case h.bar != fits:
		return h.bar, ""
	}
	if len(j.ports) > 0 {
		if port, by := h.taken(j.ports, j); by != nil {
			return portInUse, "port " + strconv.Itoa(port) + " in use by " + by.name()
		}
	}
	if pl != nil && (pl.n >= j.limit || pl.closed()) {
		if len(j.ports) > 0 {
			return onePerNode, ""
		}
		return maxPerNode, ""
	}
	if n, scarce := h.room(j, pl); n <= 0 {
		return scarce, ""
	}
	return fits, ""
}

// explain is the verdict in words, for number nodes.
func (p *planner) explain(j *job, why cause, detail string, number int) string {
	many := func(one, more string) string {
		if number == 1 {
			return one
		}
		return more
	}
	switch why {
	case noMatch:
		return many("does not match", "do not match") + fmt.Sprintf(" the query %q", j.choreo.Query)
	case held:
		return many("is left alone: ", "are left alone: for each, ") + detail
	case pinned:
		return many("has", "have") + " an entry of this app that belongs to a person"
	case frozenDown:
		return many("is", "are") + " down, and nothing moves off nodes that are down: " + p.in.Frozen
	case down:
		return many("is", "are") + " down"
	case draining:
		return many("is", "are") + " being drained"
	case cordoned:
		return many("is", "are") + " not schedulable"
	case portInUse:
		return many("has ", "have ") + detail
	case onePerNode:
		return many("runs", "run") + fmt.Sprintf(" an instance already, and the fixed %s leaves room for one per node", portWords(j.ports))
	case maxPerNode:
		return many("has", "have") + fmt.Sprintf(" as many instances as maxPerNode (%d) allows", j.limit)
	case full:
		return many("has", "have") + fmt.Sprintf(" %d instances, which is as many as one node may have", maxOnHost)
	case lacksMemory, lacksCPU, lacksDisk:
		need, _ := amounts(why, j.needs)
		return many("lacks ", "lack ") + scarceWords[why] + " (each instance needs " + need + ")"
	default:
		return causeCodes[why]
	}
}

// explainOne is the verdict in words for one node, with its numbers.
func (p *planner) explainOne(j *job, h *host, why cause, detail string) string {
	need, number := amounts(why, j.needs)
	if need == "" {
		return p.explain(j, why, detail, 1)
	}
	all, has := amounts(why, h.capacity)
	_, used := amounts(why, h.used)
	free := inWords(why, max(0, has-used))
	if used > has {
		return fmt.Sprintf("lacks %s: each instance needs %s, and more than its %s is set aside already", scarceWords[why], need, all)
	}
	if number > has {
		return fmt.Sprintf("lacks %s: each instance needs %s, and it has %s in all", scarceWords[why], need, all)
	}
	return fmt.Sprintf("lacks %s: each instance needs %s, and %s of %s is free", scarceWords[why], need, free, all)
}

var scarceWords = map[cause]string{lacksMemory: "memory", lacksCPU: "cores", lacksDisk: "disk space"}

// amounts gives what of r the cause is about, in words and as a number; nothing for other causes.
func amounts(why cause, r resources) (text string, number float64) {
	switch why {
	case lacksMemory:
		number = r.mem
	case lacksCPU:
		number = r.cpus
	case lacksDisk:
		number = r.disk
	default:
		return "", 0
	}
	return inWords(why, number), number
}

func inWords(why cause, number float64) string {
	if why != lacksCPU {
		return size(number)
	}
	cores := strconv.FormatFloat(math.Round(number/microCores*1000)/1000, 'f', -1, 64)
	return cores + " " + plural(cores == "1", "core")
}

func portWords(ports []int) string {
	return plural(len(ports) == 1, "port") + " " + strings.Trim(strings.ReplaceAll(fmt.Sprint(ports), " ", ", "), "[]")
}

func plural(one bool, word string) string {
	if one {
		return word
	}
	return word + "s"
}

// about is what holds for the app as a whole, whatever the nodes; false where the nodes decide.
func (p *planner) about(j *job) (Reason, bool) {
	path := "/v1/app/" + j.name
	switch {
	case j.broken != "":
		return Reason{Code: CodeBroken, Message: "it stays as it is, since a document of it cannot be read: " + j.broken}, true
	case j.app == nil:
		return Reason{Code: CodeNoApp, Message: "there is a choreography but no app document: POST /v1/app creates it"}, true
	case j.mode == stopping && p.in.Apps[j.name].Deleted:
		return Reason{Code: CodeDeleted, Message: "the app is deleted"}, true
	case j.mode == stopping:
		return Reason{Code: CodeStopped, Message: "the app is not started: POST " + path + "/_start"}, true
	case j.choreo == nil:
		return Reason{Code: CodeNoChoreo, Message: "it has no choreography, so it stays as it is: PUT " + path + "/choreo says where and how many"}, true
	case j.match.err != nil:
		return Reason{Code: CodeQuery, Message: "it stays as it is, since its query cannot be evaluated: " + j.match.err.Error()}, true
	case j.choreo.Scale == 0:
		return Reason{Code: CodeScale, Message: "its scale is 0: POST " + path + "/_scale"}, true
	}
	return Reason{}, false
}

var sizeUnits = []string{"bytes", "KiB", "MiB", "GiB", "TiB", "PiB"}

// size says a number of bytes with the unit in which it is short, rounded down to a tenth of it.
func size(bytes float64) string {
	unit := 0
	for ; bytes >= 1024 && unit < len(sizeUnits)-1; unit++ {
		bytes /= 1024
	}
	return strconv.FormatFloat(math.Floor(bytes*10)/10, 'f', -1, 64) + " " + sizeUnits[unit]
}
