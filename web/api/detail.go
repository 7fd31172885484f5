package api

import (
	"encoding/hex"
	"strconv"

	"cisterna/device/dose"
	"cisterna/fleet/overview"
	"cisterna/fleet/registry"
	"cisterna/fleet/telemetry"
)

// PumpDetail is a pump's page.
type PumpDetail struct {
	PumpRow
	Maker        string        `json:"maker"`
	UDI          Maybe[string] `json:"udi"`
	DeviceID     Maybe[string] `json:"device_id" doc:"What the pump is called on the wire, from its key."`
	RegisteredAt Time          `json:"registered_at"`
	StatusSince  MaybeTime     `json:"status_since"`
	StatusReason string        `json:"status_reason"`
	Notes        Notes         `json:"notes"`

	Communicator Maybe[Communicator] `json:"communicator" doc:"Paired today."`
	Pairings     []Pairing           `json:"pairings" doc:"All communicators that spoke for the pump, oldest first."`
	Certificates []Certificate       `json:"certificates" doc:"All, newest first."`
	Certificate  Maybe[Certificate]  `json:"certificate" doc:"The newest that was not revoked."`
	Keys         []Key               `json:"keys"`
	Profile      Maybe[ProfileBrief] `json:"profile_detail"`
	Program      Maybe[Program]      `json:"program" doc:"Of the pump's last hello."`

	FactsRev     Digits         `json:"facts_rev" doc:"Rises with every change of the pump; notes are edited with the one that was seen."`
	PatientID    Maybe[ID]      `json:"patient_id" doc:"Of the patient whom it is in: what POST /session/visit takes."`
	Explant      Maybe[Explant] `json:"explant"`
	Replacements []Replacement  `json:"replacements" doc:"The chain that the pump is part of, oldest first."`
	Claims       []ClaimState   `json:"claims" doc:"Newest first."`
	Recalls      []PumpRecall   `json:"recalls"`
	Sync         []SyncItem     `json:"sync" doc:"What the pump should have beside what it last said that it has."`

	Cursors         []Cursor         `json:"cursors"`
	Gaps            []Gap            `json:"gaps"`
	RefusalsTotal   int64            `json:"refusals_total"`
	Refusals24h     map[string]int64 `json:"refusals_by_code" doc:"Of the last 24 hours."`
	PresenceHistory []PresenceChange `json:"presence_history"`
	Sessions        []LinkSession    `json:"sessions" doc:"Connections of the pump's links, newest first."`
}

// Notes is what people note about an implanted pump; empty means not known.
type Notes struct {
	Lot           string        `json:"lot"`
	MadeOn        string        `json:"made_on"`
	UseBy         string        `json:"use_by"`
	ImplantedOn   string        `json:"implanted_on"`
	PocketSite    string        `json:"pocket_site"`
	PocketSide    string        `json:"pocket_side"`
	CatheterModel string        `json:"catheter_model"`
	CatheterMM    Maybe[Digits] `json:"catheter_length_mm"`
	TipLevel      string        `json:"tip_level"`
	CAP           Maybe[bool]   `json:"cap_present"`
	AlarmTestOn   string        `json:"last_alarm_test"`
	MRIStatus     string        `json:"mri_status"`
	WarrantyUntil string        `json:"warranty_until"`
	RecallRef     string        `json:"recall_ref"`
	AssetNo       string        `json:"asset_no" doc:"In the site's maintenance system."`
}

// Communicator is the patient's side of a pump's link.
type Communicator struct {
	Serial   string        `json:"serial"`
	Since    MaybeTime     `json:"since"`
	Firmware Maybe[string] `json:"firmware"`
	History  []Pairing     `json:"history" doc:"All that the pump was paired with, oldest first."`
	Recalls  []CommRecall  `json:"recalls" doc:"That concern it, newest first."`
}

// Pairing is a time during which a communicator spoke for a pump.
type Pairing struct {
	Serial string        `json:"serial"`
	From   Time          `json:"from"`
	To     MaybeTime     `json:"to"`
	Reason Maybe[string] `json:"reason" doc:"Why it ended, or began if it lasts."`
}

// Certificate is a communicator's client certificate.
type Certificate struct {
	Serial    string        `json:"serial"`
	Link      string        `json:"communicator"`
	NotBefore Time          `json:"not_before"`
	NotAfter  Time          `json:"not_after"`
	RevokedAt MaybeTime     `json:"revoked_at"`
	Reason    Maybe[string] `json:"reason" doc:"Why it was revoked."`
}

