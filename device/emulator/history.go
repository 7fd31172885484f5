package emulator

import (
	"errors"
	"runtime"
	"sync"

	"cisterna/internal/errs"
)

// SeedHistory gives a pump a past: it is implanted so many days ago and lives
// until now by the plan that its seed gives, in simulated time. What it wrote
// down waits in the journal as if it had been out of reach, and arrives by
// store-and-forward like anything else. It must not have been started before.
// The reservoir is consumed at its real pace.
func (d *Device) SeedHistory(days int) error {
	if days < 1 || days > 365 {
		return errs.Invalidf("a history of %d days: want 1 to 365", days)
	}
	made := false
	err := d.prepare(func(real int64) error {
		made = true
		from := real - int64(days)*dayMS
		plan := d.plan()
		if err := d.implantAt(from, plan.fillFor(days)); err != nil {
			return err
		}
		d.advance(real, true)
		return nil
	})
	if err == nil && !made {
		err = errs.Conflictf("pump %s has a past already", d.who.Serial)
	}
	return err
}

// SeedHistory gives all of the pumps a past, on all processors.
func SeedHistory(devices []*Device, days int) error {
	work := make(chan *Device)
	failed := make([]error, runtime.GOMAXPROCS(0))
	var wg sync.WaitGroup
	for i := range failed {
		wg.Go(func() {
			for d := range work {
				failed[i] = errors.Join(failed[i], d.SeedHistory(days))
			}
		})
	}
	for _, d := range devices {
		work <- d
	}
	close(work)
	wg.Wait()
	return errors.Join(failed...)
}
