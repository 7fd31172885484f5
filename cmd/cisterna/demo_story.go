package main

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"cisterna/device/emulator"
)

// serveControl serves the emulator's control API on a loopback address.
func serveControl(f *emulator.Fleet, addr string, log *slog.Logger) (stop func(), at string, err error) {
	if addr == "" {
		return func() {}, "", nil
	}
	ln, err := emulator.ListenControl(context.Background(), addr)
	if err != nil {
		return nil, "", fieldError("control", addr, err)
	}
	go func() {
		if err := f.ServeControl(ln); err != nil {
			log.Error("the emulator's control API ended", "error", err)
		}
	}()
	return func() { _ = ln.Close() }, ln.Addr().String(), nil
}

// scene is something that happens in the demo, to one pump.
type scene struct {
	fault emulator.Fault
	odds  int // out of all odds
}

// scenes are what a clinic sees in a week, and what a server meets from a bad
// network, in a few minutes.
var scenes = []scene{
	{emulator.Fault{Kind: "link-loss", For: 45 * time.Second}, 6},
	{emulator.Fault{Kind: "reconnect"}, 4},
	{emulator.Fault{Kind: "press"}, 6},
	{emulator.Fault{Kind: "stall", For: 90 * time.Second}, 2},
	{emulator.Fault{Kind: "occlusion", For: 3 * time.Minute}, 1},
	{emulator.Fault{Kind: "kink", For: 4 * time.Minute}, 1},
	{emulator.Fault{Kind: "overheat", For: 2 * time.Minute}, 1},
	{emulator.Fault{Kind: "memory-minor"}, 1},
	{emulator.Fault{Kind: "duplicate", For: 30 * time.Second}, 2},
	{emulator.Fault{Kind: "delay", For: 30 * time.Second, Value: 2500}, 2},
	{emulator.Fault{Kind: "reorder", For: 30 * time.Second}, 1},
	{emulator.Fault{Kind: "wrong-signature"}, 1},
	{emulator.Fault{Kind: "garbage"}, 1},
	{emulator.Fault{Kind: "clock-jump", Value: 5400, For: 3 * time.Minute}, 1},
	{emulator.Fault{Kind: "power-cut", For: 4 * time.Second}, 1},
	{emulator.Fault{Kind: "comm-battery", Value: 3350, For: 3 * time.Minute}, 1},
}

const sceneEvery = 9 * time.Second

// story lets something happen every few seconds. A latched alarm is cleared at
// the pump after a while, as somebody's programmer would.
func story(ctx context.Context, f *emulator.Fleet, log *slog.Logger) {
	odds := 0
	for _, s := range scenes {
		odds += s.odds
	}
	devices := f.Devices()
	if len(devices) == 0 {
		return
	}
	tick := time.NewTicker(sceneEvery)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		d := devices[rand.IntN(len(devices))]
		draw := rand.IntN(odds)
		for _, s := range scenes {
			if draw -= s.odds; draw < 0 {
				tell(d, s.fault, log)
				break
			}
		}
		if n%10 == 9 {
			tell(devices[rand.IntN(len(devices))], emulator.Fault{Kind: "interrogate"}, log)
		}
	}
}

func tell(d *emulator.Device, f emulator.Fault, log *slog.Logger) {
	if err := d.Inject(f); err != nil {
		// Such as a press during a lockout: part of the story, not of the log.
		log.Debug("the story skips a scene", "pump", d.Serial(), "fault", f.Kind, "error", err)
		return
	}
	log.Debug(fmt.Sprintf("%s: %s", d.Serial(), f.Kind))
}
