package emulator

import (
	"strings"
	"testing"
	"time"

	"cisterna/device/dose"
	"cisterna/device/emulator/disk"
	"cisterna/device/order"
	"cisterna/device/profile"
	"cisterna/device/pump"
	"cisterna/device/wire"
)

// pressable is a desk with a pump whose patient may press, once in four hours, and whose
// last state of its own accord went into the vault minutes ago.
func pressable(t *testing.T) *desk {
	s := newDesk(t, newWard(t, deskStart), profile.Sample("meander-p20"), 1)
	q := steady(200_000)
	q.PTM = &dose.PTM{Volume: 30_000, Duration: 600, Lockout: 4 * 3600, Max24h: 4}
	if r := s.do(pump.Change{Program: &q, Source: pump.SourceOrder}); r.Err != nil {
		t.Fatal(r.Err)
	}
	for range 30 {
		s.pass(10 * time.Minute)
	}
	s.pass(time.Minute)
	return s
}

// files are the segments of the desk's journal as they are.
func (s *desk) files() map[string][]byte {
	out := map[string][]byte{}
	for _, n := range must(s.mem.List()) {
		if strings.HasPrefix(n, "journal/") && strings.HasSuffix(n, ".seg") {
			out[n] = s.mem.Bytes(n)
		}
	}
	return out
}

// crash ends the process without a goodbye and starts it again with other files in
// its journal.
func (s *desk) crash(files map[string][]byte) {
	s.t.Helper()
	s.f.vault.Flush()
	mem := s.mem.Crash(disk.KeepNone)
	s.close()
	s.mem = mem
	for n := range s.files() {
		s.mem.SetBytes(n, nil)
	}
	for n, b := range files {
		s.mem.SetBytes(n, b)
	}
	s.open()
	d, ok := s.f.Device("S-1")
	if !ok {
		s.t.Fatal("the pump is gone")
	}
	s.d = d
	s.prepare()
}

// TestLostJournalForgetsNothingDone: a pump whose journal is lost at a restart knows
// what was done with it minutes before, by whomever: the boluses that the patient had,
// with their lockout and their volume, and what a local programmer set.
func TestLostJournalForgetsNothingDone(t *testing.T) {
	press := func(t *testing.T, s *desk) {
		if r := s.do(pump.PTMRequest{}); r.Err != nil {
			t.Fatal(r.Err)
		}
	}
	for _, tt := range []struct {
		name string
		do   func(t *testing.T, s *desk)
	}{
		{"a press", press},
		{"a press by habit", func(t *testing.T, s *desk) {
			s.f.opt.Habits = true
			for range 24 * 60 {
				s.d.mu.Lock()
				s.d.safeAt = s.now.UnixMilli() // a copy is not due
				s.d.mu.Unlock()
				if s.pass(time.Minute); len(s.d.st.Patient.Starts) > 0 {
					return
				}
			}
			t.Fatal("the patient does not press")
		}},
		{"a press between two writes of an order", func(t *testing.T, s *desk) {
			s.d.mu.Lock()
			w, err := s.d.carryOut(&change{document: order.Digest{1}, after: s.d.memory}, s.now.UnixMilli())
			s.d.mu.Unlock()
			if err != nil {
				t.Fatal(err)
			}
			press(t, s)
			if err := s.d.finish(w); err != nil {
				t.Fatal(err)
			}
		}},
		{"a press before an order", func(t *testing.T, s *desk) {
			press(t, s)
			if a, _ := s.deliver(s.documentFor(order.ActSettings)); len(a) != 1 || a[0].Code != string(order.Applied) {
				t.Fatalf("%+v", a)
			}
		}},
		{"a stop by a local programmer", func(t *testing.T, s *desk) {
			press(t, s)
			if r := s.do(pump.Stop{}); r.Err != nil {
				t.Fatal(r.Err)
			}
		}},
		{"a watchdog reset within the bolus", func(t *testing.T, s *desk) {
			press(t, s)
			s.d.mu.Lock()
			s.d.boots(pump.Watchdog)
			s.d.mu.Unlock()
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := pressable(t)
			defer func() { s.close() }()
			tt.do(t, s)
			s.f.opt.Habits = false
			s.pass(8 * time.Minute)
			before, patient := s.d.look(), s.d.st.Patient
			s.crash(nil)
			after := s.d.look()
			if after.State.Hash() != before.State.Hash() || after.Hour != before.Hour || after.Day != before.Day || after.Volume != before.Volume {
				t.Errorf("generation %d to %d, %s to %s, hour %d to %d, day %d to %d, volume %d to %d", before.State.Gen, after.State.Gen,
					before.State.Run, after.State.Run, before.Hour, after.Hour, before.Day, after.Day, before.Volume, after.Volume)
			}
			if got := s.d.st.Patient; len(got.Starts) != 1 || got.Given != patient.Given {
				t.Errorf("%d presses given, then %d; it remembers %d", patient.Given, got.Given, len(got.Starts))
			}
			s.pass(15 * time.Minute) // the bolus is over, the lockout is not
			if r := s.do(pump.PTMRequest{}); r.Err == nil {
				t.Error("a second bolus within the lockout")
			}
		})
	}
}

// TestVaultBringsNothingBack: the vault was faster than the journal when the process
// ended. What the journal has holds from then on, also when it is lost later.
func TestVaultBringsNothingBack(t *testing.T) {
	s := pressable(t)
	defer func() { s.close() }()
	s.f.journal.Flush()
	files, before := s.files(), s.d.look()
	p := steady(100_000)
	if r := s.do(pump.Change{Program: &p, Source: pump.SourceLocal}); r.Err != nil {
		t.Fatal(r.Err)
	}
	s.crash(files)
	if v := s.d.look(); v.State.Hash() != before.State.Hash() {
		t.Fatalf("the journal is there: generation %d, then %d", before.State.Gen, v.State.Gen)
	}
	s.crash(nil)
	if v := s.d.look(); v.State.Hash() != before.State.Hash() || v.State.Run != wire.Infusing {
		t.Errorf("the journal is lost: generation %d, then %d", before.State.Gen, v.State.Gen)
	}
}
