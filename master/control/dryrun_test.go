package control

import (
	"context"
	"testing"

	"stathub/state"
	"stathub/state/memstore"
)

// Whoever no longer waits for a preview does not get one made.
func TestPreviewOneAtATime(t *testing.T) {
	c := New(Options{Store: memstore.New()})
	c.pondering <- struct{}{} // one is being made
	ctx, cancel := context.WithCancel(context.Background())
	answered := make(chan *Preview)
	go func() {
		answered <- c.Preview(ctx, &state.App{Name: "web", ToProcess: "sleep"}, &state.Choreo{App: "web", Query: "*", Scale: 1})
	}()
	cancel()
	if p := <-answered; p != nil {
		t.Errorf("a preview beside another one: %+v", p)
	}
}
