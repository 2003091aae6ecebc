package state

import (
	"fmt"
	"net/url"
	"strings"
)

// How codes, revisions and conditions are written in HTTP: the same for the APIs and for the gateway.

// statuses is the one table from codes to HTTP statuses (design section 7, RFC 9110).
var statuses = map[Code]int{
	NotModified: 304, Invalid: 400, Denied: 403, NotFound: 404, Exists: 409, Stale: 412, TooLarge: 413, Nonsense: 422,
	Internal: 500, Unsupported: 501, Unavailable: 503,
}

// HTTPStatus gives the status that an API answers a code with; 500 for one that it does not know.
func (c Code) HTTPStatus() int {
	if status, ok := statuses[c]; ok {
		return status
	}
	return statuses[Internal]
}

// ParseCode reads a code that another program sent. It is false for one that this program does not know.
func ParseCode(text string) (Code, bool) {
	_, ok := statuses[Code(text)]
	return Code(text), ok
}

// Header is the revision as an ETag header has it: in quotes, with every character that may not stand there escaped as in
// a URL. ParseETag is its inverse.
func (e ETag) Header() string {
	var b strings.Builder
	b.WriteByte('"')
	for _, c := range []byte(e) {
		if c <= ' ' || c == '"' || c == '%' || c == ',' || c >= 0x7f {
			fmt.Fprintf(&b, "%%%02X", c)
			continue
		}
		b.WriteByte(c)
	}
	b.WriteByte('"')
	return b.String()
}

// ParseETag reads one ETag of a header. Quotes may be missing, as people leave them out. A weak mark is dropped: proxies
// that compress add one, and our ETags name the document, not its encoding. A bad one is code Invalid.
func ParseETag(text string) (ETag, error) {
	bare := strings.TrimPrefix(strings.TrimSpace(text), "W/")
	if inner, ok := strings.CutPrefix(bare, `"`); ok {
		if bare, ok = strings.CutSuffix(inner, `"`); !ok {
			return "", Errorf(Invalid, "", "the ETag %s lacks its closing quote", text)
		}
	}
	plain, err := url.PathUnescape(bare)
	if err != nil {
		plain = bare // not made by Header: then it is no revision of ours, and says so by not matching
	}
	if plain == "" {
		return "", Errorf(Invalid, "", "the ETag %s is empty", text)
	}
	return ETag(plain), nil
}

// ParseCondition reads the condition of a write from the values of its If-Match and If-None-Match headers, those of
// several lines joined with commas: If-Match with one ETag, or If-None-Match: *. Two empty ones are the zero Condition:
// the last write wins. Everything else is code Invalid: silently writing anyway would lose someone's edit.
func ParseCondition(ifMatch, ifNoneMatch string) (Condition, error) {
	match, none := strings.TrimSpace(ifMatch), strings.TrimSpace(ifNoneMatch)
	why := ""
	switch {
	case match == "" && none == "":
		return Condition{}, nil
	case match != "" && none != "":
		why = "send If-Match or If-None-Match, not both"
	case none == "*":
		return Condition{IfAbsent: true}, nil
	case none != "":
		why = `a write takes only the "*" form of If-None-Match`
	case match == "*":
		why = `If-Match: * is not supported: send the ETag that was read`
	case strings.Contains(match, ","):
		why = "If-Match takes one ETag: the one that was read"
	default:
		etag, err := ParseETag(match)
		return Condition{IfMatch: etag}, err
	}
	return Condition{}, Errorf(Invalid, "", "%s", why)
}
