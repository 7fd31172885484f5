package journal

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"syscall"
)

var errPower = errors.New("the power is gone")

// memDisk is a disk that forgets what was not synced when its power is cut. Every
// call that changes it counts; the power goes in the middle of call number cut.
type memDisk struct {
	mu       sync.Mutex
	dir      map[string]*memFile // as the running system sees it
	saved    map[string]*memFile // as it was at the last SyncDir
	ops      int
	cut      int // 0: never
	free     int64
	fail     error // of Sync and WriteAt, if set
	failSync bool  // of Sync alone
	rng      *rand.Rand
	died     chan struct{} // closed when the power goes
}

type memFile struct {
	d     *memDisk
	data  []byte
	saved []byte // as it was at the last Sync
}

func newMemDisk(seed uint64) *memDisk {
	return &memDisk{dir: map[string]*memFile{}, saved: map[string]*memFile{}, free: 1 << 40, rng: rand.New(rand.NewPCG(seed, 1)), died: make(chan struct{})}
}

// op counts a change; dying means that the power goes during this one.
func (d *memDisk) op() (dying bool, err error) {
	d.ops++
	if d.cut > 0 && d.ops > d.cut {
		return false, errPower
	}
	if d.ops == d.cut {
		close(d.died)
	}
	return d.ops == d.cut, nil
}

func (d *memDisk) dead() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.cut > 0 && d.ops >= d.cut
}

// persistence says how much of what was not synced survives a crash.
type persistence int

const (
	keepNone persistence = iota
	keepAll
	keepSome // each sector and name by chance
	persistences
)

const sector = 64

// crash returns the disk as the next boot finds it.
func (d *memDisk) crash(keep persistence) *memDisk {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := newMemDisk(d.rng.Uint64())
	names := maps.Clone(d.saved)
	switch keep {
	case keepAll:
		names = maps.Clone(d.dir)
	case keepSome:
		for _, name := range slices.Sorted(maps.Keys(d.dir)) {
			if d.rng.IntN(2) == 0 {
				names[name] = d.dir[name]
			}
		}
		for _, name := range slices.Sorted(maps.Keys(d.saved)) {
			if d.dir[name] == nil && d.rng.IntN(2) == 0 {
				delete(names, name)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		b := names[name].after(keep, d.rng)
		f := &memFile{d: n, data: b, saved: bytes.Clone(b)}
		n.dir[name], n.saved[name] = f, f
	}
	return n
}

func (f *memFile) after(keep persistence, rng *rand.Rand) []byte {
	switch keep {
	case keepNone:
		return bytes.Clone(f.saved)
	case keepAll:
		return bytes.Clone(f.data)
	}
	size := len(f.saved)
	if len(f.data) > size {
		size += rng.IntN(len(f.data) - size + 1)
	}
	out := make([]byte, size)
	for i := 0; i < size; i += sector {
		from := f.saved
		if rng.IntN(2) == 0 {
			from = f.data
		}
		if i < len(from) {
			copy(out[i:min(i+sector, size)], from[i:])
		}
	}
	return out
}

func (d *memDisk) Create(name string) (File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	dying, err := d.op()
	if err != nil {
		return nil, err
	}
	if d.dir[name] != nil {
		return nil, fs.ErrExist
	}
	f := &memFile{d: d}
	d.dir[name] = f
	if dying {
		return nil, errPower
	}
	return f, nil
}

func (d *memDisk) Open(name string) (File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if f := d.dir[name]; f != nil {
		return f, nil
	}
	return nil, fs.ErrNotExist
}

func (d *memDisk) Remove(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	dying, err := d.op()
	if err != nil {
		return err
	}
	f := d.dir[name]
	if f == nil {
		return fs.ErrNotExist
	}
	d.free += int64(len(f.data))
	delete(d.dir, name)
	if dying {
		return errPower
	}
	return nil
}

func (d *memDisk) List() ([]string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Collect(maps.Keys(d.dir)), nil
}

func (d *memDisk) SyncDir() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	dying, err := d.op()
	if err != nil {
		return err
	}
	if dying {
		return errPower
	}
	d.saved = maps.Clone(d.dir)
	return nil
}

func (f *memFile) ReadAt(b []byte, off int64) (int, error) {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	if off >= int64(len(f.data)) {
		return 0, io.EOF
	}
	n := copy(b, f.data[off:])
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

func (f *memFile) WriteAt(b []byte, off int64) (int, error) {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	dying, err := f.d.op()
	if err != nil {
		return 0, err
	}
	if f.d.fail != nil && !f.d.failSync {
		return 0, f.d.fail
	}
	n := len(b)
	if dying {
		n, err = f.d.rng.IntN(len(b)+1), errPower
	}
	if grow := off + int64(n) - int64(len(f.data)); grow > f.d.free {
		n, err = n-int(grow-f.d.free), syscall.ENOSPC // a short write
	}
	if n <= 0 {
		return 0, err
	}
	if grow := off + int64(n) - int64(len(f.data)); grow > 0 {
		f.data = append(f.data, make([]byte, grow)...)
		f.d.free -= grow
	}
	copy(f.data[off:], b[:n])
	return n, err
}

func (f *memFile) Sync() error {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	dying, err := f.d.op()
	if err != nil {
		return err
	}
	if f.d.fail != nil {
		return f.d.fail
	}
	if dying {
		return errPower
	}
	f.saved = bytes.Clone(f.data)
	return nil
}

func (f *memFile) Size() (int64, error) {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	return int64(len(f.data)), nil
}

func (f *memFile) Close() error { return nil }
