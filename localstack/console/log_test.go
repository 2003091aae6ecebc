package console

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"stathub/localstack/console/browser"
	"stathub/state"
)

// speaker runs an app that says on stdout what is written to a file, and gives that file and the path of its page.
func (w *world) speaker(t *testing.T, more string) (file *os.File, path string) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "said")
	file, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	app, _ := json.Marshal(map[string]any{"name": "speaker", "toProcess": "sh", "args": []string{"-c", more + `exec tail -n +1 -f "$0"`, name}, "start": true})
	w.call(t, "PUT", "/v1/app/speaker", string(app))
	w.call(t, "PUT", "/v1/app/speaker/choreo", `{"query": "*", "scale": 1}`)
	p := w.running(t, "speaker", 1)[0]
	return file, "/nodes/" + p.Node + "/procs/" + localName(p)
}

func say(t *testing.T, file *os.File, text string) {
	t.Helper()
	if _, err := file.WriteString(text); err != nil {
		t.Fatal(err)
	}
}

const (
	rows  = ".log-rows > div"
	atEnd = `(v => v.scrollTop + v.clientHeight >= v.scrollHeight - 2)(document.querySelector(".log-view"))`
)

// A log is followed, searched, filtered, paused, and of two streams; what is in it is text and colours, never a page.
func TestLogViewer(t *testing.T) {
	t.Parallel()
	w := directory(t, 1)
	file, path := w.speaker(t, `echo "on stderr" >&2; `)
	say(t, file, "plain <b>text</b>\n\x1b[1;31mred\x1b[0m \x1b[38;2;1;2;3mown\x1b[0m\n10%\r100%\nnull \x00 \xff end\n")
	p := chromium.Page(t, w.base, browser.View{Lang: "en"})
	p.Open(path)
	p.See(rows, "plain <b>text</b>")
	p.See(rows+" .bold.f1", "red")
	p.Wait("a colour of its own", `[...document.querySelectorAll("`+rows+` span")].some(e => e.textContent === "own" && getComputedStyle(e).color === "rgb(1, 2, 3)")`)
	p.Wait("what a terminal would show", `[...document.querySelectorAll($0)].map(e => e.textContent).join("|").endsWith("|100%|null \u2400 \ufffd end")`, rows)

	say(t, file, strings.Repeat("of many lines one\n", 500)+"the needle\nthe last one\n")
	p.See(rows, "the last one")
	p.Wait("it follows", atEnd)
	browser.Eval[bool](p, `(document.querySelector(".log-view").scrollTop = 0) === 0`)
	p.See(rows, "plain")
	say(t, file, "new\nnew\n")
	p.See("[data-part=more]", "2 new lines")
	p.See(rows, "plain")
	p.Click("[data-part=more]")
	p.Wait("the end", atEnd)

	p.Fill(".log input[type=search]", "NEEDLE")
	p.See("[data-part=count]", "1 lines")
	p.Click("[data-do=next]")
	p.See(rows+".current mark", "needle")
	p.Fill(".log input[type=search]", "^of.*one$")
	p.See("[data-part=count]", "0 lines")
	p.Click("[data-do=regexp]")
	p.See("[data-part=count]", "500 lines")
	p.Click("[data-do=only]")
	p.Wait("500 rows", `document.querySelector(".log-size").style.height === 500 * 18 + "px"`)
	p.Fill(".log input[type=search]", "(")
	p.Wait("a pattern that is none is marked", `document.querySelector(".log input[type=search]").getAttribute("aria-invalid") === "true"`)
	p.Fill(".log input[type=search]", "")
	p.Click("[data-do=pause]")
	p.See("[data-part=status]", "Paused")
	say(t, file, "while it paused\n")
	p.Click("[data-do=pause]")
	p.See(rows, "while it paused")
	p.Click("[data-stream=stderr]")
	p.See(rows, "on stderr")
	p.Click("[data-stream=both]")
	p.Fill(".log input[type=search]", "on stderr")
	p.See("[data-part=count]", "1 lines")
	p.See(rows+".stderr", "on stderr")
}

