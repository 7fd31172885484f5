package live

import (
	"fmt"
	"math/rand/v2"
	"net/url"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cisterna/internal/auth"
)

// A browser that follows PROTOCOL.md has the same list as the board, whatever
// happens: changes, moves between sites, removals, lost connections, resumption,
// slow reading.
func TestModelBrowserConverges(t *testing.T) {
	for seed := range uint64(30) {
		rnd := rand.New(rand.NewPCG(seed, 7))
		inWorld(t, func(w *world) {
			for id := range int64(20) {
				w.board.set(id, rnd.Int64N(3), 0)
			}
			scope := sites(0, 1)
			b := &browser{w: w, scope: scope}
			b.connect()
			for range 200 {
				switch n := rnd.IntN(100); {
				case n < 70:
					id, change := rnd.Int64N(20), rnd.IntN(5)
					site := rnd.Int64N(3)
					w.board.put(id, site, func(r *pumpRow) {
						switch change {
						case 0:
							r.Label = fmt.Sprint("label ", rnd.IntN(9), `\"{[,:]}`)
						case 1:
							r.Top = nil
						case 2:
							r.Top = new(fmt.Sprint("A", rnd.IntN(3)))
						default:
							r.Battery = rnd.IntN(3000)
						}
					})
					w.board.poke()
				case n < 73:
					w.board.remove(rnd.Int64N(20))
				case n < 90:
					time.Sleep(time.Duration(rnd.IntN(500)) * time.Millisecond)
				case n < 96:
					b.follow()
				default:
					b.follow()
					b.v.close()
					time.Sleep(time.Duration(rnd.IntN(400)) * time.Millisecond)
					b.connect()
				}
			}
			time.Sleep(2 * FlushEvery)
			b.follow()
			want, _ := w.board.snapshot(scope)
			if diff := cmp.Diff(want, b.rows); diff != "" {
				t.Errorf("seed %d after %d snapshots and %d deltas (-board +browser):\n%s", seed, b.snapshots, b.deltas, diff)
			}
			if b.deltas == 0 {
				t.Errorf("seed %d: no delta", seed)
			}
			b.v.close()
		})
	}
}

// browser is the protocol's other end.
type browser struct {
	w                 *world
	scope             auth.Scope
	v                 *viewer
	epoch             string
	rev               float64
	rows              map[string]map[string]any
	snapshots, deltas int
}

func (b *browser) connect() {
	b.w.setSession(5, &b.scope, nil)
	q := url.Values{"session": {"5"}, "user": {"5"}}
	if b.rows == nil {
		b.load()
	}
	q.Set("epoch", b.epoch)
	q.Set("rev", fmt.Sprint(uint64(b.rev)))
	b.v = b.w.dial(q, true)
}

func (b *browser) load() {
	rows, rev := b.w.board.snapshot(b.scope)
	b.rows, b.rev, b.epoch = rows, float64(rev), b.scope.Epoch(b.w.board.epoch)
	b.snapshots++
}

func (b *browser) follow() {
	for _, f := range b.v.take() {
		switch f["t"] {
		case "hello":
			if f["epoch"] != b.epoch {
				b.load()
			}
		case "reset":
			b.load()
		case "delta":
			prev, rev := f["prev"].(float64), f["rev"].(float64)
			if rev < b.rev {
				continue
			}
			if prev > b.rev {
				b.w.Errorf("a hole: delta from %v at %v", prev, b.rev)
				b.load()
				continue
			}
			b.rev = rev
			b.deltas++
			for _, r := range f["rows"].([]any) {
				row := r.(map[string]any)
				id := row["id"].(string)
				if b.rows[id] == nil {
					b.rows[id] = map[string]any{}
					if row["site"] == nil {
						b.w.Errorf("a new row that is not whole: %v", row)
					}
				}
				for k, v := range row {
					if v == nil {
						delete(b.rows[id], k)
					} else {
						b.rows[id][k] = v
					}
				}
			}
			removed, _ := f["removed"].([]any)
			for _, id := range removed {
				delete(b.rows, id.(string))
			}
		}
	}
}
