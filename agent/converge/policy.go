package converge

import (
	"time"

	"stathub/state"
)

// Policy is an app's restart policy with its defaults filled in (state.App.RestartPolicy).
type Policy struct {
	Restart string        // state.RestartAlways, RestartOnFailure or RestartNever
	First   time.Duration // before the first restart
	Longest time.Duration
}

const (
	secondDelay = time.Second            // before the second restart, if twice the first delay is less
	floorDelay  = 100 * time.Millisecond // whatever the app asks for, from the second restart on: never a busy loop
)

// final gives the state in which an instance stays after an end, or "" when it is to be started again. A start that
// failed is tried again under each policy: nothing ran yet, and the cause may pass.
func (p Policy) final(end *End) state.InstanceState {
	switch {
	case !end.Started:
		return ""
	case !end.Failed && (p.Restart == state.RestartNever || p.Restart == state.RestartOnFailure):
		return state.Completed
	case end.Failed && p.Restart == state.RestartNever:
		return state.Failed
	default:
		return ""
	}
}

// delay gives the wait after the failures-th end in a row.
func (p Policy) delay(failures int, started bool) time.Duration {
	d := p.First
	if failures > 1 {
		d = max(secondDelay, 2*p.First)
		for range failures - 2 {
			if d >= p.Longest {
				break
			}
			d *= 2
		}
	}
	if d = min(d, p.Longest); failures > 1 {
		d = max(d, floorDelay)
	}
	if !started {
		d = max(d, secondDelay) // what is missing will hardly be there at once
	}
	return d
}

// Failures counts an end of an instance that had failed before times in a row, after it ran for some time: 0 for a start
// that failed. state.GoodRunning starts the count anew.
func Failures(before int, ran time.Duration) int {
	if ran >= state.GoodRunning {
		return 1
	}
	return before + 1
}
