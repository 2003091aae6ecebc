package query

import (
	"regexp/syntax"
	"slices"
	"unicode/utf8"
)

// maxWork bounds what the patterns of one query cost to become automata: for each state, the bytes that it tells apart.
// It is about a quarter of a second; /.*web-[0-9]{1,4}.*/ takes 2,400 of it, "*a?????" 23,000.
const maxWork = 100_000

// charge adds a pattern to the work of the query. An automaton can have exponentially more states than its pattern has
// characters.
func (p *parser) charge(t token, re *syntax.Regexp) *Error {
	prog, err := syntax.Compile(re.Simplify())
	if err != nil {
		return fail(t.from, "the pattern cannot be compiled: "+err.Error(), "")
	}
	d := determiniser{prog: prog, left: maxWork - p.work}
	d.run()
	if d.left < 0 {
		return fail(t.from, "the pattern is too complex", "fewer repetitions and alternatives, or fewer patterns in one query")
	}
	p.work = maxWork - d.left
	return nil
}

// fuzzyWork is what a fuzzy word adds to the work of the query. It becomes no automaton: it is compared with each value and
// word there is, which a query can have done a hundred times.
const fuzzyWork = maxWork / 100

func (p *parser) chargeFuzzy(t token) *Error {
	if p.work += fuzzyWork; p.work > maxWork {
		return fail(t.from, "there are too many patterns and fuzzy words", "fewer of them in one query")
	}
	return nil
}

// determiniser walks through the states of the deterministic automaton of a program, as the index would make it, until the
// work is done or too much.
type determiniser struct {
	prog   *syntax.Prog
	left   int
	starts []rune // one character for each set that the program does not tell apart
	marked []int  // by instruction: the list that has it
	list   int
}

func (d *determiniser) run() {
	for i := range d.prog.Inst {
		d.left -= weight(&d.prog.Inst[i])
	}
	if d.left < 0 {
		return
	}
	d.starts, d.marked = alphabet(d.prog), make([]int, len(d.prog.Inst))
	first := d.closure(nil, []uint32{uint32(d.prog.Start)})
	seen, open := map[string]bool{key(first): true}, [][]uint32{first}
	for len(open) > 0 {
		state := open[len(open)-1]
		open = open[:len(open)-1]
		for _, pc := range state {
			d.left -= weight(&d.prog.Inst[pc]) + len(d.starts)/32
		}
		if d.left < 0 {
			return
		}
		for _, r := range d.starts {
			if next := d.step(state, r); len(next) > 0 && !seen[key(next)] {
				seen[key(next)] = true
				open = append(open, next)
			}
		}
	}
}

// step gives the state after r.
func (d *determiniser) step(state []uint32, r rune) []uint32 {
	var outs []uint32
	for _, pc := range state {
		if i := &d.prog.Inst[pc]; i.Op != syntax.InstMatch && i.MatchRune(r) {
			outs = append(outs, i.Out)
		}
	}
	return d.closure(outs[:0:0], outs)
}

// closure appends the instructions that take a character, or match, and can be reached from those of from.
func (d *determiniser) closure(into, from []uint32) []uint32 {
	d.list++
	stack := slices.Clone(from)
	slices.Reverse(stack)
	for len(stack) > 0 {
		pc := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if d.marked[pc] == d.list {
			continue
		}
		d.marked[pc] = d.list
		switch i := &d.prog.Inst[pc]; i.Op {
		case syntax.InstAlt, syntax.InstAltMatch:
			stack = append(stack, i.Arg, i.Out)
		case syntax.InstCapture, syntax.InstNop, syntax.InstEmptyWidth:
			stack = append(stack, i.Out)
		case syntax.InstFail:
		default:
			into = append(into, pc)
		}
	}
	return into
}

func key(state []uint32) string {
	b := make([]byte, 0, 3*len(state))
	for _, pc := range state {
		b = append(b, byte(pc), byte(pc>>8), byte(pc>>16))
	}
	return string(b)
}

// weight is about what an instruction costs in each state. Beyond ASCII a character is several bytes, each with states of
// its own, which large classes have in great number.
func weight(i *syntax.Inst) int {
	const wide = 100
	switch i.Op {
	case syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
		return wide
	case syntax.InstRune, syntax.InstRune1:
		narrow, beyond := 1, 0
		for k := 1; k < len(i.Rune); k += 2 {
			if i.Rune[k] < utf8.RuneSelf {
				narrow++
			} else {
				beyond++
			}
		}
		return narrow + wide*beyond + beyond*beyond/2
	}
	return 1
}

// alphabet gives the first character of each set of characters that no instruction tells apart.
func alphabet(prog *syntax.Prog) []rune {
	all := []rune{0}
	for k := range prog.Inst {
		switch i := &prog.Inst[k]; i.Op {
		case syntax.InstRuneAnyNotNL:
			all = append(all, '\n', '\n'+1)
		case syntax.InstRune1:
			all = append(all, i.Rune[0], i.Rune[0]+1)
		case syntax.InstRune:
			for n := 0; n+1 < len(i.Rune); n += 2 {
				all = append(all, i.Rune[n], i.Rune[n+1]+1)
			}
			if len(i.Rune) == 1 {
				all = append(all, i.Rune[0], i.Rune[0]+1)
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}
