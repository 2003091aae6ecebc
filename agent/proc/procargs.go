package proc

import (
	"bytes"
	"encoding/binary"
)

// parseProcArgs takes the environment out of what macOS tells of a process (sysctl kern.procargs2): the number of
// arguments, the program's path, NULs, the arguments, and the environment up to an empty string or the end. It is nil
// where the system keeps it back, as for its own programs.
func parseProcArgs(data []byte) (env []string) {
	if len(data) < 4 {
		return nil
	}
	count := int64(binary.NativeEndian.Uint32(data))
	_, rest, ok := bytes.Cut(data[4:], []byte{0})
	if !ok {
		return nil
	}
	rest = bytes.TrimLeft(rest, "\x00")
	for ; count > 0; count-- {
		if _, rest, ok = bytes.Cut(rest, []byte{0}); !ok {
			return nil
		}
	}
	for {
		kv, more, ok := bytes.Cut(rest, []byte{0})
		if !ok || len(kv) == 0 {
			return env
		}
		env, rest = append(env, string(kv)), more
	}
}
