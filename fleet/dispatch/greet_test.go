package dispatch

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cisterna/device/gateway"
	"cisterna/device/order"
	"cisterna/device/wire"
	"cisterna/fleet/keyset"
	"cisterna/fleet/library"
	"cisterna/fleet/registry"
	"cisterna/fleet/telemetry"
	"cisterna/internal/event"
)

type sent struct {
	Link string
	Kind wire.Kind
	Body string
	Slot uint8
}

// newGreeter returns a greeter and where what it sends goes.
func newGreeter() (*Greeter, chan sent) {
	out := make(chan sent, 16)
	return &Greeter{
		Greetings: new(event.Bus[telemetry.Greeted]), Directory: new(registry.Directory), Log: slog.New(slog.DiscardHandler),
		Keyset: func() (uint64, []byte) { return 7, []byte("keyset") }, Library: func() []byte { return []byte("library") },
		Profile: func(id string) (says, document []byte) {
			if id != "model" {
				return nil, nil
			}
			return []byte("says"), []byte("profile")
		},
		Keysets: new(event.Bus[keyset.Published]), Libraries: new(event.Bus[library.Activated]),
		Sayings: new(event.Bus[[]telemetry.Said]), Now: time.Now,
		Push: func(link string, m gateway.Outbound) bool {
			out <- sent{link, m.Kind, string(m.Payload), m.Slot}
			return true
		},
	}, out
}

func hello(keyset uint64, library []byte) telemetry.Greeted {
	return telemetry.Greeted{Hello: wire.Hello{Link: "COMM-1", State: wire.State{Keyset: keyset, Library: library}}}
}

// ofModel has the hello come from a pump of a model that names a profile.
func ofModel(id, says string, h telemetry.Greeted) telemetry.Greeted {
	h.Pump.Profile, h.Hello.State.Profile = id, []byte(says)
	return h
}

// TestGreet: a pump is sent what it lacks and nothing that it has.
func TestGreet(t *testing.T) {
	has := order.Hash([]byte("library"))
	keys, drugs := sent{"COMM-1", wire.DnKeyset, "keyset", 0}, sent{"COMM-1", wire.DnLibrary, "library", 0}
	profile := sent{"COMM-1", wire.DnProfile, "profile", 0}
	checkpoint := sent{"COMM-1", wire.DnCheckpoint, "newest", gateway.SlotCheckpoint}
	for _, c := range []struct {
		name       string
		hello      telemetry.Greeted
		checkpoint string
		want       []sent
	}{
		{"has everything", hello(7, has[:]), "", nil},
		{"has everything and is a witness", hello(7, has[:]), "newest", []sent{checkpoint}},
		{"older keyset", hello(6, has[:]), "", []sent{keys}},
		{"newer keyset", hello(8, has[:]), "", nil},
		{"other library", hello(7, []byte("other")), "", []sent{drugs}},
		{"other profile", ofModel("model", "other", hello(7, has[:])), "", []sent{profile}},
		{"the profile that is", ofModel("model", "says", hello(7, has[:])), "", nil},
		{"no profile", ofModel("model", "", hello(6, has[:])), "", []sent{keys, profile}},
		{"a model without a profile", ofModel("other", "says", hello(7, has[:])), "", nil},
		{"nothing", hello(0, nil), "newest", []sent{keys, drugs, checkpoint}},
	} {
		t.Run(c.name, func(t *testing.T) {
			g, out := newGreeter()
			if c.checkpoint != "" {
				g.Checkpoint("older")
				g.Checkpoint(c.checkpoint)
			}
			g.greet(c.hello)
			close(out)
			var got []sent
			for s := range out {
				got = append(got, s)
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

// TestRunGreets: who says hello while it runs is answered, and it ends with its
// context.
func TestRunGreets(t *testing.T) {
	g, out := newGreeter()
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- g.Run(ctx) }()
	deadline := time.After(20 * time.Second)
	for greeted := false; !greeted; {
		g.Greetings.Publish(hello(0, nil)) // until it has subscribed
		select {
		case s := <-out:
			greeted = s.Kind == wire.DnLibrary
		case <-time.After(10 * time.Millisecond):
		case <-deadline:
			t.Fatal("nobody was greeted")
		}
	}
	stop()
	for done := false; !done; {
		select {
		case err := <-ended:
			if done = true; err != nil {
				t.Error(err)
			}
		case <-out: // greetings that were under way
		}
	}
}
