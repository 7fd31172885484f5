package telemetry

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"cisterna/device/gateway"
	"cisterna/device/wire"
	"cisterna/fleet/registry"
)

// word is what a pump says about itself: exactly one of hello, hb and answer is
// set. Its signature holds.
type word struct {
	ref    registry.PumpRef
	link   string
	at     time.Time
	body   []byte // the envelope as it came
	done   func(error)
	hello  *wire.Hello
	hb     *wire.Heartbeat
	answer *wire.Answer
}

// state returns what the word says of the pump's state, nil for an answer.
func (w *word) state() *wire.State {
	switch {
	case w.hello != nil:
		return &w.hello.State
	case w.hb != nil:
		return &w.hb.State
	}
	return nil
}

func (w *word) boot() (boot [16]byte, mono uint64, wall int64) {
	if w.hello != nil {
		return w.hello.Boot, w.hello.Mono, w.hello.Wall
	}
	return w.hb.Boot, w.hb.Mono, w.hb.Wall
}

// deviceAt returns the pump's clock, or ours where the pump's is impossible: a
// pump with a wrong clock must be able to connect, or it could never be set.
func (w *word) deviceAt(wall int64) time.Time {
	if code, _ := checkClock(wall, w.at); code != "" {
		return w.at
	}
	return time.UnixMilli(wall)
}

// Bounds on what hello and heartbeat may hold beyond wire's own.
const (
	maxHash   = 64
	maxSealed = 16 << 10 // program, contents
	maxCaps   = 64
)

func (s *Service) readHello(in gateway.Inbound, env wire.Envelope, w *word) error {
	h, err := wire.Decode[wire.Hello](env.Payload)
	if err != nil {
		return err
	}
	switch {
	case h.Link != in.Link:
		return &refusalError{CodePairing, "The hello was meant for another communicator, " + h.Link + "."}
	case h.Min > wire.Version || h.Max < wire.Version:
		return &refusalError{CodeVersion, "The pump speaks no protocol version that this server does."}
	case len(h.Caps) > maxCaps:
		return &refusalError{CodeMalformed, "The hello lists too many capabilities."}
	}
	w.hello = &h
	s.tracker.greet(w.ref, in.Link, in.Conn, h.Session, in.At)
	s.Stats.Hellos.Add(1)
	return checkState(&h.State)
}

func (s *Service) readHeartbeat(env wire.Envelope, w *word) error {
	hb, err := wire.Decode[wire.Heartbeat](env.Payload)
	if err != nil {
		return err
	}
	w.hb = &hb
	s.Stats.Heartbeats.Add(1)
	if hb.CommMV < 0 || hb.CommMV > maxMV {
		return &refusalError{CodeMalformed, "The communicator's battery voltage is impossible."}
	}
	return checkState(&hb.State)
}

func (s *Service) readAnswer(env wire.Envelope, w *word) error {
	a, err := wire.Decode[wire.Answer](env.Payload)
	if err != nil {
		return err
	}
	if a.Code == "" || len(a.StateHash) > maxHash || len(a.ProgramHash) > maxHash || len(a.Report) > maxSealed {
		return &refusalError{CodeMalformed, "The answer has no code, or hashes that are none."}
	}
	w.answer = &a
	return nil
}

func checkState(st *wire.State) error {
	for _, h := range [][]byte{st.StateHash, st.ProgramHash, st.Profile, st.Library, st.Checkpoint.Root, st.Window} {
		if len(h) > maxHash {
			return &refusalError{CodeMalformed, "The state holds a hash that is none."}
		}
	}
	if len(st.Program) > maxSealed || len(st.Contents) > maxSealed || len(st.Report) > maxSealed {
		return &refusalError{CodeMalformed, "The program or the contents are too long."}
	}
	if st.Run < wire.Infusing || st.Run > wire.Bridge {
		return &refusalError{CodeMalformed, "The run state is unknown."}
	}
	return nil
}

// sampleOf returns the sample of a heartbeat if it is possible.
func sampleOf(hb *wire.Heartbeat, at time.Time) (wire.Sample, bool) {
	v, ok := hb.LatestSample()
	if !ok {
		return v, false
	}
	code, _ := checkRecord(&wire.Record{Kind: wire.RecordSample, Wall: at.UnixMilli(), Sample: v}, at)
	return v, code == ""
}

// hbEvery is how often heartbeats are written. They promise nothing: the next
// one says the same or better, so they are acknowledged at once and only the
// newest of each pump is kept. One with a report is none of those.
const hbEvery = time.Second

// once reports whether the pump says this once, and says it again only if it hears
// that it did not arrive: hellos, answers, and the heartbeat that brings a report
// after a change. All others are said again anyway.
func (w *word) once() bool { return w.hb == nil || w.hb.State.Report != nil }

// stater is the batcher of what pumps say about themselves. What they say once is
// committed at once and acknowledged after that.
type stater struct {
	s    *Service
	in   chan word // what is said once
	down bool

	mu sync.Mutex
	hb map[int64]word
}

func newStater(s *Service) *stater {
	return &stater{s: s, in: make(chan word, 1024), hb: map[int64]word{}}
}

