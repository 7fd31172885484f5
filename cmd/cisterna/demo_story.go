package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"syscall"
	"time"

	"cisterna/device/emulator"
)

// listenControl opens the address of the emulator's control API, nil for none.
// It is done first, so that a taken port is found before any pump enrols.
func listenControl(ctx context.Context, addr string) (net.Listener, error) {
	if addr == "" {
		return nil, nil
	}
	ln, err := emulator.ListenControl(ctx, addr)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("%s is in use by another program: stop that, or choose another address with --control", addr)
	}
	if err != nil {
		return nil, fieldError("control", addr, err)
	}
	return ln, nil
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
	{emulator.Fault{Kind: "stall", For: 90 * time.Second}, 3},
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
	if d.Calm() {
		return // somebody does something with it
	}
	if err := d.Inject(f); err != nil {
		// Such as a press during a lockout: part of the story, not of the log.
		log.Debug("the story skips a scene", "pump", d.Serial(), "fault", f.Kind, "error", err)
		return
	}
	log.Debug(fmt.Sprintf("%s: %s", d.Serial(), f.Kind))
}
