package order

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"cisterna/device/dose"
	"cisterna/device/units"
)

// unhexLines reads bytes written as hexadecimal with a comment behind each line.
func unhexLines(t *testing.T, lines ...string) []byte {
	t.Helper()
	var out []byte
	for _, l := range lines {
		text, _, _ := strings.Cut(l, "//")
		b, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, b...)
	}
	return out
}

// TestGoldenRelease fixes the bytes of a release and its hash.
func TestGoldenRelease(t *testing.T) {
	r := Release{
		V: 1, Prescription: Digest{31: 7}, Counter: 101, Window: ID{15: 9}, Keyset: 7, IssuedAt: 1000, Expires: 1600, Person: "dora", Key: Digest{0: 1}, Client: Digest{0: 2},
		Branch: BranchSame, Measured: &Measured{Aspirated: 3_000_000, Filled: 18_000_000},
	}
	zeros := func(n int) string { return strings.Repeat("00", n) }
	want := unhexLines(t,
		"ac                          // map of 12",
		"01 01                       // 1 format",
		"02 5820"+zeros(31)+"07     // 2 prescription",
		"03 1865                     // 3 counter",
		"04 50"+zeros(15)+"09       // 4 window",
		"05 07                       // 5 keyset",
		"06 1903e8                   // 6 iat",
		"07 190640                   // 7 exp",
		"08 64 646f7261              // 8 person",
		"09 5820 01"+zeros(31)+"    // 9 key",
		"0a 5820 02"+zeros(31)+"    // 10 client",
		"0b 02                       // 11 branch: the same dose",
		"0c a2 01 1a002dc6c0 02 1a0112a880 // 12 aspirated 3 mL, filled 18 mL",
	)
	got := r.Encode()
	if !bytes.Equal(got, want) {
		t.Fatalf("got  %x\nwant %x", got, want)
	}
	// By its definition, written out.
	long := append(append([]byte("pump.release.v1"), 0, 0, 0, 0, 0, 0, 0, 0, byte(len(want))), want...)
	if h := ReleaseHash(got); h != Digest(sha256.Sum256(long)) {
		t.Errorf("hash %s", h)
	}
}

// TestGoldenProgram fixes the bytes of a prescription of a program.
func TestGoldenProgram(t *testing.T) {
	c, l, g := morphine(10*mgML), morphineLimits(), steady(240_000)
	lib := Digest{0: 3}
	p := Prescription{
		V: 1, Act: ActProgram, ID: ID{0: 1}, Pump: Digest{0: 2}, Serial: "M1", Site: ID{0: 3}, Patient: ID{0: 4}, Epoch: 3, State: Digest{0: 5}, NotBefore: 1000, Expires: 2000, Keyset: 7,
		Library: &lib, Group: GroupNonCancer, Contents: &c, Limits: &l, Program: &g, Checks: []Check{{Code: dose.Morphine, Day: 2_400_000, Worst: 2_400_000}},
	}
	zeros := func(n int) string { return strings.Repeat("00", n) }
	want := unhexLines(t,
		"b2                              // map of 18",
		"01 01                           // 1 format",
		"02 01                           // 2 act: program",
		"03 50 01"+zeros(15)+"          // 3 id",
		"04 5820 02"+zeros(31)+"        // 4 pump",
		"05 62 4d31                      // 5 serial",
		"06 50 03"+zeros(15)+"          // 6 site",
		"07 50 04"+zeros(15)+"          // 7 patient",
		"08 03                           // 8 epoch",
		"09 5820 05"+zeros(31)+"        // 9 state",
		"0a 1903e8                       // 10 not before",
		"0b 1907d0                       // 11 expires",
		"0c 07                           // 12 keyset",
		"0f 5820 03"+zeros(31)+"        // 15 library",
		"10 02                           // 16 group",
		"11 a3 01 81 82 01 1a00989680 02 00 03 01 // 17 contents: morphine 10 mg/mL, the primary one, intrathecal",
		"12 a3 01 81 84 01 1a002dc6c0 1a00e4e1c0 02 03 190e10 04 06 // 18 limits: 3 mg/h, 15 mg/day, moderate; lockout 3,600 s; 6 a day",
		"13 a3 01 03 02 1a00015180 03 81 83 00 1a00015180 1a0003a980 // 19 program: continuous, a day, 240,000 nL",
		"16 81 85 01 1a00249f00 1a00249f00 00 00 // 22 check numbers: 2.4 mg, 2.4 mg",
	)
	if got := p.Encode(); !bytes.Equal(got, want) {
		t.Fatalf("got  %x\nwant %x", got, want)
	}
	if again, err := DecodePrescription(want); err != nil || !bytes.Equal(again.Encode(), want) {
		t.Fatalf("%+v, %v", again, err)
	}
}

