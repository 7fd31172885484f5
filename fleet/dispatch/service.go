package dispatch

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/jmoiron/sqlx"

	"cisterna/device/gateway"
	"cisterna/device/wire"
	"cisterna/fleet/registry"
	"cisterna/fleet/telemetry"
	"cisterna/internal/event"
	"cisterna/internal/postgres"
)

// Outbox keeps what pumps are to be sent, sends it, and sends it again until the
// pump's own signed answer is there or it is too late. It addresses a pump and
// looks up the communicator of today for every sending: an exchanged one changes
// nothing. Make it with its fields set and Run it; it is safe for concurrent use.
type Outbox struct {
	DB        *sqlx.DB
	Directory *registry.Directory
	Greetings *event.Bus[telemetry.Greeted]
	Push      func(link string, m gateway.Outbound) bool
	// Covered waits until a leaf of the record is under a checkpoint.
	Covered func(ctx context.Context, leaf int64) error
	// SentTx hears, in the transaction that notes it, of the first sending of a
	// letter, before the letter itself is locked: whoever keeps an answer locks in
	// the same order. It may be nil.
	SentTx func(ctx context.Context, tx *postgres.Tx, l Letter, at time.Time) error
	Now    func() time.Time
	Log    *slog.Logger

	once sync.Once
	wake chan struct{}

	mu   sync.Mutex
	open map[int64]*Letter // by id
	busy map[int64]bool    // being sent now
	seen map[int64]bool    // leaves that are known to be covered
}

func (o *Outbox) init() {
	o.once.Do(func() {
		o.wake = make(chan struct{}, 1)
		o.open, o.busy, o.seen = map[int64]*Letter{}, map[int64]bool{}, map[int64]bool{}
	})
}

// Enqueue puts a letter into the outbox in the transaction of what it tells of. It
// leaves after the commit.
func (o *Outbox) Enqueue(ctx context.Context, tx *postgres.Tx, l Letter) error {
	o.init()
	if err := insertLetter(ctx, tx, &l); err != nil {
		return err
	}
	tx.OnCommit(func() {
		o.mu.Lock()
		o.open[l.ID] = &l
		o.mu.Unlock()
		o.nudge()
	})
	return nil
}

// AnsweredTx ends a letter that a pump has answered, in the transaction that keeps
// the answer.
func (o *Outbox) AnsweredTx(ctx context.Context, tx *postgres.Tx, pump int64, doc [32]byte, code string) error {
	return o.end(ctx, tx, pump, doc, Answered, code)
}

// CancelTx takes back a letter that need not be sent any more. What was sent stays
// sent.
func (o *Outbox) CancelTx(ctx context.Context, tx *postgres.Tx, pump int64, doc [32]byte) error {
	return o.end(ctx, tx, pump, doc, Cancelled, "")
}

func (o *Outbox) end(ctx context.Context, tx *postgres.Tx, pump int64, doc [32]byte, state State, code string) error {
	o.init()
	id, ok, err := endLetter(ctx, tx, pump, doc[:], state, code, o.Now())
	if err != nil || !ok {
		return err
	}
	tx.OnCommit(func() {
		o.mu.Lock()
		delete(o.open, id)
		o.mu.Unlock()
	})
	return nil
}

// Open returns how many letters have no answer yet, and when the oldest of them
// was written.
func (o *Outbox) Open() (n int, oldest time.Time) {
	o.init()
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, l := range o.open {
		if oldest.IsZero() || l.CreatedAt.Before(oldest) {
			oldest = l.CreatedAt
		}
	}
	return len(o.open), oldest
}

func (o *Outbox) nudge() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// look is how often the outbox looks for what is due.
const look = 250 * time.Millisecond

// Run sends until ctx ends. What an earlier process left is sent as well.
func (o *Outbox) Run(ctx context.Context) error {
	o.init()
	sub := o.Greetings.Subscribe(4096)
	defer sub.Close()
	var group sync.WaitGroup
	defer group.Wait()
	for {
		err := o.load(ctx)
		if err == nil {
			break
		}
		o.Log.Warn("the outbox cannot be read and is tried again", "error", err)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(time.Second):
		}
	}
	tick := time.NewTicker(look)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-o.wake:
		case <-tick.C:
			o.expire(ctx)
		case <-sub.Wake():
			greeted, missed := sub.Take()
			o.greeted(greeted, missed)
		}
		for _, l := range o.due() {
			group.Go(func() { o.send(ctx, l) })
		}
	}
}

