package emulator

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"cisterna/device/emulator/disk"
	"cisterna/device/profile"
	"cisterna/device/pump"
	"cisterna/device/units"
	"cisterna/device/wire"
)

// TestHistoryIsALife: over fifty pumps a week holds what a week holds, on every
// profile that has a link.
func TestHistoryIsALife(t *testing.T) {
	for _, p := range profile.Samples() {
		if p.SampleEach == 0 {
			continue
		}
		t.Run(p.ID, func(t *testing.T) {
			f := openFleet(t, groundOptions(newGround(t), disk.NewMemory(1)))
			docs := docsOf(t, f, newTrust(t, time.Now()), p)
			count := map[string]int{}
			for i := range 50 {
				serial := fmt.Sprintf("S-%02d", i)
				key := must(newKey(Blueprint{Serial: serial, Seed: 9, Alg: wire.Ed25519}))
				d, err := f.keep(identity{Serial: serial, Model: "m", Link: "C-" + serial, Key: must(marshalKey(key)), Seed: 9}, docs, credential{})
				if err != nil {
					t.Fatal(err)
				}
				if err := d.SeedHistory(7); err != nil {
					t.Fatal(err)
				}
				for lane, from := wire.MainLane, uint64(1); lane <= wire.AlarmLane; {
					c, err := d.jp.Read(lane, from, 500, 1<<20)
					if err != nil {
						t.Fatal(err)
					}
					if c.Records == 0 {
						lane, from = lane+1, 1
						continue
					}
					b, err := wire.DecodeBatch(append(wire.AppendBatchHead(nil, d.id, c.Epoch, c.First, c.Records), c.Body...), lane)
					if err != nil {
						t.Fatal(err)
					}
					for _, r := range b.Records {
						switch {
						case r.Kind == wire.RecordSample:
							count["samples"]++
						case r.Event != nil:
							count[r.Event.Code]++
						case r.Raise != nil:
							count[r.Raise.Code]++
						}
					}
					from = c.Last + 1
				}
			}
			want := []string{"RES_LOW", pump.EventBolusStarted, pump.EventPTMDenied}
			if p.Path.MRIStalls {
				want = append(want, "MOTOR_STALL", pump.EventStallRecovered)
			}
			for _, code := range want {
				if count[code] == 0 {
					t.Errorf("no %s in %v", code, count)
				}
			}
			if n := 50 * int(7*units.Day/p.SampleEach); count["samples"] < n-50 || count["samples"] > n {
				t.Errorf("%d samples, want about %d", count["samples"], n)
			}
			if count[pump.EventRefilled] < 52 {
				t.Errorf("%d refills, the first ones included", count[pump.EventRefilled])
			}
			if count["RES_EMPTY"] > 2 {
				t.Errorf("%d pumps ran dry", count["RES_EMPTY"])
			}
		})
	}
}

// TestPlanRemembersNothing: what happens on a day does not depend on when one
// asks.
func TestPlanRemembersNothing(t *testing.T) {
	p := plan{profile: profile.Sample("meander-p20"), seed: 4, zone: 7_200_000}
	begin := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
	end := begin + 20*dayMS
	var one, two []int64
	for at, in := p.next(begin, end, true); in != nil; at, in = p.next(at, end, true) {
		one = append(one, at)
	}
	for from := begin; from < end; from += 3600_000 {
		for at, in := p.next(from, from+3600_000, true); in != nil; at, in = p.next(at, from+3600_000, true) {
			two = append(two, at)
		}
	}
	if len(one) < 20 || !slices.Equal(one, two) {
		t.Errorf("%d and %d moments", len(one), len(two))
	}
	if !slices.IsSorted(one) {
		t.Error("not in order")
	}
}
