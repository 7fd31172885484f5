package emulator

import (
	"crypto"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"cisterna/device/emulator/journal"
	"cisterna/device/order"
	"cisterna/device/pump"
	"cisterna/device/wire"
	"cisterna/internal/errs"
)

// Device is one pump with its communicator. Its methods may be called from any
// goroutine.
type Device struct {
	f    *Fleet
	id   wire.PumpID
	hash order.Digest // of the key: the pump's name in orders
	key  crypto.Signer
	jp   *journal.Pump // records and state
	safe *journal.Pump // identity, documents, epoch

	// onDurable is told by the journal that something more can be sent.
	onDurable func(error)

	mu sync.Mutex
	implant
	link
	docket
	who     identity
	docs    documents
	check   checkpoint
	faults  []activeFault
	shape   *shaper // what faults do to publications, nil if nothing
	working bool    // a goroutine is in work
	again   bool    // it must look once more before it ends
	started bool
	stopped bool
	guarded uint64 // journal epoch that may be sent: the vault knows of it
	stepAt  int64  // Unix ms by which the pump is looked at again
	timer   *time.Timer
	due     int64 // Unix ms that timer is set to, 0 if it is not
	idle    chan struct{}
}

// newDevice makes the device of an identity, not started.
func (f *Fleet) newDevice(who identity, docs documents) (*Device, error) {
	key, err := parseKey(who.Key)
	if err != nil {
		return nil, fmt.Errorf("pump %s: %w", who.Serial, err)
	}
	pub, err := wire.NewPublicKey(key.Public())
	if err != nil {
		return nil, fmt.Errorf("pump %s: %w", who.Serial, err)
	}
	id := pub.PumpID()
	d := &Device{f: f, id: id, hash: order.Digest(pub.Hash()), key: key, who: who, docs: docs, jp: f.journal.Pump(id), safe: f.vault.Pump(id)}
	d.who.Key = nil // in d.key
	d.onDurable = d.durable
	return d, nil
}

// identity returns who the device is, to be kept. Called with d.mu held.
func (d *Device) identity() (identity, error) {
	who := d.who
	der, err := marshalKey(d.key)
	who.Key = der
	return who, err
}

// Serial returns the number printed on the pump.
func (d *Device) Serial() string { return d.who.Serial }

// Pump returns the pump's name in records.
func (d *Device) Pump() wire.PumpID { return d.id }

// PublicKey returns the pump's key.
func (d *Device) PublicKey() wire.PublicKey { return must(wire.NewPublicKey(d.key.Public())) }

// prepare loads the pump's state and settles its journal epoch. fresh makes the
// state of a pump that was never implanted. It does not hold d.mu while it waits
// for the disk.
func (d *Device) prepare(fresh func(real int64) error) (err error) {
	defer func() {
		if err != nil { // a state without its memory of orders would obey old ones again
			d.mu.Lock()
			d.ready = false
			d.mu.Unlock()
		}
	}()
	d.mu.Lock()
	if d.ready {
		d.mu.Unlock()
		return nil
	}
	real := d.f.opt.Now().UnixMilli()
	guard, err := d.guard()
	if err != nil {
		d.mu.Unlock()
		return err
	}
	lost := d.jp.Lost() || guard > 0 && (!d.jp.Known() || d.jp.Head(wire.MainLane).Epoch < guard)
	known, err := d.recall()
	var left *pending
	booked := false
	if err == nil {
		left, booked, err = d.openBook()
	}
	switch {
	case err == nil && known:
		// The vault may have been faster when the process ended. What the journal does
		// not know never was, and must not come back with the vault's copy.
		d.keepSafe(d.snapshot(), real)
	case err == nil:
		err = fresh(real)
		lost = lost && guard > 0
	}
	if err == nil && !booked {
		d.memory.KeysetAt = d.st.Run // the keyset in force came with the pump
	}
	memory := d.memory
	d.mu.Unlock()
	if err == nil && !known {
		// The journal has the new pump before the vault says that there is one.
		err = d.jp.AppendWait(journal.Write{})
	}
	if err == nil && !booked {
		err = d.keepBook(&memory, nil)
	}
	if odd, ok := errors.AsType[*Unreadable](err); ok {
		d.mu.Lock()
		d.lastErr = odd.Error()
		d.mu.Unlock()
		return odd
	}
	if err != nil {
		return fmt.Errorf("pump %s: %w", d.who.Serial, err)
	}
	if left != nil {
		if err := d.settle(left); err != nil {
			return fmt.Errorf("pump %s: %w", d.who.Serial, err)
		}
	}
	epoch := d.jp.Head(wire.MainLane).Epoch
	if lost {
		old := max(guard, epoch)
		if epoch, err = d.newEpoch(old+1, old); err != nil {
			return fmt.Errorf("pump %s: %w", d.who.Serial, err)
		}
	}
	return d.guardEpoch(epoch)
}

