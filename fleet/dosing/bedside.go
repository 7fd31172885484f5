package dosing

import (
	"context"
	"time"

	"cisterna/device/order"
	"cisterna/device/wire"
	"cisterna/fleet/telemetry"
	"cisterna/internal/audit"
	"cisterna/internal/auth"
	"cisterna/internal/postgres"
)

// bedside keeps what a pump says of a release that waits for somebody at the bedside to
// confirm it (docs/protocol.md 5, What waits). It moves no order: only the pump's answer
// does. A pump waits for one release at most; if it names none, as after a boot, or one
// that was answered, no order of it waits any more.
func (s *Service) bedside(ctx context.Context, tx *postgres.Tx, said *telemetry.Statement) error {
	var release order.Digest
	if said.State.Waits != nil {
		release = said.State.Waits.Release
	}
	ids, err := bedsides(ctx, tx, said.Pump.ID, release)
	if err != nil {
		return err
	}
	for _, id := range ids {
		o, err := lockOrder(ctx, tx, id)
		if err != nil {
			return err
		}
		notAfter, open, err := openUntil(ctx, tx, id, release)
		if err != nil {
			return err
		}
		device, waits, e := auth.Device(said.Pump.Link), !o.Bedside.Until.IsZero(), audit.Entry{Device: said.Pump.Link, OldHash: o.Hash[:], Evidence: said.Envelope}
		switch {
		case open && !waits:
			o.Bedside = Underway{Since: said.At, Until: waitsUntil(said.At, notAfter, said.State.Waits)}
			note := "the pump found it right, and waits until " + o.Bedside.Until.UTC().Format("15:04:05") + " UTC for its confirmation at the bedside"
			e.Kind, e.NewHash = "order.bedside", release[:]
			err = s.finish(ctx, tx, device, &o, o.State, e, note)
		case !open && waits:
			o.Bedside = Underway{}
			e.Kind = "order.bedside_over"
			err = s.finish(ctx, tx, device, &o, o.State, e, "the pump does not wait for its confirmation at the bedside any more")
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// waitsUntil returns until when a pump waits, by our clock: as long as it says, and no
// longer than the release may apply.
func waitsUntil(at, notAfter time.Time, w *wire.Waits) time.Time {
	until := at.Add(time.Duration(min(w.Left, order.ReleaseWindow*1000)) * time.Millisecond)
	if until.After(notAfter) {
		return notAfter
	}
	return until
}
