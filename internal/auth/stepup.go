package auth

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"

	"cisterna/internal/audit"
	"cisterna/internal/errs"
	"cisterna/internal/postgres"
	"cisterna/internal/webauthn"
)

// Operation is what somebody steps up for: one request, in all its parts.
type Operation struct {
	ID     string   // "revoke-key"
	Method string   // "POST"
	Target string   // path and query as they were sent
	Body   [32]byte // SHA-256
}

// stepUp returns the challenge of an operation. It covers everything that the
// operation does, the session, and the nonce.
func (o Operation) stepUp(p Party, session int64, n Nonce) [32]byte {
	var id [8]byte
	binary.BigEndian.PutUint64(id[:], uint64(session))
	return bound("step-up", n, []byte(p.Origin), id[:], []byte(o.ID), []byte(o.Method), []byte(o.Target), o.Body[:])
}

// AskStepUp returns a challenge for one operation of a session, to be answered
// within [StepUpLife], and the keys that may answer.
func (s *Service) AskStepUp(ctx context.Context, p Party, session Session, o Operation) (Challenge, []Credential, error) {
	keys, err := credentialsOf(ctx, s.db, session.Account.ID, false)
	if err != nil {
		return Challenge{}, nil, err
	}
	var may []Credential
	for _, k := range keys {
		if s.takes(k) && k.rpID == p.RPID {
			may = append(may, k)
		}
	}
	c := s.newChallenge(StepUpLife)
	c.Bytes = o.stepUp(p, session.ID, c.Nonce)
	row := challengeRow{Purpose: "step_up", Session: sql.NullInt64{Int64: session.ID, Valid: true}, ExpiresAt: c.ExpiresAt}
	return c, may, insertChallenge(ctx, s.db, c.Nonce, row)
}

// StepUp checks that the person of a session has just signed for the operation,
// with a key of theirs that counts. The challenge is spent whatever the answer
// is. It returns an error of kind Denied if the answer is not right, in words
// that say what to do; of kind Throttled, wrapping *[Throttled], after too many
// that were not.
func (s *Service) StepUp(ctx context.Context, p Party, session Session, o Operation, a Signed) error {
	now, user := s.now(), session.Account
	limitKey := throttleKey("step-up", fmt.Sprint(user.ID))
	wait, err := take(ctx, s.db, limitKey, perLogin, now)
	if err != nil {
		return err
	}
	series := throttleKey("series-step-up", fmt.Sprint(user.ID))
	if wait > 0 {
		return errors.Join(errThrottled(wait), s.noteFailure(ctx, Credentials{Login: user.Login}, session.Address, ticket{series: series}, true))
	}
	why, err := s.stepUp(ctx, p, session, o, a, limitKey)
	if err != nil || why == nil {
		return err
	}
	if err := s.noteFailure(ctx, Credentials{Login: user.Login}, session.Address, ticket{series: series}, false); err != nil {
		return err
	}
	return why
}

// stepUp returns why an answer is refused, nil if it is right.
func (s *Service) stepUp(ctx context.Context, p Party, session Session, o Operation, a Signed, limitKey []byte) (why, err error) {
	now := s.now()
	_, asked, err := takeChallenge(ctx, s.db, a.Nonce, "step_up", session.ID, now)
	if err != nil {
		return nil, err
	}
	if !asked {
		return errs.Deniedf("The confirmation is too old or was used already. Confirm once more."), nil
	}
	key, known, err := credentialByName(ctx, s.db, a.Credential)
	if err != nil {
		return nil, err
	}
	if !known || key.User != session.Account.ID || key.Revoked() || !s.takes(key) {
		return errs.Deniedf("The key that confirmed this is not one of yours that counts. Use one that is listed under Your security."), nil
	}
	flags, wrong := key.verify(p, o.stepUp(p, session.ID, a.Nonce), a)
	switch {
	case errors.Is(wrong, webauthn.ErrUnverified):
		return errs.Wrap(errs.Denied, wrong, "The key did not check who you are. Use its PIN, your fingerprint or your face."), nil
	case wrong != nil:
		return errs.Wrap(errs.Denied, wrong, "What was confirmed is not what was asked for. Nothing was done; confirm once more."), nil
	}
	err = postgres.InTx(ctx, s.db, func(tx *postgres.Tx) error {
		if err := s.use(ctx, tx, key.ID, flags.SignCount); err != nil {
			return err
		}
		if err := refund(ctx, tx, limitKey, perLogin.every); err != nil {
			return err
		}
		return audit.Append(ctx, tx, audit.Entry{
			Kind: "auth.step_up", Actor: session.Account.Actor(nil).String(), Object: object(session.Account.ID), Payload: stepUpPayload(session, o, key, a),
		})
	})
	if errors.Is(err, errOvertaken) {
		return errs.Wrap(errs.Denied, err, "The key was revoked, or there is a copy of it. Use another one, and tell your administrator."), nil
	}
	if err != nil {
		return nil, fmt.Errorf("note a step-up: %w", err)
	}
	return nil, nil
}

// stepUpPayload is what an auditor needs to check the signature again.
func stepUpPayload(session Session, o Operation, key Credential, a Signed) map[string]any {
	b64 := base64.RawURLEncoding.EncodeToString
	spki := sha256.Sum256(key.spki)
	return map[string]any{
		"session": session.ID, "operation": o.ID, "method": o.Method, "target": o.Target, "body_sha256": hex.EncodeToString(o.Body[:]),
		"key": key.ID, "key_sha256": hex.EncodeToString(spki[:]), "nonce": b64(a.Nonce[:]), "authenticator_data": b64(a.AuthenticatorData),
		"client_data": b64(a.ClientDataJSON), "signature": b64(a.Signature),
	}
}
