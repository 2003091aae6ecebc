// Package faults breaks the way between programs and an HTTP server on purpose: a bucket such as MinIO, or a master's
// gateway. A Proxy stands in that way; a Storm inflicts faults on proxies by a schedule that a seed decides.
// FlakyStore does the like to a state.Store within one process.
package faults

// Fault is one way in which a network or a server fails.
type Fault string

// The faults of a Proxy. Those of connections are toxiproxy's; those of requests need HTTP.
const (
	Latency     Fault = "latency"      // every byte is late, both ways, by times that vary
	Bandwidth   Fault = "bandwidth"    // a narrow line
	Slices      Fault = "slices"       // bytes come a few at a time
	HalfWritten Fault = "half-written" // connections break in the middle of a request or of an answer
	Resets      Fault = "resets"       // connections are reset
	Refused     Fault = "refused"      // nobody listens
	Blackhole   Fault = "blackhole"    // connections open, and nothing arrives; they end with the fault
	SlowDown    Fault = "slow-down"    // requests are answered 503 SlowDown, and not passed on
	LostAnswers Fault = "lost-answers" // requests are passed on, and their answers dropped with the connection
)

// All gives every fault of a Proxy.
func All() []Fault {
	return []Fault{Latency, Bandwidth, Slices, HalfWritten, Resets, Refused, Blackhole, SlowDown, LostAnswers}
}

// Text says for people what a fault does.
func (f Fault) Text() string {
	switch f {
	case Latency:
		return "latency of 10 to 110 ms each way"
	case Bandwidth:
		return "64 KB/s for each connection"
	case Slices:
		return "bytes come in small slices"
	case HalfWritten:
		return "some connections break in the middle of a body"
	case Resets:
		return "some connections are reset"
	case Refused:
		return "connections are refused"
	case Blackhole:
		return "a black hole: connections open, and nothing arrives"
	case SlowDown:
		return "every other request is answered 503 SlowDown"
	case LostAnswers:
		return "a third of the answers is lost, after the request was carried out"
	default:
		return string(f)
	}
}

// toxic is one of toxiproxy's, in the terms of its API.
type toxic struct {
	Name       string         `json:"name"`
	Type       string         `json:"type"`
	Stream     string         `json:"stream"`
	Toxicity   float64        `json:"toxicity"` // share of the connections that have it
	Attributes map[string]int `json:"attributes"`
}

// toxics gives what a fault does to connections, in both directions.
func (f Fault) toxics() []toxic {
	both := func(kind string, toxicity float64, attributes map[string]int) []toxic {
		return []toxic{
			{"up", kind, "upstream", toxicity, attributes},
			{"down", kind, "downstream", toxicity, attributes},
		}
	}
	switch f {
	case Latency:
		return both("latency", 1, map[string]int{"latency": 60, "jitter": 50}) // milliseconds
	case Bandwidth:
		return both("bandwidth", 1, map[string]int{"rate": 64}) // kilobytes a second
	case Slices:
		return both("slicer", 1, map[string]int{"average_size": 400, "size_variation": 200, "delay": 200}) // bytes, microseconds
	case HalfWritten:
		return both("limit_data", 0.3, map[string]int{"bytes": 1500})
	case Resets:
		return both("reset_peer", 0.4, map[string]int{"timeout": 0})
	case Blackhole:
		return both("timeout", 1, map[string]int{"timeout": 0})
	default:
		return nil
	}
}

// ofRequests reports whether a fault leaves connections as they are; none does, too.
func (f Fault) ofRequests() bool { return f == "" || f.share() > 0 }

// share is how many of the requests suffer from a fault of requests.
func (f Fault) share() float64 {
	switch f {
	case SlowDown:
		return 0.5
	case LostAnswers:
		return 0.3
	default:
		return 0
	}
}
