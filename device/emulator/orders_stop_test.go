package emulator

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"cisterna/device/order"
	"cisterna/device/profile"
	"cisterna/device/wire"
)

// cutStop sends a stop within which the power goes, and returns it. The power is away
// for so long.
func (s *scene) cutStop(overdose bool, away time.Duration) []byte {
	s.t.Helper()
	b := s.w.stop(s.d.look(), func(x *order.Stop) { x.Overdose = overdose })
	mustInject(s.t, s.d, "power-cut-order", Fault{Value: 1})
	n := len(s.g.answers(s.t))
	s.g.push(s.d.who.Link, wire.DnStop, b)
	pass(time.Second)
	s.d.mu.Lock()
	defer s.d.mu.Unlock()
	if !s.d.off || len(s.d.faults) != 1 || len(s.g.answers(s.t)) != n {
		s.t.Fatalf("the power did not go before the answer: off %t, %d faults", s.d.off, len(s.d.faults))
	}
	s.d.faults[0].until = time.Now().Add(away)
	return b
}

// TestStopInAPowerCut: a stop that was accepted is carried out when the power is back,
// before anything flows, whether the process lives meanwhile or not. It is answered as
// applied when it is sent again, and it is done once.
func TestStopInAPowerCut(t *testing.T) {
	for _, overdose := range []bool{false, true} {
		for _, restart := range []bool{false, true} {
			t.Run(fmt.Sprintf("overdose %t, restart %t", overdose, restart), func(t *testing.T) {
				onWard(t, nil, func(s *scene) {
					before := s.d.look()
					b := s.cutStop(overdose, 5*time.Second)
					if restart {
						s.restart()
					}
					at := s.d.delivered()
					pass(time.Minute)
					stopped := func(when string) {
						t.Helper()
						// A restart lives through the seconds in which the process was away.
						if v := s.d.look(); v.State.Run != wire.Stopped || s.d.delivered()-at > 100 || v.State.Gen != before.State.Gen+1 || v.Memory.Stops != before.Memory.Stops+1 {
							t.Errorf("%s: %s, generation %d to %d, stop %d to %d, %d pL flowed", when, v.State.Run, before.State.Gen, v.State.Gen, before.Memory.Stops, v.Memory.Stops, s.d.delivered()-at)
						}
					}
					stopped("a minute later")
					s.expect("the same again", wire.DnStop, b, order.Applied)
					stopped("answered")
					mustInject(t, s.d, "power-cut", Fault{})
					pass(time.Minute)
					stopped("after another power cut")
					s.restart()
					pass(time.Minute)
					stopped("after a restart")
					s.expect("and again", wire.DnStop, b, order.Applied)
				})
			})
		}
	}
}

// TestStopInALongPowerCut: a stop whose life is over when the power is back stops
// nobody's therapy, and says so.
func TestStopInALongPowerCut(t *testing.T) {
	onWard(t, nil, func(s *scene) {
		before := s.d.look()
		b := s.cutStop(false, order.StopLife*time.Second+time.Minute)
		pass(20 * time.Minute)
		s.expect("the same again", wire.DnStop, b, order.ErrPower)
		s.restart()
		pass(time.Minute)
		s.expect("and again", wire.DnStop, b, order.ErrPower)
		if v := s.d.look(); v.State.Hash() != before.State.Hash() || v.Memory.Stops != before.Memory.Stops+1 {
			t.Errorf("%s, generation %d to %d, stop %d to %d", v.State.Run, before.State.Gen, v.State.Gen, before.Memory.Stops, v.Memory.Stops)
		}
	})
}

// TestStopAtBootOnADeadDisk: the body stops when the power is back although nothing can
// be written down. The power may go and come again meanwhile: it is one stop, and no
// other document is looked at before it is kept.
func TestStopAtBootOnADeadDisk(t *testing.T) {
	onWard(t, nil, func(s *scene) {
		before := s.d.look()
		b := s.cutStop(true, 5*time.Second)
		s.mem.Fail(syscall.EIO, false)
		at, hellos := s.d.delivered(), len(s.g.of(wire.UpHello))
		for range 3 {
			pass(time.Minute)
			if v := s.d.look(); v.State.Run != wire.Stopped || v.State.Gen != before.State.Gen+1 || s.d.delivered() != at {
				t.Fatalf("%s at generation %d after %d, %d pL flowed", v.State.Run, v.State.Gen, before.State.Gen, s.d.delivered()-at)
			}
			if len(s.g.of(wire.UpHello)) != hellos {
				t.Error("it speaks of a stop that is not written down")
			}
			mustInject(t, s.d, "power-cut", Fault{})
		}
		s.mem.Fail(nil, false)
		pass(time.Minute)
		s.expect("the same again", wire.DnStop, b, order.Applied)
		s.restart()
		pass(time.Minute)
		if v := s.d.look(); v.State.Run != wire.Stopped || v.State.Gen != before.State.Gen+1 {
			t.Errorf("%s at generation %d after %d", v.State.Run, v.State.Gen, before.State.Gen)
		}
	})
}

// TestBootWhileAStopIsNoted: the pump boots while the first write of a stop waits for
// the disk. It has forgotten the window that the stop named when it accepted it; it
// stops all the same.
func TestBootWhileAStopIsNoted(t *testing.T) {
	for _, late := range []bool{false, true} {
		onWard(t, func(_ *ward, p *profile.Profile) { p.SampleEach = 3600 }, func(s *scene) {
			before := s.d.look()
			b := s.w.stop(before, nil)
			s.mem.Fail(syscall.EIO, false)
			if got := s.send(wire.DnStop, b); len(got) != 0 {
				t.Fatalf("answered without a disk: %+v", got)
			}
			mustInject(t, s.d, "watchdog", Fault{})
			pass(time.Minute)
			if late {
				pass(order.StopLife * time.Second)
			}
			s.mem.Fail(nil, false)
			pass(time.Minute)
			code, run := order.Applied, wire.Stopped
			if late {
				code, run = order.ErrWindow, wire.Infusing
			}
			s.expect("the same again", wire.DnStop, b, code)
			if v := s.d.look(); v.State.Run != run || v.Memory.Stops != before.Memory.Stops+1 {
				t.Errorf("late %t: %s, stop %d to %d", late, v.State.Run, before.Memory.Stops, v.Memory.Stops)
			}
		})
	}
}
