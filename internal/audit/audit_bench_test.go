package audit

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"cisterna/internal/pgserver"
	"cisterna/internal/postgres"
	"cisterna/migrations"
)

// benchDB starts a PostgreSQL of its own with fsync on, as in real use, and
// returns a migrated database with a table to compare with.
func benchDB(b *testing.B) *sqlx.DB {
	b.Helper()
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "cisterna-bench")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil { // the server's account passes through
		b.Fatal(err)
	}
	server, err := pgserver.Start(ctx, pgserver.Options{Dir: filepath.Join(dir, "pg")})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = server.Stop() })
	owner, err := postgres.Open(ctx, server.URL(pgserver.Owner, "postgres"), 2)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := postgres.Migrate(ctx, owner, migrations.FS); err != nil {
		b.Fatal(err)
	}
	// The peer: a row of the same content under a primary key, nothing else.
	if _, err := owner.Exec(`CREATE TABLE bench_plain (id bigserial PRIMARY KEY, at timestamptz NOT NULL,
		kind text NOT NULL, actor text NOT NULL, pump_id bigint, site_id bigint, body bytea NOT NULL)`); err != nil {
		b.Fatal(err)
	}
	_ = owner.Close()
	db, err := postgres.Open(ctx, server.URL(postgres.AppRole, "postgres"), 16)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = db.Close() })
	return db
}

// BenchmarkAppend measures what a leaf costs beside a plain insert of the same
// content, each alone in its transaction, in interleaved rounds of one run. At
// one client the append is counted when it has committed, at eight when all
// leaves are under a checkpoint, the sequencer's work included. Goals: at most
// 1.4 times and 2.2 times the plain insert's time.
func BenchmarkAppend(b *testing.B) {
	db := benchDB(b)
	body := make([]byte, 180) // as long as the entry's leaf
	_, _ = rand.Read(body)
	plain := func(tx *postgres.Tx) error {
		_, err := tx.Exec(`INSERT INTO bench_plain (at, kind, actor, pump_id, site_id, body) VALUES ($1, $2, $3, $4, $5, $6)`,
			time.Now(), "pump.register", "person:7 anna", 9, 1, body)
		return err
	}
	entry := Entry{
		Kind: "pump.register", Actor: "person:7 anna", Object: "pump:9", Reason: "new implant", Site: 1, Pump: 9,
		OldHash: body[:32], NewHash: body[32:64],
	}
	leaf := func(tx *postgres.Tx) error { return Append(context.Background(), tx, entry) }

	signer := newSigner(b)
	s, _ := runSequencer(b, Options{DB: db, Signer: signer, Logger: slog.New(slog.DiscardHandler)})
	sealed := func() {
		// Everything is under a checkpoint once the last leaf is.
		var id int64
		if err := db.Get(&id, `SELECT max(id) FROM audit_leaf`); err != nil {
			b.Fatal(err)
		}
		waitFor(b, s, Ref{ID: id})
	}
	const rounds = 21 // short ones, side by side: other load hits both alike
	for _, clients := range []int{1, 8} {
		b.Run(fmt.Sprintf("clients=%d", clients), func(b *testing.B) {
			n := 300 * clients
			for b.Loop() {
				var plains, leaves, ratios []float64
				for range rounds {
					p := perOp(b, db, clients, n, plain, nil)
					var l float64
					if clients == 1 {
						l = perOp(b, db, clients, n, leaf, nil)
						sealed()
					} else {
						l = perOp(b, db, clients, n, leaf, sealed)
					}
					plains, leaves, ratios = append(plains, p), append(leaves, l), append(ratios, l/p)
				}
				b.ReportMetric(0, "ns/op")
				b.ReportMetric(median(plains), "plain-µs")
				b.ReportMetric(median(leaves), "append-µs")
				b.ReportMetric(median(ratios), "ratio")
			}
		})
	}
	if _, _, err := s.check(b, db); err != nil {
		b.Fatal(err)
	}
}

func median(v []float64) float64 {
	slices.Sort(v)
	return v[len(v)/2]
}

// check verifies the whole record at the end: what was measured was the real
// thing.
func (s *Sequencer) check(b *testing.B, db *sqlx.DB) (int64, int64, error) {
	var buf bytes.Buffer
	signer := s.o.Signer.(*FileSigner)
	done, err := Export(context.Background(), db, &buf, signer.Trust())
	if err != nil {
		return 0, 0, err
	}
	r := verify(b, buf.Bytes(), signer.Trust())
	if r.Verdict() != Good || done.Pending != 0 {
		return 0, 0, fmt.Errorf("verdict %v, %d pending", r.Verdict(), done.Pending)
	}
	return r.Leaves, r.Checkpoints, nil
}

// perOp runs n transactions from several clients and returns the wall time of
// one in µs; end, if not nil, is part of it.
func perOp(b *testing.B, db *sqlx.DB, clients, n int, f func(*postgres.Tx) error, end func()) float64 {
	b.Helper()
	start := time.Now()
	var wg sync.WaitGroup
	for range clients {
		wg.Go(func() {
			for range n / clients {
				if err := postgres.InTx(context.Background(), db, f); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	if end != nil {
		end()
	}
	return float64(time.Since(start).Microseconds()) / float64(n)
}
