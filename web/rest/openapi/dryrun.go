package openapi

import "slices"

// Dry adds to edits that they can be tried out.
func Dry(ops Ops, routes ...string) {
	for _, route := range routes {
		op := ops[route]
		op.Query = append(slices.Clone(op.Query), Word("dryRun", "true: only check the edit, and answer {document, warnings, preview}: what would be stored, and what would come of it; report: the same, with what is wrong as {problems} and status 200", "true"))
		ops[route] = op
	}
}
