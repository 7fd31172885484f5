package telemetry

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"testing"
	"time"

	"cisterna/device/order"
	"cisterna/device/wire"
	"cisterna/internal/postgres"
)

// answered is a server that waits for a pump's answer to a document.
type answered struct {
	*rig
	p, other *pump
	told     int // answers that were believed
	good     []byte
	answer   wire.Answer
}

func newAnswered(t *testing.T) *answered {
	x := &answered{rig: newRig(t)}
	x.svc.Answered = func(context.Context, *postgres.Tx, Answer) error { x.told++; return nil }
	x.p, x.other = x.rig.pump(), x.rig.pump()
	x.run()
	state := [32]byte{1}
	x.answer = wire.Answer{Pump: x.p.pub.PumpID(), Doc: [32]byte{7}, Kind: wire.DnOrder, Code: "applied", Wall: time.Now().UnixMilli(), Run: wire.Infusing, StateHash: state[:], ProgramHash: state[:], Counter: 4}
	x.good = x.p.seal(wire.UpAck, wire.Encode(x.answer))
	return x
}

// state is what no refused answer may change.
func (x *answered) state() string {
	return fmt.Sprint(x.told, one[int](x.rig, `SELECT count(*) FROM telemetry_answers`), one[int](x.rig, `SELECT count(*) FROM audit_leaf WHERE kind = 'pump.answer'`))
}

// refused sends an answer that must not be believed, and checks that nothing changed
// and that one refusal with the code is kept.
func (x *answered) refused(t *testing.T, name string, from *pump, b []byte, code string) {
	t.Helper()
	before, n := x.state(), one[int](x.rig, `SELECT count(*) FROM telemetry_refusals`)
	from.send(wire.UpAck, b)
	if after := x.state(); after != before {
		t.Errorf("%s: it was refused and changed %s to %s", name, before, after)
	}
	if got := one[int](x.rig, `SELECT count(*) FROM telemetry_refusals`); got != n+1 {
		t.Fatalf("%s: %d refusals", name, got-n)
	}
	if got := one[string](x.rig, `SELECT code FROM telemetry_refusals ORDER BY id DESC LIMIT 1`); got != code {
		t.Errorf("%s: refused with %s, want %s", name, got, code)
	}
}

// all waits until every message was taken, or refused for good.
func (x *answered) all(t *testing.T, fates []<-chan error) {
	t.Helper()
	for i, f := range fates {
		if err := x.p.wait(f); err != nil {
			t.Fatalf("message %d: %v", i, err)
		}
	}
}

// believed sends the good answer, which must be taken once whatever came before.
func (x *answered) believed(t *testing.T) {
	t.Helper()
	before := x.told
	x.p.send(wire.UpAck, x.good)
	if x.told != before+1 || one[int](x.rig, `SELECT count(*) FROM telemetry_answers WHERE code = 'applied'`) != 1 {
		t.Errorf("the good answer was believed %d times", x.told-before)
	}
}

