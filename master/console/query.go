package console

import (
	"errors"

	"stathub/master/query"
	"stathub/web"
)

// faultOf gives what is wrong with a query for which a search failed; nil: nothing is, and the search failed otherwise.
func faultOf(text string, err error) *web.QueryFault {
	if err == nil {
		return nil
	}
	var bad *query.Error
	if _, err = query.Parse(text); !errors.As(err, &bad) {
		return nil
	}
	return web.NewQueryFault(text, bad.Column, bad.What(), bad.Nearest)
}