// Key is a public key that the pump is known by.
type Key struct {
	Purpose     string    `json:"purpose"`
	Algorithm   string    `json:"algorithm"`
	Fingerprint string    `json:"fingerprint" doc:"SHA-256, hexadecimal."`
	Since       MaybeTime `json:"since"`
}

// ProfileBrief says which device profile holds for a pump.
type ProfileBrief struct {
	ID             string `json:"id"`
	Version        string `json:"version"`
	Name           string `json:"name"`
	Verifies       string `json:"verifies" enum:"implant,communicator,nobody" doc:"Who checks the signatures of orders. With communicator, whoever owns the communicator owns the dose."`
	SilenceSeconds int64  `json:"silence_seconds" doc:"After so long without a word the link counts as lost, by the strictest rule."`
}

// Program is what a pump infuses.
type Program struct {
	Hash     string    `json:"hash"`
	Mode     string    `json:"mode"`
	CycleS   int64     `json:"cycle_s"`
	Segments []Segment `json:"segments"`
}

// Segment is a stretch of constant flow within a cycle.
type Segment struct {
	OffsetS   int64  `json:"offset_s"`
	DurationS int64  `json:"duration_s"`
	VolumeNL  Digits `json:"volume_nl"`
}

// Cursor says what is committed of one lane of a pump's records.
type Cursor struct {
	Lane  string    `json:"lane" enum:"main,alarm"`
	Epoch string    `json:"epoch"`
	Seq   string    `json:"seq"`
	At    MaybeTime `json:"at"`
}

// Gap is a range of records that a pump lost.
type Gap struct {
	ID      string `json:"id"`
	Lane    string `json:"lane" enum:"main,alarm"`
	FromSeq string `json:"from_seq"`
	ToSeq   string `json:"to_seq"`
	Reason  string `json:"reason"`
	At      Time   `json:"at"`
}

// PresenceChange is a step from one presence to another.
type PresenceChange struct {
	Presence string        `json:"presence" enum:"online,stale,offline,never,unknown"`
	At       Time          `json:"at"`
	Reason   Maybe[string] `json:"reason"`
}

// LinkSession is one connection of a link.
type LinkSession struct {
	Link     string        `json:"link"`
	Remote   string        `json:"remote"`
	OpenedAt Time          `json:"opened_at"`
	ClosedAt MaybeTime     `json:"closed_at"`
	Reason   Maybe[string] `json:"reason"`
}

func detailOf(d overview.Detail) PumpDetail {
	p := d.Pump
	out := PumpDetail{
		PumpRow: RowOf(d.Row), Maker: p.Maker, UDI: notZero(p.UDI), RegisteredAt: Time(p.CreatedAt),
		StatusSince: maybeTime(p.StatusSince), StatusReason: p.StatusReason, Notes: notesOf(p.Facts),
		Communicator: communicatorOf(d), Pairings: pairingsOf(d.Pairings), Certificate: certificateOf(d.Certificates), Keys: []Key{},
		Certificates: mapped(d.Certificates, certificateRow), FactsRev: digits(p.Rev), PatientID: maybeID(d.PatientID), Replacements: mapped(d.Chain, replacementOf),
		Claims: []ClaimState{}, Recalls: []PumpRecall{}, Sync: []SyncItem{},
		Cursors: make([]Cursor, len(d.Cursors)), Gaps: make([]Gap, len(d.Gaps)), RefusalsTotal: d.RefusalsTotal, Refusals24h: d.Refusals,
		PresenceHistory: make([]PresenceChange, len(d.Presence)), Sessions: make([]LinkSession, len(d.Sessions)),
	}
	if out.Refusals24h == nil {
		out.Refusals24h = map[string]int64{}
	}
	if !p.Key.IsZero() {
		hash := p.Key.Hash()
		out.DeviceID = some(p.Key.PumpID().String())
		out.Keys = append(out.Keys, Key{Purpose: "device", Algorithm: p.Key.Alg().String(), Fingerprint: hex.EncodeToString(hash[:]), Since: maybeTime(p.KeyAt)})
	}
	if f := d.ProfileDoc; f != nil {
		brief := ProfileBrief{ID: f.ID, Version: strconv.FormatUint(uint64(f.Version), 10), Name: f.Name, Verifies: string(f.Verifier)}
		if rule, ok := f.SilenceFor(0); ok {
			brief.SilenceSeconds = int64(rule.Offline)
		}
		out.Profile = some(brief)
	}
	if d.Program != nil {
		out.Program = some(programOf(*d.Program))
	}
	if d.Explant != nil {
		out.Explant = some(explantOf(*d.Explant))
	}
	for i, c := range d.Cursors {
		out.Cursors[i] = Cursor{Lane: lane(c.Lane), Epoch: strconv.FormatUint(c.Epoch, 10), Seq: strconv.FormatUint(c.Seq, 10), At: maybeTime(c.MovedAt)}
	}
	for i, g := range d.Gaps {
		out.Gaps[i] = gapOf(g)
	}
	for i, c := range d.Presence {
		out.PresenceHistory[i] = PresenceChange{Presence: string(c.State), At: Time(c.At), Reason: notZero(c.Reason)}
	}
	for i, s := range d.Sessions {
		out.Sessions[i] = LinkSession{Link: s.Link, Remote: s.Remote, OpenedAt: Time(s.OpenedAt), ClosedAt: maybeTime(s.ClosedAt), Reason: notZero(s.Reason)}
	}
	return out
}

