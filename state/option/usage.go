package option

import (
	"fmt"
	"strings"
	"text/tabwriter"
)

// Usage is the table that --help prints.
func (s *Set) Usage() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Usage: %s [--name=value]…\n\n", s.program)
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "  option\tvariable\tdefault\tmeaning")
	for _, o := range s.options {
		fmt.Fprintf(w, "  --%s=%s\t%s\t%s\t%s\n", o.name, o.kind, EnvName(o.name), o.def, o.help)
	}
	fmt.Fprintln(w, "  --help\t\t\tprint this table")
	fmt.Fprintln(w, "  --version\t\t\tprint the version")
	w.Flush()
	b.WriteString("\nA flag wins over a variable, a variable over the file, the file over the default.\n")
	return b.String()
}
