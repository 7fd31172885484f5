package disk

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"syscall"
)

// ErrPower is what a disk without power answers.
var ErrPower = errors.New("the power is gone")

// Memory is a disk that forgets what was not synced when its power is cut. Every
// call that changes it counts, so that a test can cut at each.
type Memory struct {
	mu       sync.Mutex
	dir      map[string]*memoryFile // as the running system sees it
	saved    map[string]*memoryFile // as it was at the last SyncDir
	ops      int
	cut      int // 0: never
	free     int64
	fail     error
	failSync bool
	rng      *rand.Rand
	died     chan struct{}
}

type memoryFile struct {
	d     *Memory
	data  []byte
	saved []byte // as it was at the last Sync
	clean int    // bytes at the beginning that both have alike
}

// NewMemory returns an empty disk with all the room there is. The seed decides
// what chance decides.
func NewMemory(seed uint64) *Memory {
	return &Memory{dir: map[string]*memoryFile{}, saved: map[string]*memoryFile{}, free: 1 << 40, rng: rand.New(rand.NewPCG(seed, 1)), died: make(chan struct{})}
}

// CutAt lets the power go during change number n from the disk's beginning, 0 for
// never. A write that it meets is written in part.
func (d *Memory) CutAt(n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.cut = n
}

// CutIn lets the power go during the n-th change from now on, whoever makes it.
func (d *Memory) CutIn(n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.cut = d.ops + n
}

// Spare calls off a cut that has not happened, and reports whether the power is still
// there.
func (d *Memory) Spare() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.cut > 0 && d.ops >= d.cut {
		return false
	}
	d.cut = 0
	return true
}

// Ops returns how many changes there were.
func (d *Memory) Ops() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.ops
}

// Died is closed when the power goes.
func (d *Memory) Died() <-chan struct{} { return d.died }

// SetFree says how many bytes more the disk takes.
func (d *Memory) SetFree(n int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.free = n
}

// Fail lets every write and sync fail, or syncs alone, until err is nil.
func (d *Memory) Fail(err error, syncs bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fail, d.failSync = err, syncs
}

// Bytes returns a file's content, nil if there is none; SetBytes puts another in
// its place, durable at once. A nil content removes the file.
func (d *Memory) Bytes(name string) []byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	if f := d.dir[name]; f != nil {
		return bytes.Clone(f.data)
	}
	return nil
}

// SetBytes is described at Bytes.
func (d *Memory) SetBytes(name string, b []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if b == nil {
		delete(d.dir, name)
		delete(d.saved, name)
		return
	}
	if f := d.dir[name]; f != nil {
		f.data, f.saved, f.clean = bytes.Clone(b), bytes.Clone(b), 0
		return
	}
	f := &memoryFile{d: d, data: bytes.Clone(b), saved: bytes.Clone(b)}
	d.dir[name], d.saved[name] = f, f
}

// op counts a change; dying means that the power goes during this one.
func (d *Memory) op() (dying bool, err error) {
	d.ops++
	if d.cut > 0 && d.ops > d.cut {
		return false, ErrPower
	}
	if d.ops == d.cut {
		close(d.died)
	}
	return d.ops == d.cut, nil
}

// Keep says how much of what was not synced survives a loss of power.
type Keep int

// The ways.
const (
	KeepNone Keep = iota
	KeepAll
	KeepSome // each sector and each name by chance
)

const sector = 64

// Crash returns the disk as the next start finds it, with power.
func (d *Memory) Crash(keep Keep) *Memory {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := NewMemory(d.rng.Uint64())
	names := maps.Clone(d.saved)
	switch keep {
	case KeepNone:
	case KeepAll:
		names = maps.Clone(d.dir)
	case KeepSome:
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
		f := &memoryFile{d: n, data: b, saved: bytes.Clone(b)}
		n.dir[name], n.saved[name] = f, f
	}
	return n
}

func (f *memoryFile) after(keep Keep, rng *rand.Rand) []byte {
	switch keep {
	case KeepNone:
		return bytes.Clone(f.saved)
	case KeepAll:
		return bytes.Clone(f.data)
	case KeepSome:
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

// Folder returns a part of the disk that shares its power and its room.
func (d *Memory) Folder(name string) FS { return folder{d, name + "/"} }

type folder struct {
	d      *Memory
	prefix string
}

func (f folder) Create(name string) (File, error) { return f.d.Create(f.prefix + name) }
func (f folder) Open(name string) (File, error)   { return f.d.Open(f.prefix + name) }
func (f folder) Remove(name string) error         { return f.d.Remove(f.prefix + name) }
func (f folder) SyncDir() error                   { return f.d.SyncDir() }

func (f folder) List() (out []string, err error) {
	names, err := f.d.List()
	for _, n := range names {
		if rest, ok := strings.CutPrefix(n, f.prefix); ok {
			out = append(out, rest)
		}
	}
	return out, err
}

// Create implements FS.
func (d *Memory) Create(name string) (File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	dying, err := d.op()
	if err != nil {
		return nil, err
	}
	if d.dir[name] != nil {
		return nil, fs.ErrExist
	}
	f := &memoryFile{d: d}
	d.dir[name] = f
	if dying {
		return nil, ErrPower
	}
	return f, nil
}

// Open implements FS.
func (d *Memory) Open(name string) (File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if f := d.dir[name]; f != nil {
		return f, nil
	}
	return nil, fs.ErrNotExist
}

// Remove implements FS.
func (d *Memory) Remove(name string) error {
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
		return ErrPower
	}
	return nil
}

// List implements FS.
func (d *Memory) List() ([]string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Collect(maps.Keys(d.dir)), nil
}

// SyncDir implements FS.
func (d *Memory) SyncDir() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	dying, err := d.op()
	if err != nil {
		return err
	}
	if dying {
		return ErrPower
	}
	d.saved = maps.Clone(d.dir)
	return nil
}

func (f *memoryFile) ReadAt(b []byte, off int64) (int, error) {
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

func (f *memoryFile) WriteAt(b []byte, off int64) (int, error) {
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
		n, err = f.d.rng.IntN(len(b)+1), ErrPower
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
	f.clean = min(f.clean, int(off))
	return n, err
}

func (f *memoryFile) Sync() error {
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
		return ErrPower
	}
	f.saved = append(f.saved[:f.clean], f.data[f.clean:]...)
	f.clean = len(f.data)
	return nil
}

func (f *memoryFile) Size() (int64, error) {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	return int64(len(f.data)), nil
}

func (f *memoryFile) Close() error { return nil }
