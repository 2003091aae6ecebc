package host

import "os"

// ReplaceFile writes a file whole: a reader finds the old or the new content. With durable it also survives a crash of
// the machine. The folder, which must be there, has one writer.
func ReplaceFile(path string, data []byte, durable bool) error {
	temp := path + ".tmp"
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil && durable {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(temp, path)
	}
	if err != nil {
		os.Remove(temp)
	}
	return err
}
