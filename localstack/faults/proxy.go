package faults

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"sync"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"

	"stathub/state"
)

// Proxy passes everything on to one HTTP server, with one fault at a time. It listens on 127.0.0.1. The Host of a request
// stays as the client sent it: signatures of S3 are over it.
type Proxy struct {
	front   *front // what dials the server
	inner   string // host:port of the front
	server  *http.Server
	served  chan error
	tool    *toxiproxy.ApiServer
	address string       // that clients dial
	unport  func() error // lets go of the address

	mu  sync.Mutex // one change of fault at a time
	tcp *toxiproxy.Proxy
	now Fault
}

// Start makes a proxy of the server at target, such as http://127.0.0.1:9000. seed decides which requests suffer.
func Start(target string, seed uint64) (*Proxy, error) {
	u, err := parse(target)
	if err != nil {
		return nil, err
	}
	address, release, err := reserve()
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, errors.Join(err, release())
	}
	zerolog.SetGlobalLevel(zerolog.Disabled) // some toxics log by the logger of the whole process
	p := &Proxy{
		front: newFront(u, seed), inner: l.Addr().String(), served: make(chan error, 1), address: address, unport: release,
		tool: toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop()),
	}
	p.server = &http.Server{Handler: p.front, ErrorLog: quiet()}
	go func() { p.served <- p.server.Serve(l) }()
	if err := p.listen(""); err != nil {
		return nil, errors.Join(err, p.closeFront())
	}
	p.address = p.tcp.Listen
	return p, nil
}

// listen takes connections that suffer from a fault.
func (p *Proxy) listen(f Fault) error {
	p.tcp = toxiproxy.NewProxy(p.tool, "proxy", p.address, p.inner)
	for _, t := range f.toxics() {
		if _, err := p.tcp.Toxics.AddToxicJson(bytes.NewReader(state.Encode(t))); err != nil {
			return fmt.Errorf("cannot inflict %s: %w", f, err)
		}
	}
	if err := p.tcp.Start(); err != nil {
		return fmt.Errorf("cannot listen on %s: %w", p.address, err)
	}
	return nil
}

// Address is host:port that clients dial, the same for the proxy's whole life.
func (p *Proxy) Address() string { return p.address }

// URL is what clients use in place of the target.
func (p *Proxy) URL() string { return "http://" + p.Address() }

// Point leads requests from now on to another server: the one before was started anew elsewhere.
func (p *Proxy) Point(target string) error {
	u, err := parse(target)
	if err == nil {
		p.front.target.Store(u)
	}
	return err
}

func parse(target string) (*url.URL, error) {
	u, err := url.Parse(target)
	if err != nil || u.Scheme != "http" || u.Host == "" {
		return nil, fmt.Errorf("cannot stand before %q: want http://host:port", target)
	}
	return u, nil
}

// Inflict puts a fault in place of the one before. A change between faults of connections ends those that there are:
// toxiproxy can stand still where toxics are taken off connections in use. An error is of a port that was taken by another
// program while nobody listened.
func (p *Proxy) Inflict(f Fault) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	before := p.now
	p.now = f
	p.front.suffer(f)
	if before.ofRequests() && f.ofRequests() {
		return nil
	}
	p.tcp.Stop()
	if f == Refused {
		return nil
	}
	return p.listen(f)
}

// Mend ends the fault.
func (p *Proxy) Mend() error { return p.Inflict("") }

// Cut ends every connection of now; new ones work.
func (p *Proxy) Cut() error {
	if err := p.Inflict(Refused); err != nil {
		return err
	}
	return p.Mend()
}

// Close ends the proxy and its connections.
func (p *Proxy) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tcp.Stop()
	return p.closeFront()
}

func (p *Proxy) closeFront() error {
	err := p.server.Close()
	if served := <-p.served; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	p.front.close()
	return errors.Join(err, p.unport())
}
