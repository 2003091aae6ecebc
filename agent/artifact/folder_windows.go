package artifact

import "os"

// openFolder opens the folder at dir. Instances have no users of their own here, and so no links of theirs.
func openFolder(dir string) (*os.Root, error) { return os.OpenRoot(dir) }