// A hundred thousand lines are there to look at, in as few elements as fit, and wrapped ones too; earlier ones are loaded.
func TestLogOfManyLines(t *testing.T) {
	t.Parallel()
	w := directory(t, 1)
	file, path := w.speaker(t, "")
	for i := range 100 {
		var b strings.Builder
		for k := range 1000 {
			fmt.Fprintf(&b, "%06d \x1b[3%dm%s\x1b[0m\n", i*1000+k, k%8, strings.Repeat("word ", k%60))
		}
		say(t, file, b.String())
	}
	say(t, file, "end\n")
	p := chromium.Page(t, w.base, browser.View{Lang: "en"})
	p.Open(path)
	p.See(rows, "end")
	p.Wait("all lines are loaded", `(() => {
	  const earlier = document.querySelector("[data-do=earlier]")
	  if (!earlier.hidden && !earlier.disabled) earlier.click()
	  return document.querySelector(".log-size").style.height === "1.80002e+06px" || document.querySelector(".log-size").style.height === 100001 * 18 + "px"
	})()`)
	browser.Eval[bool](p, `(document.querySelector(".log-view").scrollTop = 50000 * 18) > 0`)
	p.See(rows, "050000")
	p.Fill(".log input[type=search]", "0777")
	p.See("[data-part=count]", "120 lines")
	p.Click("[data-do=wrap]")
	p.Wait("no row is wider than the view", `(v => v.scrollWidth <= v.clientWidth)(document.querySelector(".log-view"))`)
	browser.Eval[bool](p, `(document.querySelector(".log-view").scrollTop = 0) === 0`)
	p.See(rows, "000000")
	if n := browser.Eval[int](p, `document.querySelectorAll($0).length`, rows); n > 120 {
		t.Errorf("%d rows are elements", n)
	}
}

// Buttons of the page act on the process: a signal ends it, a restart brings another one.
func TestProcessIsKilledAndRestarted(t *testing.T) {
	t.Parallel()
	w := directory(t, 1)
	_, path := w.speaker(t, "")
	pid := func() int { return w.running(t, "speaker", 1)[0].PID }
	first := pid()
	p := chromium.Page(t, w.base, browser.View{Lang: "zh-CN"})
	p.Open(path)
	p.See("[data-pid]", fmt.Sprint(first))
	p.Choose("#signal", "9")
	p.Click("#kill button")
	p.Click("#ask button", "确")
	p.Wait("another process", `Number(document.querySelector("[data-pid]")?.dataset.pid ?? $0) !== $0`, first)
	second := pid()
	await(t, "GET", w.base+"/v1/app/speaker/proc?full=true", "", func(all []state.Proc) error {
		if exit := all[0].LastExit; exit == nil || exit.Signal != 9 {
			return fmt.Errorf("its last exit is %+v", exit)
		}
		return nil
	})
	p.Click(`button[data-send$="/_restart"]`)
	p.Click("#ask button", "确")
	p.Wait("a third process", `Number(document.querySelector("[data-pid]")?.dataset.pid ?? $0) !== $0`, second)
}

