package proc

// Isolate gives what limits this system can enforce: none.
func (r *Runner) Isolate(string) ([]string, error) { return []string{}, nil }

// Limit does nothing on this system.
func (r *Runner) Limit(string, Limits) error { return nil }

// Counters counts nothing on this system.
func (r *Runner) Counters(string) Counters { return Counters{} }

// Consumed tells nothing on this system.
func (r *Runner) Consumed(string, []int) Consumption { return Consumption{} }

// Sweep does nothing on this system.
func (r *Runner) Sweep() {}

// Release does nothing on this system.
func (r *Runner) Release(string) {}
