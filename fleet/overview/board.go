package overview

import "time"

// Snapshot is the list at one revision.
type Snapshot struct {
	Epoch string
	Rev   uint64
	At    time.Time
	Rows  []Row // of the sites in scope, by id
}

// Changes is what became of the list since a revision.
type Changes struct {
	Epoch   string
	Rev     uint64
	Prev    uint64  // the revision asked for
	Reset   bool    // the revision is not known (any more): take a snapshot
	Rows    []Row   // changed, as they are now
	Removed []int64 // no longer in scope: moved to another site
}
