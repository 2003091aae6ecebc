// Package crash keeps what instances said last before a bad end: on disk at once, since the log goes on and is trimmed,
// and in the bucket, where it stays when the instance has moved away. One that ends badly again and again is kept now and
// then only.
package crash

import (
	"bytes"
	"fmt"
	"time"

	"stathub/agent/logs"
	"stathub/state"
)

// Crash is a bad end of an instance.
type Crash struct {
	Node, App string
	N         int
	PID       int
	Started   time.Time // zero: not known
	Exit      state.Exit
	Spec      string // state.SpecSum
	Output    []Output
}

// Output is a stream of an instance, and how far it had come at the end.
type Output struct {
	Name string // stdout or stderr
	Path string
	End  int64 // bytes
}

// maxOutput is how much of each stream is kept, in bytes.
const maxOutput = 64 << 10

// document is what people read: a head of "name: value" lines, and then the end of each stream as it is.
func (c *Crash) document() []byte {
	var b bytes.Buffer
	line := func(name string, value any) { fmt.Fprintf(&b, "%-9s %v\n", name+":", value) }
	line("instance", state.InstanceID(c.Node, c.App, c.N))
	line("reason", c.Exit.Reason)
	line("code", c.Exit.Code)
	line("signal", c.Exit.Signal)
	line("pid", c.PID)
	if !c.Started.IsZero() {
		line("started", c.Started.UTC().Format(time.RFC3339))
	}
	line("ended", c.Exit.At.UTC().Format(time.RFC3339))
	line("spec", c.Spec)
	for _, o := range c.Output {
		data, err := logs.LastOutputBefore(o.Path, o.End, maxOutput)
		switch {
		case state.CodeOf(err) == state.NotFound || err == nil && len(data) == 0:
			fmt.Fprintf(&b, "\n==== %s: nothing ====\n", o.Name)
			continue
		case err != nil:
			fmt.Fprintf(&b, "\n==== %s: %v ====\n", o.Name, err)
			continue
		}
		which := "all"
		if int64(len(data)) < o.End {
			which = "the last"
		}
		fmt.Fprintf(&b, "\n==== %s: %s %d bytes ====\n", o.Name, which, len(data))
		b.Write(data)
		if data[len(data)-1] != '\n' {
			b.WriteByte('\n')
		}
	}
	return b.Bytes()
}
