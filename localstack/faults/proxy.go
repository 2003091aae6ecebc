package faults

import (
	"bytes"
	"context"
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
	tcp    *toxiproxy.Proxy // what clients dial; it dials the front
	front  *front           // what dials the server
	server *http.Server
	served chan error
	unport func() error // lets go of the address

	mu  sync.Mutex // one change of fault at a time
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
	p := &Proxy{front: newFront(u, seed), served: make(chan error, 1), unport: release}
	p.server = &http.Server{Handler: p.front, ErrorLog: quiet()}
	go func() { p.served <- p.server.Serve(l) }()
	zerolog.SetGlobalLevel(zerolog.Disabled) // some toxics log by the logger of the whole process
	tool := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	p.tcp = toxiproxy.NewProxy(tool, target, address, l.Addr().String())
	if err := p.tcp.Start(); err != nil {
		return nil, errors.Join(err, p.closeFront())
	}
	return p, nil
}

// Address is host:port that clients dial, the same for the proxy's whole life.
func (p *Proxy) Address() string { return p.tcp.Listen }

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

// Inflict puts a fault in place of the one before. An error is of toxiproxy's, or of a port that was taken
// by another program while nobody listened.
func (p *Proxy) Inflict(f Fault) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.mend(); err != nil {
		return err
	}
	for _, t := range f.toxics() {
		if _, err := p.tcp.Toxics.AddToxicJson(bytes.NewReader(state.Encode(t))); err != nil {
			return fmt.Errorf("cannot inflict %s: %w", f, err)
		}
	}
	if f == Refused {
		p.tcp.Stop()
	}
	p.front.suffer(f)
	p.now = f
	return nil
}

// Mend ends the fault. What it held back is lost with its connections.
func (p *Proxy) Mend() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mend()
}

func (p *Proxy) mend() error {
	p.front.suffer("")
	p.tcp.Toxics.ResetToxics(context.Background())
	if p.now == Refused {
		if err := p.tcp.Start(); err != nil {
			return fmt.Errorf("cannot listen on %s again: %w", p.tcp.Listen, err)
		}
	}
	p.now = ""
	return nil
}

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
	p.front.suffer("")
	p.tcp.Toxics.ResetToxics(context.Background())
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