func (o *Outbox) load(ctx context.Context) error {
	all, err := readOpen(ctx, o.DB)
	if err != nil {
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, l := range all {
		if o.open[l.ID] == nil {
			o.open[l.ID] = l
		}
	}
	return nil
}

// greeted makes everything for pumps that are here now due.
func (o *Outbox) greeted(all []telemetry.Greeted, missed bool) {
	here := map[int64]bool{}
	for _, g := range all {
		here[g.Pump.ID] = true
	}
	now := o.Now()
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, l := range o.open {
		if missed || here[l.Pump] {
			l.NextAt = now
		}
	}
}

// due returns what is to be sent now, and marks it busy: stops first, then what was
// signed first. What waits for the record keeps nothing behind it back.
func (o *Outbox) due() []Letter {
	now := o.Now()
	o.mu.Lock()
	defer o.mu.Unlock()
	var out []Letter
	for id, l := range o.open {
		if !o.busy[id] && !l.NextAt.After(now) && !l.NotAfter.Before(now) {
			o.busy[id] = true
			out = append(out, *l)
		}
	}
	slices.SortFunc(out, func(a, b Letter) int {
		if stop := a.Kind == wire.DnStop; stop != (b.Kind == wire.DnStop) {
			if stop {
				return -1
			}
			return 1
		}
		return cmp.Compare(a.ID, b.ID)
	})
	return out
}

// errEnded says that a letter was answered or taken back as it was sent.
var errEnded = errors.New("ended")

// coverWait bounds how long one attempt waits for the record.
const coverWait = 30 * time.Second

// send sends one letter once, if the record has it and the pump is there.
func (o *Outbox) send(ctx context.Context, l Letter) {
	next := o.Now().Add(firstPause)
	defer func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		delete(o.busy, l.ID)
		if cur := o.open[l.ID]; cur != nil && cur.NextAt.Equal(l.NextAt) {
			cur.NextAt = next
		}
	}()
	if err := o.covered(ctx, l); err != nil {
		if ctx.Err() == nil {
			o.Log.Warn("a document waits for the record", "pump", l.Pump, "error", err)
		}
		return
	}
	p, ok := o.Directory.ByID(l.Pump)
	if !ok || p.Link == "" || p.Status != registry.Active {
		return // its next hello sends it
	}
	now := o.Now()
	if now.After(l.NotAfter) {
		return
	}
	o.mu.Lock()
	over := o.open[l.ID] == nil // answered or taken back while the record was waited for
	o.mu.Unlock()
	if over {
		return
	}
	if !o.Push(p.Link, gateway.Outbound{Kind: l.Kind, Payload: l.Payload}) {
		return // nobody is there; its hello sends it
	}
	// A server that dies here sends it again: the pump answers the same bytes the
	// same way.
	open, after := true, now.Add(pause(l.Tries+1))
	err := postgres.InTx(ctx, o.DB, func(tx *postgres.Tx) error {
		if l.Tries == 0 && o.SentTx != nil {
			if err := o.SentTx(ctx, tx, l, now); err != nil {
				return err
			}
		}
		still, err := markSent(ctx, tx, l.ID, p.Link, now, after)
		if err == nil && !still {
			err = errEnded
		}
		return err
	})
	if errors.Is(err, errEnded) {
		open, err = false, nil
	}
	if err != nil {
		if ctx.Err() == nil {
			o.Log.Warn("a document that was sent could not be marked so", "pump", l.Pump, "error", err)
		}
		return
	}
	if !open {
		o.mu.Lock()
		delete(o.open, l.ID)
		o.mu.Unlock()
		return
	}
	next = after
	o.mu.Lock()
	if cur := o.open[l.ID]; cur != nil {
		cur.Tries++
		cur.State = Sent
	}
	o.mu.Unlock()
}

func (o *Outbox) covered(ctx context.Context, l Letter) error {
	ctx, cancel := context.WithTimeout(ctx, coverWait)
	defer cancel()
	for _, leaf := range l.Leaves {
		o.mu.Lock()
		seen := o.seen[leaf]
		o.mu.Unlock()
		if seen {
			continue
		}
		if err := o.Covered(ctx, leaf); err != nil {
			return err
		}
		o.mu.Lock()
		if len(o.seen) > 10_000 {
			clear(o.seen)
		}
		o.seen[leaf] = true
		o.mu.Unlock()
	}
	return nil
}

func (o *Outbox) expire(ctx context.Context) {
	now := o.Now()
	o.mu.Lock()
	late := false
	for _, l := range o.open {
		late = late || l.NotAfter.Before(now)
	}
	o.mu.Unlock()
	if !late {
		return
	}
	var ids []int64
	err := postgres.InTx(ctx, o.DB, func(tx *postgres.Tx) (err error) {
		ids, err = expireLetters(ctx, tx, now)
		return err
	})
	if err != nil {
		if ctx.Err() == nil {
			o.Log.Warn("old documents could not be put away", "error", err)
		}
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, id := range ids {
		delete(o.open, id)
	}
}
