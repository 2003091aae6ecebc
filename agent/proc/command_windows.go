package proc

import "stathub/agent/proc/wincmd"

// ShellArgv turns command text and arguments into the argv to start, through cmd.exe where the text needs it; see
// wincmd.Argv. It runs nothing and reads nothing.
func ShellArgv(toProcess string, args []string) ([]string, error) {
	return wincmd.Argv(toProcess, args)
}
