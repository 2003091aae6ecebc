package supervise

import (
	"os"

	"stathub/agent/crash"
	"stathub/agent/proc"
	"stathub/state"
)

// keepCrash keeps what an instance said last before a bad end, and gives the key of what is kept, "" when nothing is:
// one a minute is enough. The output is read later, but no further than it had come by now: the next process writes
// to the same files.
func (s *Supervisor) keepCrash(i *instance, id proc.Identity, exit state.Exit) string {
	name := s.crashes.Claim(i.app, i.n, exit.At)
	if name == "" {
		return ""
	}
	c := crash.Crash{
		Node: s.opts.Node, App: i.app, N: i.n, PID: id.PID, Started: i.startedAt, Exit: exit, Spec: i.have.Spec,
	}
	for k := len(streams) - 1; k >= 0; k-- { // stderr first: it tells more
		o := crash.Output{Name: streams[k], Path: s.paths.log(i.app, i.n, streams[k])}
		if st, err := os.Stat(o.Path); err == nil {
			o.End = st.Size()
		}
		c.Output = append(c.Output, o)
	}
	s.work.Go(func() { s.crashes.Keep(name, c) })
	return state.CrashKey(s.opts.Node, name)
}

// Crashes gives what is kept of the last output of instances that ended badly, newest first.
func (s *Supervisor) Crashes() []crash.Kept { return s.crashes.List() }

// Crash gives one of Crashes by its name; code NotFound when there is none.
func (s *Supervisor) Crash(name string) ([]byte, error) { return s.crashes.Read(name) }
