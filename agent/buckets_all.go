//go:build allbuckets

package agent

import (
	_ "stathub/state/blobstore/azblob"
	_ "stathub/state/blobstore/gs"
)
