package api

import (
	"bytes"
	"context"
	"net/http"
	"strconv"
	"time"

	"cisterna/device/dose"
	"cisterna/device/units"
	"cisterna/fleet/manual"
	"cisterna/internal/errs"
)

// Reading is what somebody read off a pump: never what the pump says itself.
type Reading struct {
	ID           ID            `json:"id"`
	TakenAt      Time          `json:"taken_at"`
	TakenBy      string        `json:"taken_by" doc:"Who measured."`
	Source       string        `json:"source" enum:"programmer,refill,report,other"`
	ResidualNL   Maybe[Digits] `json:"residual_nl" doc:"In the reservoir, by the programmer's own reckoning."`
	RateNLDay    Maybe[Digits] `json:"rate_nl_day"`
	Battery      string        `json:"battery" enum:",ok,eri,eos"`
	Alarms       []string      `json:"alarms"`
	AlarmsSeen   bool          `json:"alarms_seen" doc:"Somebody looked: an empty list then means none."`
	Program      string        `json:"program"`
	Steps        []Segment     `json:"steps" doc:"Of a day; empty: not noted."`
	Note         string        `json:"note"`
	Supersedes   Maybe[ID]     `json:"supersedes"`
	SupersededBy Maybe[ID]     `json:"superseded_by" doc:"It was wrong; this one took its place."`
	Reason       string        `json:"reason" doc:"Of a correction."`
	Imported     bool          `json:"imported"`
	RecordedAt   Time          `json:"recorded_at"`
	RecordedBy   string        `json:"recorded_by"`
}

func readingOf(r manual.Reading) Reading {
	out := Reading{
		ID: id(r.ID), TakenAt: Time(r.TakenAt), TakenBy: r.TakenBy, Source: string(r.Source), Battery: r.Battery, Alarms: mapped(r.Alarms, func(s string) string { return s }),
		AlarmsSeen: r.AlarmsSeen, Program: r.Program, Note: r.Note, Supersedes: maybeID(r.Supersedes), SupersededBy: maybeID(r.SupersededBy), Reason: r.Reason,
		Imported: r.Imported, RecordedAt: Time(r.RecordedAt), RecordedBy: r.RecordedName,
		Steps: mapped(r.Steps, func(s dose.Segment) Segment {
			return Segment{OffsetS: int64(s.Offset), DurationS: int64(s.Duration), VolumeNL: digits(s.Volume)}
		}),
	}
	if r.Residual != nil {
		out.ResidualNL = some(digits(*r.Residual))
	}
	if r.Rate != nil {
		out.RateNLDay = some(digits(*r.Rate))
	}
	return out
}

// NewReading is a reading as it is typed.
type NewReading struct {
	TakenAt    time.Time `json:"taken_at"`
	TakenBy    string    `json:"taken_by" maxLength:"100"`
	Source     string    `json:"source" enum:"programmer,refill,report,other"`
	ResidualNL Digits    `json:"residual_nl,omitempty"`
	RateNLDay  Digits    `json:"rate_nl_day,omitempty"`
	Battery    string    `json:"battery,omitempty" enum:",ok,eri,eos"`
	Alarms     []string  `json:"alarms,omitempty" maxItems:"40"`
	AlarmsSeen bool      `json:"alarms_seen,omitempty"`
	Program    string    `json:"program,omitempty" maxLength:"300"`
	Steps      []Segment `json:"steps,omitempty" maxItems:"48"`
	Note       string    `json:"note,omitempty" maxLength:"500"`
}

func (r NewReading) new(pump int64) (manual.New, error) {
	n := manual.New{
		Pump: pump, TakenAt: r.TakenAt, TakenBy: r.TakenBy, Source: manual.Source(r.Source), Battery: r.Battery, Alarms: r.Alarms, AlarmsSeen: r.AlarmsSeen,
		Program: r.Program, Note: r.Note,
	}
	var err error
	if n.Residual, err = parseDigits[units.Volume]("residual_nl", r.ResidualNL); err != nil {
		return n, err
	}
	if n.Rate, err = parseDigits[units.Rate]("rate_nl_day", r.RateNLDay); err != nil {
		return n, err
	}
	for _, s := range r.Steps {
		v, err := parseDigits[units.Volume]("steps", s.VolumeNL)
		if err != nil || v == nil {
			return n, errs.InvalidField("steps", "A step's volume is digits of nL.")
		}
		n.Steps = append(n.Steps, dose.Segment{Offset: units.Seconds(s.OffsetS), Duration: units.Seconds(s.DurationS), Volume: *v})
	}
	return n, nil
}