func notesOf(f registry.Facts) Notes {
	n := Notes{
		Lot: f.Lot, MadeOn: string(f.MadeOn), UseBy: string(f.UseBy), ImplantedOn: string(f.ImplantedOn), PocketSite: f.PocketSite, PocketSide: f.PocketSide,
		CatheterModel: f.CatheterModel, TipLevel: f.TipLevel, AlarmTestOn: string(f.AlarmTestOn), MRIStatus: f.MRIStatus,
		WarrantyUntil: string(f.WarrantyUntil), RecallRef: f.RecallRef, AssetNo: f.AssetNo, CAP: Maybe[bool]{f.CAP},
	}
	if f.CatheterMM > 0 {
		n.CatheterMM = some(digits(f.CatheterMM))
	}
	return n
}

func pairingsOf(all []registry.Pairing) []Pairing {
	out := make([]Pairing, len(all))
	for i, p := range all {
		why := p.EndReason
		if p.To.IsZero() {
			why = p.Reason
		}
		out[i] = Pairing{Serial: p.Link, From: Time(p.From), To: maybeTime(p.To), Reason: notZero(why)}
	}
	return out
}

func communicatorOf(d overview.Detail) Maybe[Communicator] {
	if d.Communicator == nil {
		return Maybe[Communicator]{}
	}
	c := Communicator{Serial: d.Communicator.Serial, Recalls: []CommRecall{}, History: pairingsOf(d.Pairings)}
	for _, p := range d.Pairings {
		if p.To.IsZero() {
			c.Since = maybeTime(p.From)
		}
	}
	if d.State != nil {
		c.Firmware = notZero(d.State.FirmwareComm)
	}
	return some(c)
}

func certificateRow(c registry.Certificate) Certificate {
	return Certificate{Serial: c.Serial, Link: c.Link, NotBefore: Time(c.NotBefore), NotAfter: Time(c.NotAfter), RevokedAt: maybeTime(c.RevokedAt), Reason: notZero(c.Reason)}
}

func certificateOf(all []registry.Certificate) Maybe[Certificate] {
	for _, c := range all {
		if c.RevokedAt.IsZero() {
			return some(certificateRow(c))
		}
	}
	return Maybe[Certificate]{}
}

func programOf(p dose.Program) Program {
	hash := p.Hash()
	out := Program{Hash: hex.EncodeToString(hash[:]), Mode: p.Mode.String(), CycleS: int64(p.Cycle), Segments: make([]Segment, len(p.Segments))}
	for i, s := range p.Segments {
		out.Segments[i] = Segment{OffsetS: int64(s.Offset), DurationS: int64(s.Duration), VolumeNL: digits(s.Volume)}
	}
	return out
}

func gapOf(g telemetry.Gap) Gap {
	return Gap{
		ID: writeMark(g.Mark()), Lane: lane(g.Lane), FromSeq: strconv.FormatUint(g.First, 10), ToSeq: strconv.FormatUint(g.Last, 10),
		Reason: g.Reason, At: Time(g.At),
	}
}
