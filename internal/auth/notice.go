package auth

import (
	"context"
	"time"

	"cisterna/internal/postgres"
)

// Notice is something that a person must hear about their own account.
type Notice struct {
	ID     int64
	At     time.Time
	Kind   string // "code_recover", "key_added", …
	Words  string
	Code   int64 // the code that can be objected to, 0 if none can
	SeenAt time.Time
}

// keptNotices is how many notices a person sees, newest first.
const keptNotices = 50

// tell leaves a notice for a person, in the transaction of what it is about.
func (s *Service) tell(ctx context.Context, tx *postgres.Tx, user int64, kind, words string, code int64) error {
	return insertNotice(ctx, tx, user, kind, words, code, s.now())
}

// Notices returns the newest notices of a person. A code can be objected to while
// it may still be used.
func (s *Service) Notices(ctx context.Context, user int64) ([]Notice, error) {
	return noticesOf(ctx, s.db, user, s.now())
}

// SeeNotices notes that a person has seen their notices up to one.
func (s *Service) SeeNotices(ctx context.Context, actor Actor, upTo int64) error {
	return seeNotices(ctx, s.db, actor.ID, upTo, s.now())
}
