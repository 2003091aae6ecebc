// An editor for JSON over a <textarea>, which stays what a form sends: {{template "editor" dict "Name" "json" "Kind" "app"
// "Text" .JSON}}. Those with data-editor are made as the page loads, unless they say data-manual: then a script of the page
// calls mount itself.
import {
  EditorState, Compartment, EditorView, keymap, lineNumbers, highlightActiveLine, highlightActiveLineGutter, highlightSpecialChars, drawSelection,
  hoverTooltip, json, syntaxHighlighting, HighlightStyle, syntaxTree, indentUnit, indentOnInput, bracketMatching, foldGutter, foldKeymap, linter,
  lintGutter, setDiagnostics, forceLinting, lintKeymap, autocompletion, startCompletion, completionKeymap, closeBrackets, closeBracketsKeymap,
  defaultKeymap, history, historyKeymap, indentWithTab, search, searchKeymap, tags,
} from "./vendor/codemirror.js"
import {word, element, request} from "./console.js"
import {schemaOf, members, values, describe} from "./schema.js"

const colours = HighlightStyle.define([
  {tag: tags.propertyName, color: "var(--code-name)"}, {tag: tags.string, color: "var(--code-text)"}, {tag: tags.number, color: "var(--code-number)"},
  {tag: [tags.bool, tags.null], color: "var(--code-word)"}, {tag: tags.invalid, color: "var(--bad)"},
])

const look = EditorView.theme({
  "&": {border: "1px solid var(--line)", borderRadius: "6px", background: "var(--card)", color: "var(--text)", fontSize: "13px", maxHeight: "var(--editor-height, 75vh)"},
  "&.cm-focused": {outline: "2px solid var(--focus)", outlineOffset: "1px"},
  ".cm-scroller": {fontFamily: "var(--mono)", overflow: "auto"}, ".cm-content, .cm-gutter": {minHeight: "6rem"},
  ".cm-content": {caretColor: "var(--text)"}, ".cm-cursor": {borderLeftColor: "var(--text)"},
  ".cm-gutters": {background: "var(--raised)", color: "var(--soft)", borderRight: "1px solid var(--line)", borderRadius: "6px 0 0 6px"},
  ".cm-activeLine, .cm-activeLineGutter": {background: "color-mix(in srgb, var(--raised) 55%, transparent)"},
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground, ::selection": {background: "color-mix(in srgb, var(--act) 28%, transparent)"},
  "&.cm-focused .cm-matchingBracket": {background: "color-mix(in srgb, var(--act) 30%, transparent)"},
  ".cm-tooltip, .cm-panels": {background: "var(--card)", color: "var(--text)", borderColor: "var(--line)"},
  ".cm-tooltip": {border: "1px solid var(--line)", borderRadius: "6px", boxShadow: "0 4px 18px rgb(0 0 0 / .2)", zIndex: "20"},
  ".cm-tooltip-autocomplete ul li": {padding: "2px .6rem"},
  ".cm-tooltip-autocomplete ul li[aria-selected]": {background: "var(--act)", color: "var(--act-text)"},
  ".cm-tooltip-autocomplete ul li[aria-selected] .cm-completionDetail": {color: "inherit"},
  ".cm-completionDetail": {color: "var(--soft)", fontStyle: "normal"}, ".cm-completionInfo": {maxWidth: "24rem", padding: ".4rem .6rem"},
  ".cm-diagnostic": {borderLeft: "3px solid var(--bad)", padding: ".2rem .6rem"},
  ".cm-lintRange-error": {backgroundImage: "none", textDecoration: "underline wavy var(--bad)", textUnderlineOffset: "3px"}, // theirs is an image in the style
  ".cm-lint-marker-error": {content: "normal", width: ".65em", height: ".65em", margin: ".3em 0 0 .15em", borderRadius: "50%", background: "var(--bad)"},
  ".code-help": {padding: ".3rem .7rem", maxWidth: "28rem"},
  ".cm-panels input, .cm-panels button": {fontSize: "12px"},
  ".cm-button": {backgroundImage: "none", background: "var(--raised)", color: "var(--text)", border: "1px solid var(--line)"},
  ".cm-textfield": {background: "var(--card)", border: "1px solid var(--line)"},
  ".cm-foldPlaceholder": {background: "var(--raised)", border: "1px solid var(--line)", color: "var(--soft)"},
})

