package control

import (
	"context"
	"sync"
	"time"

	"stathub/state"
)

// debounce is how long a change waits for others: they come in flocks.
const debounce = 20 * time.Millisecond

// kinds are the documents that the loop looks at.
var kinds = [...]state.Kind{
	state.KindApp, state.KindChoreo, state.KindNode, state.KindManifest, state.KindReport, state.KindHeartbeat,
}

// Run is the control loop; it ends with ctx, and returns an error only where Gate refuses the store.
func (c *Controller) Run(ctx context.Context) error {
	if err := c.passGate(ctx); err != nil || ctx.Err() != nil {
		return err
	}
	defer c.tellEvents(ctx)()
	var watchers sync.WaitGroup
	defer watchers.Wait()
	watchers.Go(func() { c.keepLists(ctx) })
	for _, kind := range kinds {
		if kind == state.KindHeartbeat {
			continue // they change all the time: the poll is soon enough
		}
		hints := c.store.Watch(ctx, kind.Prefix())
		watchers.Go(func() {
			for range hints {
				c.look(kind)
			}
		})
	}
	ticker := time.NewTicker(c.opts.Poll)
	defer ticker.Stop()
	c.lookAtAll()
	for turn := 1; ; {
		changed := c.opts.Leader.Changed()
		c.round(ctx)
		alarm := c.alarm()
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
		case <-alarm:
			c.markDirty()
		case <-c.wakeForReports():
		case <-ticker.C:
			c.lookAround(turn, time.Now())
			turn++
		case <-c.poke:
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(debounce):
			}
		}
	}
}

func (c *Controller) passGate(ctx context.Context) error {
	for c.opts.Gate != nil {
		err := c.opts.Gate(ctx)
		if err == nil {
			break
		}
		if ctx.Err() != nil {
			return nil
		}
		if state.CodeOf(err) != state.Unavailable {
			return err
		}
		c.setMissing(bucketMissing, "it is out of reach: "+err.Error())
		c.said.warn("gate", "the bucket is out of reach; trying again", "error", err)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(c.opts.Poll):
		}
	}
	c.setMissing(bucketMissing, "")
	return nil
}

// look makes the loop read a folder soon.
func (c *Controller) look(kind state.Kind) {
	c.mu.Lock()
	c.due[kind] = true
	c.mu.Unlock()
	c.wake()
}

// lookAtAll marks every folder for the round that follows.
func (c *Controller) lookAtAll() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, kind := range kinds {
		c.due[kind] = true
	}
}

// markDirty makes the next round decide anew.
func (c *Controller) markDirty() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dirty = true
}

// replan makes the loop decide anew soon, from the picture as it is.
func (c *Controller) replan() {
	c.mu.Lock()
	c.dirty = true
	c.edits++
	c.editedAt = time.Now()
	c.mu.Unlock()
	c.wake()
}

func (c *Controller) wake() {
	select {
	case c.poke <- struct{}{}:
	default: // it will wake anyhow
	}
}

// round is one turn of the loop: look, judge, decide, act.
func (c *Controller) round(ctx context.Context) {
	c.attend()
	c.refresh(ctx)
	if ctx.Err() != nil || !c.pictured() {
		return // a plan from half a picture would take what was not read yet for absent
	}
	c.compareTerms()
	if c.rounds.Load() == 0 {
		c.reindex() // searches are not to wait until all records are written
	}
	c.mendSeals(ctx) // of a follower's edits, too: nobody else can vouch for them
	if c.inCharge() {
		c.keepRecords(ctx)
	}
	c.reindex()
	if c.takeDirty() {
		c.keepHistory(ctx)
		c.decide(ctx)
	}
	c.relist()
	c.rounds.Add(1)
}

func (c *Controller) takeDirty() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	was := c.dirty
	c.dirty = false
	return was
}

// soonest bounds how often plans follow each other though nothing has changed.
const soonest = 200 * time.Millisecond

// alarm gives a channel that tells when the plan is to be made anew though nothing has changed; nil: it need not.
func (c *Controller) alarm() <-chan time.Time {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.plan.Wake.IsZero() {
		return nil
	}
	return time.After(max(time.Until(c.plan.Wake), soonest))
}