// guard returns the highest journal epoch that the vault knows of, 0 for none.
func (d *Device) guard() (uint64, error) {
	b, err := d.safe.Item(itemEpoch)
	if err != nil || b == nil {
		return 0, err
	}
	n, w := binary.Uvarint(b)
	if w <= 0 {
		return 0, fmt.Errorf("pump %s: epoch in the vault does not parse", d.who.Serial)
	}
	return n, nil
}

// newEpoch begins a journal epoch, with what stands, and waits until it is durable.
func (d *Device) newEpoch(epoch, lost uint64) (uint64, error) {
	d.f.log.Warn("the journal of a pump was lost; a new epoch begins", "serial", d.who.Serial, "epoch", epoch)
	done := make(chan error, 1)
	d.mu.Lock()
	d.jp.NewEpoch(epoch, lost, "journal_lost", d.standing(d.f.opt.Now().UnixMilli(), "journal_lost"), func(err error) { done <- err })
	d.mu.Unlock()
	return epoch, <-done
}

// guardEpoch lets an epoch be sent once the vault knows of it, so that even with
// the journal gone no epoch is ever used twice.
func (d *Device) guardEpoch(epoch uint64) error {
	guard, err := d.guard()
	if err != nil {
		return err
	}
	if guard < epoch {
		if err := d.safe.AppendWait(journal.Write{Items: []journal.Item{{Key: itemEpoch, Value: binary.AppendUvarint(nil, epoch)}}}); err != nil {
			return err
		}
	}
	d.mu.Lock()
	d.guarded = epoch
	d.mu.Unlock()
	return nil
}

// Start implants the pump if it was not yet, brings it up to the present and
// connects it, after a delay that spreads a fleet.
func (d *Device) Start() error {
	if err := d.prepare(func(real int64) error { return d.implantAt(real, 0) }); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.stopped {
		return errs.Conflictf("pump %s was stopped", d.who.Serial)
	}
	if d.started {
		return nil
	}
	d.started = true
	now := d.f.opt.Now()
	if scale := max(d.who.Scale, 1); d.st.Scale != scale {
		real := now.UnixMilli()
		d.advance(real, false)
		d.st = d.machine().Rescale(d.st, scale)
		d.record(nil, real, true)
	}
	d.nextDial = now.Add(d.f.spread())
	d.nextBeat = now
	d.wakeLocked()
	return nil
}

// spread returns a random part of the time over which connections are spread.
func (f *Fleet) spread() time.Duration {
	if f.opt.FirstConnect <= 0 {
		return 0
	}
	return rand.N(f.opt.FirstConnect)
}

// stop ends the device: the pump's state is written down, the connection closed
// with a goodbye.
func (d *Device) stop() {
	d.mu.Lock()
	if d.stopped {
		d.mu.Unlock()
		return
	}
	d.stopped = true
	if d.started {
		real := d.f.opt.Now().UnixMilli()
		d.advance(real, false)
		if d.ready && !d.off {
			d.record(nil, real, true)
		}
	}
	if d.timer != nil {
		d.timer.Stop()
	}
	var idle chan struct{}
	if d.working {
		idle = make(chan struct{})
		d.idle = idle
	}
	conn := d.conn
	d.mu.Unlock()
	if idle != nil {
		<-idle
	}
	if conn != nil {
		if err := conn.Disconnect(); err != nil {
			d.f.log.Debug("goodbye", "serial", d.who.Serial, "error", err)
		}
	}
}

// durable is called by the journal.
func (d *Device) durable(error) { d.wake() }

// wake makes the device look at what there is to do.
func (d *Device) wake() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.wakeLocked()
}

func (d *Device) wakeLocked() {
	switch {
	case d.working:
		d.again = true
	case d.started && !d.stopped:
		d.working = true
		go d.work()
	}
}

