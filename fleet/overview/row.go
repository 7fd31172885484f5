package overview

import (
	"encoding/hex"
	"time"

	"cisterna/device/dose"
	"cisterna/device/profile"
	"cisterna/device/units"
	"cisterna/device/wire"
	"cisterna/fleet/alarm"
	"cisterna/fleet/registry"
	"cisterna/fleet/telemetry"
)

// Row is a pump in the list: everything that the list shows, without a query per
// pump. Zero times and a Run of 0 mean not known. Times are UTC, whole
// milliseconds.
type Row struct {
	ID      int64
	Site    int64
	Serial  string
	Model   string
	Label   string
	Profile string
	Link    string // communicator paired today, "" if none
	Status  string // registry.Status

	Patient      string    // reference of the patient whom it is in, "" if in none
	PatientSince time.Time // of that binding

	Presence      telemetry.Presence
	PresenceSince time.Time
	LastHeard     time.Time // any message that the pump signed
	LastData      time.Time // received; the sample below

	HasSample   bool // the fields down to BatteryPct hold
	Run         wire.RunState
	RateNLDay   int64
	ReservoirNL int64
	BatteryMV   int64
	BatteryPct  int // −1: not known

	CapacityNL int64 // 0: not known
	LowNL      int64 // 0: not known

	ProgramNLDay int64     // what its program delivers in a day, on average; −1: not known
	CertEnds     time.Time // of the newest certificate of today's link that counts

	Alarms Alarms

	Firmware     string
	FirmwareComm string
	Library      string // what the pump's library is called, else its hash's first digits

	Refused24h    int64
	GapsOpen      int64 // gaps declared in the last 24 hours
	Reconnects24h int64 // connections opened in the last 24 hours
	Drugs         []Drug

	Sync    Sync     // whether it has the documents that it should have
	Lacks   []string // those that it has not: keyset, library, profile
	Quality Quality  // of its link
	Tags    []string // sorted
	Groups  []int64  // that it is a member of by hand, rising

	Rev uint64 // the board's revision of the row's last change
}

// Alarms counts a pump's alarms that are not cleared.
type Alarms struct {
	High, Medium, Low int
	TopCode           string // most urgent, then newest; "" if none
	TopTitle          string
	TopPriority       wire.Priority
}

// Drug is one ingredient of what a pump holds.
type Drug struct {
	Name     string
	ConcNGML int64 // ng per mL
}

// Sync says whether a pump has the signed documents that it should have.
type Sync string

// The values of Sync.
const (
	SyncUnknown Sync = ""        // it has no link, or never said what it has
	SyncCurrent Sync = "current" // it reported what it should have
	SyncBehind  Sync = "behind"  // it reported others
)

// Desired is what the server wants a pump of a profile to have.
type Desired struct {
	Keyset  uint64 // version
	Library []byte // hash
	Profile []byte // hash; nil: not known
}

// reported is what a pump last said that it has.
type reported struct {
	known            bool
	keyset           int64
	library, profile []byte
}

// setSync compares what the pump reported with what it should have. Only active
// pumps are brought anything.
func (r *Row) setSync(have reported, want Desired) {
	if !have.known || r.Status != string(registry.Active) {
		return
	}
	r.Sync = SyncCurrent
	if have.keyset < 0 || uint64(have.keyset) < want.Keyset {
		r.Lacks = append(r.Lacks, "keyset")
	}
	if want.Library != nil && string(have.library) != string(want.Library) {
		r.Lacks = append(r.Lacks, "library")
	}
	if want.Profile != nil && string(have.profile) != string(want.Profile) {
		r.Lacks = append(r.Lacks, "profile")
	}
	if len(r.Lacks) > 0 {
		r.Sync = SyncBehind
	}
}

// Quality is how well a pump's link works, by the last 24 hours.
type Quality string

// The qualities. A communicator that sleeps connects a few times a day; one that
// connects every half hour has a poor network, and a message that was refused was
// damaged, forged or wrongly paired.
const (
	QualityUnknown Quality = ""     // nothing connected
	QualityGood    Quality = "good" // at most 8 connections, nothing refused
	QualityFair    Quality = "fair" // at most 48, at most 5 refused
	QualityPoor    Quality = "poor"
)

func (r *Row) setQuality() {
	switch {
	case r.Reconnects24h == 0 && r.Refused24h == 0 && r.Presence != telemetry.Online:
	case r.Reconnects24h <= 8 && r.Refused24h == 0:
		r.Quality = QualityGood
	case r.Reconnects24h <= 48 && r.Refused24h <= 5:
		r.Quality = QualityFair
	default:
		r.Quality = QualityPoor
	}
}

// clock brings a time into the form that rows hold.
func clock(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return time.UnixMilli(t.UnixMilli()).UTC()
}

