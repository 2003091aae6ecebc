package agent

import (
	"context"
	"fmt"
	"log/slog"

	"stathub/agent/bucket"
	"stathub/agent/supervise"
	"stathub/state"
	"stathub/state/guard"
	"stathub/state/signature"

	// The buckets that --state.url may name. The clients of the clouds are tens of megabytes of program; what they touch
	// at the start is given back by keepLean.
	_ "stathub/state/blobstore"
	_ "stathub/state/dirstore"
	_ "stathub/state/httpstore"
	_ "stathub/state/memstore"
)

// openBucket makes one store of all that the options say about reaching the bucket, each part of it guarded.
func openBucket(ctx context.Context, o Options, stores *guard.Stores, log *slog.Logger) (*bucket.Bucket, error) {
	b, err := bucket.Open(ctx, bucket.Options{
		Node: o.NodeID, URL: o.bucketURL(), Masters: o.Masters, Report: o.ReportURL, Log: log,
		Guard: func(name string, s state.Store) state.Store { return stores.Add(name, s) },
	})
	if err != nil {
		return nil, fmt.Errorf("cannot open the bucket (--state.url, --master.address, --report.url): %w", err)
	}
	return b, nil
}

// trust gives whose manifests are followed; nil: anybody's.
func (o *Options) trust() (supervise.Trust, error) {
	if len(o.TrustKeys) == 0 {
		return nil, nil
	}
	t, err := signature.Parse(o.TrustKeys...)
	if err != nil {
		return nil, fmt.Errorf("cannot use --trust.key: %w", err)
	}
	return t, nil
}
