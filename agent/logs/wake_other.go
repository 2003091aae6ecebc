//go:build !linux

package logs

// waker is only there on Linux: elsewhere files are looked at again and again.
type waker struct{}

func newWaker() *waker { return nil }

func (*waker) arm(string) bool { return false }

func (*waker) events() <-chan []string { return nil }

func (*waker) close() {}