// onTimer is wake for the timer, whose goroutine can do the work itself.
func (d *Device) onTimer() {
	d.mu.Lock()
	d.due = 0
	if d.working {
		d.again = true
		d.mu.Unlock()
		return
	}
	d.working = d.started && !d.stopped
	ok := d.working
	d.mu.Unlock()
	if ok {
		d.work()
	}
}

// work does what there is to do until there is nothing more. One goroutine at a
// time is in it, and only it writes to the connection.
func (d *Device) work() {
	for {
		d.mu.Lock()
		d.again = false
		now := d.f.opt.Now()
		var out []publication
		conn := d.conn
		if !d.stopped {
			out = d.turn(now)
		}
		if len(out) == 0 && (!d.again || d.stopped) {
			d.working = false
			if d.idle != nil {
				close(d.idle)
				d.idle = nil
			} else {
				d.arm(now)
			}
			d.mu.Unlock()
			return
		}
		d.mu.Unlock()
		if len(out) > 0 {
			d.send(conn, out)
		}
	}
}

// turn is one look at everything, with d.mu held. It returns what to publish.
func (d *Device) turn(now time.Time) []publication {
	real := now.UnixMilli()
	d.endFaults(now)
	if d.ready && !d.off {
		d.holdEnds(real)
		d.tellMissed(real)
	}
	if real >= d.stepAt {
		d.advance(real, false)
		d.stepAt = d.nextStep(real)
	}
	if d.conn == nil {
		d.dialIfDue(now)
		return nil
	}
	return d.collect(now)
}

// nextStep returns when the pump is to be looked at again: at its next sample or
// after a tick, so that what happens between samples is not told late.
func (d *Device) nextStep(real int64) int64 {
	next := real + d.f.opt.Tick.Milliseconds()
	if !d.ready || d.off {
		return next
	}
	if left := d.st.SampleAt - d.st.Run; left > 0 {
		next = min(next, real+left)
	}
	if d.f.opt.Habits {
		plan := d.plan()
		if at, in := plan.next(d.lived, next, false); in != nil {
			next = at
		}
	}
	return max(next, real+1)
}

// arm sets the timer to the next moment at which there is something to do.
func (d *Device) arm(now time.Time) {
	if d.stopped {
		return
	}
	due := time.UnixMilli(d.stepAt)
	earlier := func(t time.Time) {
		if !t.IsZero() && t.Before(due) {
			due = t
		}
	}
	for i := range d.faults {
		earlier(d.faults[i].until)
	}
	d.linkDue(earlier)
	if d.ready && !d.off {
		if d.held != nil {
			earlier(time.UnixMilli(d.bootAt + d.held.until))
		}
		if d.missed.count > 0 {
			earlier(time.UnixMilli(d.bootAt + d.missed.at + tellAfter))
		}
	}
	ms := max(due.UnixMilli(), now.UnixMilli()+1)
	if d.due == ms {
		return
	}
	d.due = ms
	after := time.UnixMilli(ms).Sub(now)
	if d.timer == nil {
		d.timer = time.AfterFunc(after, d.onTimer)
		return
	}
	d.timer.Reset(after)
}

// Do gives the pump an input now, as a local programmer or its surroundings
// would, and returns its reply, nil if the input has none.
func (d *Device) Do(in pump.Input) (*pump.Reply, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.running(); err != nil {
		return nil, err
	}
	real := d.f.opt.Now().UnixMilli()
	d.advance(real, false)
	reply := d.do(in, real)
	d.stepAt = real
	d.wakeLocked()
	return reply, nil
}

func (d *Device) running() error {
	switch {
	case d.stopped || !d.started:
		return errs.Conflictf("pump %s is not running", d.who.Serial)
	case d.off:
		return errs.Conflictf("pump %s has no power", d.who.Serial)
	}
	return nil
}

// Emit writes n samples of this moment into the journal, to make load for
// measuring. They are sent like any others.
func (d *Device) Emit(n int) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.running(); err != nil {
		return err
	}
	t := d.at(d.f.opt.Now().UnixMilli())
	w := journal.Write{Main: make([]wire.Record, n)}
	s := d.machine().Sample(&d.st)
	for i := range w.Main {
		w.Main[i] = wire.Record{Kind: wire.RecordSample, Wall: t.Wall, Mono: uint64(max(t.Mono, 0)), Sample: s}
	}
	d.jp.Append(w, d.onDurable)
	return nil
}
