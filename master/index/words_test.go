package index

import (
	"fmt"
	"slices"
	"testing"
)

// What Lucene's StandardTokenizer makes of it, which is UAX #29 and, of Unicode's emoji data, the sequences.
func TestWords(t *testing.T) {
	for in, want := range map[string][]string{
		"":                           nil,
		"db-07":                      {"db", "07"},
		"zone:b":                     {"zone:b"},
		"zone:b-1":                   {"zone:b", "1"},
		"rack:07":                    {"rack", "07"},
		"a_b __c _ __":               {"a_b", "__c"},
		"10.13.1 v1.2 1.x a.b .5":    {"10.13.1", "v1.2", "1", "x", "a.b", "5"},
		"1,5 a,b 1;2 it's":           {"1,5", "a", "b", "1;2", "it's"},
		"http://192.168.1.165:51025": {"http", "192.168.1.165", "51025"},
		"00:9a:9f:9f:a6:eb":          {"00", "9a", "9f", "9f:a6", "eb"},
		"x86_64":                     {"x86_64"},
		"华东一区 db":                    {"华", "东", "一", "区", "db"},
		"ひらがな カタカナ サ_a ｱｲ":           {"ひ", "ら", "が", "な", "カタカナ", "サ_a", "ｱｲ"},
		"서버 서버a":                     {"서버", "서버a"},
		"a\u0301b café":              {"a\u0301b", "café"},
		"prod🚀 🔥🔥":                   {"prod", "🚀", "🔥", "🔥"},
		"👨\u200d👩\u200d👧 👍🏽":         {"👨\u200d👩\u200d👧", "👍🏽"},
		"🇨🇳🇺🇸 ☃ ❤\ufe0f 1\ufe0f\u20e3": {"🇨🇳", "🇺🇸", "☃", "❤\ufe0f", "1\ufe0f\u20e3"},
		"ภาษาไทย ខ្មែរ":                {"ภาษาไทย", "ខ្មែរ"},
		"ภาษา华":                        {"ภาษา", "华"},
		"𠀀𠀁":                           {"𠀀", "𠀁"},
		"½ ² ① – “a”":                  {"a"},
	} {
		t.Run(fmt.Sprintf("%q", in), func(t *testing.T) {
			if got := split(in); !slices.Equal(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}
