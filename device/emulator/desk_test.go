package emulator

import (
	"fmt"
	"testing"
	"time"

	"cisterna/device/emulator/disk"
	"cisterna/device/emulator/journal"
	"cisterna/device/profile"
	"cisterna/device/pump"
	"cisterna/device/wire"
)

// desk is one pump on a desk, without a link: documents are put before it by
// hand, time is what the test says, and its power can be cut.
type desk struct {
	t   testing.TB
	w   *ward
	mem *disk.Memory
	now time.Time
	f   *Fleet
	d   *Device
	off bool // the power is gone
	all []*Device

	unsigned bool // answers carry no signatures, where thousands are looked at
}

var deskStart = time.Date(2026, 5, 1, 10, 0, 0, 0, time.UTC)

func newDesk(t testing.TB, w *ward, p *profile.Profile, seed uint64) *desk {
	s := &desk{t: t, w: w, mem: disk.NewMemory(seed), now: deskStart}
	s.open()
	s.add(p)
	s.pass(20 * time.Minute)
	s.f.journal.Flush()
	return s
}

// add puts another pump on the desk.
func (s *desk) add(p *profile.Profile) {
	serial := fmt.Sprintf("S-%d", len(s.all)+1)
	if len(s.all) == 0 {
		s.d = boxed(s.t, s.f, s.w, serial, p)
	} else { // the documents of the first are those of all
		s.d = boxedWith(s.t, s.f, serial, p, s.all[0].docs)
	}
	s.all = append(s.all, s.d)
	s.prepare()
	s.d.therapy(s.t)
}

func (s *desk) open() {
	f, err := Open(Options{
		Vault: s.mem.Folder("vault"), Journal: s.mem.Folder("journal"), Log: quietLog(), FirstConnect: -1, Unsigned: s.unsigned,
		Now: func() time.Time { return s.now }, Records: journal.Options{Retry: time.Hour, MetaDelay: time.Hour, SegmentBytes: 1 << 20},
	})
	if err != nil {
		s.t.Fatal(err)
	}
	s.f = f
}

func (s *desk) prepare() {
	if err := s.d.prepare(func(real int64) error { return s.d.implantAt(real, 0) }); err != nil {
		s.t.Fatal(err)
	}
}

// pass lets time pass.
func (s *desk) pass(d time.Duration) {
	s.now = s.now.Add(d)
	s.d.mu.Lock()
	defer s.d.mu.Unlock()
	s.d.advance(s.now.UnixMilli(), false)
}

// do gives the pump an input.
func (s *desk) do(in pump.Input) *pump.Reply {
	s.d.mu.Lock()
	defer s.d.mu.Unlock()
	return s.d.do(in, s.now.UnixMilli())
}

// deliver puts a document before the pump and returns its answers. It reports
// false if the power went meanwhile; then there is none. A cut that has not happened
// by then is called off: whatever else writes would meet it.
func (s *desk) deliver(doc document) (answers []wire.Answer, alive bool) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.d.readOrder(doc)
	}()
	select {
	case <-done:
	case <-s.mem.Died():
	}
	if !s.mem.Spare() {
		s.off = true
		_ = s.f.Close() // the disk is gone
		<-done
		return nil, false
	}
	return s.taken(), true
}

// taken returns the answers that the pump has signed since last asked.
func (s *desk) taken() (out []wire.Answer) {
	s.d.mu.Lock()
	defer s.d.mu.Unlock()
	for _, b := range s.d.answers {
		env, err := wire.OpenEnvelope(b)
		if err != nil || !s.unsigned && !s.d.PublicKey().Verify(wire.UpAck, env.Payload, env.Sig) {
			s.t.Fatalf("answer: %v", err)
		}
		a, err := wire.Decode[wire.Answer](env.Payload)
		if err != nil {
			s.t.Fatal(err)
		}
		out = append(out, a)
	}
	s.d.answers = nil
	return out
}

// again starts the pump's process from what the disk kept.
func (s *desk) again(keep disk.Keep) {
	if !s.off {
		if err := s.f.Close(); err != nil {
			s.t.Fatal(err)
		}
	}
	s.off = false
	s.mem = s.mem.Crash(keep)
	s.open()
	for i, old := range s.all {
		d, ok := s.f.Device(old.Serial())
		if !ok {
			s.t.Fatal("the pump is gone")
		}
		if s.d == old {
			defer func() { s.d = d }()
		}
		s.all[i], s.d = d, d
		s.prepare()
	}
}

// cut lets the power go at the n-th change of the disk from now on.
func (s *desk) cut(n int) { s.mem.CutIn(n) }

func (s *desk) close() {
	if err := s.f.Close(); err != nil && !s.off {
		s.t.Error(err)
	}
}
