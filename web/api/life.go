package api

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"cisterna/device/profile"
	"cisterna/fleet/registry"
	"cisterna/internal/errs"
)

// Explant is what is recorded of a pump that was taken out.
type Explant struct {
	On            string        `json:"on" doc:"The theatre's day."`
	Reason        string        `json:"reason"`
	Fate          string        `json:"fate" enum:"kept,maker,pathology,patient,destroyed" doc:"What became of the device."`
	FateAt        Time          `json:"fate_at"`
	FateNote      string        `json:"fate_note"`
	RemainderNL   Maybe[Digits] `json:"remainder_nl" doc:"Drug left in the reservoir; null: not measured."`
	RemainderNote string        `json:"remainder_note"`
	RecordedAt    Time          `json:"recorded_at"`
	RecordedBy    string        `json:"recorded_by"`
}

func explantOf(e registry.Explant) Explant {
	out := Explant{
		On: string(e.On), Reason: e.Reason, Fate: string(e.Fate), FateAt: Time(e.FateAt), FateNote: e.FateNote, RemainderNote: e.RemainderNote,
		RecordedAt: Time(e.RecordedAt), RecordedBy: e.RecordedBy,
	}
	if e.RemainderNL != nil {
		out.RemainderNL = some(digits(*e.RemainderNL))
	}
	return out
}

// Replacement is one step of a chain of pumps that took each other's place.
type Replacement struct {
	Old       ID            `json:"old"`
	OldSerial string        `json:"old_serial"`
	New       ID            `json:"new"`
	NewSerial string        `json:"new_serial"`
	Patient   Maybe[string] `json:"patient" doc:"Token of the patient."`
	Binding   string        `json:"binding" enum:"none,pending,bound" doc:"pending: the patient is expected to get the new pump. Nothing is bound or programmed by a replacement."`
	Reason    string        `json:"reason"`
	At        Time          `json:"at"`
	By        string        `json:"by"`
}

func replacementOf(l registry.Link) Replacement {
	return Replacement{
		Old: id(l.Old), OldSerial: l.OldSerial, New: id(l.New), NewSerial: l.NewSerial, Patient: notZero(l.PatientToken), Binding: string(l.Binding), Reason: l.Reason, At: Time(l.At), By: l.By,
	}
}

// ClaimState is a claim slip that somebody may still hold: never its code.
type ClaimState struct {
	ID        ID        `json:"id"`
	State     string    `json:"state" enum:"open,expired,used,replaced,withdrawn,locked"`
	Link      string    `json:"communicator" doc:"For which it is; empty for any."`
	Reason    string    `json:"reason"`
	Attempts  int       `json:"attempts" doc:"Wrong codes."`
	CreatedAt Time      `json:"created_at"`
	CreatedBy string    `json:"created_by"`
	ExpiresAt Time      `json:"expires_at"`
	UsedAt    MaybeTime `json:"used_at"`
}

func (a *API) claimState(c registry.ClaimState) ClaimState {
	state := c.State
	if state == "open" && !a.Now().Before(c.ExpiresAt) {
		state = "expired"
	}
	return ClaimState{
		ID: id(c.ID), State: state, Link: c.Link, Reason: c.Reason, Attempts: c.Attempts, CreatedAt: Time(c.CreatedAt), CreatedBy: c.CreatedBy, ExpiresAt: Time(c.ExpiresAt), UsedAt: maybeTime(c.UsedAt),
	}
}

// DeviceProfile is a model of pump that can be registered.
type DeviceProfile struct {
	ID         string `json:"id"`
	Name       string `json:"name"`
	Version    string `json:"version"`
	Note       string `json:"note"`
	Drive      string `json:"drive"`
	Verifies   string `json:"verifies" enum:"implant,communicator,nobody"`
	CapacityNL Digits `json:"reservoir_capacity_nl"`
	Linked     bool   `json:"linked" doc:"It has a link. One without is registered as manual."`
	// By the strictest of its rules: what is in a reservoir may be what kills when
	// it stops.
	StaleSeconds   int64 `json:"stale_seconds" doc:"After so long without a word its values are no longer current; 0: never."`
	OfflineSeconds int64 `json:"offline_seconds" doc:"After so long without a word its link counts as down even if it looks open; 0: never."`
	AlarmSeconds   int64 `json:"alarm_seconds" doc:"After so long without a word an alarm is raised; 0: never."`
}

// UDI is a device identifier, read.
type UDI struct {
	Agency    string `json:"agency" enum:"GS1,HIBCC"`
	DeviceID  string `json:"device_id"`
	Serial    string `json:"serial"`
	Lot       string `json:"lot"`
	MadeOn    string `json:"made_on"`
	UseBy     string `json:"use_by"`
	Canonical string `json:"canonical"`
}