// TestMemoryIsBounded: what a pump wrote it reads back, and nothing larger.
func TestMemoryIsBounded(t *testing.T) {
	full := func() Memory {
		m := Memory{Counter: 5, Stops: 6, Own: &OwnStop{Person: "emil", Run: 7, Gen: 8}, KeysetAt: 9, StopTimes: []int64{1, 2, 3}}
		for i := range 100 {
			h := Digest{byte(i), byte(i >> 8), 1}
			m = m.Answer(h, ErrBusy)
			m, _ = m.withdraw(h, 4)
			m, _ = m.give(h, id16("w"), Windows{{Nonce: id16("w")}}, 0)
			m = m.order(dose.Contents{Ingredients: []dose.Ingredient{{Code: dose.Code(i + 1), Conc: 1}}, Route: dose.Intrathecal})
			m.Applied = push(m.Applied, h, maxApplied)
		}
		return m
	}
	m := full()
	b := m.Encode()
	again, err := DecodeMemory(b)
	if err != nil || !bytes.Equal(again.Encode(), b) {
		t.Fatalf("%d bytes: %v", len(b), err)
	}
	if len(m.Answers) != maxAnswers || len(m.Withdrawn) != maxWithdrawn || len(m.Boluses) != maxBoluses || len(m.Ordered) != maxOrdered || len(m.Applied) != maxApplied {
		t.Fatalf("%d answers, %d withdrawn, %d boluses, %d ordered, %d applied", len(m.Answers), len(m.Withdrawn), len(m.Boluses), len(m.Ordered), len(m.Applied))
	}
	if code, ok := m.answered(Digest{99, 0, 1}); !ok || code != ErrBusy {
		t.Error("the newest answer is not there")
	}
	for name, change := range map[string]func(*Memory){
		"answers":   func(m *Memory) { m.Answers = append(m.Answers, Answered{}) },
		"withdrawn": func(m *Memory) { m.Withdrawn = append(m.Withdrawn, Withdrawn{}) },
		"boluses":   func(m *Memory) { m.Boluses = append(m.Boluses, Given{}) },
		"ordered":   func(m *Memory) { m.Ordered = append(m.Ordered, Ordered{}) },
		"stops":     func(m *Memory) { m.StopTimes = append(m.StopTimes, 4) },
		"applied":   func(m *Memory) { m.Applied = append(m.Applied, Digest{}) },
		"counter":   func(m *Memory) { m.Counter = MaxCounter + 1 },
		"stop":      func(m *Memory) { m.Stops = MaxCounter + 1 },
	} {
		x := full()
		change(&x)
		if _, err := DecodeMemory(x.Encode()); !errors.Is(err, ErrRefused) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Answers share nothing with the memory they came from.
	other := m.Answer(Digest{99, 0, 1}, Applied)
	if code, _ := m.answered(Digest{99, 0, 1}); code != ErrBusy || len(other.Answers) != maxAnswers {
		t.Error("an answer changed the memory before")
	}
}

func TestStateIsReadBackStrictly(t *testing.T) {
	w := newWorld()
	good := w.view.State
	if got, err := DecodeState(good.Encode()); err != nil || got.Hash() != good.Hash() {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*State){
		"run 0":    func(s *State) { s.Run = 0 },
		"run 4":    func(s *State) { s.Run = 4 },
		"program":  func(s *State) { s.Program.Cycle = 5 },
		"contents": func(s *State) { s.Contents.Route = 9 },
	} {
		s := good
		change(&s)
		if _, err := DecodeState(s.Encode()); !errors.Is(err, ErrRefused) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := DecodeState(append(good.Encode(), 0)); !errors.Is(err, ErrRefused) {
		t.Errorf("a byte more: %v", err)
	}
}

func TestWindowsAreRenewed(t *testing.T) {
	var w Windows
	if !w.Due(0) || !w.Current().IsZero() {
		t.Error("a pump that has just started needs a window")
	}
	for i := range int64(6) {
		w = w.Renew(ID{byte(i + 1)}, i*WindowLife)
		if w.Due(i*WindowLife+WindowLife-1) || !w.Due(i*WindowLife+WindowLife) {
			t.Errorf("window %d is due at another time", i)
		}
	}
	if len(w) != stopWindows || w.Current() != (ID{6}) || w[0].Nonce != (ID{3}) {
		t.Errorf("windows %v", w)
	}
}

func TestStability(t *testing.T) {
	l := testLibrary(1)
	of := func(codes ...dose.Code) (c dose.Contents) {
		for _, code := range codes {
			c.Ingredients = append(c.Ingredients, dose.Ingredient{Code: code, Conc: 1})
		}
		return c
	}
	l.Drugs[2].Stability = 120 * units.Day
	for _, tt := range []struct {
		name string
		c    dose.Contents
		want units.Seconds
	}{
		{"alone", of(dose.Morphine), 90 * units.Day},
		{"listed", of(dose.Morphine, dose.Clonidine), 60 * units.Day},
		{"unknown", of(dose.Ketamine), 0},
		{"no entry", of(dose.Baclofen), 0},
		{"alone only", of(dose.Morphine, dose.Ziconotide), 0},
	} {
		if got := l.Stability(tt.c); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
	l.Mixtures = nil
	if got := l.Stability(of(dose.Morphine, dose.Clonidine)); got != UnlistedStability {
		t.Errorf("unlisted: %s", got)
	}
}

func TestExamine(t *testing.T) {
	w := newWorld()
	for a := ActProgram; a <= ActClock; a++ {
		x := newWorld()
		switch a {
		case ActResume:
			x.view.State.Run = 3
		case ActAdopt:
			x.view.Foreign = true
		}
		p := x.prescription(a)
		if got := Examine(&p, &x.view); len(got.Refusals) > 0 || got.Class != ClassTwo || got.Effect == nil || got.Policy.People != 2 {
			t.Errorf("%s: %+v", a, got)
		}
	}
	p := w.prescription(ActProgram)
	p.Serial, p.Patient, p.State[0] = "other", id16("other"), p.State[0]+1
	g := steady(1_600_000)
	p.Program = &g
	w.check(&p)
	w.view.Busy = BusyBolus
	got := Examine(&p, &w.view)
	var codes []Code
	for _, r := range got.Refusals {
		codes = append(codes, r.Code)
	}
	want := []Code{ErrAud, ErrPatient, ErrCAS, ErrLimit, ErrBusy}
	if len(codes) != len(want) || got.Effect != nil {
		t.Fatalf("%v, want %v", codes, want)
	}
	for i := range want {
		if codes[i] != want[i] {
			t.Errorf("%v, want %v", codes, want)
		}
	}
	if bad := Examine(&Prescription{}, &w.view); len(bad.Refusals) != 1 || bad.Refusals[0].Code != ErrVersion {
		t.Errorf("%+v", bad)
	}
}

func TestNames(t *testing.T) {
	for _, a := range []interface {
		MarshalText() ([]byte, error)
		String() string
	}{ActVisit, MeansPolicy, RoleStop, GroupChild} {
		b, err := a.MarshalText()
		if err != nil || string(b) != a.String() {
			t.Errorf("%v: %q, %v", a, b, err)
		}
	}
	var a Act
	var m Meaning
	var r Role
	var g Group
	for text, into := range map[string]interface{ UnmarshalText([]byte) error }{"visit": &a, "policy": &m, "stop": &r, "child": &g} {
		if err := into.UnmarshalText([]byte(text)); err != nil {
			t.Error(err)
		}
		if err := into.UnmarshalText(nil); err == nil {
			t.Errorf("%q is a name", "")
		}
	}
	if a != ActVisit || m != MeansPolicy || r != RoleStop || g != GroupChild {
		t.Error("names are read as something else")
	}
	if s := Act(99).String(); s != "act(99)" {
		t.Error(s)
	}
	var d Digest
	if err := d.UnmarshalText([]byte("00")); err == nil {
		t.Error("a short hash is taken")
	}
	if b, err := (Digest{1}).MarshalText(); err != nil || d.UnmarshalText(b) != nil || d != (Digest{1}) {
		t.Error("a hash is read as another")
	}
}
