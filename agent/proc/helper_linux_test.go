package proc

import (
	"fmt"
	"os"
)

// reportHelper prints its arguments, each ended by NUL, to the file in $REPORT.
func reportHelper() {
	f, err := os.Create(os.Getenv("REPORT"))
	if err != nil {
		panic(err)
	}
	for _, a := range os.Args[1:] {
		fmt.Fprintf(f, "%s\x00", a)
	}
	if err := f.Close(); err != nil {
		panic(err)
	}
}
