package master

import (
	"errors"
	"fmt"

	"stathub/master/control"
	"stathub/master/index"
	"stathub/master/suggest"
	"stathub/state"
)

// indexes are the search indexes of a master: one for each kind of thing.
type indexes struct {
	nodes, apps, procs, events *index.Index
}

func newIndexes() (_ *indexes, err error) {
	x := &indexes{}
	for _, one := range []struct {
		index **index.Index
		known []index.Field
	}{
		{&x.nodes, index.FieldsOf[state.Node]()},
		{&x.apps, index.FieldsOf[control.AppDoc]()},
		{&x.procs, index.FieldsOf[state.Proc]()},
		{&x.events, index.FieldsOf[state.Event]()},
	} {
		if *one.index, err = index.New(one.known...); err != nil {
			return nil, errors.Join(fmt.Errorf("cannot make a search index: %w", err), x.Close())
		}
	}
	return x, nil
}

// suggest makes what helps to type queries.
func (x *indexes) suggest() map[string]*suggest.Box {
	return map[string]*suggest.Box{
		"node":  {Source: x.nodes, First: []string{"tags", "hostname", "id"}},
		"app":   {Source: x.apps, First: []string{"name", "status.state", "choreo.query"}},
		"proc":  {Source: x.procs, First: []string{"app", "node", "state"}},
		"event": {Source: x.events, First: []string{"kind", "app", "node"}},
	}
}

// Close gives the memory back.
func (x *indexes) Close() error {
	var errs []error
	for _, one := range []*index.Index{x.nodes, x.apps, x.procs, x.events} {
		if one != nil {
			errs = append(errs, one.Close())
		}
	}
	return errors.Join(errs...)
}
