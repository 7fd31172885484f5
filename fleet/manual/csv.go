package manual

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"cisterna/device/units"
	"cisterna/fleet/registry"
	"cisterna/internal/audit"
	"cisterna/internal/auth"
	"cisterna/internal/csvfile"
	"cisterna/internal/errs"
	"cisterna/internal/postgres"
)

// Columns are those of a file of readings. Volumes are in mL and rates in mL/day,
// with a decimal point; alarms are separated by blanks, and "none" says that
// somebody looked.
var Columns = []string{"serial", "taken_at", "taken_by", "source", "residual_ml", "rate_ml_day", "battery", "alarms", "program", "note"}

var errDryRun = errors.New("dry run")

// Import keeps the readings of a file; serial, taken_at and taken_by are required.
// Good lines are kept and bad ones reported. An error of kind Invalid is about the
// file as a whole.
func (s *Service) Import(ctx context.Context, actor auth.Actor, file io.Reader, dry bool) (registry.ImportReport, error) {
	if !actor.HasAnywhere(readers...) {
		return registry.ImportReport{}, errs.Deniedf("Your roles record no readings.")
	}
	in, err := csvfile.Open(file, Columns, []string{"serial", "taken_at", "taken_by"})
	if err != nil {
		return registry.ImportReport{}, err
	}
	pumps, err := s.pumps(ctx, actor.Scope())
	if err != nil {
		return registry.ImportReport{}, err
	}
	var report registry.ImportReport
	err = postgres.InTx(ctx, s.db, func(tx *postgres.Tx) error {
		var leaves []audit.Entry
		for {
			line, err := in.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			row := registry.ImportRow{Line: line.Line}
			if err == nil {
				row.Serial = line.Get("serial")
				var r Reading
				if r, err = s.importRow(ctx, tx, actor, line, pumps); err == nil {
					row.ID = r.ID
					leaves = append(leaves, leaf(actor, r, fmt.Sprintf("import, line %d", row.Line)))
				}
			}
			if e, ok := errors.AsType[*errs.Error](err); err != nil && (!ok || e.Kind == errs.Internal || row.Line == 0) {
				return fmt.Errorf("import: %w", err)
			}
			report.Add(row, err, dry)
		}
		if len(leaves) > 0 {
			if _, err := audit.AppendBatch(ctx, tx, leaves); err != nil {
				return err
			}
		}
		if dry {
			return errDryRun
		}
		return nil
	})
	if err != nil && !errors.Is(err, errDryRun) {
		return registry.ImportReport{}, err
	}
	return report, nil
}

// pumps returns the ids of the pumps in scope by serial; 0 where several makers
// use the same.
func (s *Service) pumps(ctx context.Context, scope auth.Scope) (map[string]int64, error) {
	all, err := s.reg.Pumps(ctx, scope)
	if err != nil {
		return nil, err
	}
	out := make(map[string]int64, len(all))
	for _, p := range all {
		key := strings.ToUpper(p.Serial)
		if _, twice := out[key]; twice {
			out[key] = 0
			continue
		}
		out[key] = p.ID
	}
	return out, nil
}

func (s *Service) importRow(ctx context.Context, tx *postgres.Tx, actor auth.Actor, line csvfile.Row, pumps map[string]int64) (Reading, error) {
	n, err := parseRow(line)
	if err != nil {
		return Reading{}, err
	}
	id, ok := pumps[strings.ToUpper(line.Get("serial"))]
	switch {
	case !ok:
		return Reading{}, errs.InvalidField("serial", "There is no pump %q.", line.Get("serial"))
	case id == 0:
		return Reading{}, errs.InvalidField("serial", "Several pumps have the serial %s. Type this reading on the pump's page.", line.Get("serial"))
	}
	n.Pump = id
	return s.store(ctx, tx, actor, n, 0, true)
}

// parseRow reads a line, all but which pump it is about.
func parseRow(line csvfile.Row) (New, error) {
	n := New{TakenBy: line.Get("taken_by"), Source: Source(strings.ToLower(line.Get("source"))), Battery: strings.ToLower(line.Get("battery")), Program: line.Get("program"), Note: line.Get("note")}
	if n.Source == "" {
		n.Source = "other"
	}
	var err error
	if n.TakenAt, err = parseTime(line.Get("taken_at")); err != nil {
		return n, err
	}
	if n.Residual, err = quantity("residual_ml", line.Get("residual_ml"), units.ML); err != nil {
		return n, err
	}
	if n.Rate, err = quantity("rate_ml_day", line.Get("rate_ml_day"), units.MLPerDay); err != nil {
		return n, err
	}
	if text := line.Get("alarms"); strings.EqualFold(text, "none") {
		n.AlarmsSeen = true
	} else {
		n.Alarms = strings.Fields(text)
	}
	return n, nil
}

// parseTime reads a time with its zone: a reading without one is a reading at an
// unknown hour.
func parseTime(s string) (time.Time, error) {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04Z07:00", "2006-01-02 15:04:05Z07:00", "2006-01-02 15:04Z07:00"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, errs.InvalidField("taken_at", "taken_at is a time with its zone, such as 2026-01-31T14:05+01:00.")
}

func quantity[T ~int64](field, s string, u units.Unit[T]) (*T, error) {
	if s == "" {
		return nil, nil
	}
	v, err := u.Parse(s)
	if err != nil {
		return nil, errs.InvalidField(field, "%s is a number of %s: %v.", field, u.Name(), err)
	}
	return &v, nil
}
