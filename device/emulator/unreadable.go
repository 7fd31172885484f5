package emulator

import (
	"errors"
	"fmt"

	"cisterna/device/emulator/disk"
)

// Unreadable is a pump whose state on disk this version does not understand, as
// after a change of what a pump remembers. It is not guessed at: what another
// version knew of a bridge or a ceiling decides what a patient gets. Such a pump is
// left out and nothing of it is touched, so that the version that wrote it finds all
// of it: keys, counters of orders, alarms and records that the server does not have.
type Unreadable struct {
	Serial string
	What   string // state, or memory of orders
	Where  string // the folder of the journal that holds it
	Err    error
}

func (e *Unreadable) Error() string {
	return fmt.Sprintf("pump %s: the %s in %s was written by another version of Cisterna and does not read here (%v). Nothing was changed and nothing is lost: "+
		"run the version that wrote it, and let what the pump is doing (a bridge, most likely) come to its end there; or begin anew, with --reset in the demo and another --data in pumpsim", e.Serial, e.What, e.Where, e.Err)
}

func (e *Unreadable) Unwrap() error { return e.Err }

// unreadable says that a journal on fs holds something of the pump that this version
// does not understand.
func (d *Device) unreadable(what string, fs disk.FS, err error) error {
	where := "its journal"
	if s, ok := fs.(fmt.Stringer); ok {
		where = s.String()
	}
	return &Unreadable{Serial: d.who.Serial, What: what, Where: where, Err: err}
}

// Start starts the pumps that are named, or every one. A pump that is Unreadable
// does not keep the others from living: it is told of and left out. If there is no
// other, that is the error.
func (f *Fleet) Start(only ...*Device) error {
	if len(only) == 0 {
		only = f.Devices()
	}
	var left []error
	for _, d := range only {
		err := d.Start()
		if odd, ok := errors.AsType[*Unreadable](err); ok {
			f.log.Error("a pump is left out", "serial", odd.Serial, "journal", odd.Where, "error", err)
			left = append(left, err)
			continue
		}
		if err != nil {
			return err
		}
	}
	if len(left) > 0 && len(left) == len(only) {
		return fmt.Errorf("no pump could be started; of the first: %w", left[0])
	}
	return nil
}
