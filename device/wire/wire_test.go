package wire

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"
	"github.com/google/go-cmp/cmp"
)

func sampleBatch() *Batch {
	return &Batch{
		Pump: PumpID{1, 2, 3}, Epoch: 1, First: 7,
		Records: []Record{
			{Seq: 7, Kind: RecordSample, Wall: 1_700_000_000_000, Mono: 60_000, Sample: Sample{Run: Infusing, RateNLDay: 400_000, DeliveredNL: 12, ReservoirNL: 18_000_000, SensedNL: -1, BatteryMV: 2950, TemperatureM: 37_000, Flags: 1}},
			{Seq: 8, Kind: RecordEvent, Wall: -5, Mono: 60_001, Event: &Event{Code: "ptm.given", Detail: map[string]string{"volume_nl": "20000", "a": "b"}}},
			{Seq: 9, Kind: RecordGap, Wall: 1, Mono: 60_002, Gap: &Gap{Through: 20, Reason: "overflow"}},
			{Seq: 21, Kind: RecordSample, Wall: 2, Mono: 60_003, Sample: Sample{Run: Stopped}},
		},
	}
}

func TestBatchRoundTrip(t *testing.T) {
	want := sampleBatch()
	got, err := DecodeBatch(AppendBatch(nil, want), MainLane)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if got.Last() != 21 {
		t.Errorf("last sequence %d, want 21", got.Last())
	}

	// Nothing of what was in the room before shines through.
	used := Batch{Pump: PumpID{7}, Epoch: 7, First: 7, Records: slices.Repeat(want.Records, 3)}
	if err := DecodeBatchInto(&used, AppendBatch(nil, want), MainLane); err != nil || cmp.Diff(want, &used) != "" {
		t.Errorf("%v %s", err, cmp.Diff(want, &used))
	}
}

// TestBatchIsPlainCBOR holds the hand-written encoder against the library: what
// it writes must be the library's own deterministic form of the same value.
func TestBatchIsPlainCBOR(t *testing.T) {
	b := AppendBatch(nil, sampleBatch())
	var v any
	if err := cbor.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	again, err := enc.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(b, again) {
		t.Errorf("not deterministic:\n%x\n%x", b, again)
	}
}

