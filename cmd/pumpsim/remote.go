package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"cisterna/device/emulator"
	"cisterna/internal/errs"
)

// FaultsCmd lists the kinds of faults.
type FaultsCmd struct{}

// Run prints the table.
func (FaultsCmd) Run() error {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "KIND\tLASTS\tVALUE\tWHAT HAPPENS")
	for _, k := range emulator.FaultKinds() {
		value := k.Value
		if value != "" && k.Default != 0 {
			value = fmt.Sprintf("%s (%d)", value, k.Default)
		}
		help := k.Help
		if k.Text != "" {
			help += "; text is the " + k.Text
		}
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", k.Name, k.Lasts(), value, help)
	}
	return w.Flush()
}

// remote is a running control interface.
type remote struct {
	Control string `help:"Address of its control interface." default:"127.0.0.1:8610" env:"PUMPSIM_CONTROL"`
}

func (r *remote) call(ctx context.Context, method, path string, body, into any) error {
	b, err := json.Marshal(body)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, "http://"+r.Control+path, bytes.NewReader(b))
	if err != nil {
		return errs.Wrap(errs.Invalid, err, "--control %s", r.Control)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return errs.Wrap(errs.Unavailable, err, "nothing answers on %s; was it started with --control?", r.Control)
	}
	defer func() { _ = resp.Body.Close() }()
	if b, err = io.ReadAll(io.LimitReader(resp.Body, 64<<20)); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		var e struct {
			Error string `json:"error"`
		}
		if json.Unmarshal(b, &e) != nil || e.Error == "" {
			e.Error = resp.Status
		}
		return errs.New(errs.Conflict, "%s", e.Error)
	}
	return json.Unmarshal(b, into)
}

// InjectCmd makes a fault happen.
type InjectCmd struct {
	remote `embed:""`
	Serial string        `arg:"" help:"Serial number of the pump."`
	Kind   string        `arg:"" help:"Kind of fault; see 'pumpsim faults'."`
	For    time.Duration `help:"How long; 0 for the kind's own."`
	Value  int64         `help:"Its value; 0 for the kind's own."`
	Text   string        `help:"Its text."`
	End    bool          `help:"End the fault instead."`
}

// Run asks the control interface.
func (c *InjectCmd) Run(ctx context.Context) error {
	path := "/v1/pumps/" + url.PathEscape(c.Serial) + "/faults"
	body := map[string]any{"kind": c.Kind, "value": c.Value, "text": c.Text}
	if c.For > 0 {
		body["for"] = c.For.String()
	}
	var s emulator.Status
	if c.End {
		if err := c.call(ctx, http.MethodDelete, path+"/"+url.PathEscape(c.Kind), nil, &s); err != nil {
			return err
		}
	} else if err := c.call(ctx, http.MethodPost, path, body, &s); err != nil {
		return err
	}
	return printPumps([]emulator.Status{s})
}

// StatusCmd shows pumps.
type StatusCmd struct {
	remote `embed:""`
	JSON   bool `help:"Print everything as JSON."`
}

// Run asks the control interface.
func (c *StatusCmd) Run(ctx context.Context) error {
	var all []emulator.Status
	if err := c.call(ctx, http.MethodGet, "/v1/pumps", nil, &all); err != nil {
		return err
	}
	if c.JSON {
		e := json.NewEncoder(os.Stdout)
		e.SetIndent("", "  ")
		return e.Encode(all)
	}
	return printPumps(all)
}

// orders sums up what a pump knows of orders, its newest answer last.
func orders(o *emulator.OrderStatus) string {
	out := fmt.Sprintf("#%d/%d", o.Counter, o.StopCounter)
	if o.Patient.IsZero() {
		out += " in nobody"
	}
	if o.Foreign {
		out += " foreign"
	}
	if o.Untrusted {
		out += " clock wrong"
	}
	if o.Held != nil {
		out += " waits for the button, " + o.Held.Code
	}
	if n := len(o.Answers); n > 0 {
		out += fmt.Sprintf(" %s %s", o.Answers[n-1].Hash.Short(), o.Answers[n-1].Code)
	}
	return out
}

func printPumps(all []emulator.Status) error {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "SERIAL\tLINK\tLINE\tRUN\tRESERVOIR nL\tRECORDS\tWAITING\tALARMS\tFAULTS\tORDERS")
	for _, s := range all {
		line := "down"
		if s.Connected {
			line = "up"
		}
		if !s.Power {
			s.Run = "no power"
		}
		waiting := s.Main.Last - s.Main.Cursor + s.Alarm.Last - s.Alarm.Cursor
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%d\t%d\t%s\t%s\t%s\n", s.Serial, s.Link, line, s.Run, s.ReservoirNL, s.Main.Last+s.Alarm.Last, waiting, strings.Join(s.Alarms, ","), strings.Join(s.Faults, ", "), orders(&s.Orders))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, s := range all {
		if !s.Connected && s.LastError != "" {
			fmt.Printf("%s: %s\n", s.Serial, s.LastError)
		}
	}
	return nil
}
