package profile

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"cisterna/device/dose"
	"cisterna/device/units"
	"cisterna/device/wire"
)

func TestSamples(t *testing.T) {
	want := []string{"meander-p20", "meander-p40", "tarn-v20", "well-c30"}
	list := Samples()
	if len(list) != len(want) {
		t.Fatalf("%d samples", len(list))
	}
	for i, p := range list {
		t.Run(want[i], func(t *testing.T) {
			if p.ID != want[i] || Sample(p.ID) != p {
				t.Fatalf("got %q", p.ID)
			}
			if size := len(p.Encode()); size > 4<<10 {
				t.Errorf("%d bytes: a document to a pump has at most 4 KiB", size)
			}
			back, err := Decode(p.Encode())
			if err != nil {
				t.Fatal(err)
			}
			if back.Hash() != p.Hash() {
				t.Error("another hash after a round trip")
			}
			file, err := files.ReadFile("samples/" + p.ID + ".json")
			if err != nil {
				t.Fatal(err)
			}
			if got, err := back.JSON(); err != nil || !bytes.Equal(got, file) {
				t.Errorf("the file is not what JSON writes: %v", err)
			}
		})
	}
	if Sample("none") != nil {
		t.Error("an unknown id gave a profile")
	}
}

// TestSources checks that every number of a sample says where it comes from,
// and that no source is of a field that is not there.
func TestSources(t *testing.T) {
	checked := 0
	for _, p := range Samples() {
		b, err := p.JSON()
		if err != nil {
			t.Fatal(err)
		}
		var doc map[string]any
		if err := json.Unmarshal(b, &doc); err != nil {
			t.Fatal(err)
		}
		paths := map[string]bool{}
		for _, section := range []string{"range", "reservoir", "path", "accuracy", "battery", "sensors", "sample_each_s", "stop_effect", "alarms", "silence"} {
			paths[section] = false
			if fields, ok := doc[section].(map[string]any); ok {
				for field := range fields {
					paths[section+"."+field] = false
				}
			}
		}
		for _, s := range p.Sources {
			if _, ok := paths[s.Field]; !ok {
				t.Errorf("%s: source of %q, which is not there", p.ID, s.Field)
			}
			for path := range paths {
				if path == s.Field || strings.HasPrefix(path, s.Field+".") {
					paths[path] = true
				}
			}
		}
		for path, sourced := range paths {
			checked++
			if _, parent := doc[path].(map[string]any); !sourced && !parent {
				t.Errorf("%s: %s has no source", p.ID, path)
			}
		}
	}
	if checked < 100 {
		t.Fatalf("checked only %d fields", checked)
	}
}

func TestAlarmRules(t *testing.T) {
	p := Sample("meander-p20")
	tests := []struct {
		code   Code
		sev    dose.Severity
		effect Effect
	}{
		{ResLow, dose.WithdrawalDeadly, Continue},
		{ResEmpty, dose.WithdrawalDeadly, Halt},
		{MemCrit, dose.WithdrawalNone, Halt},
		{MemCrit, dose.WithdrawalModerate, FallBack},
		{MemCrit, 0, FallBack}, // unknown counts as moderate
		{Stopped48H, dose.WithdrawalModerate, FallBack},
		{Stopped48H, dose.WithdrawalDeadly, Continue},
		{Stopped, dose.WithdrawalNone, Continue},
	}
	for _, tt := range tests {
		a, ok := p.Alarm(tt.code)
		if got := a.Effect.For(tt.sev); !ok || got != tt.effect {
			t.Errorf("%s with severity %d: %s, want %s", tt.code, tt.sev, got, tt.effect)
		}
	}
	for _, code := range []Code{OverinfBasal, OcclDown, "NO_SUCH"} {
		if _, ok := p.Alarm(code); ok {
			t.Errorf("a pump without flow or pressure sensor detects %s", code)
		}
	}
	if _, ok := Sample("tarn-v20").Alarm(OcclDown); !ok {
		t.Error("the pressure sensor alarms on nothing")
	}
}

