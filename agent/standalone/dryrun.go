package standalone

import "context"

type dryKey struct{}

// DryRun has every edit of ctx checked as any edit is, and not written: it gives what the edit would leave, at the revision
// that there is now.
func DryRun(ctx context.Context) context.Context { return context.WithValue(ctx, dryKey{}, true) }

func dry(ctx context.Context) bool { return ctx.Value(dryKey{}) != nil }
