package auth

import (
	"context"
	"database/sql"
	"fmt"

	"cisterna/internal/audit"
	"cisterna/internal/errs"
	"cisterna/internal/postgres"
	"cisterna/internal/webauthn"
)

// maxSoftware is how many software keys a demo's person has: each browser makes
// one. The oldest makes room.
const maxSoftware = 8

// Demo reports whether passwords alone sign in and software keys count.
func (s *Service) Demo() bool { return s.demo }

// AskSoftwareKey returns a challenge to make a software key in this session. It
// returns an error of kind NotFound outside of a demo.
func (s *Service) AskSoftwareKey(ctx context.Context, session Session) (Challenge, error) {
	if !s.demo {
		return Challenge{}, errs.NotFoundf("Only a demo takes software keys.")
	}
	c := s.newChallenge(StepUpLife)
	c.Bytes = bound("enrol", c.Nonce)
	row := challengeRow{Purpose: "enrol", Session: sql.NullInt64{Int64: session.ID, Valid: true}, ExpiresAt: c.ExpiresAt}
	return c, insertChallenge(ctx, s.db, c.Nonce, row)
}

// AddSoftwareKey enrols the key that a page of a demo has made.
func (s *Service) AddSoftwareKey(ctx context.Context, p Party, session Session, name string, n Nonce, made webauthn.Creation) (Credential, error) {
	if !s.demo {
		return Credential{}, errs.NotFoundf("Only a demo takes software keys.")
	}
	if err := checkKeyName(name); err != nil {
		return Credential{}, err
	}
	_, asked, err := takeChallenge(ctx, s.db, n, "enrol", session.ID, s.now())
	if err != nil {
		return Credential{}, err
	}
	key, err := s.newCredential(p, session.Account, asked, n, made)
	if err != nil {
		return Credential{}, err
	}
	key.Kind, key.Name, key.CreatedBy = Software, name, "demo"
	actor := session.Account.Actor(nil)
	err = postgres.InTx(ctx, s.db, func(tx *postgres.Tx) error {
		if err := s.lasts(ctx, tx, session); err != nil {
			return err
		}
		all, err := credentialsOf(ctx, tx, key.User, false)
		if err != nil {
			return err
		}
		var soft []Credential
		for _, k := range all {
			if k.Kind == Software {
				soft = append(soft, k)
			}
		}
		for len(soft) >= maxSoftware {
			if err := revokeCredential(ctx, tx, soft[0].ID, actor.String(), "made room for a newer one", s.now()); err != nil {
				return err
			}
			soft = soft[1:]
		}
		if err := insertCredential(ctx, tx, &key); err != nil {
			return err
		}
		return audit.Append(ctx, tx, audit.Entry{Kind: "auth.key_add", Actor: actor.String(), Object: object(key.User), Payload: keyPayload(key)})
	})
	if err != nil {
		return Credential{}, fmt.Errorf("enrol a software key: %w", err)
	}
	return key, nil
}

// newCredential checks a key that was just made for a challenge.
func (s *Service) newCredential(p Party, owner Account, asked bool, n Nonce, made webauthn.Creation) (Credential, error) {
	if !asked {
		return Credential{}, errs.Conflictf("That took too long, or was done already. Begin again.")
	}
	k, err := webauthn.VerifyNew(p.RPID, p.Origin, bound("enrol", n), made)
	if err != nil {
		return Credential{}, errs.Wrap(errs.Invalid, err, "The new key cannot be used: %s. Begin again, with another key if this one keeps failing.", plainReason(err))
	}
	return Credential{
		User: owner.ID, Credential: k.ID, Kind: Passkey, Synced: k.Flags.BackupEligible, AAGUID: k.AAGUID, CreatedAt: s.now(),
		spki: made.PublicKey, rpID: p.RPID, count: k.Flags.SignCount,
	}, nil
}

func keyPayload(k Credential) map[string]any {
	return map[string]any{"key": k.ID, "kind": k.Kind, "name": k.Name, "synced": k.Synced, "how": k.CreatedBy, "aaguid": fmt.Sprintf("%x", k.AAGUID), "public_key": k.spki}
}
