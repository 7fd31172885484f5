// Package disk is what a journal lies on: a directory of the operating system, or
// a disk in memory whose power can be cut at any write, for tests.
package disk

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// FS is what a journal needs of a file system. Names are single path elements
// inside one directory.
type FS interface {
	// Create makes a new file for its owner alone; it must not exist.
	Create(name string) (File, error)
	Open(name string) (File, error)
	Remove(name string) error
	List() ([]string, error)
	// SyncDir makes creations and removals durable.
	SyncDir() error
}

// File is one open file of an FS.
type File interface {
	io.ReaderAt
	io.WriterAt
	Sync() error
	Size() (int64, error)
	Close() error
}

// Dir is a directory of the operating system, held by one process at a time.
type Dir struct {
	root *os.Root
	lock *os.File
}

// OpenDir makes the directory if need be and takes its lock. It says so when
// another process holds it.
func OpenDir(dir string) (*Dir, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make directory: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open directory: %w", err)
	}
	lock, err := root.OpenFile("lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open lock: %w", err), root.Close())
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = errors.New("another process is using it")
		}
		return nil, errors.Join(fmt.Errorf("lock %s: %w", dir, err), lock.Close(), root.Close())
	}
	return &Dir{root: root, lock: lock}, nil
}

// String returns the directory's path.
func (d *Dir) String() string { return d.root.Name() }

// Close gives the lock back.
func (d *Dir) Close() error { return errors.Join(d.lock.Close(), d.root.Close()) }

// Create implements FS.
func (d *Dir) Create(name string) (File, error) {
	f, err := d.root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	return dirFile{f}, nil
}

// Open implements FS.
func (d *Dir) Open(name string) (File, error) {
	f, err := d.root.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	return dirFile{f}, nil
}

// Remove implements FS.
func (d *Dir) Remove(name string) error { return d.root.Remove(name) }

// List implements FS.
func (d *Dir) List() ([]string, error) {
	entries, err := fs.ReadDir(d.root.FS(), ".")
	if err != nil {
		return nil, err
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names, nil
}

// SyncDir implements FS.
func (d *Dir) SyncDir() error {
	f, err := d.root.Open(".")
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

type dirFile struct{ *os.File }

func (f dirFile) Size() (int64, error) {
	st, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return st.Size(), nil
}