// mount makes an editor of a textarea.
//   kind      of the document, for completion and help; none: neither
//   validate  "PUT /v1/…?dryRun=true", or a function of the text and an AbortSignal that gives the problems, [{line, column,
//             path, message}]; it is asked after each pause in typing. None: only the JSON is looked at
//   changed   is called with the text when people change it
export function mount(textarea, {kind = textarea.dataset.kind, validate = textarea.dataset.validate, changed} = {}) {
  const editor = new Editor(textarea, typeof validate === "string" && validate ? asking(validate) : validate, changed)
  schemaOf(kind).then(schema => { editor.schema = schema })
  return editor
}

// asking makes a validate of a request that changes nothing.
function asking(to) {
  const [method, path] = to.split(" ")
  return async (text, signal) => {
    try {
      const answer = await request(method, path.replace("dryRun=true", "dryRun=report"), {body: text, signal})
      return (await answer.json()).problems || []
    } catch (problem) {
      return problem.errors?.length ? problem.errors : problem.status === 400 || problem.status === 422 ? [{message: problem.message}] : []
    }
  }
}

class Editor {
  constructor(textarea, validate, changed) {
    this.textarea = textarea
    this.validate = validate
    this.schema = null
    this.locked = new Compartment()
    this.quiet = false
    const label = textarea.labels?.[0]
    const help = textarea.getAttribute("aria-describedby")
    this.view = new EditorView({
      doc: textarea.value,
      extensions: [
        nonce(), look, EditorState.phrases.of(phrases()), lineNumbers(), foldGutter(), highlightSpecialChars(), history(), drawSelection(), indentOnInput(),
        indentUnit.of("  "), EditorState.tabSize.of(2), bracketMatching(), closeBrackets(), highlightActiveLine(), highlightActiveLineGutter(),
        json(), syntaxHighlighting(colours), search({top: true}), lintGutter(), EditorView.lineWrapping,
        linter(view => this.lint(view), {delay: 350}),
        autocompletion({override: [context => complete(context, this.schema)], icons: false}),
        hoverTooltip((view, at) => help_at(view.state, at, this.schema)),
        keymap.of([...closeBracketsKeymap, ...defaultKeymap, ...searchKeymap, ...historyKeymap, ...foldKeymap, ...completionKeymap, ...lintKeymap, indentWithTab]),
        EditorView.contentAttributes.of({
          tabindex: "0", // what scrolls has to be in reach of the keyboard for those who do not know contenteditable
          "aria-label": label?.textContent.trim() || textarea.getAttribute("aria-label") || word("editor.label"),
          ...(help ? {"aria-describedby": help} : {}), ...(textarea.id ? {id: textarea.id + "-code"} : {}),
        }),
        this.locked.of(readOnly(textarea.readOnly)),
        EditorView.updateListener.of(update => {
          if (!update.docChanged) return
          textarea.value = this.text()
          if (!this.quiet) { changed?.(textarea.value); textarea.dispatchEvent(new Event("input", {bubbles: true})) }
        }),
      ],
    })
    label?.addEventListener("click", () => this.focus())
    textarea.after(this.view.dom)
    textarea.hidden = true
    textarea.form?.addEventListener("reset", () => setTimeout(() => this.set(textarea.value)))
    textarea.editor = this
  }

  text() { return this.view.state.doc.toString() }

  // set replaces the text, and edit parts of it ([{from, to, insert}]); neither calls changed. Both can be undone.
  set(text) { this.edit([{from: 0, to: this.view.state.doc.length, insert: text}]) }
  edit(changes) {
    this.quiet = true
    try { this.view.dispatch({changes}) } finally { this.quiet = false }
  }

