package query

import "testing"

func BenchmarkParse(b *testing.B) {
	for name, q := range map[string]string{
		"word":        `appserver`,
		"seed":        `memory.total:>8000000000 AND networks.address:[192.168.1.100 TO 192.168.1.150]`,
		"groups":      `(tags:ssd OR tags:hdd) AND os.cpus:(>=8 AND <16) AND NOT hostname:"web 1"~2`,
		"patterns":    `hostname:web-?? OR *worker-1* OR servr~1`,
		"regexp":      `hostname:/.*(web|db)-[0-9]{1,4}/`,
		"mistake":     `tags:(ssd AND os.cpus:>8`,
		"expensive":   `*a?????`,
		"too complex": `/(a|b)*a(a|b){15}/`,
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _ = Parse(q)
			}
		})
	}
}
