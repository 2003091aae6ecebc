package rest

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"stathub/state"
)

// WriteJSON answers with v as state.Encode has it. With an etag it sends the ETag header, and answers a GET whose
// If-None-Match names it with 304.
func WriteJSON(w http.ResponseWriter, r *http.Request, status int, v any, etag state.ETag) {
	w.Header().Set("Cache-Control", "no-cache")
	if etag != "" {
		w.Header().Set("ETag", FormatETag(etag))
		reading := r.Method == http.MethodGet || r.Method == http.MethodHead
		if reading && status == http.StatusOK && noneMatch(r, etag) {
			w.WriteHeader(http.StatusNotModified)
			return
		}
	}
	writeBody(w, "application/json", status, state.Encode(v))
}

// ReadBody gives the whole body of a request; one longer than limit bytes is code TooLarge, and its connection is closed.
func ReadBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return nil, state.Errorf(state.TooLarge, "", "the request's body is larger than %d bytes", limit)
	case err != nil:
		return nil, state.Errorf(state.Invalid, "", "cannot read the request's body: %w", err)
	}
	return data, nil
}

// FormatETag gives the header form of a revision: in quotes, with every character that may not stand there escaped as in
// a URL. ParseETag is its inverse.
func FormatETag(etag state.ETag) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, c := range []byte(etag) {
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
// that compress add one, and our ETags name the document, not its encoding.
func ParseETag(text string) (state.ETag, error) {
	bare := strings.TrimPrefix(strings.TrimSpace(text), "W/")
	if inner, ok := strings.CutPrefix(bare, `"`); ok {
		if bare, ok = strings.CutSuffix(inner, `"`); !ok {
			return "", state.Errorf(state.Invalid, "", "the ETag %s lacks its closing quote", text)
		}
	}
	plain, err := url.PathUnescape(bare)
	if err != nil {
		plain = bare // not made by FormatETag: then it is no revision of ours, and says so by not matching
	}
	if plain == "" {
		return "", state.Errorf(state.Invalid, "", "the ETag %s is empty", text)
	}
	return state.ETag(plain), nil
}

// IfNoneMatch gives the revision that the client of a GET has already, or "".
func IfNoneMatch(r *http.Request) state.ETag {
	text := header(r, "If-None-Match")
	if text == "" || text == "*" || strings.Contains(text, ",") {
		return ""
	}
	etag, _ := ParseETag(text)
	return etag
}

// IfMatch gives the condition of a write: If-Match with one ETag, or If-None-Match: *. None of them is the zero
// Condition: the last write wins. Everything else is code Invalid: silently writing anyway would lose someone's edit.
func IfMatch(r *http.Request) (state.Condition, error) {
	match, none := header(r, "If-Match"), header(r, "If-None-Match")
	refuse := func(why string) (state.Condition, error) {
		return state.Condition{}, state.Errorf(state.Invalid, "", "%s", why)
	}
	switch {
	case match == "" && none == "":
		return state.Condition{}, nil
	case match != "" && none != "":
		return refuse("send If-Match or If-None-Match, not both")
	case none == "*":
		return state.Condition{IfAbsent: true}, nil
	case none != "":
		return refuse(`a write takes only the "*" form of If-None-Match`)
	case match == "*":
		return refuse(`If-Match: * is not supported: send the ETag that was read`)
	case strings.Contains(match, ","):
		return refuse("If-Match takes one ETag: the one that was read")
	}
	etag, err := ParseETag(match)
	return state.Condition{IfMatch: etag}, err
}

// header joins the values of a header that may come in several lines.
func header(r *http.Request, name string) string {
	return strings.TrimSpace(strings.Join(r.Header.Values(name), ","))
}

func noneMatch(r *http.Request, etag state.ETag) bool {
	text := header(r, "If-None-Match")
	if text == "*" {
		return true
	}
	for one := range strings.SplitSeq(text, ",") {
		if strings.TrimSpace(one) == "" {
			continue
		}
		if got, err := ParseETag(one); err == nil && got == etag {
			return true
		}
	}
	return false
}
