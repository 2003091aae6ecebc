// Package blobstore links every object store: s3://, gs:// and azblob:// become URLs for state.Open. Programs that have
// to be small import stathub/state/blobstore/s3 alone; each provider's package says what its URLs and credentials look
// like, and what it costs.
//
// These packages are the only importers of gocloud.dev.
package blobstore

import (
	_ "stathub/state/blobstore/azblob"
	_ "stathub/state/blobstore/gs"
	_ "stathub/state/blobstore/s3"
)
