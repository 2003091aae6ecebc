package state

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"pgregory.net/rapid"
)

func TestChanges(t *testing.T) {
	for name, c := range map[string]struct{ old, new, want string }{
		"equal":          {`{"a": 1, "b": [2]}`, ` {"b":[2.0],"a":1}`, ``},
		"another value":  {`{"a": 1}`, `{"a": "x"}`, `/a 1 "x"`},
		"added":          {`{}`, `{"a": null}`, `/a - null`},
		"removed":        {`{"a": null}`, `{}`, `/a null -`},
		"deep":           {`{"a": {"b": {"c": 1, "d": 2}}}`, `{"a": {"b": {"c": 3, "d": 2}}}`, `/a/b/c 1 3`},
		"lists":          {`[1,2,3]`, `[1,4]`, `/1 2 4; /2 3 -`},
		"a longer list":  {`{"a":[]}`, `{"a":[1,{"b":2}]}`, `/a/0 - 1; /a/1 - {"b":2}`},
		"ten elements":   {`[0,1,2,3,4,5,6,7,8,9,10]`, `[0,1,3,3,4,5,6,7,8,9,11]`, `/2 2 3; /10 10 11`},
		"pointer":        {`{"a/b": 1, "m~n": 2}`, `{"a/b": 2, "m~n": 3}`, `/a~1b 1 2; /m~0n 2 3`},
		"kind":           {`{"a": {}}`, `{"a": []}`, `/a {} []`},
		"the whole":      {`1`, `2`, ` 1 2`},
		"order of names": {`{"b":1,"a":1}`, `{"a":2,"b":2}`, `/a 1 2; /b 1 2`},
	} {
		t.Run(name, func(t *testing.T) {
			changes, err := Changes([]byte(c.old), []byte(c.new))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, ch := range changes {
				show := func(v jsontext.Value) string {
					if v == nil {
						return "-"
					}
					return string(v)
				}
				got = append(got, ch.Path+" "+show(ch.Old)+" "+show(ch.New))
			}
			if text := strings.Join(got, "; "); text != c.want {
				t.Errorf("%q, want %q", text, c.want)
			}
		})
	}
	if _, err := Changes([]byte(`{`), []byte(`{}`)); CodeOf(err) != Invalid {
		t.Errorf("no JSON: %v", err)
	}
}

// Whoever carries the changes out has the new value; carried out backwards, they give the old one.
func TestChangesLeadToTheOther(t *testing.T) {
	value := rapid.Deferred(func() *rapid.Generator[any] { return anyValue(3) })
	rapid.Check(t, func(t *rapid.T) {
		old, new := encodeAny(t, value.Draw(t, "old")), encodeAny(t, value.Draw(t, "new"))
		changes, err := Changes(old, new)
		if err != nil {
			t.Fatal(err)
		}
		if got := applied(t, old, changes, func(c Change) jsontext.Value { return c.New }); !bytes.Equal(got, new) {
			t.Fatalf("%s with %v is %s, want %s", old, changes, got, new)
		}
		if got := applied(t, new, changes, func(c Change) jsontext.Value { return c.Old }); !bytes.Equal(got, old) {
			t.Fatalf("%s without %v is %s, want %s", new, changes, got, old)
		}
	})
}

func anyValue(depth int) *rapid.Generator[any] {
	leaf := rapid.OneOf(rapid.Just[any](nil), rapid.Just[any](true), rapid.Map(rapid.IntRange(0, 3), func(n int) any { return float64(n) }),
		rapid.Map(rapid.SampledFrom([]string{"", "a", "b/c"}), func(s string) any { return s }))
	if depth == 0 {
		return leaf
	}
	below := anyValue(depth - 1)
	return rapid.OneOf(leaf,
		rapid.Map(rapid.SliceOfN(below, 0, 3), func(l []any) any { return l }),
		rapid.Map(rapid.MapOfN(rapid.SampledFrom([]string{"a", "b", "c/d", "e~", ""}), below, 0, 4), func(m map[string]any) any { return m }))
}

func encodeAny(t *rapid.T, v any) jsontext.Value {
	data, err := json.Marshal(v, json.Deterministic(true))
	if err != nil {
		t.Fatal(err)
	}
	text := jsontext.Value(data)
	if err := text.Canonicalize(); err != nil {
		t.Fatal(err)
	}
	return text
}

// applied carries changes out, the other way to how the product finds them: over decoded values.
func applied(t *rapid.T, text jsontext.Value, changes []Change, want func(Change) jsontext.Value) jsontext.Value {
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	slices.SortStableFunc(changes, func(a, b Change) int { // what goes from a list goes last place first
		switch ra, rb := want(a) == nil, want(b) == nil; {
		case ra && rb:
			return strings.Compare(lengthen(b.Path), lengthen(a.Path))
		case ra:
			return 1
		case rb:
			return -1
		}
		return strings.Compare(lengthen(a.Path), lengthen(b.Path))
	})
	for _, c := range changes {
		v = change(t, v, slices.Collect(jsontext.Pointer(c.Path).Tokens()), want(c))
	}
	return encodeAny(t, v)
}

// lengthen makes numbers in paths sort as numbers.
func lengthen(path string) string {
	all := strings.Split(path, "/")
	for i, s := range all {
		if n, err := strconv.Atoi(s); err == nil {
			all[i] = strings.Repeat("0", 9-len(strconv.Itoa(n))) + s
		}
	}
	return strings.Join(all, "/")
}

func change(t *rapid.T, v any, tokens []string, to jsontext.Value) any {
	if len(tokens) == 0 {
		var leaf any
		if err := json.Unmarshal(to, &leaf); err != nil {
			t.Fatal(err)
		}
		return leaf
	}
	switch at := v.(type) {
	case map[string]any:
		if len(tokens) == 1 && to == nil {
			delete(at, tokens[0])
			return at
		}
		at[tokens[0]] = change(t, at[tokens[0]], tokens[1:], to)
		return at
	case []any:
		i, err := strconv.Atoi(tokens[0])
		if err != nil || i > len(at) {
			t.Fatalf("%q in %v", tokens[0], at)
		}
		switch {
		case len(tokens) == 1 && to == nil:
			return slices.Delete(at, i, i+1)
		case i == len(at):
			at = append(at, nil)
		}
		at[i] = change(t, at[i], tokens[1:], to)
		return at
	}
	t.Fatalf("%v has no %q", v, tokens[0])
	return nil
}

func TestHistoryKey(t *testing.T) {
	if key := HistoryKey("web.v2", 12); key != "history/web.v2/12.json" {
		t.Error(key)
	}
	if app, n, ok := ParseHistoryKey("history/web.v2/12.json"); app != "web.v2" || n != 12 || !ok {
		t.Error(app, n, ok)
	}
	for _, key := range []string{"history/web/0.json", "history/web/-1.json", "history/web/01.json", "history/web/+1.json", "history/web/x.json",
		"history/web/1.json~", "history/.x/1.json", "history/web/a/1.json", "history/1.json", "apps/web/1.json", "history/web/99999999999999999999.json",
		"history/web/9223372036854775807.json", "history/web/9007199254740992.json"} {
		if app, n, ok := ParseHistoryKey(key); ok {
			t.Errorf("%s is revision %d of %s", key, n, app)
		}
	}
}