// TestNoSilentStop: whatever ends or starves therapy in a sample is a high alarm
// that sounds again and again, and every sample with a link says that it was stopped.
func TestNoSilentStop(t *testing.T) {
	seen := 0
	for _, p := range Samples() {
		for _, a := range p.Alarms {
			for _, e := range []Effect{a.Effect.None, a.Effect.Moderate, a.Effect.Severe, a.Effect.Deadly} {
				if e == Continue && a.Code != Stopped {
					continue
				}
				if seen++; wire.Priority(a.Priority) != wire.PriorityHigh || !a.Critical || a.Repeat <= 0 || a.Repeat > 900 {
					t.Errorf("%s: %s ends therapy as a %d alarm, critical %v, every %s", p.ID, a.Code, a.Priority, a.Critical, a.Repeat)
				}
			}
		}
		if a, ok := p.Alarm(Stopped); p.Verifier != Nobody && (!ok || a.Latched || a.Effect != (Effects{None: Continue, Moderate: Continue, Severe: Continue, Deadly: Continue})) {
			t.Errorf("%s: stopped is %+v, %v", p.ID, a, ok)
		}
	}
	if seen < 60 {
		t.Fatalf("saw %d effects that end therapy", seen)
	}
}

// TestNoFallBackForTheDeadly checks the samples' promise: no fault that leaves
// the mechanism able to run takes baclofen away altogether.
func TestNoFallBackForTheDeadly(t *testing.T) {
	cannotRun := map[Code]bool{ResEmpty: true, EOS: true, MotorStall: true, TelemStuck: true, OcclDown: true, OcclUp: true}
	seen := 0
	for _, p := range Samples() {
		for _, a := range p.Alarms {
			seen++
			if a.Effect.Deadly == Halt && !cannotRun[a.Code] {
				t.Errorf("%s: %s stops baclofen", p.ID, a.Code)
			}
		}
	}
	if seen < 40 {
		t.Fatalf("saw %d alarm rules", seen)
	}
}

func TestBits(t *testing.T) {
	for i, c := range codes {
		if Bit(c) != i || CodeOf(i) != c {
			t.Errorf("%s has bit %d and %d has code %s", c, Bit(c), i, CodeOf(i))
		}
	}
	if Bit("NO_SUCH") != -1 || CodeOf(-1) != "" || CodeOf(len(codes)) != "" {
		t.Error("unknown codes have bits")
	}
	// Pumps keep these bits in memory.
	if Bit(ResLow) != 0 || Bit(MotorStall) != 4 || Bit(ClockDrift) != 17 || Bit(StallRecovery) != 20 {
		t.Error("bits moved")
	}
}

func TestSilenceFor(t *testing.T) {
	p := Sample("meander-p20")
	none, _ := p.SilenceFor(dose.WithdrawalNone)
	deadly, ok := p.SilenceFor(dose.WithdrawalDeadly)
	if !ok || deadly.Alarm >= none.Alarm {
		t.Errorf("baclofen may be silent for %s, ziconotide for %s", deadly.Alarm, none.Alarm)
	}
	if unknown, _ := p.SilenceFor(0); unknown != deadly {
		t.Errorf("an unknown severity may be silent for %s", unknown.Alarm)
	}
	if _, ok := Sample("well-c30").SilenceFor(dose.WithdrawalNone); ok {
		t.Error("a device without a link has a rule for its silence")
	}
}