func (t *stater) put(w word) {
	if w.once() {
		t.s.Stats.Waiting.Add(1)
		t.in <- w
		return
	}
	t.mu.Lock()
	t.hb[w.ref.ID] = w
	t.mu.Unlock()
	w.done(nil)
}

// heartbeats takes what has gathered, by pump id.
func (t *stater) heartbeats() []word {
	t.mu.Lock()
	defer t.mu.Unlock()
	words := make([]word, 0, len(t.hb))
	for _, w := range t.hb {
		words = append(words, w)
	}
	clear(t.hb)
	return words
}

// run works until in is closed and empty. What somebody waits for goes before
// heartbeats: a pump's answer to an order stands behind no more than one
// transaction of them.
func (t *stater) run() {
	tick := time.NewTicker(hbEvery)
	defer tick.Stop()
	var beats []word
	for {
		var first word
		ok := true
		select {
		case first, ok = <-t.in:
		default:
			if n := min(len(beats), maxWords); n > 0 {
				t.commit(beats[:n], time.Now())
				beats = beats[n:]
				continue
			}
			select {
			case first, ok = <-t.in:
			case <-tick.C:
				beats = t.heartbeats()
				continue
			}
		}
		if !ok {
			for part := range slices.Chunk(append(beats, t.heartbeats()...), maxWords) {
				t.commit(part, time.Now())
			}
			return
		}
		words := []word{first}
		for len(words) < maxWords && len(t.in) > 0 {
			if w, ok := <-t.in; ok {
				words = append(words, w)
			}
		}
		t.commit(words, time.Now())
	}
}

// maxWords bounds one transaction.
const maxWords = 256

func (t *stater) commit(words []word, start time.Time) {
	if len(words) == 0 {
		return
	}
	var res stored
	err := retry(&t.s.Stats, start, &t.down, func() (err error) {
		res, err = t.s.storeWords(context.Background(), words)
		return err
	})
	switch {
	case err == nil:
		t.tell(words, res)
	case !transient(err) && len(words) > 1:
		t.commit(words[:len(words)/2], start)
		t.commit(words[len(words)/2:], start)
	default:
		t.s.Log.Error("what pumps said about themselves was not stored", slog.Int("messages", len(words)), slog.Int64("pump", words[0].ref.ID), slog.String("error", err.Error()))
		for i := range words {
			if words[i].once() {
				t.s.Stats.Failed.Add(1)
				t.s.Stats.Waiting.Add(-1)
				words[i].done(err)
			}
		}
	}
}

// stored says what a transaction of words did.
type stored struct {
	cursors map[int64]wire.Cursors // of pumps that said hello
	changed map[int64]bool         // pumps whose state is not what it was
	latest  map[int64]bool         // pumps whose heartbeat's sample is now the latest
}

func (t *stater) tell(words []word, res stored) {
	var changes []Changed
	var said []Said
	for i := range words {
		w := &words[i]
		if w.hello == nil {
			said = append(said, Said{Pump: w.ref, State: w.state(), Answer: w.answer, At: w.at})
		}
		c := Changed{Pump: w.ref.ID, At: w.at, Reload: res.changed[w.ref.ID]}
		if w.hb != nil && res.latest[w.ref.ID] {
			if v, ok := sampleOf(w.hb, w.at); ok {
				c.Sample = &Sample{Sample: v, DeviceAt: w.deviceAt(w.hb.Wall), ReceivedAt: w.at}
			}
		}
		if c.Reload || c.Sample != nil {
			changes = append(changes, c)
		}
		if w.once() {
			t.s.Stats.Waiting.Add(-1)
			w.done(nil)
		}
		if w.hello != nil {
			// What is committed: the pump may have missed our last word on it.
			c := res.cursors[w.ref.ID]
			t.s.acks.push(w.link, c)
			t.s.asks.note(w, *c.Alarm)
			t.s.greeted.Publish(Greeted{Pump: w.ref, Hello: *w.hello, At: w.at})
		}
	}
	if len(changes) > 0 {
		t.s.events.Publish(changes)
	}
	if len(said) > 0 {
		t.s.said.Publish(said)
	}
}

// important lists what changed of a pump that the record must know of, against
// what was stored before. Nothing stored means that all of it is new.
func (w *word) important(prev *stateRow) (what []string) {
	st := w.state()
	add := func(name string, changed bool) {
		if prev == nil || changed {
			what = append(what, name)
		}
	}
	if prev == nil {
		prev = &stateRow{}
	}
	if w.hello != nil {
		add("firmware", w.hello.Firmware != prev.firmware)
		add("firmware_comm", w.hello.FirmwareComm != prev.firmwareComm)
	}
	add("program", !bytes.Equal(st.ProgramHash, prev.program))
	add("profile", !bytes.Equal(st.Profile, prev.profile))
	add("library", !bytes.Equal(st.Library, prev.library))
	add("keyset", int64(st.Keyset) != prev.keyset)
	add("order_epoch", int64(st.OrderEpoch) != prev.orderEpoch)
	if st.Smaller != prev.smaller {
		what = append(what, "smaller_checkpoint")
	}
	return what
}