func TestGoldenBatch(t *testing.T) {
	b := AppendBatch(nil, &Batch{Epoch: 1, First: 2, Records: []Record{{Kind: RecordClear, Wall: 1000, Mono: 24, Clear: &Clear{Code: "RES_LOW"}}}})
	want := strings.Join([]string{
		"84",                            // array of 4: a batch
		"50" + strings.Repeat("00", 16), // pump id
		"01",                            // journal epoch 1
		"02",                            // first sequence 2
		"81",                            // one record
		"84",                            // array of 4: a record
		"05",                            // kind 5, clear
		"1903e8",                        // wall clock 1000 ms
		"1818",                          // monotonic 24 ms
		"83",                            // array of 3: the body
		"67" + hex.EncodeToString([]byte("RES_LOW")), // code
		"60", // no instance
		"a0", // no detail
	}, "")
	if got := hex.EncodeToString(b); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestDecodeBatchRefuses(t *testing.T) {
	good := AppendBatch(nil, sampleBatch())
	one := func(r Record) []byte { return AppendBatch(nil, &Batch{Epoch: 1, First: 5, Records: []Record{r}}) }
	tests := []struct {
		name string
		b    []byte
		lane Lane
	}{
		{"empty", nil, MainLane},
		{"cut short", good[:len(good)-1], MainLane},
		{"trailing byte", append(bytes.Clone(good), 0), MainLane},
		{"other lane", good, AlarmLane},
		{"no records", AppendBatch(nil, &Batch{Epoch: 1, First: 1}), MainLane},
		{"epoch zero", AppendBatch(nil, &Batch{First: 1, Records: sampleBatch().Records[:1]}), MainLane},
		{"sequence zero", AppendBatch(nil, &Batch{Epoch: 1, Records: sampleBatch().Records[:1]}), MainLane},
		{"gap backwards", one(Record{Kind: RecordGap, Gap: &Gap{Through: 4}}), MainLane},
		{"raise in main lane", one(Record{Kind: RecordRaise, Raise: &Raise{Code: "X", Priority: 1}}), MainLane},
		{"alarm priority 9", one(Record{Kind: RecordRaise, Raise: &Raise{Code: "X", Priority: 9}}), AlarmLane},
		{"code with a space", one(Record{Kind: RecordEvent, Event: &Event{Code: "a b"}}), MainLane},
		{"run state 9", one(Record{Kind: RecordSample, Sample: Sample{Run: 9}}), MainLane},
		{"long text", one(Record{Kind: RecordEvent, Event: &Event{Code: "a", Detail: map[string]string{"k": strings.Repeat("x", 300)}}}), MainLane},
		{"number not shortest", []byte{0x98, 0x04}, MainLane},
		{"indefinite array", []byte{0x9f, 0xff}, MainLane},
		{"float", []byte{0x84, 0xfb, 0, 0, 0, 0, 0, 0, 0, 0}, MainLane},
		{"map of 2^63 pairs", func() []byte {
			b := AppendBatch(nil, &Batch{Epoch: 1, First: 1, Records: []Record{{Kind: RecordClear, Clear: &Clear{Code: "A"}}}})
			b[21]++ // the record's array: five items instead of four
			return append(b, 0xbb, 0x80, 0, 0, 0, 0, 0, 0, 0)
		}(), AlarmLane},
		{"huge length", []byte{0x84, 0x5b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, MainLane},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := DecodeBatch(tt.b, tt.lane)
			if !errors.Is(err, ErrMalformed) || got != nil {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
}

func TestNewerPumpMaySayMore(t *testing.T) {
	b := AppendBatch(nil, &Batch{Epoch: 1, First: 1, Records: []Record{{Kind: RecordClear, Clear: &Clear{Code: "A"}}}})
	b[21]++                                    // the record's array: five items instead of four
	b = append(b, 0xa1, 0x61, 'x', 0x81, 0x05) // a vendor map {"x": [5]}
	got, err := DecodeBatch(b, AlarmLane)
	if err != nil || got.Records[0].Clear.Code != "A" {
		t.Fatalf("got %v, %v", got, err)
	}
}

func TestTopics(t *testing.T) {
	for _, k := range Kinds() {
		link, got, err := ParseTopic(Topic("COMM-1", k))
		if err != nil || link != "COMM-1" || got != k {
			t.Errorf("%s: %q %v %v", k, link, got, err)
		}
		if want := !k.Up(); Filter("COMM-1", Topic("COMM-1", k)) != want || Filter("COMM-2", Topic("COMM-1", k)) {
			t.Errorf("%s: filter rights are wrong", k)
		}
	}
	if len(Kinds()) != len(kindNames) {
		t.Errorf("Kinds lists %d of %d", len(Kinds()), len(kindNames))
	}
	if !Filter("COMM-1", DownFilter("COMM-1")) {
		t.Error("own dn/# refused")
	}
	s := string(ShardOf("COMM-1"))
	other := "0"
	if s == other {
		other = "1"
	}
	for _, bad := range []string{"", "#", "+/+", "cis/1/", "cis/1/" + s, "cis/1/" + s + "/COMM-1/up/", "cis/1/" + other + "/COMM-1/up/tele", "cis/1/" + s + "/COMM-1/up/#", "cis/1/" + s + "/COMM-1/up/tele/x", "cis/2/" + s + "/COMM-1/up/tele", "cis/1/" + s + "/CO+MM/up/tele", "/cis/1/" + s + "/COMM-1/up/tele"} {
		if _, _, err := ParseTopic(bad); err == nil {
			t.Errorf("topic %q accepted", bad)
		}
		if Filter("COMM-1", bad) {
			t.Errorf("filter %q accepted", bad)
		}
	}
}

func TestSignatures(t *testing.T) {
	_, key, _ := ed25519.GenerateKey(rand.Reader)
	pub, err := NewPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	again, err := ParsePublicKey(pub.String())
	if err != nil || again != pub {
		t.Fatalf("text form: %v %v", again, err)
	}
	b := sampleBatch()
	b.Pump = pub.PumpID()
	sealed, err := Seal(rand.Reader, key, UpTele, AppendBatch(nil, b))
	if err != nil {
		t.Fatal(err)
	}
	env, err := OpenEnvelope(sealed)
	if err != nil {
		t.Fatal(err)
	}
	if id, err := env.ClaimedPump(); err != nil || id != pub.PumpID() {
		t.Errorf("claimed pump %v, %v", id, err)
	}
	if !pub.Verify(UpTele, env.Payload, env.Sig) {
		t.Error("good signature refused")
	}
	if pub.Verify(UpAlarm, env.Payload, env.Sig) {
		t.Error("a tele signature passes as an alarm")
	}
	for i := range env.Payload {
		p := bytes.Clone(env.Payload)
		p[i] ^= 1
		if pub.Verify(UpTele, p, env.Sig) {
			t.Fatalf("byte %d changed and still verifies", i)
		}
	}
	hello := Encode(Hello{Pump: pub.PumpID(), Link: "COMM-1", Min: 1, Max: 1})
	if id, err := (Envelope{Payload: hello}).ClaimedPump(); err != nil || id != pub.PumpID() {
		t.Errorf("hello: claimed pump %v, %v", id, err)
	}
}

func TestMessagesRoundTrip(t *testing.T) {
	h := Hello{Pump: PumpID{9}, Link: "COMM-1", Min: 1, Max: 2, Serial: "S1", Caps: []string{"x"}, Vendor: map[string]string{"a": "b"}, Main: Position{1, 2}}
	if got, err := Decode[Hello](Encode(h)); err != nil || cmp.Diff(h, got) != "" {
		t.Errorf("%v %s", err, cmp.Diff(h, got))
	}
	s := Sample{Run: Bolus, RateNLDay: 1, DeliveredNL: 2, ReservoirNL: 3, SensedNL: 4, BatteryMV: 5, TemperatureM: 6, PressurePa: 7, PTMGiven: 8, PTMDenied: 9, Flags: 3}
	hb := Heartbeat{Sample: NewHeartbeatSample(s)}
	got, err := Decode[Heartbeat](Encode(hb))
	if back, ok := got.LatestSample(); err != nil || !ok || back != s {
		t.Errorf("heartbeat sample %v %v %v", back, ok, err)
	}
	// A release that waits is said by an optional key: who says nothing of it sends what was
	// always sent, and who does not know it passes over it.
	waits := Heartbeat{State: State{Waits: &Waits{Release: [32]byte{7}, Left: 300_000}}}
	said, err := Decode[Heartbeat](Encode(waits))
	if err != nil || cmp.Diff(waits, said) != "" {
		t.Errorf("%v %s", err, cmp.Diff(waits, said))
	}
	if got, err := Decode[Heartbeat](Encode(hb)); err != nil || got.State.Waits != nil {
		t.Errorf("nothing waits: %+v, %v", got.State.Waits, err)
	}
	if keys := stateKeys(t, hb); keys[18] || !keys[15] {
		t.Errorf("a state in which nothing waits has the keys %v", keys)
	}
	if keys := stateKeys(t, waits); !keys[18] {
		t.Errorf("a state in which a release waits has the keys %v", keys)
	}
	waits.State.Waits.Left = 1 << 63
	if _, err := Decode[Heartbeat](Encode(waits)); !errors.Is(err, ErrMalformed) {
		t.Errorf("an endless wait: %v", err)
	}
	c := Cursors{Main: &Position{1, 5}, Now: 7, Rewind: true, Refused: "E_SIG"}
	if got, err := Decode[Cursors](Encode(c)); err != nil || cmp.Diff(c, got) != "" {
		t.Errorf("%v %s", err, cmp.Diff(c, got))
	}
	if _, err := Decode[Hello](Encode(Hello{Link: "a b", Min: 1, Max: 1})); !errors.Is(err, ErrMalformed) {
		t.Errorf("bad link: %v", err)
	}
	if _, err := Decode[Hello](Encode(Hello{Link: "ab", Min: 2, Max: 1})); !errors.Is(err, ErrMalformed) {
		t.Errorf("bad versions: %v", err)
	}
}

// stateKeys returns the keys of a heartbeat's state.
func stateKeys(t *testing.T, hb Heartbeat) map[int]bool {
	t.Helper()
	var m struct {
		State map[int]cbor.RawMessage `cbor:"7,keyasint"`
	}
	if err := cbor.Unmarshal(Encode(hb), &m); err != nil {
		t.Fatal(err)
	}
	keys := map[int]bool{}
	for k := range m.State {
		keys[k] = true
	}
	return keys
}

// FuzzDecodeBatch: never a panic, never a value with an error, and whatever
// decodes and encodes again says the same.
func FuzzDecodeBatch(f *testing.F) {
	f.Add(AppendBatch(nil, sampleBatch()), true)
	f.Add(AppendBatch(nil, &Batch{Epoch: 1, First: 1, Records: []Record{{Kind: RecordRaise, Raise: &Raise{Code: "A", Priority: 4, Latched: true, Detail: map[string]string{"k": "v"}}}}}), false)
	f.Fuzz(func(t *testing.T, b []byte, main bool) {
		lane := AlarmLane
		if main {
			lane = MainLane
		}
		got, err := DecodeBatch(b, lane)
		if err != nil {
			if got != nil || !errors.Is(err, ErrMalformed) {
				t.Fatalf("value %v with error %v", got, err)
			}
			return
		}
		again, err := DecodeBatch(AppendBatch(nil, got), lane)
		if err != nil || cmp.Diff(got, again) != "" {
			t.Fatalf("%v\n%s", err, cmp.Diff(got, again))
		}
	})
}

func FuzzDecodeMessages(f *testing.F) {
	f.Add(Encode(Hello{Link: "a", Min: 1, Max: 1}))
	f.Add(Encode(Heartbeat{Sample: make([]int64, 11)}))
	f.Add(Encode(Cursors{Main: &Position{1, 1}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		if m, err := Decode[Hello](b); err == nil {
			if _, err := Decode[Hello](Encode(m)); err != nil {
				t.Fatal(err)
			}
		}
		if m, err := Decode[Heartbeat](b); err == nil {
			m.LatestSample()
		}
		_, _ = Decode[Cursors](b)
		_, _ = Decode[Answer](b)
		_, _ = Decode[CertRequest](b)
		if e, err := OpenEnvelope(b); err == nil {
			_, _ = e.ClaimedPump()
		}
	})
}

func BenchmarkDecodeBatch10(b *testing.B) {
	rec := sampleBatch().Records[0]
	batch := &Batch{Epoch: 1, First: 1}
	for range 10 {
		batch.Records = append(batch.Records, rec)
	}
	p := AppendBatch(nil, batch)
	b.ReportAllocs()
	b.SetBytes(int64(len(p)))
	for b.Loop() {
		if _, err := DecodeBatch(p, MainLane); err != nil {
			b.Fatal(err)
		}
	}
}
