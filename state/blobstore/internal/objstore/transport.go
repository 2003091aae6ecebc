package objstore

import (
	"context"
	"net"
	"net/http"
	"path"
	"strings"
	"time"

	"stathub/state"
)

// stall is how long a connection may go without a byte in either direction before it is given up.
const stall = 60 * time.Second

// NewTransport makes the HTTP transport of one store. No request hangs for ever, whatever its context: connecting takes
// at most 10 s, an answer's header 30 s, and a body that stalls for 60 s fails. Idle connections are few and short-lived,
// since an agent polls one small document and should cost little.
func NewTransport() *http.Transport {
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
	return &http.Transport{
		Proxy: http.ProxyFromEnvironment,
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			c, err := dialer.DialContext(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			return &liveConn{c}, nil
		},
		TLSHandshakeTimeout:   10 * time.Second,
		ResponseHeaderTimeout: 30 * time.Second,
		ExpectContinueTimeout: time.Second,
		IdleConnTimeout:       stall - 5*time.Second,
		MaxIdleConns:          16,
		MaxIdleConnsPerHost:   16,
		DisableCompression:    true, // a document is the bytes that were put
	}
}

// liveConn fails when nothing moves for the stall time. Progress one way keeps the other way alive: while a long body is
// sent, the transport already waits to read the answer.
type liveConn struct{ net.Conn }

func (c *liveConn) Read(p []byte) (int, error) {
	c.SetDeadline(time.Now().Add(stall))
	return c.Conn.Read(p)
}

func (c *liveConn) Write(p []byte) (int, error) {
	c.SetDeadline(time.Now().Add(stall))
	return c.Conn.Write(p)
}

// Unquote gives an ETag without the quotes that some answers carry and others of the same server do not.
func Unquote(etag string) state.ETag { return state.ETag(strings.Trim(etag, `"`)) }

// Quote gives an ETag as conditional headers want it.
func Quote(etag state.ETag) string { return `"` + string(etag) + `"` }

// ContentType tells from the object's name, so that consoles and browsers show documents as text.
func ContentType(name string) string {
	switch path.Ext(name) {
	case ".json":
		return "application/json"
	case ".jsonl", ".txt", ".log":
		return "text/plain; charset=utf-8"
	}
	return "application/octet-stream"
}
