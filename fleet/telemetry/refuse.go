package telemetry

import (
	"context"
	"log/slog"
	"time"

	"cisterna/device/wire"
	"cisterna/internal/audit"
	"cisterna/internal/auth"
	"cisterna/internal/postgres"
)

// How much is kept of what one link has refused for one reason in one hour.
const (
	keepRows  = 20      // rows; the rest is counted
	keepWhole = 3       // of them with the whole message
	keepBytes = 1 << 10 // of the others
)

// refusal is a message, or a record of one, that is not accepted.
type refusal struct {
	pump, site int64 // of the pump paired with the link, 0 = none
	link       string
	kind       wire.Kind
	code       string
	reason     string
	claimed    wire.PumpID
	epoch, seq uint64 // of a record refused alone
	wall       int64
	at         time.Time
	body       []byte
	signed     bool        // by the pump: a whole message
	answered   bool        // the pump was told by other means
	done       func(error) // nil for a record

	// Set by writeRefusals.
	first  bool // of its link, code and hour
	excess bool // not kept, only counted
	flood  bool // the first that was not kept
}

// topic returns what the refused was published to; what never became a message has
// none.
func (r *refusal) topic() string {
	if r.kind == 0 {
		return "connection"
	}
	return r.kind.String()
}

// security reports whether the refusal says that somebody may not be who they
// claim to be; such go on the record.
func (r *refusal) security() bool {
	switch r.code {
	case CodeSignature, CodePairing, CodePump, CodeStatus, CodeEpoch:
		return true
	}
	return false
}

// refuser is the batcher of refusals. A flood of them costs a count per
// transaction, not a row each.
type refuser struct {
	s    *Service
	in   chan refusal
	down bool
}

func newRefuser(s *Service) *refuser { return &refuser{s: s, in: make(chan refusal, 1024)} }

// run works until in is closed and empty.
func (f *refuser) run() {
	for r := range f.in {
		batch := []refusal{r}
		for len(batch) < cap(f.in) && len(f.in) > 0 {
			if r, ok := <-f.in; ok {
				batch = append(batch, r)
			}
		}
		f.commit(batch, time.Now())
	}
}

func (f *refuser) commit(batch []refusal, start time.Time) {
	err := retry(&f.s.Stats, start, &f.down, func() error { return f.store(batch) })
	switch {
	case err == nil:
		f.tell(batch)
	case !transient(err) && len(batch) > 1:
		f.commit(batch[:len(batch)/2], start)
		f.commit(batch[len(batch)/2:], start)
	default:
		f.s.Log.Error("refusals were not stored; their messages are not acknowledged", slog.Int("messages", len(batch)), slog.String("error", err.Error()))
		f.s.Stats.Failed.Add(uint64(len(batch)))
		for i := range batch {
			f.s.Stats.Waiting.Add(-1)
			batch[i].done(err)
		}
	}
}

func (f *refuser) store(batch []refusal) error {
	ctx := context.Background()
	return postgres.InTx(ctx, f.s.DB, func(tx *postgres.Tx) error {
		for _, u := range unreadAmong(batch) {
			if err := f.s.raiseUnread(ctx, tx, u); err != nil {
				return err
			}
		}
		if err := writeRefusals(ctx, tx, batch); err != nil {
			return err
		}
		var leaves []audit.Entry
		for i := range batch {
			r := &batch[i]
			switch {
			case r.first && r.security():
				leaves = append(leaves, r.leaf("link.refuse", r.body))
			case r.flood:
				leaves = append(leaves, r.leaf("link.flood", nil))
			}
		}
		_, err := audit.AppendBatch(ctx, tx, leaves)
		return err
	})
}

// leaf is what the record keeps of a refusal: the first of its kind in an hour,
// and that there were more than are kept.
func (r *refusal) leaf(kind string, evidence []byte) audit.Entry {
	return audit.Entry{
		Kind: kind, Actor: auth.System("ingest").String(), Device: r.link, Object: "code:" + r.code, Reason: r.reason, Evidence: evidence,
		Site: r.site, Pump: r.pump,
		Payload: struct {
			Kind    string `json:"kind"`
			Code    string `json:"code"`
			Claimed string `json:"claimed,omitempty"`
		}{r.topic(), r.code, claimedText(r.claimed)},
	}
}

func claimedText(id wire.PumpID) string {
	if id == (wire.PumpID{}) {
		return ""
	}
	return id.String()
}

// tell answers the links and whoever listens.
func (f *refuser) tell(batch []refusal) {
	seen := map[int64]bool{}
	var changes []Changed
	for i := range batch {
		r := &batch[i]
		f.s.Stats.Waiting.Add(-1)
		code := r.code
		if r.excess {
			code = CodeRate
		}
		if !r.answered {
			f.s.acks.refused(r.link, code)
		}
		r.done(nil)
		if r.pump != 0 && !seen[r.pump] {
			seen[r.pump] = true
			changes = append(changes, Changed{Pump: r.pump, At: r.at, Reload: true})
		}
	}
	if len(changes) > 0 {
		f.s.events.Publish(changes)
	}
}

// refusedLate refuses a signed message about which only the locked cursor could
// tell: its journal epoch jumped. It stays counted as waiting.
func (s *Service) refusedLate(m *message) {
	s.Stats.Refused.Add(1)
	s.refused.in <- refusal{
		pump: m.pump, site: m.site, link: m.link, kind: m.kind, code: CodeEpoch,
		reason: "The journal epoch rose without a gap record at its start, or by too much.", claimed: m.wire,
		epoch: m.batch.Epoch, seq: m.batch.First, at: m.at, body: m.body, signed: true, done: m.done,
	}
}

// leftOut notes that a message came with records missing before it. The pump has been
// asked to go back; what it sent is kept as what it sends wrongly, unless the records
// are missing because we did not store them.
func (s *Service) leftOut(m *message) {
	if _, ours := s.failed.Load(m.conn); ours {
		return
	}
	s.note(refusal{
		pump: m.pump, site: m.site, link: m.link, kind: m.kind, code: CodeSeq, reason: "Records are left out before it. The pump was asked to go back.",
		claimed: m.wire, epoch: m.batch.Epoch, seq: m.batch.First, at: m.at, body: m.body,
	})
}

// note keeps a refusal that nobody waits for.
func (s *Service) note(r refusal) {
	r.answered, r.done = true, func(error) {}
	s.Stats.Refused.Add(1)
	s.Stats.Waiting.Add(1)
	s.refused.in <- r
}

// giveBack gives a message back to its pump, which sends it again with all that
// followed it.
func (s *Service) giveBack(m *message, err error) {
	s.failed.Store(m.conn, struct{}{})
	m.done(err)
}
