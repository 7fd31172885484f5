package pump

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cisterna/device/dose"
	"cisterna/device/units"
	"cisterna/device/wire"
)

func unhex(t testing.TB, lines ...string) []byte {
	t.Helper()
	var b []byte
	for _, line := range lines {
		digits, _, _ := strings.Cut(line, "//")
		part, err := hex.DecodeString(strings.ReplaceAll(digits, " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		b = append(b, part...)
	}
	return b
}

// TestGoldenStateHash fixes what the state hash covers: people sign it.
func TestGoldenStateHash(t *testing.T) {
	s := State{
		Epoch: 3, Gen: 7, Commanded: wire.Infusing, Program: steady(200_000), Contents: contents(dose.Morphine, 10_000_000),
		Settings: Settings{Low: 2 * units.Millilitre, PTMDenied: 6}, Firmware: "1.0.0",
	}
	want := unhex(t,
		"a7                          // map of 7",
		"01 03                       // 1 epoch",
		"02 07                       // 2 gen",
		"03 01                       // 3 run state: infusing",
		"04 a3                       // 4 program",
		"   01 03                    //   1 mode: continuous",
		"   02 1a00015180            //   2 cycle: 86,400 s",
		"   03 81                    //   3 segments: 1",
		"      83 00 1a00015180 1a00030d40 //   0 s, 86,400 s, 200,000 nL",
		"05 a3                       // 5 contents",
		"   01 81 82 01 1a00989680   //   1 morphine, 10,000,000 ng/mL",
		"   02 00                    //   2 primary: the first",
		"   03 01                    //   3 route: intrathecal",
		"06 a2                       // 6 alarm settings",
		"   01 1a001e8480            //   1 low reservoir at 2,000,000 nL",
		"   02 06                    //   2 more than 6 denied requests in 24 hours",
		"07 65 312e302e30            // 7 firmware \"1.0.0\"",
	)
	o := s.Ordered()
	got := o.Encode()
	if !bytes.Equal(got, want) {
		t.Errorf("got  %x\nwant %x", got, want)
	}
	const sum = "c412f797832938bd90061cc94b3613c9dc86d521cccc97a20cc05762bff62b8b"
	hash := s.StateHash()
	if got := hex.EncodeToString(hash[:]); got != sum {
		t.Errorf("hash %s, want %s", got, sum)
	}
}

// TestStateHashCovers changes one thing at a time.
func TestStateHashCovers(t *testing.T) {
	b := newBench(t, "meander-p20")
	p := steady(200_000)
	p.PTM = &dose.PTM{Volume: 10_000, Duration: 600, Lockout: 3_600, Max24h: 3}
	b.fill(20*units.Millilitre, p)
	base := b.s.StateHash()
	for name, f := range map[string]func(*State){
		"epoch":    func(s *State) { s.Epoch++ },
		"gen":      func(s *State) { s.Gen++ },
		"run":      func(s *State) { s.Commanded = wire.Minimum },
		"program":  func(s *State) { s.Program = steady(200_001) },
		"ptm":      func(s *State) { s.Program.PTM = nil },
		"contents": func(s *State) { s.Contents = contents(dose.Morphine, 10_000_001) },
		"route":    func(s *State) { s.Contents.Route = dose.Epidural },
		"settings": func(s *State) { s.Settings.Low++ },
		"firmware": func(s *State) { s.Firmware = "1.0.1" },
	} {
		s := b.s
		f(&s)
		if s.StateHash() == base {
			t.Errorf("%s does not enter", name)
		}
	}
	// And what must not enter: a patient's bolus, faults, volumes, a reboot.
	b.wait(units.Hour)
	b.must(PTMRequest{})
	b.wait(300)
	b.do(Fault{Kind: Stall})
	b.wait(3 * units.Day)
	b.do(Fault{Kind: Stall, Ends: true})
	b.must(Reboot{Cause: Watchdog})
	if b.s.StateHash() != base {
		t.Error("something enters that kills pending orders")
	}
}

func TestDecodeRefuses(t *testing.T) {
	b := newBench(t, "meander-p20")
	b.fill(20*units.Millilitre, steady(200_000))
	b.wait(units.Hour)
	for name, f := range map[string]func(*State){
		"infusing nothing":     func(s *State) { s.Program = dose.Off() },
		"a broken program":     func(s *State) { s.Program.Cycle++ },
		"never filled":         func(s *State) { s.Contents = dose.Contents{} },
		"broken contents":      func(s *State) { s.Contents.Primary = 3 },
		"broken limits":        func(s *State) { s.Limits.MaxRate = -1 },
		"no run state":         func(s *State) { s.Commanded = 0 },
		"a phase as run state": func(s *State) { s.Commanded = wire.Bolus },
		"no scale":             func(s *State) { s.Scale = 0 },
		"scale":                func(s *State) { s.Scale = MaxScale + 1 },
		"time before time":     func(s *State) { s.Run = -1 },
		"started later":        func(s *State) { s.Started = s.Run + 1 },
		"delivered less":       func(s *State) { s.Delivered = -1 },
		"more than was in it":  func(s *State) { s.Delivered = 21_000_000_000 },
		"stage of no kind":     func(s *State) { s.Stage.Given = 1 },
		"unknown stage":        func(s *State) { s.Stage.Kind = 5 },
		"stage that is over":   func(s *State) { s.Stage = Stage{Kind: BolusStage, Dose: dose.Dose{Volume: 1, Duration: 1}, Done: 1000} },
		"next is a bolus":      func(s *State) { s.Next = Stage{Kind: BolusStage, Dose: dose.Dose{Volume: 1, Duration: 1}} },
		"no points":            func(s *State) { s.Ledger.Points = nil },
		"points that fall":     func(s *State) { s.Ledger.Points = []Point{{At: 5}, {At: 4}} },
		"points to come":       func(s *State) { s.Ledger.Points = []Point{{At: s.Run + 1}} },
		"gone twice": func(s *State) {
			s.Ledger.Gone = []Gone{{Code: 1, Conc: 1}, {Code: 1, Conc: 1}}
		},
		"gone tomorrow":     func(s *State) { s.Ledger.Gone = []Gone{{Code: 1, Conc: 1, At: s.Run + 1}} },
		"a turn by nothing": func(s *State) { s.Path = []Layer{{Contents: s.Contents, Until: s.Delivered + 1}} },
		"a path that is past": func(s *State) {
			s.Path = []Layer{{Contents: s.Contents, Until: s.Delivered, Turn: Rebase{Num: 1, Den: 1}}}
		},
		"a path of nothing": func(s *State) { s.Path = []Layer{{Until: s.Delivered + 1, Turn: Rebase{Num: 1, Den: 1}}} },
		"a bridge to clear nothing": func(s *State) {
			s.Stage = Stage{Kind: BridgeStage, Dose: dose.Dose{Volume: 1, Duration: 1}}
		},
		"starts that fall":    func(s *State) { s.Patient.Starts = []Millis{5, 4} },
		"unknown alarm":       func(s *State) { s.Alarms.Active = 1 << 31 },
		"battery of tomorrow": func(s *State) { s.Battery.At = s.Run + 1 },
		"world of tomorrow":   func(s *State) { s.World.At = s.Delivered + 1 },
		"flow":                func(s *State) { s.World.Flow = 1 << 30 },
		"zone":                func(s *State) { s.Clock.Zone = 90_000 },
	} {
		s := b.s
		f(&s)
		back, err := Decode(s.Encode())
		if err == nil || !cmp.Equal(back, State{}, stateEqual) {
			t.Errorf("%s: decoded", name)
		}
	}
}

// FuzzDecode: whatever decodes has one encoding, and can be run.
func FuzzDecode(f *testing.F) {
	b := newBench(f, "meander-p20")
	f.Add(b.s.Encode())
	p := steady(200_000)
	p.PTM = &dose.PTM{Volume: 10_000, Duration: 600, Lockout: 3_600, Max24h: 3}
	b.fill(20*units.Millilitre, p)
	b.wait(units.Hour)
	b.must(PTMRequest{})
	b.wait(60)
	f.Add(b.s.Encode())
	b.wait(units.Day)
	b.do(Fault{Kind: Stall})
	f.Add(b.s.Encode())
	f.Fuzz(func(t *testing.T, enc []byte) {
		s, err := Decode(enc)
		if err != nil {
			if !cmp.Equal(s, State{}, stateEqual) {
				t.Fatalf("a value and an error: %v", err)
			}
			return
		}
		if !bytes.Equal(s.Encode(), enc) {
			t.Fatal("another encoding of the same")
		}
		now := Time{Mono: s.Clock.Mono, Wall: s.Clock.Base + s.Run}
		for _, in := range []Input{Tick{}, PTMRequest{}, GiveBolus{dose.Dose{Volume: 5_000, Duration: 600}}, Stop{}, Resume{}, Fault{Kind: FlowFault, Value: 1_200}, Reboot{}, Tick{}} {
			now.Mono += 1_000_000
			now.Wall += 1_000_000
			before := s.Delivered
			s, _ = b.m.Step(s, in, now)
			if s.Delivered < before || s.left() < 0 {
				t.Fatalf("after %T %d pL delivered, were %d; %d left", in, s.Delivered, before, s.left())
			}
		}
	})
}
