package artifact

import (
	"bytes"
	"context"
	"io"
)

// magics start the files that a system runs directly: scripts, ELF, Mach-O (32 and 64 bits, both byte orders, universal), PE.
var magics = [...]string{
	"#!", "\x7fELF", "\xfe\xed\xfa\xce", "\xfe\xed\xfa\xcf", "\xce\xfa\xed\xfe", "\xcf\xfa\xed\xfe", "\xca\xfe\xba\xbe", "MZ",
}

func isProgram(head []byte) bool {
	for _, m := range magics {
		if bytes.HasPrefix(head, []byte(m)) {
			return true
		}
	}
	return false
}

// headWriter remembers the first bytes that pass.
type headWriter struct {
	w    io.Writer
	head []byte
}

func (h *headWriter) Write(p []byte) (int, error) {
	if missing := 4 - len(h.head); missing > 0 {
		h.head = append(h.head, p[:min(missing, len(p))]...)
	}
	return h.w.Write(p)
}

// contextReader ends with its context.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c *contextReader) Read(p []byte) (int, error) {
	if c.ctx.Err() != nil {
		return 0, context.Cause(c.ctx)
	}
	return c.r.Read(p)
}
