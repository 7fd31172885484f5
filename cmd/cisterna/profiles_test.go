package main

import (
	"testing"
	"time"

	"cisterna/device/dose"
	"cisterna/device/profile"
)

// TestSilenceByDrug: two pumps of one model may be silent for as long as what they
// give allows, and one of which nothing is known for the shortest.
func TestSilenceByDrug(t *testing.T) {
	p := profile.Sample("meander-p20")
	d := deviceProfiles{p.ID: p}
	morphine, baclofen, unknown := d.silence(p.ID, dose.Morphine.Withdrawal()), d.silence(p.ID, dose.Baclofen.Withdrawal()), d.silence(p.ID, 0)
	if morphine.Alarm != 48*time.Hour || morphine.Stale != 4*time.Hour || morphine.Offline != 12*time.Hour || morphine.Grace == 0 {
		t.Errorf("morphine: %+v", morphine)
	}
	if baclofen.Alarm != 12*time.Hour || baclofen.Stale != time.Hour || baclofen.Offline != 4*time.Hour {
		t.Errorf("baclofen: %+v", baclofen)
	}
	if unknown != baclofen {
		t.Errorf("what is not known: %+v, want the strictest, %+v", unknown, baclofen)
	}
	if rule := d.silence("other", dose.WithdrawalDeadly); rule.Alarm != 0 {
		t.Errorf("a profile that is not known: %+v", rule)
	}
}
