package control

import "time"

// balancePause is how long after a plan that looked for moves the next one may do so: looking is not for free.
const balancePause = 10 * time.Second

// balance is the budget of moves that plans may make for balance alone: so many a minute, one after the other, and no
// more than a minute's worth saved up. It reads no clock.
type balance struct {
	perMinute int
	saved     float64   // moves
	at        time.Time // of saved; zero: nothing was asked for yet
	looked    time.Time // when a plan last looked for moves
}

// offer gives how many moves a plan may make now.
func (b *balance) offer(now time.Time) int {
	if b.perMinute <= 0 {
		return 0
	}
	if !b.at.IsZero() {
		b.saved = min(b.saved+max(0, now.Sub(b.at).Minutes())*float64(b.perMinute), float64(b.perMinute))
	}
	b.at = now
	if b.saved < 1 || now.Sub(b.looked) < balancePause {
		return 0
	}
	b.looked = now
	return int(b.saved)
}

// made takes in what became of an offer, and gives when a plan is to look again; zero: not before something changes.
func (b *balance) made(offered, moved int, now time.Time) time.Time {
	if b.perMinute <= 0 || offered > 0 && moved == 0 {
		return time.Time{}
	}
	b.saved -= float64(moved)
	wait := time.Duration(max(0, 1-b.saved) / float64(b.perMinute) * float64(time.Minute))
	if pause := b.looked.Add(balancePause).Sub(now); pause > wait {
		wait = pause
	}
	return now.Add(wait + time.Millisecond) // after, not just before
}

// sooner gives the earlier time; zero is never.
func sooner(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
