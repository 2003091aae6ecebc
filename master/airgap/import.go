package airgap

import (
	"context"
	"fmt"
	"time"

	"stathub/state"
)

// ImportOptions say what is imported.
type ImportOptions struct {
	From string      // the folder that was carried back
	To   state.Store // the bucket, or a master's gateway to it; stays the caller's
	Tell Told
}

// Imported counts what an import did.
type Imported struct {
	Reports, Events, Crashes int // taken
	Known                    int // there already, or older than what is there
	Refused                  int
}

// Import takes reports, events and crashes that agents left in a folder into the bucket: a report where it is newer than
// the one that is there, by its agent's own clock. Nothing is ever replaced by something older, so that the same import
// twice changes nothing. What cannot be read is told, counted and left alone; only a bucket that fails ends the import.
//
// A folder may come from anybody. So a node that the master hears of by itself is not believed to have reported through
// it, and events and crashes are those of nodes whose report is in the folder.
func Import(ctx context.Context, o ImportOptions) (Imported, error) {
	dir, err := openFolder(o.From)
	if err != nil {
		return Imported{}, err
	}
	defer dir.close()
	i := &importer{ImportOptions: o, folder: dir, nodes: map[string]bool{}}
	keys, err := dir.list(state.KindReport.Prefix())
	if err != nil {
		return Imported{}, err
	}
	for _, key := range keys {
		if err := i.report(ctx, key); err != nil {
			return i.done, err
		}
	}
	for _, kind := range []struct {
		prefix string
		node   func(key string) (string, bool)
		taken  *int
	}{
		{state.KindEvents.Prefix(), eventNode, &i.done.Events},
		{state.KindCrash.Prefix(), crashNode, &i.done.Crashes},
	} {
		keys, err := dir.list(kind.prefix)
		if err != nil {
			return i.done, err
		}
		for _, key := range keys {
			node, ok := kind.node(key)
			if !ok {
				continue // an editor's swap file, .DS_Store
			}
			if err := i.copy(ctx, key, node, kind.taken); err != nil {
				return i.done, err
			}
		}
	}
	return i.done, nil
}

func eventNode(key string) (string, bool) {
	_, writer, ok := state.ParseEventKey(key)
	return writer, ok
}

func crashNode(key string) (string, bool) {
	node, _, ok := state.ParseCrashKey(key)
	return node, ok
}

type importer struct {
	ImportOptions
	folder *folder
	nodes  map[string]bool // whose report is in the folder, and may come from there
	done   Imported
}

// maxTold bounds the refusals that are told one by one: nobody reads thousands.
const maxTold = 50

func (i *importer) refuse(key string, why error) {
	switch i.done.Refused++; {
	case i.done.Refused <= maxTold:
		i.Tell("refused %q: %v", key, why)
	case i.done.Refused == maxTold+1:
		i.Tell("refused more files, which are not told one by one")
	}
}

// report takes a report over. An error is the bucket's.
func (i *importer) report(ctx context.Context, key string) error {
	node, ok := state.KindReport.Name(key)
	if !ok {
		return nil
	}
	data, err := i.folder.read(key, state.MaxDocument)
	if err != nil {
		i.refuse(key, err)
		return nil
	}
	report, err := state.Decode[state.Report](key, data)
	if err != nil {
		i.refuse(key, err)
		return nil
	}
	if why, err := i.barred(ctx, node); err != nil || why != nil {
		if why != nil {
			i.refuse(key, why)
		}
		return err
	}
	i.nodes[node] = true
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	taken := false
	_, _, err = state.Update(ctx, i.To, key, func(old []byte) ([]byte, error) {
		taken = newer(key, report, old, time.Now())
		if !taken {
			return nil, state.ErrNoChange
		}
		return data, nil
	})
	switch {
	case err != nil:
		return err
	case taken:
		i.done.Reports++
		i.Tell("%s of %s", key, report.UpdatedAt.Format("2006-01-02 15:04:05 MST"))
	default:
		i.done.Known++
	}
	return nil
}

// ahead is how far the clock of a node may go before this one's.
const ahead = 24 * time.Hour

// newer reports whether a report says something later than the one that is there. One that cannot be read says nothing,
// nor does one that is from the future: it would keep out all others until then.
func newer(key string, report *state.Report, old []byte, now time.Time) bool {
	if old == nil {
		return true
	}
	known, err := state.Decode[state.Report](key, old)
	if err != nil || report.UpdatedAt.After(known.UpdatedAt) {
		return true
	}
	latest := now.Add(ahead)
	return known.UpdatedAt.After(latest) && !report.UpdatedAt.After(latest)
}

// barred says why a node's report is not taken from a folder: the master hears of it by itself. err is the bucket's.
func (i *importer) barred(ctx context.Context, node string) (why, err error) {
	key := state.KindNode.Key(node)
	data, _, err := read(ctx, i.To, key)
	switch state.CodeOf(err) {
	case "":
	case state.NotFound:
		return nil, nil
	default:
		return nil, err
	}
	record, err := state.Decode[state.Node](key, data)
	switch {
	case err != nil:
		return fmt.Errorf("cannot tell whether node %s is detached: %w", node, err), nil
	case !record.Detached && (record.State == state.NodeUp || record.State == state.NodeDraining):
		return fmt.Errorf("node %s is not detached, and the master hears of it by itself", node), nil
	}
	return nil, nil
}

// copy takes over a document that is written once. An error is the bucket's.
func (i *importer) copy(ctx context.Context, key, node string, taken *int) error {
	if !i.nodes[node] {
		i.refuse(key, fmt.Errorf("there is no report of node %s here that could be taken", node))
		return nil
	}
	data, err := i.folder.read(key, state.MaxDocument)
	if err != nil {
		i.refuse(key, err)
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	switch _, err := state.Write(ctx, i.To, key, data, state.Condition{IfAbsent: true}); state.CodeOf(err) {
	case "":
		*taken++
		return nil
	case state.Exists:
		i.done.Known++
		return nil
	default:
		return err
	}
}
