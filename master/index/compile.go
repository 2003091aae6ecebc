package index

import (
	"strings"

	blevequery "github.com/blevesearch/bleve/v2/search/query"

	"stathub/master/query"
)

// compile turns a query into bleve's terms; it is where the meaning of the language is decided.
func compile(q query.Query) blevequery.Query {
	switch q := q.(type) {
	case query.All:
		return blevequery.NewMatchAllQuery()
	case query.Exists:
		return term(exists, q.Field)
	case *query.Term:
		return compileTerm(q)
	case *query.Wildcard:
		return compileWildcard(q)
	case *query.Bool:
		return compileBool(q)
	default:
		return blevequery.NewMatchNoneQuery()
	}
}

func term(name, value string) blevequery.Query {
	q := blevequery.NewTermQuery(value)
	q.SetField(name)
	return q
}

// compileTerm finds the text as a whole value or as adjacent words and, where it is a number or an address, what equals it.
func compileTerm(t *query.Term) blevequery.Query {
	lower := strings.ToLower(t.Text)
	alternatives := []blevequery.Query{term(field(whole, t.Field), lower)}
	switch found := split(lower); len(found) {
	case 0:
	case 1:
		alternatives = append(alternatives, term(field(words, t.Field), found[0]))
	default:
		alternatives = append(alternatives, blevequery.NewPhraseQuery(found, field(words, t.Field)))
	}
	if n, ok := numberTerm(t.Text); ok {
		alternatives = append(alternatives, term(field(number, t.Field), string(n)))
	}
	if a, ok := addressTerm(t.Text); ok {
		alternatives = append(alternatives, term(field(address, t.Field), string(a)))
	}
	return blevequery.NewDisjunctionQuery(alternatives)
}

// compileWildcard knows patterns that are a text with a star behind it.
func compileWildcard(p *query.Wildcard) blevequery.Query {
	lower := strings.ToLower(unescape.Replace(strings.TrimSuffix(p.Pattern, "*")))
	var alternatives []blevequery.Query
	for _, aspect := range []string{whole, words, text} {
		q := blevequery.NewPrefixQuery(lower)
		q.SetField(field(aspect, p.Field))
		alternatives = append(alternatives, q)
	}
	return blevequery.NewDisjunctionQuery(alternatives)
}

var unescape = strings.NewReplacer(`\\`, `\`, `\*`, `*`, `\?`, `?`)

// compileBool leaves Should clauses out beside Must clauses: they would change the score only, and there is none.
func compileBool(b *query.Bool) blevequery.Query {
	var must, should, mustNot []blevequery.Query
	for _, c := range b.Clauses {
		switch q := compile(c.Query); c.Occur {
		case query.Must:
			must = append(must, q)
		case query.MustNot:
			mustNot = append(mustNot, q)
		default:
			should = append(should, q)
		}
	}
	switch {
	case len(must) > 0:
	case len(should) > 0:
		must = []blevequery.Query{blevequery.NewDisjunctionQuery(should)}
	default:
		must = []blevequery.Query{blevequery.NewMatchAllQuery()}
	}
	if len(mustNot) == 0 {
		return blevequery.NewConjunctionQuery(must)
	}
	return blevequery.NewBooleanQuery(must, nil, mustNot)
}
