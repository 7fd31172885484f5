package overview

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/lib/pq"
)

// Signature is one on an order, as an entry of the record tells of it that was
// written before entries had the signer's printed name.
type Signature struct {
	Object string // as in the record: "order:12", or "letter:7" of a release, stop or withdrawal
	Actor  string // "person:7 anna"
	At     time.Time
}

// Signers returns the printed names of those who signed, each as it was then: the step
// that a signature made of the order's life has kept it. A name is "" if there is no such
// step.
func (s *Service) Signers(ctx context.Context, all []Signature) ([]string, error) {
	if len(all) == 0 {
		return nil, nil
	}
	names := make([]string, len(all))
	orders, letters, micros := make(pq.Int64Array, len(all)), make(pq.Int64Array, len(all)), make(pq.Int64Array, len(all))
	actors := make(pq.StringArray, len(all))
	for i, g := range all {
		kind, number, _ := strings.Cut(g.Object, ":")
		id, _ := strconv.ParseInt(number, 10, 64) // 0 is nothing's
		switch kind {
		case "order":
			orders[i] = id
		case "letter":
			letters[i] = id
		}
		actors[i], micros[i] = g.Actor, g.At.UnixMicro()
	}
	// Somebody takes several steps of one order, and may have another name at the next:
	// the step that was written with the entry is the nearest.
	rows, err := s.DB.QueryContext(ctx, `SELECT g.n, e.name
FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::bigint[]) WITH ORDINALITY g(order_id, letter_id, actor, us, n)
CROSS JOIN LATERAL (
    SELECT name FROM dosing_events d
    WHERE (d.letter_id = g.letter_id OR d.order_id = g.order_id) AND d.actor = g.actor AND d.name <> ''
    ORDER BY abs(extract(epoch FROM d.at) * 1000000 - g.us), d.id LIMIT 1
) e`, orders, letters, actors, micros)
	if err != nil {
		return nil, fmt.Errorf("read who signed: %w", err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var n int
		var name string
		if err := rows.Scan(&n, &name); err != nil {
			return nil, fmt.Errorf("read who signed: %w", err)
		}
		names[n-1] = name
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read who signed: %w", err)
	}
	return names, nil
}
