package master

import (
	"context"
	"net"
	"os"
	"strconv"
	"strings"

	"stathub/master/control"
	"stathub/master/lease"
	"stathub/state"
)

// maxHost bounds the host's part of a master's name: a name has 63 characters, and "-65535" is one part of it.
const maxHost = 57

// name is this master's among those that share the bucket: --master.name, else host name and port.
func (o *Options) name(at net.Addr) string {
	if o.MasterName != "" {
		return o.MasterName
	}
	host, _ := os.Hostname()
	port := ""
	if tcp, ok := at.(*net.TCPAddr); ok {
		port = "-" + strconv.Itoa(tcp.Port)
	}
	return hostPart(host) + port
}

// hostPart makes a name of a host name, which may be anything.
func hostPart(host string) string {
	host = strings.Map(func(r rune) rune {
		if r < 0x80 && state.CheckName("x"+string(r)) == nil {
			return r
		}
		return '-'
	}, host)
	if host = strings.TrimLeft(host, "._-"); host == "" {
		return "master"
	}
	return host[:min(len(host), maxHost)]
}

// address is the URL under which people reach this master, as far as it can tell.
func address(at net.Addr) string {
	host, port, err := net.SplitHostPort(at.String())
	if err != nil {
		return ""
	}
	if ip := net.ParseIP(host); ip == nil || ip.IsUnspecified() {
		if host, err = os.Hostname(); err != nil {
			return ""
		}
	}
	return "http://" + net.JoinHostPort(host, port)
}

// electing runs what decides, and takes part in the election as long as that goes on: so the lease is given back once
// nothing is decided any more.
func electing(elector *lease.Elector, decide task) task {
	return func(ctx context.Context) error {
		inner, end := context.WithCancel(context.WithoutCancel(ctx))
		ended := make(chan struct{})
		go func() { defer close(ended); elector.Run(inner) }()
		err := decide(ctx)
		end()
		<-ended
		return err
	}
}

// leading runs work whenever this master leads, and ends it when it does not any more.
func leading(who control.Leader, work func(ctx context.Context)) task {
	return func(ctx context.Context) error {
		for ctx.Err() == nil {
			changed := who.Changed()
			if _, leads := who.Lead(); leads {
				now, end := context.WithCancel(ctx)
				done := make(chan struct{})
				go func() { defer close(done); work(now) }()
				awaitEnd(ctx, who)
				end()
				<-done
				continue
			}
			select {
			case <-ctx.Done():
			case <-changed:
			}
		}
		return nil
	}
}

// awaitEnd waits until somebody does not lead any more.
func awaitEnd(ctx context.Context, who control.Leader) {
	for {
		changed := who.Changed()
		if _, leads := who.Lead(); !leads {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-changed:
		}
	}
}
