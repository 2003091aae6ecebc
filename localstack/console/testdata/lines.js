// Lines of a log against a model of them: every row is where it should be, whatever was added, changed, dropped or asked for
// before. It gives what is wrong, or "".
({Lines, mostLines, breaks}) => {
  let seed = 7
  const random = n => (seed = (seed * 1103515245 + 12345) & 0x7fffffff) % n
  const text = () => Array.from({length: random(40)}, () => "ab界c😀 x"[random(9)]).join("")
  const lines = new Lines(), model = new Map() // number → text
  let pattern = null, only = false, columns = 0
  const rows = () => [...model].sort((a, b) => a[0] - b[0]).filter(([, t]) => !only || !pattern || pattern.test(t))
    .flatMap(([id, t]) => columns ? breaks(t, columns).map((_, part) => [id, part]) : [[id, 0]])
  for (let i = 0; i < 3000; i++) {
    switch (random(8)) {
      case 0: {
        pattern = random(2) ? /b|界/i : null
        only = random(2) === 1
        columns = random(2) ? 3 + random(20) : 0
        lines.look(pattern, only, columns)
        break
      }
      case 1: {
        const old = Array.from({length: random(4)}, text)
        old.forEach((t, k) => model.set(lines.first - old.length + k, t))
        lines.prepend(old)
        break
      }
      case 2: if (random(20) === 0) { lines.clear(); model.clear() } break
      case 3: if (model.size) {
        const id = lines.first + random(lines.next - lines.first), t = text()
        lines.set(id, t)
        model.set(id, t)
      } break
      default: { const t = text(); model.set(lines.push(t), t) }
    }
    if (random(3) === 0) continue // several changes between two looks
    lines.advance(Infinity)
    const want = rows(), got = Array.from({length: lines.rows}, (_, row) => lines.at(row))
    if (JSON.stringify(got) !== JSON.stringify(want)) return `after ${i} changes: ${JSON.stringify(got).slice(0, 200)} want ${JSON.stringify(want).slice(0, 200)} (${pattern} ${only} ${columns})`
    for (const [k, [id, part]] of want.entries()) if (part === 0 && lines.rowOf(id) !== k) return `line ${id} is at ${lines.rowOf(id)}, want ${k}`
  }
  const many = new Lines()
  many.look(/7$/, true, 10)
  for (let i = 0; i < mostLines + 50000; i++) {
    many.push("a line of text " + i)
    if (i % 9973 === 0) { many.advance(Infinity); const before = many.rows, gone = many.trim(); if (many.rows !== before - gone) return "rows" }
  }
  many.trim()
  many.advance(Infinity)
  if (many.next - many.first !== mostLines) return `${many.next - many.first} lines are kept`
  if (many.matches.get(0) !== 50007 || many.rows !== 55000) return `${many.matches.get(0)} ${many.rows}`
  return ""
}
