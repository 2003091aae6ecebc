package agent

import "io"

// lockNode does nothing where names cannot be taken for the life of a process.
func lockNode(string, string) (io.Closer, error) { return io.NopCloser(nil), nil }
