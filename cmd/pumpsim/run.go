package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"cisterna/device/emulator"
	"cisterna/device/emulator/journal"
	"cisterna/internal/errs"
)

// RunCmd runs pumps.
type RunCmd struct {
	Data  string   `help:"Folder with the pumps' keys and records." default:"pumpsim-data" type:"path" env:"PUMPSIM_DATA"`
	Slips string   `help:"File with claim slips of pumps to enrol; - for standard input." placeholder:"FILE" env:"PUMPSIM_SLIPS"`
	Slip  []string `help:"A line of a slips file; may be given several times." sep:"none" placeholder:"LINE"`
	Count int      `help:"Run only the first so many pumps; 0 for all." env:"PUMPSIM_COUNT"`
	Seed  uint64   `help:"Keys, patients and habits follow from it and the serial; 0 takes keys at random." default:"1" env:"PUMPSIM_SEED"`
	Days  int      `name:"history" help:"Days of past that a new pump brings, up to 365." placeholder:"DAYS" env:"PUMPSIM_HISTORY"`
	Scale uint32   `help:"Reservoirs of new pumps empty so many times faster." default:"1" env:"PUMPSIM_SCALE"`

	Heartbeat time.Duration `help:"Time between heartbeats." default:"30s"`
	Spread    time.Duration `help:"Spread connections over so long, at the start and after losses." default:"30s"`
	Batch     int           `help:"Records in a message, at most." default:"200"`
	Habits    bool          `help:"Patients press for boluses as their seed has it." default:"true" negatable:""`
	Paho      bool          `help:"Connect by paho.mqtt.golang instead of the lean client; for a few pumps."`
	Room      int64         `help:"MiB that all records together may take on disk." default:"1024" placeholder:"MIB"`

	Control string        `help:"Loopback address of the control interface; empty for none." placeholder:"HOST:PORT"`
	Fault   []string      `help:"A fault to happen; may be given several times." sep:"none" placeholder:"LINE"`
	Script  string        `help:"File with faults, one a line." placeholder:"FILE" type:"path"`
	For     time.Duration `help:"End after so long; 0 for Ctrl-C."`
}

// Run enrols what is new, starts everything and waits.
func (c *RunCmd) Run(ctx context.Context, log *slog.Logger) (err error) {
	script, err := c.script()
	if err != nil {
		return err
	}
	plan, err := parseSlips(strings.NewReader(strings.Join(c.Slip, "\n")), c.Seed)
	if err != nil {
		return err
	}
	if c.Slips != "" {
		more, err := readSlips(c.Slips, c.Seed)
		if err != nil {
			return err
		}
		plan = append(plan, more...)
	}
	dir, err := emulator.OpenDir(c.Data)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, dir.Close()) }()
	spread := c.Spread
	if spread == 0 {
		spread = -1
	}
	fleet, err := emulator.Open(emulator.Options{
		Vault: dir.Vault, Journal: dir.Journal, Log: log,
		Heartbeat: c.Heartbeat, FirstConnect: spread, Batch: c.Batch, Habits: c.Habits, Paho: c.Paho,
		Records: journal.Options{MaxBytes: c.Room << 20, SegmentBytes: min(8<<20, c.Room<<20/4)},
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, fleet.Close()) }()
	if c.Control != "" {
		ln, err := emulator.ListenControl(ctx, c.Control)
		if err != nil {
			return err
		}
		defer func() { _ = ln.Close() }()
		log.Info("control interface", "url", "http://"+ln.Addr().String())
		go func() {
			if err := fleet.ServeControl(ln); err != nil {
				log.Error("the control interface ended", "error", err)
			}
		}()
	}
	failed := c.enrol(ctx, fleet, plan, log)
	devices := fleet.Devices()
	if c.Count > 0 {
		devices = devices[:min(c.Count, len(devices))]
	}
	if len(devices) == 0 {
		return errors.Join(failed, errs.Invalidf("no pumps: %s knows none, and none was enrolled", c.Data))
	}
	if err := fleet.Start(devices...); err != nil {
		return err
	}
	log.Info("running", "pumps", len(devices))
	if c.For > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.For)
		defer cancel()
	}
	for _, s := range script {
		time.AfterFunc(s.at, func() { s.happen(fleet, log) })
	}
	c.watch(ctx, fleet, log)
	log.Info("stopping", "pumps", len(devices))
	return failed
}

// watch tells how it goes until ctx is done.
func (c *RunCmd) watch(ctx context.Context, fleet *emulator.Fleet, log *slog.Logger) {
	tick := time.NewTicker(10 * time.Second)
	defer tick.Stop()
	sick := ""
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		s := fleet.Stats()
		log.Info("pumps", "connected", s.Connected, "of", s.Pumps, "messages", s.Published, "acknowledged", s.Acknowledged, "records", s.Records, "rewinds", s.Resent, "refused", s.Refused, "journal_bytes", s.Journal.Bytes)
		if s.Health != sick && s.Health != "" {
			log.Error("disk trouble", "error", s.Health)
		}
		sick = s.Health
	}
}

// enrol enrols the pumps that the folder does not know. What fails is told and
// left out.
func (c *RunCmd) enrol(ctx context.Context, fleet *emulator.Fleet, plan []planned, log *slog.Logger) error {
	var (
		wg     sync.WaitGroup
		mu     sync.Mutex
		failed int
		slots  = make(chan struct{}, 4)
	)
	if c.Count > 0 {
		plan = plan[:min(c.Count, len(plan))]
	}
	for _, p := range plan {
		if _, known := fleet.Device(p.Serial); known || ctx.Err() != nil {
			continue
		}
		if p.Scale == 0 {
			p.Scale = c.Scale
		}
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			d, err := fleet.Enrol(ctx, p.slip, p.Blueprint)
			if err == nil && c.Days > 0 {
				err = d.SeedHistory(c.Days)
			}
			if err != nil {
				log.Error("enrolment failed", "serial", p.Serial, "error", err)
				mu.Lock()
				failed++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if failed > 0 {
		return fmt.Errorf("%d of %d pumps could not be enrolled", failed, len(plan))
	}
	return nil
}

// scene is a fault at its time.
type scene struct {
	at    time.Duration
	pumps string
	fault emulator.Fault
}

func (s *scene) happen(fleet *emulator.Fleet, log *slog.Logger) {
	devices, err := fleet.Pick(s.pumps)
	if err != nil {
		log.Error("a fault did not happen", "kind", s.fault.Kind, "error", err)
	}
	for _, d := range devices {
		if err := d.Inject(s.fault); err != nil {
			log.Error("a fault did not happen", "kind", s.fault.Kind, "serial", d.Serial(), "error", err)
		}
	}
}

// script reads the faults of the command line and of the file.
func (c *RunCmd) script() (out []scene, err error) {
	lines := c.Fault
	if c.Script != "" {
		b, err := os.ReadFile(c.Script)
		if err != nil {
			return nil, errs.Wrap(errs.Invalid, err, "the script cannot be read")
		}
		lines = append(lines, strings.Split(string(b), "\n")...)
	}
	for _, line := range lines {
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		var s scene
		if s.at, s.pumps, s.fault, err = emulator.ParseFault(line); err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}