// Lines as terminals show them, and what can be read out of any bytes.
func TestTerminalLines(t *testing.T) {
	t.Parallel()
	w := directory(t, 1)
	_, path := w.speaker(t, "")
	p := chromium.Page(t, w.base, browser.View{Lang: "en"})
	p.Open(path)
	const load = `import(document.querySelector('script[src$="/log.js"]').src.replace("log.js", "ansi.js")).then(({Ansi, textOf}) => `
	for raw, want := range map[string]string{
		"plain": "plain", "\x1b[31mred\x1b[0m x": "[f1]red[] x", "\x1b[1;38;5;196mhi": "[bold #ff0000]hi", "\x1b[38;5;1mx": "[f1]x",
		"\x1b[38;2;1;2;3ma\x1b[39mb": "[ #010203]a[]b", "\x1b[38:2::1:2:3ma": "[ #010203]a", "10%\r20%\r30%": "30%", "long line\rab": "abng line",
		"long\r\x1b[Kab": "ab", "end\r": "end", "|\b/\b-": "-", "a\tb": "a       b", "\x1b]8;;http://x\x07link\x1b]8;;\x07!": "link!",
		"\x1b]0;title\x1b\\x": "x", "\x00\x07\x7f\u0085": "␀␇␡\ufffd", "a\u202eb": "a\ufffdb", "\x1b[2J\x1b[Hx": "x", "\x1b(Bx": "x",
		"\x1b[7mx": "[fback gtext]x", "\x1b[31;7mx": "[fback g1]x", "\x1b[91;102mx": "[f9 g10]x", "\x1b[1m\x1b[22mx": "x",
		"\x1b[48;5;240mx": "[ on #585858]x", "\x1b[m": "", "\x1b[4;58;5;1;31mx": "[under f1]x", "": "", "\x1b[38mx": "x", "\x1b[31": "31",
	} {
		got := browser.Eval[string](p, load+`{
		  const line = new Ansi().line($0)
		  return typeof line === "string" ? line : line.runs.map(([end, s], i) => "[" + s.classes + (s.fg ? " " + s.fg : "") + (s.bg ? " on " + s.bg : "") + "]" +
		    line.text.slice(i ? line.runs[i - 1][0] : 0, end)).join("")
		})`, raw)
		if got != want {
			t.Errorf("%q is shown as %q, want %q", raw, got, want)
		}
	}
	bad := browser.Eval[string](p, load+`{
	  const parts = ["\x1b", "[", "]", "0", "3", "1", ";", "m", "K", "\r", "\b", "\t", "a", "界", "\x07", "\x9b", "😀", "8", "2", "5", ":", "\x1b[7m"]
	  const ansi = new Ansi()
	  let seed = 1
	  const random = n => (seed = (seed * 1103515245 + 12345) & 0x7fffffff) % n
	  for (let i = 0; i < 50000; i++) {
	    const raw = Array.from({length: random(24)}, () => parts[random(parts.length)]).join(""), line = ansi.line(raw), text = textOf(line)
	    const ends = (line.runs || [[text.length]]).map(([end]) => end)
	    if (/[\x00-\x1f\x7f-\x9f]/.test(text) || ends.at(-1) !== text.length || ends.some((end, k) => end <= ends[k - 1])) return JSON.stringify([raw, line])
	  }
	  return ""
	})`)
	if bad != "" {
		t.Errorf("a line is not whole: %s", bad)
	}
}

// The lines of a log are laid out as a model of them says, and no more are kept than may be.
func TestLinesOfALog(t *testing.T) {
	t.Parallel()
	w := directory(t, 1)
	_, path := w.speaker(t, "")
	p := chromium.Page(t, w.base, browser.View{Lang: "en"})
	p.Open(path)
	check, err := os.ReadFile("testdata/lines.js")
	if err != nil {
		t.Fatal(err)
	}
	wrong := browser.Eval[string](p, `import(document.querySelector('script[src$="/log.js"]').src.replace("log.js", "log-lines.js")).then(
	`+string(check)+`)`)
	if wrong != "" {
		t.Error(wrong)
	}
}

// A log goes on where it was when the server comes back: no line is missing, none is there twice.
func TestLogOverALostConnection(t *testing.T) {
	t.Parallel()
	w := directory(t, 1)
	file, path := w.speaker(t, "")
	port := w.base[strings.LastIndexByte(w.base, ':')+1:]
	say(t, file, "before\nhalf a ")
	p := chromium.Page(t, w.base, browser.View{Lang: "en"})
	p.Allow("ERR_")
	p.Allow("503") // until the master has read the bucket again
	p.Open(path)
	p.See(rows, "half a")
	w.master.Stop(t)
	p.See("[data-part=status]", "No connection")
	say(t, file, "line\nmeanwhile\n")
	w.startMaster(t, "--server.port="+port)
	p.See(rows, "meanwhile")
	say(t, file, "after\n")
	p.See(rows, "after")
	if got := browser.Eval[string](p, `[...document.querySelectorAll($0)].map(e => e.textContent).join("|")`, rows); got != "before|half a line|meanwhile|after" {
		t.Errorf("the log is %q", got)
	}
}
