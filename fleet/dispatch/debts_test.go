package dispatch

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"cisterna/device/gateway"
	"cisterna/device/order"
	"cisterna/device/wire"
	"cisterna/fleet/registry"
	"cisterna/fleet/telemetry"
)

// lender is a greeter whose clock the test moves, and a pump that says what the test
// has it say.
type lender struct {
	*post
	g       *Greeter
	version uint64
}

func newLender(t *testing.T) *lender {
	x := &lender{post: newPost(t), version: 8}
	x.g, _ = newGreeter()
	x.g.Directory, x.g.Now = x.reg.Directory(), x.now
	x.g.Keyset = func() (uint64, []byte) { return x.version, fmt.Appendf(nil, "keyset %d", x.version) }
	x.g.Push = func(link string, m gateway.Outbound) bool {
		if link == "COMM-2" || x.away {
			return false // the second pump is never there
		}
		x.sent = append(x.sent, link+" "+string(m.Payload))
		return true
	}
	return x
}

// passes lets time pass, a second at a time.
func (x *lender) passes(d time.Duration) {
	for ; d > 0; d -= time.Second {
		x.wait(time.Second)
		x.g.pay()
	}
}

// wants compares what was sent since the last look.
func (x *lender) wants(when string, want ...string) {
	x.t.Helper()
	if !slices.Equal(x.sent, want) {
		x.t.Errorf("%s: sent %q, want %q", when, x.sent, want)
	}
	x.sent = nil
}

// state is what the pump says of itself with the keyset and the library.
func state(keyset uint64, library string) *wire.State {
	drugs := order.Hash([]byte(library))
	return &wire.State{Keyset: keyset, Library: drugs[:]}
}

// beats is a heartbeat, received so long ago.
func (x *lender) beats(st *wire.State, ago time.Duration) {
	x.g.hear(&telemetry.Said{Pump: registry.PumpRef{ID: 1}, State: st, At: x.now().Add(-ago)})
	x.g.pay()
}

// answers is an answer to a document or to an order.
func (x *lender) answers(kind wire.Kind, body, code string) {
	x.g.hear(&telemetry.Said{Pump: registry.PumpRef{ID: 1}, Answer: &wire.Answer{Kind: kind, Doc: order.Hash([]byte(body)), Code: code}, At: x.now()})
}

const newest = "COMM-1 keyset 8"

// TestSentUntilThePumpHasIt: a keyset that a pump could not keep, or never got, is sent
// after growing pauses for as long as the pump names an older one, and not once more
// after it has said that it took it.
func TestSentUntilThePumpHasIt(t *testing.T) {
	x := newLender(t)
	x.g.publish(wire.DnKeyset)
	x.wants("published", newest)
	x.answers(wire.DnKeyset, "keyset 8", "E_STORAGE")
	x.beats(state(7, "library"), 0)
	x.passes(time.Second)
	x.wants("its disk is full: not again in the same breath")
	for _, gap := range []time.Duration{2, 4, 8, 16, 32, 64, 64, 64} {
		x.passes(gap*time.Second - time.Second)
		x.wants(fmt.Sprintf("after %d s", gap), newest)
		x.passes(time.Second)
		x.answers(wire.DnKeyset, "keyset 8", "E_STORAGE")
		x.beats(state(7, "library"), 0)
		x.wants("in the second after that")
	}
	x.answers(wire.DnKeyset, "keyset 8", "applied")
	x.beats(state(7, "library"), time.Second)
	x.passes(time.Hour)
	x.wants("it took it, whenever its next heartbeat comes")
	for range 100 {
		x.beats(state(8, "library"), 0)
		x.passes(30 * time.Second)
	}
	x.wants("it says that it has it")
	x.beats(state(7, "library"), 0)
	x.wants("it names an older one again", newest)
	x.g.greet(telemetry.Greeted{Pump: registry.PumpRef{ID: 1}, Hello: wire.Hello{Link: "COMM-1", State: *state(8, "library")}})
	x.passes(time.Hour)
	x.wants("its hello says that it has it")
}

// TestSentOnRefusal: an order that a pump refuses for want of a keyset or a library has
// that sent at once.
func TestSentOnRefusal(t *testing.T) {
	x := newLender(t)
	x.beats(state(8, "library"), 0)
	for _, c := range []struct {
		kind wire.Kind
		code string
		want []string
	}{
		{wire.DnOrder, "E_KEYSET", []string{newest}},
		{wire.DnStop, "E_KEYSET", nil}, // within two seconds of the first
		{wire.DnOrder, "E_LIB", []string{"COMM-1 library"}},
		{wire.DnOrder, "E_WINDOW", nil},
		{wire.DnOrder, "applied", nil},
	} {
		x.answers(c.kind, "an order", c.code)
		x.wants(fmt.Sprintf("%s to %s", c.code, c.kind), c.want...)
	}
	x.passes(2 * time.Second)
	x.wants("neither was answered", newest, "COMM-1 library")
	x.beats(state(8, "library"), 0)
	x.passes(time.Hour)
	x.wants("it has both")
}

// TestNotPressed: a pump that does not want a document is asked again in an hour, and
// one that is not there is not asked.
func TestNotPressed(t *testing.T) {
	x := newLender(t)
	x.g.publish(wire.DnKeyset)
	x.answers(wire.DnKeyset, "keyset 8", "E_KEYSET") // it is for other sites
	x.wants("published", newest)
	for range 119 {
		x.beats(state(7, "library"), 0)
		x.passes(30 * time.Second)
	}
	x.wants("refused")
	x.passes(30 * time.Second)
	x.wants("an hour later", newest)
	x.version = 9
	x.g.publish(wire.DnKeyset)
	x.wants("the next version", "COMM-1 keyset 9")
	x.answers(wire.DnKeyset, "keyset 8", "applied") // late, and no answer to this one
	x.passes(2 * time.Second)
	x.wants("after the answer to the one before", "COMM-1 keyset 9")
	x.away = true
	x.passes(time.Hour)
	x.away = false
	x.passes(time.Hour)
	x.wants("it is back, and has not said so")
	if len(x.g.debts) != 0 {
		t.Errorf("%d documents are owed to pumps that are not there", len(x.g.debts))
	}
}