// TestValidate breaks one thing at a time.
func TestValidate(t *testing.T) {
	for name, f := range map[string]func(*Profile){
		"format":               func(p *Profile) { p.Format = 2 },
		"no id":                func(p *Profile) { p.ID = "" },
		"id in capitals":       func(p *Profile) { p.ID = "P20" },
		"version 0":            func(p *Profile) { p.Version = 0 },
		"no name":              func(p *Profile) { p.Name = "" },
		"name not UTF-8":       func(p *Profile) { p.Name = "\xff" },
		"drive":                func(p *Profile) { p.Drive = "hamster" },
		"verifier":             func(p *Profile) { p.Verifier = "server" },
		"no modes":             func(p *Profile) { p.Range.Modes = nil },
		"a mode twice":         func(p *Profile) { p.Range.Modes = []dose.Mode{3, 3} },
		"an unknown mode":      func(p *Profile) { p.Range.Modes = []dose.Mode{12} },
		"rates upside down":    func(p *Profile) { p.Range.Min = p.Range.Max + 1 },
		"no resolution":        func(p *Profile) { p.Range.Resolution = 0 },
		"idle above max":       func(p *Profile) { p.Range.Idle = p.Range.Max + 1 },
		"bolus above capacity": func(p *Profile) { p.Range.MaxBolus = p.Reservoir.Capacity + 1 },
		"49 segments":          func(p *Profile) { p.Range.Segments = 49 },
		"PTM without lockout":  func(p *Profile) { p.Range.MinLockout = 0 },
		"one rate":             func(p *Profile) { p.Range.Min = p.Range.Max },
		"constant with modes":  func(p *Profile) { p.Drive = ConstantFlow },
		"no capacity":          func(p *Profile) { p.Reservoir.Capacity = 0 },
		"residual":             func(p *Profile) { p.Reservoir.Residual = p.Reservoir.Capacity },
		"low alarm":            func(p *Profile) { p.Reservoir.LowDefault = p.Reservoir.LowMax + 1 },
		"tubing":               func(p *Profile) { p.Path.Tubing = -1 },
		"accuracy":             func(p *Profile) { p.Accuracy.High = 999 },
		"battery":              func(p *Profile) { p.Battery.Capacity = -1 },
		"numbers of none":      func(p *Profile) { p.Battery.Capacity = 0 },
		"EOS before ERI":       func(p *Profile) { p.Battery.EOS = p.Battery.ERI },
		"ERI after the end":    func(p *Profile) { p.Battery.ERIAge = p.Battery.MaxAge + 1 },
		"no curve":             func(p *Profile) { p.Battery.Voltage = nil },
		"curve that rises":     func(p *Profile) { p.Battery.Voltage = []Voltage{{Charge: 1000, MV: 1}, {Charge: 0, MV: 2}} },
		"sampling too often":   func(p *Profile) { p.SampleEach = 9 },
		"pressure numbers":     func(p *Profile) { p.Sensors.Compliance = 1 },
		"flow numbers":         func(p *Profile) { p.Sensors.FlowAfter = 1 },
		"pressure without":     func(p *Profile) { p.Sensors.Pressure = true },
		"no stop effect":       func(p *Profile) { p.StopEffect.None = 0 },
		"unknown alarm":        func(p *Profile) { p.Alarms = []Alarm{{Code: "X", Priority: 1, Effect: p.StopEffect}} },
		"alarm twice":          func(p *Profile) { p.Alarms = append(p.Alarms[:1:1], p.Alarms...) },
		"alarm priority":       func(p *Profile) { p.Alarms[0].Priority = 5 },
		"alarm effect":         func(p *Profile) { p.Alarms[0].Effect.Deadly = 4 },
		"alarm repeat":         func(p *Profile) { p.Alarms[0].Repeat = -1 },
		"three silences":       func(p *Profile) { p.Silence = p.Silence[:3] },
		"silence out of order": func(p *Profile) { p.Silence[0].Severity = 2 },
		"stale after offline":  func(p *Profile) { p.Silence[0].Stale = p.Silence[0].Offline + 1 },
		"source of nothing":    func(p *Profile) { p.Sources = []Source{{}} },
	} {
		p, err := Decode(Sample("meander-p20").Encode()) // a copy
		if err != nil {
			t.Fatal(err)
		}
		f(p)
		if err := p.Validate(); err == nil {
			t.Errorf("%s: accepted", name)
		}
		if back, err := Decode(p.Encode()); err == nil || back != nil {
			t.Errorf("%s: decoded", name)
		}
	}
}

