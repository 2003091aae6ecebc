package proc

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
)

// ShellArgv turns command text and arguments into the argv to start. Text without characters that mean something to
// cmd.exe is its own argv; other text is run through cmd /C, and then args with such characters are refused, because
// cmd.exe has no way to pass them on as they are.
func ShellArgv(toProcess string, args []string) ([]string, error) {
	const special = "\"&|<>^%!()\r\n\x00"
	text := strings.TrimSpace(toProcess)
	if text == "" {
		return nil, errors.New("toProcess: there is no command in it")
	}
	if !strings.ContainsAny(text, special) {
		return append(strings.Fields(text), args...), nil
	}
	for i, a := range args {
		if strings.ContainsAny(a, special) {
			return nil, fmt.Errorf("args[%d]: %q cannot be passed through cmd.exe as it is; make toProcess a plain program", i, a)
		}
		text += " " + syscall.EscapeArg(a)
	}
	return []string{"cmd.exe", "/S", "/C", text}, nil
}

// cmdLine gives the raw command line for cmd.exe, which does not read the usual escapes.
func cmdLine(argv []string) (string, bool) {
	if len(argv) == 4 && argv[0] == "cmd.exe" && argv[1] == "/S" && argv[2] == "/C" {
		return `cmd.exe /S /C "` + argv[3] + `"`, true
	}
	return "", false
}
