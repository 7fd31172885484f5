package emulator

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/mod/sumdb/note"

	"cisterna/device/emulator/disk"
	"cisterna/device/order"
	"cisterna/device/profile"
	"cisterna/device/wire"
)

// answers returns the pump's signed answers, in order.
func (g *ground) answers(t *testing.T) (out []wire.Answer) {
	t.Helper()
	for _, h := range g.of(wire.UpAck) {
		env, err := wire.OpenEnvelope(h.payload)
		if err != nil || !h.good {
			t.Fatalf("answer: %v, accepted %v", err, h.good)
		}
		a, err := wire.Decode[wire.Answer](env.Payload)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, a)
	}
	return out
}

func TestDocuments(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGround(t)
		mem := disk.NewMemory(1)
		tr := newTrust(t, time.Now())
		f := openFleet(t, groundOptions(g, mem))
		d := adopt(t, f, tr, "S-1", profile.Sample("meander-p20"))
		g.know(d)
		start(t, f)
		pass(time.Second)

		now := time.Now()
		library := func(version uint64, k ed25519.PrivateKey) []byte {
			return tr.sign(t, order.TypeLibrary, order.Library{V: 1, Version: version, Issued: now.Unix(), Name: "sample"}.Encode(), k)
		}
		keyset := func(version uint64) []byte {
			return tr.sign(t, order.TypeKeyset, order.Keyset{V: 1, Version: version, Issued: now.Unix(), Expires: now.AddDate(0, 0, 90).Unix()}.Encode(), tr.admin)
		}
		newer := *profile.Sample("meander-p20")
		newer.Version, newer.SampleEach = newer.Version+1, 60
		second := tr.body
		second.Version = 2
		secondRoot := tr.sign(t, order.TypeRoot, second.Encode(), tr.root)
		stranger := second
		_, strangerKey, _ := ed25519.GenerateKey(rand.Reader)
		stranger.Root.Keys = []string{must(wire.NewPublicKey(strangerKey.Public())).String()}

		for _, tt := range []struct {
			name string
			kind wire.Kind
			body []byte
			code string
		}{
			{"a newer library", wire.DnLibrary, library(5, tr.pharm), codeApplied},
			{"the same again", wire.DnLibrary, library(5, tr.pharm), codeApplied},
			{"an older library", wire.DnLibrary, library(4, tr.pharm), codeOlder},
			{"a library by another", wire.DnLibrary, library(6, tr.admin), codeLibrary},
			{"a newer keyset", wire.DnKeyset, keyset(4), codeApplied},
			{"an older keyset", wire.DnKeyset, keyset(1), codeOlder},
			{"a library as a keyset", wire.DnKeyset, library(9, tr.pharm), codeKeyset},
			{"a newer profile", wire.DnProfile, tr.profile(t, &newer), codeApplied},
			{"an older profile", wire.DnProfile, tr.profile(t, profile.Sample("meander-p20")), codeOlder},
			{"another model's profile", wire.DnProfile, tr.profile(t, profile.Sample("tarn-v20")), codeProfile},
			{"the root again", wire.DnRoot, tr.rootDoc, codeApplied},
			{"the next root", wire.DnRoot, secondRoot, codeApplied},
			{"a root by a stranger", wire.DnRoot, tr.sign(t, order.TypeRoot, stranger.Encode(), strangerKey), codeRoot},
			{"noise", wire.DnLibrary, []byte("noise"), codeLibrary},
			{"an order that is none", wire.DnOrder, []byte{0xa0}, string(order.ErrFormat)},
			{"a stop that is none", wire.DnStop, []byte{0xa0}, string(order.ErrFormat)},
			{"firmware", wire.DnOTA, []byte{0xa0}, codeKind},
		} {
			n := len(g.answers(t))
			g.push("C-S-1", tt.kind, tt.body)
			pass(time.Second)
			all := g.answers(t)
			if len(all) != n+1 {
				t.Fatalf("%s: %d answers", tt.name, len(all)-n)
			}
			a := all[n]
			if a.Code != tt.code || a.Kind != tt.kind || a.Doc != order.Hash(tt.body) || (a.Note == "") != (tt.code == codeApplied) {
				t.Errorf("%s: %+v", tt.name, a)
			}
		}
		check := func(d *Device) {
			t.Helper()
			s := d.Status()
			if s.Library != 5 || s.Keyset != 4 || d.machine().Profile().SampleEach != 60 || d.docs.root.Version != 2 || s.Run != "infusing" {
				t.Errorf("%+v, root %d", s, d.docs.root.Version)
			}
		}
		check(d)
		f.Close()
		f = openFleet(t, groundOptions(g, mem.Crash(disk.KeepNone)))
		d, _ = f.Device("S-1")
		start(t, f)
		check(d)
		pass(10 * time.Minute)
		if s := d.Status().Main; s.Cursor != s.Last {
			t.Errorf("%+v", s)
		}
		f.Close()
	})
}

