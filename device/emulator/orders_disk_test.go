package emulator

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"cisterna/device/emulator/disk"
	"cisterna/device/emulator/journal"
	"cisterna/device/order"
	"cisterna/device/profile"
	"cisterna/device/wire"
)

// TestOrderOnADeadDisk: what cannot be written down is not obeyed. An order that
// waits for the disk is judged again when it is back; one that comes while the disk
// is known to be dead is sent again later, with nothing spent.
func TestOrderOnADeadDisk(t *testing.T) {
	onWard(t, nil, func(s *scene) {
		before := s.d.look()
		waits := s.w.order(before, order.ActProgram, more)
		s.mem.Fail(syscall.EIO, false)
		if got := s.send(wire.DnOrder, waits); len(got) != 0 {
			t.Fatalf("answered without a disk: %+v", got)
		}
		pass(40 * time.Minute)
		if v := s.d.look(); v.State.Hash() != before.State.Hash() {
			t.Error("obeyed without a disk")
		}
		n := len(s.g.answers(t))
		s.mem.Fail(nil, false)
		pass(time.Minute)
		if got := s.g.answers(t)[n:]; len(got) != 1 || got[0].Code != string(order.ErrWindow) || got[0].Counter != before.Memory.Counter+1 {
			t.Fatalf("forty minutes later: %+v", got)
		}
		s.mem.Fail(syscall.EIO, false)
		mustInject(t, s.d, "memory-minor", Fault{}) // something to write, so that the disk is known to be dead
		pass(5 * time.Second)
		mustInject(t, s.d, "interrogate", Fault{})
		b := s.w.order(s.d.look(), order.ActProgram, more)
		s.refused("on a dead disk", wire.DnOrder, b, order.ErrStorage, false)
		s.mem.Fail(nil, false)
		pass(10 * time.Second)
		s.expect("the same when it is back", wire.DnOrder, b, order.Applied)
	})
}

// TestDocumentOnADeadDisk: a keyset that comes while the disk is known to be dead is
// answered so, and taken when it is sent again.
func TestDocumentOnADeadDisk(t *testing.T) {
	onWard(t, nil, func(s *scene) {
		before := s.d.Status().Keyset
		s.mem.Fail(syscall.EIO, false)
		mustInject(t, s.d, "memory-minor", Fault{}) // something to write, so that the disk is known to be dead
		pass(5 * time.Second)
		b := s.nextKeyset(nil)
		if got := s.send(wire.DnKeyset, b); len(got) != 1 || got[0].Code != codeStorage || s.d.Status().Keyset != before {
			t.Fatalf("on a dead disk: %+v, keyset %d", got, s.d.Status().Keyset)
		}
		s.mem.Fail(nil, false)
		pass(10 * time.Second)
		if got := s.send(wire.DnKeyset, b); len(got) != 1 || got[0].Code != codeApplied || s.d.Status().Keyset != before+1 {
			t.Errorf("the same when it is back: %+v, keyset %d", got, s.d.Status().Keyset)
		}
	})
}

// TestMemoryOfOrdersLost: a pump that cannot read what it remembers of orders would
// obey old ones again. It does not start.
func TestMemoryOfOrdersLost(t *testing.T) {
	s := newDesk(t, newWard(t, deskStart), profile.Sample("meander-p20"), 1)
	if err := s.d.safe.AppendWait(journal.Write{Items: []journal.Item{{Key: itemOrders, Value: encode(book{Memory: []byte{0xa0}})}}}); err != nil {
		t.Fatal(err)
	}
	s.close()
	s.mem = s.mem.Crash(disk.KeepNone)
	s.open()
	defer s.close()
	d, _ := s.f.Device("S-1")
	err := d.prepare(func(int64) error { t.Error("it was made anew"); return nil })
	if err == nil || !strings.Contains(err.Error(), "memory of orders") {
		t.Errorf("it starts: %v", err)
	}
}
