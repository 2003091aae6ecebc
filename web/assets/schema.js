// What a JSON Schema (draft 2020-12) says about a place of a document: for completion and help in the editor.
import {request} from "./console.js"

const loaded = new Map()

// schemaOf gives the schema of a kind of document, or null where the server has none.
export function schemaOf(kind) {
  if (!kind) return Promise.resolve(null)
  if (!loaded.has(kind)) {
    loaded.set(kind, request("GET", `/v1/schema/${encodeURIComponent(kind)}.json`).then(answer => answer.json()).catch(() => null))
  }
  return loaded.get(kind)
}

// plain gives the alternatives of a schema without references: what $ref, anyOf, oneOf and allOf lead to. The words of the
// one that refers come first.
function plain(root, schema, depth = 0) {
  if (!schema || typeof schema !== "object" || depth > 20) return []
  const all = [schema]
  if (typeof schema.$ref === "string") {
    const target = schema.$ref.replace(/^#\/?/, "").split("/").filter(Boolean)
      .reduce((o, name) => o?.[decodeURIComponent(name).replace(/~1/g, "/").replace(/~0/g, "~")], root)
    all.push(...plain(root, target, depth + 1))
  }
  for (const more of ["allOf", "anyOf", "oneOf"]) for (const one of schema[more] || []) all.push(...plain(root, one, depth + 1))
  return all
}

// schemasAt gives the alternatives for the place that path (names and indexes) leads to.
function schemasAt(root, path) {
  let here = plain(root, root)
  for (const step of path) {
    here = here.flatMap(s => {
      if (typeof step === "number") return plain(root, s.prefixItems?.[step] ?? s.items)
      return plain(root, s.properties?.[step] ?? (typeof s.additionalProperties === "object" ? s.additionalProperties : null))
    })
  }
  return here
}

const first = (schemas, name) => schemas.find(s => s[name] !== undefined)?.[name]

// describe gives what people should know of a place: the words, and what may be there.
export function describe(root, path) {
  const here = schemasAt(root, path)
  if (!here.length) return null
  return {text: first(here, "description") || "", facts: facts(here)}
}

function facts(here) {
  const types = [...new Set(here.flatMap(s => s.type || []))]
  const values = here.flatMap(s => s.enum || (s.const !== undefined ? [s.const] : [])).filter(v => v !== "")
  const parts = [values.length ? values.map(v => JSON.stringify(v)).join(" | ") : types.join(" | ")]
  const low = first(here, "minimum"), high = first(here, "maximum"), initial = first(here, "default")
  if (low !== undefined || high !== undefined) parts.push(`${low ?? "…"} – ${high ?? "…"}`)
  if (initial !== undefined) parts.push("= " + JSON.stringify(initial))
  return parts.filter(Boolean).join(", ")
}

// members gives the members that the object at path may have: name, help, and a first value for each.
export function members(root, path) {
  const all = new Map()
  for (const s of schemasAt(root, path)) {
    for (const [name, schema] of Object.entries(s.properties || {})) {
      if (all.has(name)) continue
      const here = plain(root, schema)
      if (here.some(h => h.readOnly)) continue
      all.set(name, {name, detail: facts(here), info: first(here, "description"), value: blank(here)})
    }
  }
  return [...all.values()]
}

// values gives what may stand at path, where it is one of a few.
export function values(root, path) {
  const here = schemasAt(root, path), all = new Map()
  const put = (value, info) => { const text = JSON.stringify(value); if (!all.has(text)) all.set(text, {text, info}) }
  for (const s of here) {
    for (const v of s.enum || []) if (v !== "") put(v, s.description)
    if (s.const !== undefined) put(s.const, s.description)
    if (s.type === "boolean" || s.type?.includes?.("boolean")) { put(true); put(false) }
    if (s.type === "null" || Array.isArray(s.type) && s.type.includes("null")) put(null)
    if (s.default !== undefined && s.default !== "") put(s.default, s.description)
    for (const v of s.examples || []) put(v)
  }
  return [...all.values()]
}

// blank is a value of the right type to begin with; the cursor goes where # is.
function blank(here) {
  const initial = first(here, "default"), type = here.flatMap(s => s.type || []).find(t => t !== "null")
  const one = here.find(s => s.enum)?.enum.find(v => v !== "")
  if (initial !== undefined && initial !== null && typeof initial !== "object" && initial !== "") return JSON.stringify(initial)
  if (one !== undefined) return JSON.stringify(one)
  return {string: '"#"', object: "{#}", array: "[#]", boolean: "false", integer: "0", number: "0"}[type] || "#"
}
