package auth

import "time"

// Visit is the lock of a session to one patient.
type Visit struct {
	Patient int64
	Since   time.Time
	Until   time.Time
}

// VisitLife is how long a session stays locked to a patient (DESIGN.md 6).
const VisitLife = 60 * time.Minute