type explantInput struct {
	ID   string `path:"id" maxLength:"32"`
	Body struct {
		On            string `json:"on" maxLength:"10" doc:"The day, such as 2026-01-31."`
		Reason        string `json:"reason" maxLength:"300"`
		Fate          string `json:"fate" enum:"kept,maker,pathology,patient,destroyed"`
		FateNote      string `json:"fate_note,omitempty" maxLength:"300" doc:"To whom, under which number."`
		RemainderNL   Digits `json:"remainder_nl,omitempty" doc:"Drug left in the reservoir; left out: not measured."`
		RemainderNote string `json:"remainder_note,omitempty" maxLength:"300" doc:"What was done with it, and who witnessed it."`
	}
}

func (a *API) life() {
	handle(a, op{
		id: "explant-pump", method: http.MethodPost, path: "/pumps/{id}/explant", tag: "pumps", summary: "Record that a pump was taken out",
		describe: "Its link, its patient's binding and its alarms end. It is never implanted again.", problems: []int{http.StatusConflict},
	}, func(ctx context.Context, c Caller, in *explantInput) (*briefOutput, error) {
		n, err := parseID(in.ID, "pump")
		if err != nil {
			return nil, err
		}
		b := in.Body
		left, err := parseDigits[int64]("remainder_nl", b.RemainderNL)
		if err != nil {
			return nil, err
		}
		p, err := a.Registry.Explant(ctx, c.Actor, registry.Explant{
			Pump: n, On: registry.Date(b.On), Reason: b.Reason, Fate: registry.Fate(b.Fate), FateNote: b.FateNote, RemainderNL: left, RemainderNote: b.RemainderNote,
		})
		return &briefOutput{Body: briefOf(p)}, err
	})
	handle(a, op{
		id: "set-fate", method: http.MethodPost, path: "/pumps/{id}/fate", tag: "pumps", summary: "Record what became of an explanted device since", problems: []int{http.StatusConflict},
	}, func(ctx context.Context, c Caller, in *struct {
		ID   string `path:"id" maxLength:"32"`
		Body struct {
			Fate   string `json:"fate" enum:"kept,maker,pathology,patient,destroyed"`
			Reason string `json:"reason" maxLength:"300" doc:"To whom, under which number."`
		}
	},
	) (*struct{ Body Explant }, error) {
		n, err := parseID(in.ID, "pump")
		if err != nil {
			return nil, err
		}
		e, err := a.Registry.SetFate(ctx, c.Actor, n, registry.Fate(in.Body.Fate), in.Body.Reason)
		return &struct{ Body Explant }{explantOf(e)}, err
	})
	handle(a, op{
		id: "replace-pump", method: http.MethodPost, path: "/pumps/{id}/replacement", tag: "pumps", summary: "Link an explanted pump to the one that took its place",
		describe: "The patient goes over as an expectation only. Nothing is bound, and no dose is carried over.", problems: []int{http.StatusConflict},
	}, func(ctx context.Context, c Caller, in *struct {
		ID   string `path:"id" maxLength:"32"`
		Body struct {
			New    ID     `json:"new" doc:"The pump that took its place."`
			Reason string `json:"reason" maxLength:"300"`
		}
	},
	) (*struct{ Body Replacement }, error) {
		old, err := parseID(in.ID, "pump")
		if err != nil {
			return nil, err
		}
		next, err := parseID(string(in.Body.New), "pump")
		if err != nil {
			return nil, err
		}
		l, err := a.Registry.Replace(ctx, c.Actor, old, next, in.Body.Reason)
		return &struct{ Body Replacement }{replacementOf(l)}, err
	})
	handle(a, op{
		id: "undo-replacement", method: http.MethodPost, path: "/pumps/{id}/replacement/undo", tag: "pumps", summary: "Take back a replacement that was a mistake", problems: []int{http.StatusConflict},
		status: http.StatusNoContent, describe: "The pump is the old one, whose place another took.",
	}, func(ctx context.Context, c Caller, in *actInput) (*struct{}, error) {
		old, err := parseID(in.ID, "pump")
		if err != nil {
			return nil, err
		}
		return &struct{}{}, a.Registry.UndoReplace(ctx, c.Actor, old, in.Body.Reason)
	})
	handle(a, op{
		id: "withdraw-claim", method: http.MethodPost, path: "/pumps/{id}/claim/withdraw", tag: "pumps", summary: "Make a claim slip worthless", status: http.StatusNoContent,
	}, func(ctx context.Context, c Caller, in *actInput) (*struct{}, error) {
		n, err := parseID(in.ID, "pump")
		if err != nil {
			return nil, err
		}
		return &struct{}{}, a.Registry.WithdrawClaim(ctx, c.Actor, n, in.Body.Reason)
	})
	a.facts()
}

