package main

import (
	"testing"
	"time"

	"cisterna/device/emulator"
	"cisterna/device/wire"
	"cisterna/fleet/registry"
	"cisterna/internal/auth"
)

// TestLowBatteryIsOfItsCommunicator: when a communicator with a low battery is exchanged
// for another, whose battery is low as well, the alarm is of the other one.
func TestLowBatteryIsOfItsCommunicator(t *testing.T) {
	t.Parallel()
	w := newOrderWorld(t, 1)
	p, d := w.plans[0], w.device(w.plans[0])
	of := func(link string) func() bool {
		return func() bool {
			alarms, err := w.app.Alarms.Open(t.Context(), []int64{p.ID})
			if err != nil {
				t.Fatal(err)
			}
			n := 0
			for i := range alarms {
				if a := &alarms[i]; a.Code == "BATT_LOW" && a.Detail["battery"] == "communicator "+link {
					n++
				}
			}
			return n == 1
		}
	}
	if err := d.Inject(emulator.Fault{Kind: "comm-battery", Value: 3350, For: time.Hour}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the alarm", of(d.Status().Link))
	c, err := w.app.Registry.SwapCommunicator(t.Context(), auth.System("test"), registry.Swap{Pump: p.ID, Serial: "C-NEW-1", Reason: "its battery holds no charge"})
	if err != nil {
		t.Fatal(err)
	}
	slip := wire.Slip{Server: w.app.Enrol.Addr().String(), Code: c.Code, Root: w.keys.trust.RootHash()}
	if err := d.Inject(emulator.Fault{Kind: "communicator-swap", Text: "C-NEW-1 " + slip.String()}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the other one's alarm", of("C-NEW-1"))
}