func TestCheckpoints(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		skey, vkey, err := note.GenerateKey(rand.Reader, "example.org/record")
		if err != nil {
			t.Fatal(err)
		}
		signer, err := note.NewSigner(skey)
		if err != nil {
			t.Fatal(err)
		}
		statement := func(size int, root byte) []byte {
			h := make([]byte, 32)
			h[0] = root
			b, err := note.Sign(&note.Note{Text: fmt.Sprintf("example.org/record\n%d\n%s\n", size, base64.StdEncoding.EncodeToString(h))}, signer)
			if err != nil {
				t.Fatal(err)
			}
			return b
		}
		g := newGround(t)
		mem := disk.NewMemory(1)
		tr := newTrust(t, time.Now())
		tr.body.Record = []order.Log{{Key: vkey}}
		tr.rootDoc = tr.sign(t, order.TypeRoot, tr.body.Encode(), tr.root)
		f := openFleet(t, groundOptions(g, mem))
		d := adopt(t, f, tr, "S-1", quick(60))
		g.know(d)
		start(t, f)
		pass(time.Second)
		for _, tt := range []struct {
			name    string
			b       []byte
			size    uint64
			smaller bool
		}{
			{"the first", statement(10, 1), 10, false},
			{"a larger", statement(20, 2), 20, false},
			{"noise", []byte("noise"), 20, false},
			{"the same", statement(20, 2), 20, false},
			{"a smaller", statement(15, 3), 20, true},
			{"the same branch grows", statement(17, 3), 20, true},
			{"a larger again", statement(30, 4), 30, true},
		} {
			g.push("C-S-1", wire.DnCheckpoint, tt.b)
			pass(time.Second)
			if s := d.Status(); s.Checkpoint != tt.size || s.Smaller != tt.smaller {
				t.Errorf("%s: size %d, smaller %v", tt.name, s.Checkpoint, s.Smaller)
			}
		}
		if n := len(g.answers(t)); n != 0 {
			t.Errorf("%d answers to checkpoints", n)
		}
		pass(5 * time.Minute)
		beats := g.of(wire.UpHB)
		env, _ := wire.OpenEnvelope(beats[len(beats)-1].payload)
		if hb, err := wire.Decode[wire.Heartbeat](env.Payload); err != nil || hb.State.Checkpoint.Size != 30 || !hb.State.Smaller || hb.State.Fell != 15 {
			t.Errorf("%+v %v", hb.State, err)
		}
		f.Close()
		f = openFleet(t, groundOptions(g, mem.Crash(disk.KeepNone)))
		d, _ = f.Device("S-1")
		start(t, f)
		if s := d.Status(); s.Checkpoint != 30 || !s.Smaller {
			t.Errorf("after a restart: %+v", s)
		}
		pass(time.Second)
		g.push("C-S-1", wire.DnCheckpoint, statement(12, 5))
		pass(time.Second)
		d.mu.Lock()
		if d.check.fell != 12 {
			t.Errorf("another fall was not noticed: %+v", d.check)
		}
		d.mu.Unlock()
		f.Close()
	})
}

