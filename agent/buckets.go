package agent

import (
	// The buckets that --state.url may name. The clients of the clouds are tens of megabytes of program; what they touch
	// at the start is given back by keepLean.
	_ "stathub/state/blobstore"
	_ "stathub/state/dirstore"
	_ "stathub/state/httpstore"
	_ "stathub/state/memstore"
)