  // lock makes the text unchangeable, or changeable again.
  lock(on) { this.view.dispatch({effects: this.locked.reconfigure(readOnly(on))}) }

  focus() { this.view.focus() }

  // goto puts the cursor at a line and a column, both from 1.
  goto(line, column) {
    this.view.dispatch({selection: {anchor: position(this.view.state.doc, line, column)}, scrollIntoView: true})
    this.focus()
  }

  // check asks validate again, though nothing was typed.
  check() { forceLinting(this.view) }

  // mark shows problems, those of a refused save for instance.
  mark(problems) { this.view.dispatch(setDiagnostics(this.view.state, this.diagnostics(problems))) }

  async lint(view) {
    this.asked?.abort()
    if (!this.validate) return this.diagnostics(syntaxProblem(this.text()))
    const asked = this.asked = new AbortController()
    try {
      return this.diagnostics(await this.validate(view.state.doc.toString(), asked.signal) || [])
    } catch (e) {
      if (e.name !== "AbortError") throw e
      return []
    }
  }

  diagnostics(problems) {
    const doc = this.view.state.doc
    return problems.map(p => {
      const from = p.line ? position(doc, p.line, p.column || 1) : 0
      const node = syntaxTree(this.view.state).resolveInner(from, 1)
      const line = doc.lineAt(from)
      const to = node.from === from && node.to > from ? Math.min(node.to, line.to) : Math.min(from + 1, doc.length)
      return {from, to: Math.max(from, to), severity: "error", message: p.path ? `${p.path}: ${p.message}` : p.message}
    })
  }
}

// readOnly leaves the text in reach of the keyboard, to scroll, search and copy.
const readOnly = on => [EditorState.readOnly.of(on), EditorView.contentAttributes.of({"aria-readonly": String(on)})]

function nonce() {
  return EditorView.cspNonce.of(document.querySelector("meta[name=style-nonce]")?.content || "")
}

// position finds a place as the API counts it: characters, not UTF-16 units.
function position(doc, line, column) {
  if (line > doc.lines) return doc.length
  const at = doc.line(Math.max(1, line))
  const before = [...at.text].slice(0, Math.max(0, column - 1)).join("")
  return at.from + before.length
}

function syntaxProblem(text) {
  try { JSON.parse(text); return [] } catch (e) {
    const at = Number(/position (\d+)/.exec(e.message)?.[1] ?? text.length), before = text.slice(0, at)
    return [{line: before.split("\n").length, column: [...before.slice(before.lastIndexOf("\n") + 1)].length + 1, message: e.message}]
  }
}

// pathOf gives the names and indexes that lead to a node of the syntax tree.
function pathOf(state, node) {
  const path = []
  for (let n = node; n; n = n.parent) {
    const parent = n.parent
    if (n.name === "Property") {
      const name = n.getChild("PropertyName")
      if (name) path.unshift(unquote(state.sliceDoc(name.from, name.to)))
    } else if (parent?.name === "Array") {
      let i = 0
      for (let s = n.prevSibling; s; s = s.prevSibling) if (!/^[[\],⚠]$/.test(s.name)) i++
      path.unshift(i)
    }
  }
  return path
}

function unquote(text) { try { return JSON.parse(text) } catch { return text.replace(/^"|"$/g, "") } }

// around gives the nearest object, list or member that holds a node, itself included.
function around(node) {
  while (node && !/^(Object|Array|Property|JsonText)$/.test(node.name)) node = node.parent
  return node
}

