package pki

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// writeFile writes a file with mode 0600 so that a crash leaves either nothing
// or all of it, and refuses to replace one that exists: a key that was written
// once is never lost to a race of two starts.
func writeFile(name string, data []byte) (err error) {
	dir := filepath.Dir(name)
	f, err := os.CreateTemp(dir, ".new-*") // mode 0600
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	defer func() {
		err = errors.Join(err, os.Remove(f.Name()))
	}()
	if _, err = f.Write(data); err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	if err := os.Link(f.Name(), name); err != nil { // fails if name exists
		return fmt.Errorf("write %s: %w", name, err)
	}
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return errors.Join(d.Sync(), d.Close())
}