// parseDigits reads a quantity; "" is nil.
func parseDigits[T ~int64](field string, s Digits) (*T, error) {
	if s == "" {
		return nil, nil
	}
	n, err := strconv.ParseInt(string(s), 10, 64)
	if err != nil || n < 0 {
		return nil, errs.InvalidField(field, "%s is digits, and not more than a pump can mean.", field)
	}
	return new(T(n)), nil
}

type readingOutput struct{ Body Reading }

func (a *API) readings() {
	handle(a, op{
		id: "list-readings", method: http.MethodGet, path: "/pumps/{id}/readings", tag: "readings", summary: "What people read off a pump, newest first",
		describe: "Readings that were corrected are among them, and say so. None of it is what the pump says itself.",
	}, func(ctx context.Context, c Caller, in *pumpInput) (*struct{ Body []Reading }, error) {
		pump, err := parseID(in.ID, "pump")
		if err != nil {
			return nil, err
		}
		list, err := a.Readings.OfPump(ctx, c.Scope(), pump)
		return &struct{ Body []Reading }{mapped(list, readingOf)}, err
	})
	handle(a, op{
		id: "record-reading", method: http.MethodPost, path: "/pumps/{id}/readings", tag: "readings", summary: "Record what was read off a pump", status: http.StatusCreated,
		problems: []int{http.StatusConflict},
	}, func(ctx context.Context, c Caller, in *struct {
		ID   string `path:"id" maxLength:"32"`
		Body NewReading
	},
	) (*readingOutput, error) {
		pump, err := parseID(in.ID, "pump")
		if err != nil {
			return nil, err
		}
		n, err := in.Body.new(pump)
		if err != nil {
			return nil, err
		}
		r, err := a.Readings.Record(ctx, c.Actor, n)
		return &readingOutput{readingOf(r)}, err
	})
	handle(a, op{
		id: "correct-reading", method: http.MethodPost, path: "/pumps/{id}/readings/{reading}/correct", tag: "readings", summary: "Record a reading in place of one that was wrong", status: http.StatusCreated,
		describe: "The one that was wrong stays, and points to this one.", problems: []int{http.StatusConflict},
	}, func(ctx context.Context, c Caller, in *struct {
		ID      string `path:"id" maxLength:"32"`
		Reading string `path:"reading" maxLength:"32"`
		Body    struct {
			NewReading
			Reason string `json:"reason" maxLength:"300"`
		}
	},
	) (*readingOutput, error) {
		pump, err := parseID(in.ID, "pump")
		if err != nil {
			return nil, err
		}
		wrong, err := parseID(in.Reading, "reading")
		if err != nil {
			return nil, err
		}
		n, err := in.Body.new(pump)
		if err != nil {
			return nil, err
		}
		n.Reason = in.Body.Reason
		r, err := a.Readings.Correct(ctx, c.Actor, pump, wrong, n)
		return &readingOutput{readingOf(r)}, err
	})
	handle(a, op{
		id: "import-readings", method: http.MethodPost, path: "/readings/import", tag: "readings", summary: "Record the readings of a file",
		describe: "The file is text/csv with the columns serial, taken_at, taken_by, source, residual_ml, rate_ml_day, battery, alarms, program and note; the first three are required, " +
			"times carry their zone, numbers a decimal point. Good lines are kept, bad ones reported.",
		body: maxImport, takes: []string{"text/csv"},
	}, func(ctx context.Context, c Caller, in *struct {
		DryRun  bool   `query:"dry_run" doc:"Check everything, change nothing."`
		RawBody []byte `contentType:"text/csv"`
	},
	) (*importOutput, error) {
		report, err := a.Readings.Import(ctx, c.Actor, bytes.NewReader(in.RawBody), in.DryRun)
		return &importOutput{importReport(report)}, err
	})
}