// complete offers the members that an object lacks, and the values that may stand where the cursor is.
function complete(context, schema) {
  if (!schema) return null
  const {state, pos} = context, node = syntaxTree(state).resolveInner(pos, -1)
  const token = context.matchBefore(/"?[\w.$*@/-]*/), start = token?.from ?? pos
  const before = state.sliceDoc(Math.max(0, start - 500), start).trimEnd().slice(-1)
  const value = before === ":"
  if (!value && !["{", ",", "["].includes(before)) return null
  if (!context.explicit && start === pos && before !== ":") return null
  const place = around(node.name === "PropertyName" ? node.parent.parent : node)
  const quoted = state.sliceDoc(start, start + 1) === '"'
  if (value) return values_at(state, schema, place, start, pos)
  const holder = place?.name === "Property" ? place.parent : place
  if (holder?.name === "Array") return values_at(state, schema, null, start, pos, [...pathOf(state, holder), 0])
  if (holder?.name !== "Object") return null
  const present = new Set(holder.getChildren("Property").map(p => p.getChild("PropertyName"))
    .filter(n => n && !(n.from <= pos && pos <= n.to)).map(n => unquote(state.sliceDoc(n.from, n.to))))
  const options = members(schema, pathOf(state, holder)).filter(m => !present.has(m.name))
    .map(m => ({label: m.name, detail: m.detail, info: m.info, apply: (view, _, from, to) => put_member(view, m, quoted ? from - 1 : from, to)}))
  return {from: quoted ? start + 1 : start, options, validFor: /^[\w.$-]*$/}
}

function values_at(state, schema, place, start, pos, path = pathOf(state, place?.name === "Property" ? place : null)) {
  const options = values(schema, path).map(v => ({
    label: v.text, info: v.info,
    apply(view, _, from, to) {
      const after = view.state.sliceDoc(to, to + 1)
      view.dispatch({changes: {from, to: v.text.startsWith('"') && after === '"' ? to + 1 : to, insert: v.text}, selection: {anchor: from + v.text.length}})
    },
  }))
  return options.length ? {from: start, options, validFor: /^"?[\w.$-]*$/} : null
}

// put_member writes a member with a first value, and the comma that the next one needs.
function put_member(view, member, from, to) {
  const doc = view.state.doc, rest = doc.sliceString(to, Math.min(doc.length, to + 500))
  let end = to, after = rest
  if (after.startsWith('"')) { end++; after = after.slice(1) }
  const named = JSON.stringify(member.name)
  if (/^\s*:/.test(after)) { // it has a value already
    view.dispatch({changes: {from, to: end, insert: named}, selection: {anchor: from + named.length}})
    return
  }
  const text = `${named}: ${member.value}${/^\s*"/.test(after) ? "," : ""}`
  const cursor = text.indexOf("#", named.length), insert = text.replace("#", "")
  view.dispatch({changes: {from, to: end, insert}, selection: {anchor: from + (cursor < 0 ? insert.length : cursor)}, userEvent: "input.complete"})
  if (cursor >= 0) startCompletion(view)
}

// help_at says of the member or value under the pointer what it is.
function help_at(state, at, schema) {
  if (!schema) return null
  const node = syntaxTree(state).resolveInner(at, 1)
  if (!/^(PropertyName|String|Number|True|False|Null)$/.test(node.name)) return null
  const path = pathOf(state, node), said = path.length && describe(schema, path)
  if (!said || !said.text && !said.facts) return null
  return {pos: node.from, end: node.to, above: true, create: () => ({dom: element("div", {class: "code-help"},
    element("strong", {}, String(path.at(-1))), " ", element("span", {class: "soft"}, said.facts), element("p", {}, said.text))})}
}

// phrases are CodeMirror's own words.
function phrases() {
  return {
    "Find": word("editor.find"), "Replace": word("editor.replace"), "next": word("editor.next"), "previous": word("editor.previous"), "all": word("editor.all"),
    "match case": word("editor.case"), "regexp": word("editor.regexp"), "by word": word("editor.word"), "replace": word("editor.replace.one"),
    "replace all": word("editor.replace.all"), "close": word("keys.close"), "Go to line": word("editor.line"), "go": word("editor.go"),
    "Completions": word("editor.completions"), "Diagnostics": word("editor.problems"), "No diagnostics": word("editor.no.problems"),
    "folded code": word("editor.folded"), "unfold": word("editor.unfold"),
  }
}

for (const textarea of document.querySelectorAll("textarea[data-editor]:not([data-manual])")) mount(textarea)