func (r *Row) setSample(v telemetry.Sample, profiles func(string) (*profile.Profile, bool)) {
	r.HasSample, r.LastData = true, clock(v.ReceivedAt)
	r.Run, r.RateNLDay, r.ReservoirNL, r.BatteryMV = v.Run, v.RateNLDay, v.ReservoirNL, v.BatteryMV
	r.BatteryPct = -1
	if p, ok := profiles(r.Profile); ok {
		r.BatteryPct = charge(p.Battery.Voltage, v.BatteryMV)
	}
}

// setProfile fills in what the pump's profile says.
func (r *Row) setProfile(profiles func(string) (*profile.Profile, bool)) {
	r.BatteryPct = -1
	if p, ok := profiles(r.Profile); ok {
		r.CapacityNL, r.LowNL = int64(p.Reservoir.Capacity), int64(p.Reservoir.LowDefault)
	}
}

// setProgram fills in what the pump's program delivers, by its own hello.
func (r *Row) setProgram(program []byte) {
	r.ProgramNLDay = -1
	if len(program) == 0 {
		return
	}
	p, err := dose.DecodeProgram(program)
	if err != nil {
		return // a newer pump may say it in a form that is not known here
	}
	if day, err := p.MeanDay(); err == nil {
		r.ProgramNLDay = int64(day)
	}
}

// Use returns what the pump uses in a day without patient boluses: its program's
// mean, and while it runs at the minimum rate that rate if it is more. It is not
// known of a pump that is stopped: what it does next is for people to say.
func (r *Row) Use() (int64, bool) {
	day := r.ProgramNLDay
	switch {
	case !r.HasSample, r.Run == 0, r.Run == wire.Stopped:
		return 0, false
	case r.Run == wire.Minimum:
		day = max(day, r.RateNLDay)
	}
	return day, day > 0
}

// level says whether the reservoir is at or below its low mark; "" if that is
// not known.
func (r *Row) level() string {
	switch {
	case !r.HasSample || r.LowNL <= 0:
		return ""
	case r.ReservoirNL <= r.LowNL:
		return "low"
	}
	return "ok"
}

// lowAt returns when its program brings the reservoir to the low mark, without
// patient boluses, counted on from its last values; when those came, if it is
// there already. The zero time if that is not known.
func (r *Row) lowAt() time.Time {
	day, ok := r.Use()
	if _, sane := r.fill(); !ok || !sane || r.LowNL <= 0 {
		return time.Time{}
	}
	s, err := units.MulDiv(max(0, r.ReservoirNL-r.LowNL), int64(units.Day), day, units.Floor)
	if err != nil || s > farthest {
		return time.Time{}
	}
	return r.LastData.Add(time.Duration(s) * time.Second)
}

// farthest is beyond every date that means something, in seconds: a hundred years.
const farthest = 100 * 366 * 86_400

// setContents fills in what the pump holds, by its own hello.
func (r *Row) setContents(contents []byte) {
	if len(contents) == 0 {
		return
	}
	c, err := dose.DecodeContents(contents)
	if err != nil {
		return // a newer pump may say it in a form that is not known here
	}
	for _, i := range c.Ingredients {
		r.Drugs = append(r.Drugs, Drug{Name: i.Code.String(), ConcNGML: int64(i.Conc)})
	}
}

func (r *Row) setLibrary(hash []byte, name func([]byte) string) {
	if len(hash) == 0 {
		return
	}
	if r.Library = name(hash); r.Library == "" {
		r.Library = hex.EncodeToString(hash[:min(4, len(hash))])
	}
}

func (r *Row) setAlarms(c alarm.Counts) {
	r.Alarms = Alarms{High: c.High, Medium: c.Medium, Low: c.Low}
	if c.Top != nil {
		r.Alarms.TopCode, r.Alarms.TopTitle, r.Alarms.TopPriority = c.Top.Code, c.Top.Entry().Title, c.Top.Priority
	}
}

// charge returns what is left of a battery in whole percent, by its voltage on
// the profile's discharge curve; −1 if the profile has none.
func charge(curve []profile.Voltage, mv int64) int {
	if len(curve) < 2 {
		return -1
	}
	if mv >= int64(curve[0].MV) {
		return int(curve[0].Charge) / 10
	}
	for i := 1; i < len(curve); i++ {
		hi, lo := curve[i-1], curve[i]
		if mv < int64(lo.MV) {
			continue
		}
		// On a flat stretch the voltage says no more than its lower end.
		permille := int64(lo.Charge)
		if hi.MV > lo.MV {
			permille += (mv - int64(lo.MV)) * int64(hi.Charge-lo.Charge) / int64(hi.MV-lo.MV)
		}
		return int(permille / 10)
	}
	return int(curve[len(curve)-1].Charge) / 10
}