func TestParseJSONRefusals(t *testing.T) {
	file, err := files.ReadFile("samples/meander-p20.json")
	if err != nil {
		t.Fatal(err)
	}
	good := string(file)
	for name, edit := range map[string][2]string{
		"unknown field":        {`"format": 1,`, `"format": 1, "extra": 1,`},
		"field in other case":  {`"format": 1,`, `"Format": 1,`},
		"field twice":          {`"version": 2,`, `"version": 2, "version": 1,`},
		"fields swapped":       {"\"format\": 1,\n  \"id\": \"meander-p20\",", `"id": "meander-p20", "format": 1,`},
		"missing field":        {`"zero": false,`, ``},
		"null":                 {`"zero": false`, `"zero": null`},
		"volume as a number":   {`"20000000"`, `20000000`},
		"volume as a fraction": {`"20000000"`, `"20000000.0"`},
		"unknown effect":       {`"none": "stop"`, `"none": "halt"`},
		"unknown mode":         {`"flex_day"`, `"flex"`},
		"unknown priority":     {`"priority": "low"`, `"priority": "urgent"`},
		"something behind":     {"\n}\n", "\n}{}\n"},
		"not valid":            {`"format": 1`, `"format": 9`},
	} {
		bad := strings.Replace(good, edit[0], edit[1], 1)
		if bad == good {
			t.Fatalf("%s: nothing to replace", name)
		}
		if p, err := ParseJSON([]byte(bad)); err == nil || p != nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if p, err := ParseJSON(make([]byte, 3*MaxDocument)); err == nil || p != nil {
		t.Error("oversize: accepted")
	}
}

func FuzzParseJSON(f *testing.F) {
	for _, p := range Samples() {
		b, err := p.JSON()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := ParseJSON(b)
		if (p == nil) != (err != nil) {
			t.Fatalf("%v and %v", p, err)
		}
		if err != nil {
			return
		}
		again, err := p.JSON()
		if err != nil {
			t.Fatal(err)
		}
		q, err := ParseJSON(again)
		if err != nil || !reflect.DeepEqual(p, q) {
			t.Fatalf("does not come back: %v", err)
		}
		if r, err := Decode(p.Encode()); err != nil || r.Hash() != p.Hash() {
			t.Fatalf("does not come back as CBOR: %v", err)
		}
	})
}

func FuzzDecode(f *testing.F) {
	for _, p := range Samples() {
		f.Add(p.Encode())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := Decode(b)
		if (p == nil) != (err != nil) {
			t.Fatalf("%v and %v", p, err)
		}
		if err == nil && !bytes.Equal(p.Encode(), b) {
			t.Fatal("another encoding of the same")
		}
	})
}

func TestGoldenHash(t *testing.T) {
	// The first keys of the document; the rest is held by the hash of the file,
	// which the round trip above ties to it.
	p := Sample("meander-p20")
	want := []byte{
		0xb3,       // map of 19
		0x01, 0x01, // 1 format: 1
		0x02, 0x6b, 'm', 'e', 'a', 'n', 'd', 'e', 'r', '-', 'p', '2', '0', // 2 id
		0x03, 0x02, // 3 version: 2
		0x04, 0x6b, 'M', 'e', 'a', 'n', 'd', 'e', 'r', ' ', 'P', '2', '0', // 4 name
	}
	if got := p.Encode(); !bytes.HasPrefix(got, want) {
		t.Errorf("begins with % x", got[:len(want)])
	}
	low, _ := p.Alarm(ResLow)
	golden := []byte{
		0xa6,                                          // map of 6
		0x01, 0x67, 'R', 'E', 'S', '_', 'L', 'O', 'W', // 1 code
		0x02, 0x02, // 2 priority: low
		0x03, 0x84, 0x01, 0x01, 0x01, 0x01, // 3 effect: continue, whatever the drug
		0x04, 0xf4, // 4 latched: no
		0x05, 0xf4, // 5 critical: no
		0x06, 0x19, 0x0e, 0x10, // 6 repeats after 3,600 s
	}
	if got := dose.EncodeCBOR(low); !bytes.Equal(got, golden) {
		t.Errorf("alarm rule % x", got)
	}
	if p.Reservoir.Capacity != 20*units.Millilitre || p.Range.Min != 48_000 {
		t.Errorf("%s at %s", p.Reservoir.Capacity, p.Range.Min)
	}
}
