// Package health runs the health checks of instances (seed 5.2.1): HTTP, HTTPS, TCP and COMMAND. What a series of results
// means, and when the next run is due, are pure values (Counter, Schedule); a Checker runs one check; a Monitor runs all
// checks of one instance for as long as its process lives. Killing and restarting what is unhealthy is the caller's.
package health

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"stathub/state"
)

// The protocols of a state.HealthCheck.
const (
	HTTP    = "HTTP"
	HTTPS   = "HTTPS"
	TCP     = "TCP"
	Command = "COMMAND"
)

// Probe is one run of one check: what to ask, of whom.
type Probe struct {
	Check state.HealthCheck
	Ports []int // of the instance, as it was started; Check.PortIndex points into it

	// Of COMMAND, the same as of the instance's process.
	Dir  string   // "" is the agent's own
	Env  []string // the whole environment, "NAME=value"; of duplicates the last one counts
	User string   // as in state.App; "" is the agent's own
}

// Target says what is asked, for people: a URL, an address, or the words of a command.
func (p Probe) Target() string {
	switch p.Check.Protocol {
	case HTTP, HTTPS:
		return p.url()
	case TCP:
		return p.address(loopback4)
	}
	return strings.Join(p.Check.Command, " ")
}

// loopback4 is where an instance is asked first, loopback6 where nothing listens there.
const loopback4, loopback6 = "127.0.0.1", "::1"

func (p Probe) address(host string) string {
	port := "?"
	if n, err := p.port(); err == nil {
		port = strconv.Itoa(n)
	}
	return net.JoinHostPort(host, port)
}

func (p Probe) url() string {
	path := strings.ReplaceAll(p.Check.Path, " ", "%20")
	if !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	return strings.ToLower(p.Check.Protocol) + "://" + p.address(loopback4) + path
}

func (p Probe) port() (int, error) {
	i := p.Check.PortIndex
	if i < 0 || i >= len(p.Ports) || p.Ports[i] <= 0 {
		return 0, fmt.Errorf("portIndex %d names no port of the instance, which has %v", i, p.Ports)
	}
	return p.Ports[i], nil
}

func (p Probe) parseURL() (*url.URL, error) {
	if _, err := p.port(); err != nil {
		return nil, err
	}
	return url.Parse(p.url())
}

// Outcome is the answer to a Probe.
type Outcome struct {
	OK      bool
	Code    int    // HTTP and HTTPS: the status, 0 without an answer; COMMAND: the exit code, -1 if it was killed or never ran; TCP: 0
	Message string // for people; what the command printed, what the server said, or what went wrong
}

// Check runs one probe and bounds it by its timeoutSeconds; Checker.Check is one. When ctx ends it stops at once, and the
// outcome means nothing.
type Check func(ctx context.Context, p Probe) Outcome

// Result is what one run of one check gave.
type Result struct {
	Check       int       `json:"check"` // index into healthChecks
	Protocol    string    `json:"protocol"`
	Target      string    `json:"target"`
	OK          bool      `json:"ok"`
	Code        int       `json:"code"` // see Outcome
	Message     string    `json:"message"`
	At          time.Time `json:"at"` // when the run began, by the agent's clock
	TookSeconds float64   `json:"tookSeconds"`
	Failures    int       `json:"failures"` // in a row, this one included
}

// Summary is the health of an instance after a result.
type Summary struct {
	Health  state.Health
	Results []Result // the last one of each check that has one, in order of the checks
	// Failed is the result that just was the maxConsecutiveFailures-th failure in a row of its check: the instance is to be
	// killed and started again. It is set once per such series.
	Failed *Result
}

// Status is one check of an instance, as the API shows it.
type Status struct {
	Check       int          `json:"check"` // index into healthChecks
	Protocol    string       `json:"protocol"`
	Target      string       `json:"target"`
	Health      state.Health `json:"health"`
	Failures    int          `json:"failures"` // in a row
	MaxFailures int          `json:"maxConsecutiveFailures"`
	NextAt      time.Time    `json:"nextAt,omitzero"` // when the next run is due; zero while one is running, and after the end
	Results     []Result     `json:"results"`         // the last ones, newest first; at most 10
}
