package journal

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// FS is what the journal needs of a file system. Names are single path elements
// inside one directory. Disk is the real one; tests cut the power in another.
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

// Disk is a directory of the operating system, held by one process at a time.
type Disk struct {
	root *os.Root
	lock *os.File
}

// OpenDisk makes the directory if need be and takes its lock. It says so when
// another process holds it.
func OpenDisk(dir string) (*Disk, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make journal directory: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open journal directory: %w", err)
	}
	lock, err := root.OpenFile("lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open journal lock: %w", err), root.Close())
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = errors.New("another process is using it")
		}
		return nil, errors.Join(fmt.Errorf("lock %s: %w", dir, err), lock.Close(), root.Close())
	}
	return &Disk{root: root, lock: lock}, nil
}

// Close gives the lock back.
func (d *Disk) Close() error { return errors.Join(d.lock.Close(), d.root.Close()) }

// Create implements FS.
func (d *Disk) Create(name string) (File, error) {
	f, err := d.root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	return diskFile{f}, nil
}

// Open implements FS.
func (d *Disk) Open(name string) (File, error) {
	f, err := d.root.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	return diskFile{f}, nil
}

// Remove implements FS.
func (d *Disk) Remove(name string) error { return d.root.Remove(name) }

// List implements FS.
func (d *Disk) List() ([]string, error) {
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
func (d *Disk) SyncDir() error {
	f, err := d.root.Open(".")
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

type diskFile struct{ *os.File }

func (f diskFile) Size() (int64, error) {
	st, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return st.Size(), nil
}
