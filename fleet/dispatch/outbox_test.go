package dispatch

import (
	"context"
	"crypto/ed25519"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jmoiron/sqlx"

	"cisterna/device/gateway"
	"cisterna/device/wire"
	"cisterna/fleet/registry"
	"cisterna/fleet/telemetry"
	"cisterna/internal/event"
	"cisterna/internal/pgtest"
	"cisterna/internal/postgres"
)

// post is an outbox on a database of its own, with pumps, a clock that the test
// moves, and a link that can be away.
type post struct {
	t     *testing.T
	db    *sqlx.DB
	reg   *registry.Service
	box   *Outbox
	start time.Time

	mu      sync.Mutex
	at      time.Time
	away    bool
	sent    []string // link, kind and payload
	sentTx  int
	waits   chan struct{} // closed when the record covers everything
	onPush  func()
	noticed []time.Time
}

func newPost(t *testing.T) *post {
	x := &post{t: t, db: pgtest.New(t), start: time.Date(2026, 5, 1, 10, 0, 0, 0, time.UTC), waits: make(chan struct{})}
	x.at = x.start
	close(x.waits)
	x.exec(`INSERT INTO registry_sites (name, short, time_zone, created_at) VALUES ('Test', 'T', 'UTC', now())`)
	for i := 1; i <= 2; i++ {
		public, _, err := ed25519.GenerateKey(nil)
		if err != nil {
			t.Fatal(err)
		}
		key, err := wire.NewPublicKey(public)
		if err != nil {
			t.Fatal(err)
		}
		hash, id := key.Hash(), key.PumpID()
		x.exec(`INSERT INTO registry_pumps (site_id, maker, serial, model, profile, label, udi, udi_di, status, status_since, status_reason, device_key, key_hash, wire_id, key_at,
    lot, pocket_site, pocket_side, catheter_model, tip_level, mri_status, recall_ref, created_at)
VALUES ((SELECT min(id) FROM registry_sites), 'Maker', $1, 'M', 'p', '', '', '', 'active', now(), '', $2, $3, $4, now(), '', '', '', '', '', '', '', now())`, fmt.Sprintf("SN-%d", i), key.String(), hash[:], id[:])
		x.pair(int64(i), fmt.Sprintf("COMM-%d", i))
	}
	reg, err := registry.New(context.Background(), registry.Options{
		DB: x.db, Now: x.now,
		Sign: func(*x509.CertificateRequest, time.Time) (*x509.Certificate, [][]byte, error) {
			return nil, nil, errors.New("not here")
		},
		Documents: func(context.Context, string) (registry.Documents, error) {
			return registry.Documents{}, errors.New("not here")
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	x.reg = reg
	x.open()
	return x
}

func (x *post) exec(query string, args ...any) {
	x.t.Helper()
	if _, err := x.db.Exec(query, args...); err != nil {
		x.t.Fatalf("%s: %v", query, err)
	}
}

// pair gives a pump a communicator, in place of the one that it has.
func (x *post) pair(pump int64, link string) {
	x.t.Helper()
	x.exec(`UPDATE registry_pairings SET to_at = now() WHERE pump_id = $1 AND to_at IS NULL`, pump)
	x.exec(`INSERT INTO registry_communicators (serial, model, firmware, status, status_since, status_reason, created_at) VALUES ($1, '', '', 'active', now(), '', now())`, link)
	x.exec(`INSERT INTO registry_pairings (pump_id, link, from_at, reason) VALUES ($1, $2, now(), 'test')`, pump, link)
	x.exec(`UPDATE registry_pumps SET rev = rev + 1 WHERE id = $1`, pump)
	if x.reg != nil {
		if err := x.reg.Reload(context.Background()); err != nil {
			x.t.Fatal(err)
		}
	}
}

// open makes the outbox anew, as a start of the server does.
func (x *post) open() {
	x.t.Helper()
	x.box = &Outbox{
		DB: x.db, Directory: x.reg.Directory(), Greetings: new(event.Bus[telemetry.Greeted]), Push: x.push, Now: x.now, Log: slog.New(slog.DiscardHandler),
		Covered: func(ctx context.Context, _ int64) error {
			select {
			case <-x.waits:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		},
		SentTx: func(_ context.Context, tx *postgres.Tx, _ Letter, _ time.Time) error {
			tx.OnCommit(func() {
				x.mu.Lock()
				defer x.mu.Unlock()
				x.sentTx++
			})
			return nil
		},
	}
	x.box.init()
	if err := x.box.load(context.Background()); err != nil {
		x.t.Fatal(err)
	}
}

func (x *post) now() time.Time {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.at
}

func (x *post) wait(d time.Duration) {
	x.mu.Lock()
	x.at = x.at.Add(d)
	x.mu.Unlock()
}

func (x *post) push(link string, m gateway.Outbound) bool {
	x.mu.Lock()
	if x.away {
		x.mu.Unlock()
		return false
	}
	x.sent = append(x.sent, fmt.Sprintf("%s %s %s", link, m.Kind, m.Payload))
	x.noticed = append(x.noticed, x.at)
	f := x.onPush
	x.mu.Unlock()
	if f != nil {
		f()
	}
	return true
}

// look lets the outbox send what is due, as its loop does, and put away what is late.
func (x *post) look() {
	for _, l := range x.box.due() {
		x.box.send(context.Background(), l)
	}
	x.box.expire(context.Background())
}

// took returns what was sent since last asked.
func (x *post) took() []string {
	x.mu.Lock()
	defer x.mu.Unlock()
	out := x.sent
	x.sent = nil
	return out
}

func (x *post) want(what string, want ...string) {
	x.t.Helper()
	if diff := cmp.Diff(want, x.took()); diff != "" {
		x.t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func (x *post) tx(f func(tx *postgres.Tx) error) {
	x.t.Helper()
	if err := postgres.InTx(context.Background(), x.db, f); err != nil {
		x.t.Fatal(err)
	}
}

// enqueue puts a letter into the outbox, good for a quarter of an hour.
func (x *post) enqueue(pump int64, kind wire.Kind, text string, leaves ...int64) Letter {
	x.t.Helper()
	l := NewLetter(pump, kind, []byte(text), x.now(), x.now().Add(15*time.Minute), leaves...)
	x.tx(func(tx *postgres.Tx) error { return x.box.Enqueue(context.Background(), tx, l) })
	return l
}

func (x *post) state(l Letter) (s State) {
	x.t.Helper()
	if err := x.db.Get(&s, `SELECT state FROM dispatch_outbox WHERE doc = $1`, l.Doc[:]); err != nil {
		x.t.Fatal(err)
	}
	return s
}

// TestSentUntilAnswered: a letter leaves at once, again after pauses that double up to
// about a minute, and no more once the pump has answered.
func TestSentUntilAnswered(t *testing.T) {
	x := newPost(t)
	l := x.enqueue(1, wire.DnOrder, "release")
	for x.now().Sub(x.start) < 5*time.Minute {
		x.look()
		x.wait(250 * time.Millisecond)
	}
	var after []int
	for _, at := range x.noticed {
		after = append(after, int(at.Sub(x.start)/time.Second))
	}
	if want := []int{0, 2, 6, 14, 30, 62, 126, 190, 254}; !slices.Equal(after, want) {
		t.Errorf("sent after %v s, want %v", after, want)
	}
	if x.state(l) != Sent || x.sentTx != 1 {
		t.Errorf("it is %s, and its first sending was told of %d times", x.state(l), x.sentTx)
	}
	x.tx(func(tx *postgres.Tx) error { return x.box.AnsweredTx(t.Context(), tx, 1, l.Doc, "applied") })
	x.took()
	x.wait(10 * time.Minute)
	x.look()
	x.want("after the answer")
	if x.state(l) != Answered {
		t.Errorf("it is %s", x.state(l))
	}
}

// TestNeverSentLate: what the pump would refuse is not sent, and is put away; whoever
// says hello then hears nothing of it.
func TestNeverSentLate(t *testing.T) {
	x := newPost(t)
	x.away = true
	l := x.enqueue(1, wire.DnOrder, "release")
	x.look()
	x.wait(15*time.Minute + time.Millisecond)
	x.away = false
	ref, _ := x.reg.Directory().ByID(1)
	x.box.greeted([]telemetry.Greeted{{Pump: ref}}, false)
	x.look()
	x.want("too late")
	if x.state(l) != Expired {
		t.Errorf("it is %s", x.state(l))
	}
	if n := len(x.box.open); n != 0 {
		t.Errorf("%d letters are still open", n)
	}
}

// TestLastMoment: at its very end a letter still leaves.
func TestLastMoment(t *testing.T) {
	x := newPost(t)
	x.away = true
	x.enqueue(1, wire.DnOrder, "release")
	x.look()
	x.away = false
	x.wait(15 * time.Minute)
	x.look()
	x.want("in the last moment", "COMM-1 dn/order release")
}

// TestStopsFirst: of what is due together, stops leave first and then what was signed
// first.
func TestStopsFirst(t *testing.T) {
	x := newPost(t)
	x.enqueue(1, wire.DnOrder, "first")
	x.enqueue(2, wire.DnOrder, "second")
	x.enqueue(2, wire.DnStop, "stop")
	x.enqueue(1, wire.DnOrder, "third")
	x.look()
	x.want("in their order", "COMM-2 dn/stop stop", "COMM-1 dn/order first", "COMM-2 dn/order second", "COMM-1 dn/order third")
}

// TestNothingWaitsBehindTheRecord: a release waits until its leaves are in the record;
// a stop behind it does not.
func TestNothingWaitsBehindTheRecord(t *testing.T) {
	x := newPost(t)
	x.waits = make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if err := x.box.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { cancel(); running.Wait() })
	x.enqueue(1, wire.DnOrder, "release", 11, 12)
	x.enqueue(1, wire.DnStop, "stop")
	x.eventually("the stop leaves", "COMM-1 dn/stop stop")
	x.enqueue(2, wire.DnStop, "another stop")
	x.eventually("another leaves", "COMM-2 dn/stop another stop")
	close(x.waits)
	x.eventually("the release leaves", "COMM-1 dn/order release")
}

// TestTakenBackBehindTheRecord: what is taken back while it waits for the record does
// not leave afterwards.
func TestTakenBackBehindTheRecord(t *testing.T) {
	x := newPost(t)
	x.waits = make(chan struct{})
	asked := make(chan struct{})
	covered := x.box.Covered
	x.box.Covered = func(ctx context.Context, leaf int64) error {
		close(asked)
		return covered(ctx, leaf)
	}
	l := x.enqueue(1, wire.DnOrder, "release", 11)
	var looking sync.WaitGroup
	looking.Go(x.look)
	<-asked
	x.tx(func(tx *postgres.Tx) error { return x.box.CancelTx(t.Context(), tx, 1, l.Doc) })
	close(x.waits)
	looking.Wait()
	x.want("nothing")
	if x.state(l) != Cancelled {
		t.Errorf("it is %s", x.state(l))
	}
}

func (x *post) eventually(what string, want ...string) {
	x.t.Helper()
	var got []string
	for deadline := time.Now().Add(30 * time.Second); !slices.Equal(got, want); {
		if time.Now().After(deadline) {
			x.t.Fatalf("%s: sent %v", what, got)
		}
		got = append(got, x.took()...)
		select {
		case <-x.t.Context().Done():
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// TestAwayAndBack: nobody is there; the pump's hello sends what waits at once, over
// the communicator that it has by then.
func TestAwayAndBack(t *testing.T) {
	x := newPost(t)
	x.away = true
	l := x.enqueue(1, wire.DnOrder, "release")
	other := x.enqueue(2, wire.DnOrder, "another")
	x.look()
	if x.state(l) != Waiting || x.state(other) != Waiting || x.sentTx != 0 {
		t.Errorf("%s and %s although nobody was there", x.state(l), x.state(other))
	}
	x.away = false
	x.pair(1, "COMM-NEW")
	ref, _ := x.reg.Directory().ByID(1)
	x.box.greeted([]telemetry.Greeted{{Pump: ref}}, false)
	x.look()
	x.want("to whom said hello", "COMM-NEW dn/order release")
	x.box.greeted(nil, true) // more said hello than could be told
	x.look()
	x.want("to all", "COMM-NEW dn/order release", "COMM-2 dn/order another")
	x.exec(`UPDATE registry_pumps SET status = 'revoked', rev = rev + 1 WHERE id = 1`)
	if err := x.reg.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	x.wait(time.Minute)
	x.look()
	x.want("not to a pump that was revoked", "COMM-2 dn/order another")
}

// TestRestart: a server that is started again sends what the last one left, and not
// what was answered, cancelled, or never committed.
func TestRestart(t *testing.T) {
	x := newPost(t)
	x.enqueue(1, wire.DnOrder, "sent before")
	x.look()
	x.away = true
	x.enqueue(2, wire.DnOrder, "waiting")
	done, gone := x.enqueue(1, wire.DnOrder, "answered"), x.enqueue(1, wire.DnOrder, "cancelled")
	x.look()
	x.tx(func(tx *postgres.Tx) error {
		return errors.Join(x.box.AnsweredTx(t.Context(), tx, 1, done.Doc, "E_CAS"), x.box.CancelTx(t.Context(), tx, 1, gone.Doc))
	})
	never := errors.New("never")
	err := postgres.InTx(t.Context(), x.db, func(tx *postgres.Tx) error {
		return errors.Join(x.box.Enqueue(t.Context(), tx, NewLetter(1, wire.DnOrder, []byte("never"), x.now(), x.now().Add(time.Hour))), never)
	})
	if !errors.Is(err, never) {
		t.Fatal(err)
	}
	x.away = false
	x.took()
	x.open()
	x.look()
	x.want("at once", "COMM-2 dn/order waiting")
	x.wait(2 * time.Second)
	x.look()
	x.want("when its pause is over", "COMM-1 dn/order sent before", "COMM-2 dn/order waiting")
	if x.state(done) != Answered || x.state(gone) != Cancelled {
		t.Errorf("%s, %s", x.state(done), x.state(gone))
	}
}

// TestAnsweredBeforeItIsMarked: a pump may answer before the server has noted that it
// sent anything. Then it is answered, and not sent again.
func TestAnsweredBeforeItIsMarked(t *testing.T) {
	x := newPost(t)
	l := x.enqueue(1, wire.DnOrder, "release")
	x.onPush = func() {
		x.tx(func(tx *postgres.Tx) error { return x.box.AnsweredTx(t.Context(), tx, 1, l.Doc, "applied") })
	}
	x.look()
	x.want("once", "COMM-1 dn/order release")
	x.wait(time.Minute)
	x.look()
	x.want("never again")
	if x.state(l) != Answered || x.sentTx != 0 || len(x.box.open) != 0 {
		t.Errorf("it is %s, told of as sent %d times, %d open", x.state(l), x.sentTx, len(x.box.open))
	}
}

// TestAnswerWhileItIsMarked: an answer that comes while its document is being marked
// as sent waits for nobody. Both lock the order first and the letter after it.
func TestAnswerWhileItIsMarked(t *testing.T) {
	x := newPost(t)
	lockOrder := func(tx *postgres.Tx) error {
		_, err := tx.ExecContext(t.Context(), `SELECT pg_advisory_xact_lock(1)`)
		return err
	}
	marking := make(chan struct{})
	x.box.SentTx = func(_ context.Context, tx *postgres.Tx, _ Letter, _ time.Time) error {
		close(marking)
		return lockOrder(tx)
	}
	l := x.enqueue(1, wire.DnOrder, "release")
	var sending sync.WaitGroup
	x.tx(func(tx *postgres.Tx) error {
		if err := lockOrder(tx); err != nil {
			return err
		}
		sending.Go(x.look)
		<-marking
		return x.box.AnsweredTx(t.Context(), tx, 1, l.Doc, "applied")
	})
	sending.Wait()
	x.wait(time.Minute)
	x.look()
	x.want("once", "COMM-1 dn/order release")
	if x.state(l) != Answered || len(x.box.open) != 0 {
		t.Errorf("it is %s, %d open", x.state(l), len(x.box.open))
	}
}

// TestAnotherPumpsAnswer ends nothing.
func TestAnotherPumpsAnswer(t *testing.T) {
	x := newPost(t)
	l := x.enqueue(1, wire.DnOrder, "release")
	x.look()
	x.took()
	x.tx(func(tx *postgres.Tx) error { return x.box.AnsweredTx(t.Context(), tx, 2, l.Doc, "applied") })
	x.wait(2 * time.Second)
	x.look()
	x.want("again", "COMM-1 dn/order release")
}
