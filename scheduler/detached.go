package scheduler

// carry gives the instances on detached nodes the content of the app: nothing is heard of these nodes until somebody
// brings their reports, so a rollout cannot wait for them. They come last, once every other instance has the content
// and is available; where there are no others, at once. One that there is no room for stays as it is.
func (r *rollout) carry() {
	if r.Held != "" || r.Failed || r.Old > 0 || r.Available < r.New {
		return
	}
	for _, pl := range r.j.places {
		if !pl.ours() || pl.asIs || !pl.old() || pl.host.record == nil || !pl.host.record.Detached || pl.host.down() {
			continue
		}
		for n, c := range pl.mix.is {
			if c == r.target {
				continue
			}
			if lack, _ := r.lack(pl); lack != "" {
				break
			}
			pl.mix.is[n] = r.target
			pl.mix.note(r.target)
			r.takeOver(pl)
		}
	}
}
