package control

import (
	"path"
	"regexp"
	"strings"
)

// temporary are names that editors, file managers and tools that copy give to files for a while.
var temporary = regexp.MustCompile(`^(\.|#|~\$)|~$|\.(sw[a-p]|tmp|bak|orig|rej|part|crdownload|lock)$|\.tmp\.|^(sed[A-Za-z0-9]{6}|4913|desktop\.ini|Thumbs\.db|lost\+found)$`)

// passing reports whether a key that is no document is one that people need not hear of: vim's, emacs', nano's and sed's
// files, .DS_Store, rsync's and NFS' (.n1.json.AbC123, .nfs000…), and what lies in folders of that kind (.git).
func passing(key string) bool {
	for name := range strings.SplitSeq(path.Clean(key), "/") {
		if temporary.MatchString(name) {
			return true
		}
	}
	return false
}
