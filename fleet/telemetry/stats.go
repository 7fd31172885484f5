package telemetry

import "sync/atomic"

// Stats counts since the start of the process, for metrics.
type Stats struct {
	Messages   atomic.Uint64 // delivered, of any kind
	Records    atomic.Uint64 // accepted and committed, both lanes
	Samples    atomic.Uint64 // of those, samples
	Duplicates atomic.Uint64 // messages behind the cursor
	Rewinds    atomic.Uint64 // messages ahead of the cursor
	Refused    atomic.Uint64 // messages and records refused
	Alarms     atomic.Uint64 // alarm records applied
	Gaps       atomic.Uint64 // gap records stored
	Hellos     atomic.Uint64
	Heartbeats atomic.Uint64
	Batches    atomic.Uint64 // transactions of the main lane that committed
	Retries    atomic.Uint64 // transactions of any lane that failed and were tried again
	Failed     atomic.Uint64 // messages given back because the database did not take them
	Waiting    atomic.Int64  // messages between Deliver and commit

	CommittedAt atomic.Int64 // when a transaction of any lane last committed, in Unix milliseconds; 0: never
	DefaultRows atomic.Int64 // samples that found no daily partition
}
