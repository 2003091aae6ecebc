package host

// RemoveAll removes dir and all below it, as os.RemoveAll does, with a bounded number of open files however deep the folders
// are nested: who nests them may be out to use up those of the agent. No link is followed. It is no error if dir does not exist.
func RemoveAll(dir string) error { return removeAll(dir) }