type editInput struct {
	ID   string `path:"id" maxLength:"32"`
	Body struct {
		Rev   Digits `json:"rev" doc:"The facts_rev that was seen. If the pump changed since, nothing is done."`
		Label string `json:"label" maxLength:"100"`
		Notes Notes  `json:"notes"`
	}
}

// facts serves what people note about a pump, and what registration needs.
func (a *API) facts() {
	handle(a, op{
		id: "edit-pump", method: http.MethodPost, path: "/pumps/{id}/notes", tag: "pumps", summary: "Change what is noted about a pump", problems: []int{http.StatusConflict},
	}, func(ctx context.Context, c Caller, in *editInput) (*briefOutput, error) {
		n, err := parseID(in.ID, "pump")
		if err != nil {
			return nil, err
		}
		rev, err := strconv.ParseInt(string(in.Body.Rev), 10, 64)
		if err != nil {
			return nil, errs.InvalidField("rev", "rev is not a revision.")
		}
		f, err := factsOf(in.Body.Notes)
		if err != nil {
			return nil, err
		}
		p, err := a.Registry.Edit(ctx, c.Actor, n, rev, in.Body.Label, f)
		return &briefOutput{Body: briefOf(p)}, err
	})
	handle(a, op{
		id: "list-profiles", method: http.MethodGet, path: "/profiles", tag: "pumps", summary: "The models of pump that can be registered",
	}, func(_ context.Context, _ Caller, _ *struct{}) (*struct{ Body []DeviceProfile }, error) {
		list := mapped(a.Profiles(), func(p *profile.Profile) DeviceProfile {
			silence, _ := p.SilenceFor(0) // of a profile without a link all zero
			return DeviceProfile{
				StaleSeconds: int64(silence.Stale), OfflineSeconds: int64(silence.Offline), AlarmSeconds: int64(silence.Alarm),
				ID: p.ID, Name: p.Name, Version: strconv.FormatUint(uint64(p.Version), 10), Note: p.Note, Drive: string(p.Drive), Verifies: string(p.Verifier),
				CapacityNL: digits(p.Reservoir.Capacity), Linked: p.SampleEach > 0,
			}
		})
		slices.SortFunc(list, func(a, b DeviceProfile) int { return strings.Compare(a.Name, b.Name) })
		return &struct{ Body []DeviceProfile }{list}, nil
	})
	handle(a, op{
		id: "parse-udi", method: http.MethodGet, path: "/udi", tag: "pumps", summary: "Read a unique device identifier",
		describe: "As printed or scanned: GS1 or HIBC. What is wrong with one, such as a check digit, is explained.",
	}, func(_ context.Context, _ Caller, in *struct {
		Text string `query:"text" required:"true" maxLength:"256"`
	},
	) (*struct{ Body UDI }, error) {
		u, err := registry.ParseUDI(in.Text)
		if err != nil {
			return nil, err
		}
		return &struct{ Body UDI }{UDI{
			Agency: u.Agency, DeviceID: u.DI, Serial: u.Serial, Lot: u.Lot, MadeOn: string(u.Made), UseBy: string(u.UseBy), Canonical: u.String(),
		}}, nil
	})
}

// factsOf reads notes as the API has them.
func factsOf(n Notes) (registry.Facts, error) {
	f := registry.Facts{
		Lot: n.Lot, MadeOn: registry.Date(n.MadeOn), UseBy: registry.Date(n.UseBy), ImplantedOn: registry.Date(n.ImplantedOn), PocketSite: n.PocketSite, PocketSide: n.PocketSide,
		CatheterModel: n.CatheterModel, TipLevel: n.TipLevel, CAP: n.CAP.V, AlarmTestOn: registry.Date(n.AlarmTestOn), MRIStatus: n.MRIStatus,
		WarrantyUntil: registry.Date(n.WarrantyUntil), RecallRef: n.RecallRef, AssetNo: n.AssetNo,
	}
	if n.CatheterMM.V != nil {
		mm, err := strconv.ParseInt(string(*n.CatheterMM.V), 10, 64)
		if err != nil {
			return f, errs.InvalidField("catheter_length_mm", "The length is a whole number of millimetres.")
		}
		f.CatheterMM = mm
	}
	return f, nil
}
