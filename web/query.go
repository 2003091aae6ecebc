package web

// QueryFault is why a query cannot be read, as the input box shows it: the query in three parts, the second of which is
// the character that cannot be.
type QueryFault struct {
	Before, Bad, After string
	Column             int // of Bad, in characters from 1
	Message            string
	Nearest            string // a query that can be read and is probably the one that was meant; may be empty
}

// NewQueryFault marks a column of a query, in characters from 1; one past the end where something is missing.
func NewQueryFault(query string, column int, message, nearest string) *QueryFault {
	in := []rune(query)
	at := max(0, min(column-1, len(in)))
	f := &QueryFault{Before: string(in[:at]), Bad: "␣", Column: column, Message: message, Nearest: nearest}
	if at < len(in) {
		f.Bad, f.After = string(in[at]), string(in[at+1:])
	}
	return f
}