// TestAnswerFamilies attacks the answers of pumps on their way to the server, by the
// families of reference/attacks.md 1.3. What pumps do with answers that come down the
// link stands in the tests of the same families in device/emulator.
func TestAnswerFamilies(t *testing.T) {
	seal := func(x *answered, p *pump, change func(*wire.Answer)) []byte {
		a := x.answer
		change(&a)
		return p.seal(wire.UpAck, wire.Encode(a))
	}
	for name, attack := range map[string]func(t *testing.T, x *answered){
		"replay": func(t *testing.T, x *answered) {
			x.believed(t)
			before := x.state()
			for range 5 {
				x.p.send(wire.UpAck, x.good)
			}
			x.open("boot-2") // a server that was started again believes it no second time
			x.svc.Answered = func(context.Context, *postgres.Tx, Answer) error { x.told++; return nil }
			x.run()
			x.p.send(wire.UpAck, x.good)
			if after := x.state(); after != before {
				t.Errorf("replays changed %s to %s", before, after)
			}
		},
		"wrong audience": func(t *testing.T, x *answered) {
			x.refused(t, "by another pump's link", x.other, x.good, CodePairing)
			x.refused(t, "another pump's by this link", x.p, x.other.seal(wire.UpAck, wire.Encode(wire.Answer{Pump: x.other.pub.PumpID(), Doc: [32]byte{7}, Code: "applied", Run: wire.Infusing})), CodePairing)
			x.refused(t, "in another pump's name", x.p, seal(x, x.p, func(a *wire.Answer) { a.Pump = x.other.pub.PumpID() }), CodePairing)
			x.believed(t)
		},
		"byte flips": func(t *testing.T, x *answered) {
			before := x.state()
			var fates []<-chan error
			for i := range x.good {
				bad := bytes.Clone(x.good)
				bad[i] ^= byte(1 + i%255)
				fates = append(fates, x.p.deliver(wire.UpAck, bad))
			}
			x.all(t, fates)
			if after := x.state(); after != before {
				t.Fatalf("flips changed %s to %s", before, after)
			}
			x.believed(t)
		},
		"unsigned": func(t *testing.T, x *answered) {
			_, stranger, err := ed25519.GenerateKey(rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			payload := wire.Encode(x.answer)
			forged, err := wire.Seal(rand.Reader, stranger, wire.UpAck, payload)
			if err != nil {
				t.Fatal(err)
			}
			x.refused(t, "a stranger's", x.p, forged, CodeSignature)
			x.refused(t, "the other pump's signature", x.p, x.other.seal(wire.UpAck, payload), CodeSignature)
			x.refused(t, "nobody's", x.p, append(bytes.Clone(x.good[:len(x.good)-64]), make([]byte, 64)...), CodeSignature)
			x.refused(t, "signed as a heartbeat", x.p, x.p.seal(wire.UpHB, payload), CodeSignature)
			x.believed(t)
		},
		"credentials": func(t *testing.T, x *answered) {
			x.believed(t)
			for table, query := range map[string]string{
				"answers": `SELECT body FROM telemetry_answers`, "evidence": `SELECT body FROM audit_evidence`, "refusals": `SELECT coalesce(body, '') FROM telemetry_refusals`,
			} {
				var all [][]byte
				if err := x.db.Select(&all, query); err != nil {
					t.Fatal(err)
				}
				for _, b := range all {
					if bytes.Contains(b, x.p.key.(ed25519.PrivateKey).Seed()) {
						t.Errorf("%s hold the pump's key", table)
					}
				}
			}
		},
		"parsers": func(t *testing.T, x *answered) {
			for name, b := range map[string][]byte{
				"nothing": nil, "noise": []byte("noise"), "nested": bytes.Repeat([]byte{0x81}, 8000), "no answer": x.p.seal(wire.UpAck, []byte{0xa0}),
				"cut": x.good[:len(x.good)-1], "longer": append(bytes.Clone(x.good), 0),
				"no code":   seal(x, x.p, func(a *wire.Answer) { a.Code = "" }),
				"long hash": seal(x, x.p, func(a *wire.Answer) { a.StateHash = make([]byte, 65) }),
			} {
				x.refused(t, name, x.p, b, CodeMalformed)
			}
			x.refused(t, "too long", x.p, make([]byte, wire.MaxPayload+1), CodeSize)
			x.believed(t)
		},
		"peers": func(t *testing.T, x *answered) {
			x.exec(`UPDATE registry_pumps SET status = 'revoked', rev = rev + 1 WHERE id = $1`, x.other.id)
			x.open("boot-2")
			x.svc.Answered = func(context.Context, *postgres.Tx, Answer) error { x.told++; return nil }
			x.run()
			x.refused(t, "a pump that was revoked", x.other, x.other.seal(wire.UpAck, wire.Encode(wire.Answer{Pump: x.other.pub.PumpID(), Doc: [32]byte{7}, Code: "applied", Run: wire.Infusing})), CodeStatus)
			x.believed(t)
		},
		"roles": func(t *testing.T, x *answered) { // a pump answers for itself, whatever the document says of others
			x.believed(t)
			if got := one[int](x.rig, `SELECT count(*) FROM telemetry_answers WHERE pump_id <> $1`, x.p.id); got != 0 {
				t.Errorf("%d answers are another pump's", got)
			}
			x.other.send(wire.UpAck, x.other.seal(wire.UpAck, wire.Encode(wire.Answer{Pump: x.other.pub.PumpID(), Doc: [32]byte{7}, Kind: wire.DnOrder, Code: string(order.ErrAud), Run: wire.Infusing})))
			if got := one[string](x.rig, `SELECT code FROM telemetry_answers WHERE pump_id = $1`, x.p.id); got != "applied" {
				t.Errorf("another pump's word made it %s", got)
			}
		},
		"rollback": func(t *testing.T, x *answered) { // what was refused first and applied later is both, in its order
			late := seal(x, x.p, func(a *wire.Answer) { a.Code, a.Wall = string(order.ErrWindow), a.Wall-60_000 })
			x.believed(t)
			x.p.send(wire.UpAck, late)
			if got := one[int](x.rig, `SELECT count(*) FROM telemetry_answers WHERE pump_id = $1 AND code = 'applied'`, x.p.id); got != 1 {
				t.Errorf("%d answers say applied after an older one came late", got)
			}
		},
		"total compromise": func(t *testing.T, x *answered) { // with the link's and the server's keys, and all that was ever heard
			heard := [][]byte{x.good, x.p.seal(wire.UpAck, wire.Encode(wire.Answer{Pump: x.p.pub.PumpID(), Doc: [32]byte{8}, Code: "E_SIG", Run: wire.Infusing}))}
			_, own, err := ed25519.GenerateKey(rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			before := x.state()
			var fates []<-chan error
			for i := range 500 {
				a := x.answer
				a.Doc[1], a.Doc[2] = byte(i+1), byte((i+1)>>8)
				b, err := wire.Seal(rand.Reader, own, wire.UpAck, wire.Encode(a))
				if err != nil {
					t.Fatal(err)
				}
				if i%2 == 0 { // a signature of another answer
					env, err := wire.OpenEnvelope(heard[i/2%2])
					if err != nil {
						t.Fatal(err)
					}
					b = append(bytes.Clone(b[:len(b)-len(env.Sig)]), env.Sig...)
				}
				fates = append(fates, x.p.deliver(wire.UpAck, b))
			}
			x.all(t, fates)
			if after := x.state(); after != before {
				t.Errorf("forged answers changed %s to %s", before, after)
			}
			x.believed(t)
		},
	} {
		t.Run(name, func(t *testing.T) { attack(t, newAnswered(t)) })
	}
}
