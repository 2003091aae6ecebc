package scheduler

import (
	"fmt"
	"strings"
)

// verdict says why a node cannot take one more instance of an app: a code and, for CodePort and CodeHeld, what else
// tells such nodes apart. An empty code means that it can.
func (p *planner) verdict(j *job, h *host, pl *place) (code, detail string) {
	switch {
	case !j.match.ok[h.i]:
		return CodeNoMatch, ""
	case h.held != "":
		return CodeHeld, h.held
	case pl != nil && pl.person:
		return CodePinned, ""
	case h.down() && p.in.Frozen != "":
		return CodeFrozen, ""
	case h.down():
		return CodeDown, ""
	case h.draining():
		return CodeDraining, ""
	case !h.record.Schedulable:
		return CodeCordoned, ""
	}
	if port, by := h.taken(j.ports, j.name); by != "" {
		return CodePort, fmt.Sprintf("port %d in use by %s", port, by)
	}
	if pl != nil && pl.n >= j.limit() {
		if len(j.ports) > 0 {
			return CodeOnePerNode, ""
		}
		return CodeMaxPerNode, ""
	}
	return "", ""
}

// explain is the verdict in words, for number nodes.
func (p *planner) explain(j *job, code, detail string, number int) string {
	many := func(one, more string) string {
		if number == 1 {
			return one
		}
		return more
	}
	switch code {
	case CodeNoMatch:
		return many("does not match", "do not match") + fmt.Sprintf(" the query %q", j.choreo.Query)
	case CodeHeld:
		if number == 1 {
			return "is left alone: " + detail
		}
		return "are left alone: for each, " + detail
	case CodePinned:
		return many("has", "have") + " an entry of this app that belongs to a person"
	case CodeFrozen:
		return many("is", "are") + " down, and nothing moves off nodes that are down: " + p.in.Frozen
	case CodeDown:
		return many("is", "are") + " down"
	case CodeDraining:
		return many("is", "are") + " being drained"
	case CodeCordoned:
		return many("is", "are") + " not schedulable"
	case CodePort:
		return many("has ", "have ") + detail
	case CodeOnePerNode:
		return many("runs", "run") + fmt.Sprintf(" an instance already, and the fixed %s leaves room for one per node", portWords(j.ports))
	case CodeMaxPerNode:
		return many("has", "have") + fmt.Sprintf(" as many instances as maxPerNode (%d) allows", j.limit())
	default:
		return code
	}
}

func portWords(ports []int) string {
	word := "port "
	if len(ports) > 1 {
		word = "ports "
	}
	return word + strings.Trim(strings.ReplaceAll(fmt.Sprint(ports), " ", ", "), "[]")
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
