package overview

import (
	"time"

	"cisterna/device/wire"
	"cisterna/fleet/telemetry"
)

// Row is a pump in the list: everything that the list shows, without a query per
// pump. Zero times and a Run of 0 mean not known.
type Row struct {
	ID      int64
	Site    int64
	Serial  string
	Model   string
	Label   string
	Profile string
	Link    string // communicator paired today, "" if none
	Status  string // registry.Status

	Presence      telemetry.Presence
	PresenceSince time.Time
	LastHeard     time.Time // any message
	LastData      time.Time // received; the sample below

	HasSample   bool // the fields down to BatteryPct hold
	Run         wire.RunState
	RateNLDay   int64
	ReservoirNL int64
	BatteryMV   int64
	BatteryPct  int // −1: not known

	CapacityNL int64 // 0: not known
	LowNL      int64 // 0: not known

	Alarms Alarms

	Firmware     string
	FirmwareComm string
	Library      string // what the pump's library hash is called, else its first digits

	Refused24h int64
	GapsOpen   int64 // gaps declared in the last 24 hours
	Drugs      []Drug

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