// TestFullDisk: the pump infuses on and samples on; when there is room again the
// server has every alarm, and a gap for the telemetry that made room.
func TestFullDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGround(t)
		mem := disk.NewMemory(1)
		o := groundOptions(g, mem)
		o.Records.SegmentBytes, o.Records.ReserveBytes, o.Records.PendingBytes, o.Records.MaxBytes = 8000, 8000, 20_000, 1<<20
		f := openFleet(t, o)
		d := adopt(t, f, newTrust(t, time.Now()), "S-1", quick(10))
		g.know(d)
		g.set(func() { g.refuse = true })
		start(t, f)
		pass(time.Minute)
		mem.SetFree(40_000)
		for range 6 {
			mustInject(t, d, "memory-minor", Fault{})
			pass(20 * time.Minute)
			mustInject(t, d, "interrogate", Fault{})
		}
		before := d.Status()
		if before.Run != "infusing" || f.Stats().Journal.Dropped == 0 {
			t.Fatalf("%+v %+v", before, f.Stats())
		}
		mem.SetFree(1 << 30)
		g.set(func() { g.refuse = false })
		pass(20 * time.Minute)
		s := d.Status()
		if s.Main.Cursor != s.Main.Last || s.Alarm.Cursor != s.Alarm.Last || f.Stats().Health != "" {
			t.Fatalf("%+v %+v", s, f.Stats())
		}
		gaps, raised := 0, 0
		for _, r := range g.records(d, wire.MainLane, 1) {
			if r.Kind == wire.RecordGap {
				gaps++
			}
		}
		for _, r := range g.records(d, wire.AlarmLane, 1) {
			if r.Kind == wire.RecordRaise && r.Raise.Code == "MEM_NONCRIT" {
				raised++
			}
		}
		if gaps != 1 || raised != 6 {
			t.Errorf("%d gaps, %d alarms of 6", gaps, raised)
		}
		f.Close()
	})
}

// TestKeysetLife: with a clock that is no good, a keyset counts for 90 days of running
// time from the day on which its version was first taken. The same version with its
// signatures in another number or order is the same keyset and gets no day more; a
// newer one, or the first, gets its own.
func TestKeysetLife(t *testing.T) {
	w := newWard(t, deskStart)
	_, other, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	w.body.Keyset = order.Quorum{Threshold: 1, Keys: append(w.body.Keyset.Keys, must(wire.NewPublicKey(other.Public())).String())}
	w.rootDoc = w.sign(t, order.TypeRoot, w.body.Encode(), w.root)
	body := w.keys.Encode()
	next := w.keys
	next.Version++
	both, err := order.Open(w.sign(t, order.TypeKeyset, body, w.admin, other))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		b    []byte
		want order.Code // of an order 140 days on
	}{
		{"the same", w.keyset, order.ErrKeyset},
		{"with its signature twice", order.Assemble(both.Body, both.Sigs[0], both.Sigs[0]), order.ErrKeyset},
		{"with another signature", order.Assemble(both.Body, both.Sigs[1]), order.ErrKeyset},
		{"with both", order.Assemble(both.Body, both.Sigs...), order.ErrKeyset},
		{"with both, the other way round", order.Assemble(both.Body, both.Sigs[1], both.Sigs[0]), order.ErrKeyset},
		{"the next version", w.sign(t, order.TypeKeyset, next.Encode(), w.admin), order.Applied},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newDesk(t, w, profile.Sample("meander-p20"), 1)
			defer func() { s.close() }()
			s.d.mu.Lock()
			s.d.skew += 24 * 3_600_000 // nobody trusts it
			s.d.mu.Unlock()
			s.pass(80 * 24 * time.Hour)
			s.d.readDocument(document{kind: wire.DnKeyset, body: tt.b})
			if a := s.taken(); len(a) != 1 || a[0].Code != codeApplied {
				t.Fatalf("%+v", a)
			}
			s.again(disk.KeepNone) // it is on the disk, too
			s.pass(60 * 24 * time.Hour)
			v := s.d.look()
			if v.Trusted {
				t.Fatal("the clock is trusted")
			}
			a, _ := s.deliver(document{kind: wire.DnOrder, body: w.order(v, order.ActSettings, nil)})
			if len(a) != 1 || a[0].Code != string(tt.want) {
				t.Errorf("an order: %+v, want %s", a, tt.want)
			}
		})
	}
	t.Run("the first", func(t *testing.T) {
		s := newDesk(t, w, profile.Sample("meander-p20"), 1)
		defer func() { s.close() }()
		s.d.mu.Lock()
		s.d.docs.keyset = nil
		s.d.mu.Unlock()
		s.pass(80 * 24 * time.Hour)
		s.d.readDocument(document{kind: wire.DnKeyset, body: w.keyset})
		if v := s.d.look(); v.Memory.KeysetAt != v.Run {
			t.Errorf("taken at %d, now %d", v.Memory.KeysetAt, v.Run)
		}
	})
}
