package telemetry

import (
	"context"
	"crypto/sha256"
	"fmt"
	"time"

	"cisterna/internal/audit"
	"cisterna/internal/auth"
	"cisterna/internal/lease"
	"cisterna/internal/postgres"
)

// KindDigest is the kind of the leaf that an hour of reports gets once it is over. Its
// new hash is the hour's [Digest], its object [DigestObject].
//
// The reports themselves are not on the record, for they are too many (reference/audit.md
// 5.3). With the digest, a report that was changed, taken out or put in later is found
// for as long as the hour's are kept.
const KindDigest = "telemetry.digest"

// DigestPrefix begins the object of a digest's leaf.
const DigestPrefix = "reports:"

// digestEvery is how often it is asked whether an hour is over.
const digestEvery = 5 * time.Second

// digestAfter is how long an hour must be over. What was received in it is committed a
// minute later, by the database's clock, and the time of receipt is by the server's: a
// message of a server that is behind would come into an hour that has its digest, and
// look like one that was slipped in. Nothing is lost by waiting.
const digestAfter = 10 * time.Minute

// KeptAtLeast is how long samples are kept whatever is set: the database drops no younger
// ones (telemetry_drop_partitions).
const KeptAtLeast = 3 * 24 * time.Hour

// DigestObject names an hour in the record: "reports:2026-01-31T14:00:00Z".
func DigestObject(hour time.Time) string {
	return DigestPrefix + hour.UTC().Format(time.RFC3339)
}

// Digest sums up what was received in one hour: samples and events.
//
// Hash is SHA-256 of lines of text, each ended by a line feed. The first is "cisterna
// reports v1" and the hour, as in [DigestObject]. A line for each sample follows, minute
// by minute of receipt, in a minute by pump, journal epoch and sequence; then one for
// each event of the hour, in that order. What is in a line stands with digestSamples and
// digestEvents. Whoever changes anything of that raises the version.
type Digest struct {
	Samples int64             `json:"samples"`
	Events  int64             `json:"events"`
	Hash    [sha256.Size]byte `json:"-"` // stands in the leaf itself
}

// DigestOf computes the digest of the hour that begins at a time, out of what is stored
// now.
func DigestOf(ctx context.Context, db querier, hour time.Time) (Digest, error) {
	return digestOf(ctx, db, hour, func(context.Context, time.Duration) error { return nil })
}

// digestOf reads a minute at a time and rests in between, so that ingest goes on.
func digestOf(ctx context.Context, db querier, hour time.Time, rest func(context.Context, time.Duration) error) (d Digest, err error) {
	sum := sha256.New()
	_, _ = fmt.Fprintf(sum, "cisterna reports v1 %s\n", DigestObject(hour))
	piece := func(n *int64, query string, from time.Time, span time.Duration) error {
		began := time.Now()
		if err := hashRows(ctx, db, sum, n, query, from, from.Add(span)); err != nil {
			return err
		}
		return rest(ctx, time.Since(began))
	}
	for at := hour; at.Before(hour.Add(time.Hour)); at = at.Add(time.Minute) {
		if err := piece(&d.Samples, digestSamples, at, time.Minute); err != nil {
			return Digest{}, err
		}
	}
	if err := piece(&d.Events, digestEvents, hour, time.Hour); err != nil {
		return Digest{}, err
	}
	sum.Sum(d.Hash[:0])
	return d, nil
}

// digestLoop puts the digests of the hours that are over on the record, again and again.
// Nobody waits for them: charts, which come of the rollups, do not either.
func (s *Service) digestLoop(ctx context.Context, l lease.Lease) error {
	for {
		if err := s.digest(ctx, &l, rest); err != nil && ctx.Err() == nil {
			s.logHousekeeping(err)
		}
		if err := pause(ctx, digestEvery); err != nil {
			return err
		}
	}
}

// digest puts the digests of the hours that are over on the record, one after the other.
// The first hour is the one in which this server, or one before it, first looked.
func (s *Service) digest(ctx context.Context, l *lease.Lease, rest func(context.Context, time.Duration) error) error {
	for {
		hour, over, err := s.nextDigest(ctx, l)
		if err != nil || !over {
			return wrap(err, "digest reports")
		}
		d, err := digestOf(ctx, s.DB, hour, rest)
		if err != nil {
			return wrap(err, "digest reports")
		}
		err = postgres.InTx(ctx, s.DB, func(tx *postgres.Tx) error {
			if err := held(ctx, tx, l); err != nil {
				return err
			}
			if moved, err := digested(ctx, tx, hour); err != nil || !moved {
				return err
			}
			return audit.Append(ctx, tx, audit.Entry{
				Kind: KindDigest, Actor: auth.System("telemetry").String(), Object: DigestObject(hour), NewHash: d.Hash[:], Payload: d,
			})
		})
		if err != nil {
			return wrap(err, "digest reports")
		}
	}
}
