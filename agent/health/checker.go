package health

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// defaultTimeout bounds a check whose document has none, which state's check refuses.
const defaultTimeout = 20 * time.Second

// Options of a Checker.
type Options struct {
	// RunAs makes cmd, which was not started yet, run as user (the user of a state.App, never ""): it sets the credential in
	// cmd.SysProcAttr, which is not nil and keeps its other fields, and what the user's environment needs. Without RunAs the
	// COMMAND checks of instances with a user fail, and say so: they are never run as the agent instead.
	RunAs func(cmd *exec.Cmd, user string) error
}

// Checker runs single checks. It keeps nothing between two of them and needs no closing; one serves all instances, and is
// safe for concurrent use.
type Checker struct {
	runAs     func(cmd *exec.Cmd, user string) error
	transport *http.Transport
}

// NewChecker makes a Checker.
func NewChecker(opts Options) *Checker {
	return &Checker{runAs: opts.RunAs, transport: &http.Transport{
		Proxy:                  nil, // the process is on this machine, whatever the agent's environment says
		DialContext:            dialLoopback,
		DisableKeepAlives:      true, // a kept connection would prove the health of a process's past, and cost descriptors
		DisableCompression:     true,
		MaxResponseHeaderBytes: 64 << 10,
		// Life is checked, not identity; the certificate names the host that the world sees, not 127.0.0.1.
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10},
	}}
}

// Check runs p once, for at most its timeoutSeconds, and leaves nothing behind when it returns.
//
// HTTP and HTTPS: one GET of the path from 127.0.0.1. Statuses 2xx and 3xx are success; redirects are answers and are not
// followed. The answer must be complete before the timeout, or its body more than 64 KiB, which is as much as is read.
// The certificate is not verified: the check is about life, not identity, and the process's certificate names another host.
//
// TCP: a connection must come about; it is closed at once.
//
// HTTP, HTTPS and TCP ask ::1 where nothing listens on 127.0.0.1.
//
// COMMAND: the words of the command are executed without a shell, in a process group of their own; exit code 0 is success.
// At the timeout, at the end of ctx and after the exit of the command, what is left of the group is killed.
func (c *Checker) Check(ctx context.Context, p Probe) Outcome {
	timeout := seconds(p.Check.TimeoutSeconds)
	if timeout <= 0 {
		timeout = defaultTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	switch p.Check.Protocol {
	case HTTP, HTTPS:
		return c.http(ctx, p, timeout)
	case TCP:
		return checkTCP(ctx, p, timeout)
	case Command:
		return c.command(ctx, p, timeout)
	}
	return Outcome{Message: fmt.Sprintf("unknown protocol %q: use HTTP, HTTPS, TCP or COMMAND", p.Check.Protocol)}
}

func checkTCP(ctx context.Context, p Probe, timeout time.Duration) Outcome {
	if _, err := p.port(); err != nil {
		return Outcome{Message: err.Error()}
	}
	conn, err := dialLoopback(ctx, "tcp", p.address(loopback4))
	if err != nil {
		return Outcome{Message: explain(ctx, err, "no connection", timeout)}
	}
	_ = conn.Close() // that it opened is the answer
	return Outcome{OK: true, Message: "connected"}
}

// dialLoopback connects to a port of 127.0.0.1, or of ::1 where the former refuses.
func dialLoopback(ctx context.Context, network, address string) (net.Conn, error) {
	d := net.Dialer{KeepAlive: -1}
	conn, err := d.DialContext(ctx, network, address)
	if err == nil || !refused(err) {
		return conn, err
	}
	_, port, splitErr := net.SplitHostPort(address)
	if splitErr != nil {
		return nil, err
	}
	if conn, err6 := d.DialContext(ctx, network, net.JoinHostPort(loopback6, port)); err6 == nil {
		return conn, nil
	}
	return nil, err
}

// wsaConnRefused is what Windows says for ECONNREFUSED, which is a number of Go's own there (winsock2.h).
const wsaConnRefused = syscall.Errno(10061)

func refused(err error) bool {
	return errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, wsaConnRefused)
}

// explain says what went wrong, for people; what did not come in time is said in terms of the document.
func explain(ctx context.Context, err error, missing string, timeout time.Duration) string {
	// A deadline reaches the connection by itself, and may do so before ctx knows.
	if errors.Is(ctx.Err(), context.DeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Sprintf("%s within %s", missing, timeout)
	}
	return shorten(err.Error(), maxMessage)
}

const (
	maxMessage = 256     // bytes of a Message that nobody needs more of
	maxOutput  = 4 << 10 // bytes of what a failed command printed
)

// shorten gives at most the first n bytes of s as valid UTF-8 without blanks around it.
func shorten(s string, n int) string {
	s = strings.TrimSpace(strings.ToValidUTF8(s, "\uFFFD"))
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "…"
}
