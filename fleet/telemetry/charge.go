package telemetry

import (
	"context"
	"strconv"

	"cisterna/fleet/alarm"
	"cisterna/internal/auth"
	"cisterna/internal/postgres"
)

// The voltages of a communicator's battery, in mV, at which BATT_LOW begins and ends.
//
// A communicator runs on one lithium-ion cell, whose curve is flat down to about 3.5 V
// and falls steeply below: under 3.4 V about a twentieth of the charge is left, which is
// hours and not days, and the link goes with it. Between the two nothing changes, for the
// voltage dips while the radio sends. The implant's own battery is another matter: its
// profile has the curve, and it alarms itself (ERI, EOS).
//
// No published device says a number (reference/domain.md 1.5 has the alarm, "external or
// gateway", found by voltage, and its priority); these two are a proposal of this project.
const (
	chargeLowMV  = 3400 // below: BATT_LOW
	chargeBackMV = 3550 // from here on: over
)

// charge is what a voltage says of the communicator's battery.
type charge int

const (
	chargeUnsaid charge = iota // nothing: none is measured, or it is between the two
	chargeLow
	chargeGood
)

// chargeOf judges a voltage in mV. 0 is what a communicator says that measures none.
func chargeOf(mv int64) charge {
	switch {
	case mv >= chargeBackMV:
		return chargeGood
	case mv > 0 && mv < chargeLowMV:
		return chargeLow
	}
	return chargeUnsaid
}

// UnlinkedTx forgets, in the caller's transaction, the battery of a communicator that
// speaks for a pump no more, and ends its alarm: the next one has a battery of its own,
// and may not say how it is.
func (s *Service) UnlinkedTx(ctx context.Context, tx *postgres.Tx, actor auth.Actor, pump int64, why string) error {
	if err := forgetCharge(ctx, tx, pump); err != nil {
		return err
	}
	return s.Alarms.OverTx(ctx, tx, actor, pump, "BATT_LOW", why)
}

// chargeAlarms raises BATT_LOW for heartbeats whose communicator's battery has become
// low, and clears it where it is charged again. It compares them with what is stored of
// the pumps, so that what does not change costs nothing. beats are those that will be
// stored, one for each pump: of one that is not, the next could not know.
func (s *Service) chargeAlarms(ctx context.Context, tx *postgres.Tx, beats []word, states map[int64]*stateRow) error {
	for i := range beats {
		w := &beats[i]
		is := chargeOf(w.hb.CommMV)
		if is == chargeUnsaid || is == chargeOf(states[w.ref.ID].commMV) {
			continue
		}
		code, at, by := "BATT_LOW", w.at, auth.System("ingest")
		detail := map[string]string{"battery": "communicator " + w.link, "voltage_mv": strconv.FormatInt(w.hb.CommMV, 10)}
		var err error
		if is == chargeLow {
			_, _, err = s.Alarms.RaiseTx(ctx, tx, alarm.Raise{Pump: w.ref.ID, Site: w.ref.Site, Code: code, Source: alarm.SourceServer, At: at, Detail: detail, Actor: by, Link: w.link, Evidence: w.body})
		} else {
			_, err = s.Alarms.ClearTx(ctx, tx, alarm.Clear{Pump: w.ref.ID, Site: w.ref.Site, Code: code, Source: alarm.SourceServer, At: at, Detail: detail, Actor: by, Link: w.link, Evidence: w.body})
		}
		if err != nil {
			return err
		}
	}
	return nil
}
