package agent

import (
	// The buckets that --state.url may name in every build. Google's and Azure's clients would double the memory of each
	// agent, and nodes can reach those buckets through the master's gateway: build with the tag allbuckets to link them.
	_ "stathub/state/blobstore/s3"
	_ "stathub/state/dirstore"
	_ "stathub/state/httpstore"
	_ "stathub/state/memstore"
)
