package web

import (
	"fmt"
	"strings"

	"stathub/state"
)

// Reason is an AppReason as template "reason" shows it.
type Reason struct {
	Text   string // in the language of the page
	Detail string // in the program's own words: numbers and names that the text does not have; may be empty
}

// wholeReasons are the codes whose words say all that the message does.
var wholeReasons = map[string]bool{
	"no-app": true, "no-choreo": true, "stopped": true, "deleted": true, "scale": true, "no-node": true,
	"down": true, "draining": true, "cordoned": true, "pinned": true,
}

// englishTag is of the language of the program's own words.
const englishTag = "en"

// reason puts an AppReason into the words of the page. The program's own words are English.
func (l *language) reason(r state.AppReason) Reason {
	text, known := l.words()["reason."+r.Code]
	counts := strings.Contains(text, "%d")
	if l.Tag == englishTag || !known || counts && r.Nodes == 0 {
		return Reason{Text: r.Message}
	}
	if counts {
		text = fmt.Sprintf(text, r.Nodes)
	}
	if wholeReasons[r.Code] {
		return Reason{Text: text}
	}
	return Reason{text, r.Message}
}
