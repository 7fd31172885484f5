package registry

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"strings"
	"time"

	"cisterna/device/wire"
	"cisterna/internal/audit"
	"cisterna/internal/auth"
	"cisterna/internal/errs"
	"cisterna/internal/postgres"
)

// Limits on claims.
const (
	ClaimLife    = 24 * time.Hour     // unless asked otherwise
	maxClaimLife = 7 * 24 * time.Hour // a slip is printed for a visit, not for a drawer
	minClaimLife = 5 * time.Minute
	maxAttempts  = 10 // wrong codes before a claim is locked
)

// Claim is a fresh one-time code. This is the only time that it can be seen.
type Claim struct {
	Pump      int64
	Code      string // XXXX-XXXX-XXXX, 60 bits
	Link      string // the communicator it is for, empty for any
	ExpiresAt time.Time
}

// crockford are the characters of codes: no I, L, O and U (Crockford's base32).
const crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// newCode returns 60 random bits in three groups of four characters.
func newCode() string {
	var b [12]byte
	_, _ = rand.Read(b[:]) // never fails
	for i := range b {
		b[i] = crockford[b[i]&31]
	}
	return string(b[:4]) + "-" + string(b[4:8]) + "-" + string(b[8:])
}

// codeHash is what is stored of a code. 60 random bits that live for days need no
// slow hash. People misread characters as Crockford foresaw; hyphens and case do
// not matter.
func codeHash(code string) [32]byte {
	code = strings.NewReplacer("-", "", " ", "", "O", "0", "I", "1", "L", "1").Replace(strings.ToUpper(code))
	return sha256.Sum256([]byte("cisterna/claim/1\x00" + code))
}

// CreateClaim makes a one-time code with which a pump that has no communicator
// can enrol. It expires after life (0 = 24 hours) and replaces an earlier one.
// Errors: Conflict if the pump may not enrol or has a communicator, which
// SwapCommunicator exchanges.
func (s *Service) CreateClaim(ctx context.Context, actor auth.Actor, pump int64, life time.Duration) (Claim, error) {
	if life == 0 {
		life = ClaimLife
	}
	if life < minClaimLife || life > maxClaimLife {
		return Claim{}, errs.InvalidField("life", "A claim slip lives between 5 minutes and 7 days.")
	}
	var c Claim
	_, err := s.change(ctx, actor, pump, []auth.Role{auth.Engineer}, func(tx *postgres.Tx, p Pump) (done, error) {
		if p.Link != "" {
			return done{}, errs.Conflictf("Pump %s is paired with communicator %s. Exchange the communicator instead.", p.Serial, p.Link)
		}
		var err error
		c, err = s.claim(ctx, tx, actor, p, "", "enrolment", life)
		return done{leaf: audit.Entry{Kind: "pump.claim", Payload: c.leaf()}}, err
	})
	if err != nil {
		return Claim{}, err
	}
	return c, nil
}

// WithdrawClaim makes the pump's open code worthless.
func (s *Service) WithdrawClaim(ctx context.Context, actor auth.Actor, pump int64, why string) error {
	why, err := reason(why)
	if err != nil {
		return err
	}
	_, err = s.change(ctx, actor, pump, []auth.Role{auth.Engineer}, func(tx *postgres.Tx, p Pump) (done, error) {
		n, err := withdrawClaims(ctx, tx, pump, "withdrawn")
		if err == nil && n == 0 {
			err = errs.NotFoundf("Pump %s has no open claim slip.", p.Serial)
		}
		return done{leaf: audit.Entry{Kind: "pump.claim_withdraw", Reason: why}}, err
	})
	return err
}

// Swap is an exchange of a pump's communicator.
type Swap struct {
	Pump   int64
	Serial string // of the new communicator, which may be the old one after a reset
	Lost   bool   // the old one is lost or stolen: its link ends now, not at the enrolment
	Reason string
}

// SwapCommunicator makes a one-time code with which the new communicator, and no
// other, enrols for the pump. The pump proves with its key that it is still the
// same. The old pairing ends and the old certificates are revoked at that
// moment, so that the patient is not without a link meanwhile, or at once if the
// old communicator is lost.
func (s *Service) SwapCommunicator(ctx context.Context, actor auth.Actor, w Swap) (Claim, error) {
	why, err := reason(w.Reason)
	if err != nil {
		return Claim{}, err
	}
	w.Serial = strings.TrimSpace(w.Serial)
	if !wire.ValidLink(w.Serial) {
		return Claim{}, errs.InvalidField("serial", "A communicator's serial is 1 to 64 letters, digits, hyphens and underscores.")
	}
	var c Claim
	_, err = s.change(ctx, actor, w.Pump, []auth.Role{auth.Engineer}, func(tx *postgres.Tx, p Pump) (done, error) {
		d := done{leaf: audit.Entry{Kind: "pump.swap", Device: p.Link, Reason: why}}
		if p.Status != Active {
			return d, errs.Conflictf("Pump %s is %s and has no communicator to exchange.", p.Serial, p.Status)
		}
		if w.Lost && w.Serial == p.Link {
			return d, errs.InvalidField("serial", "Communicator %s is reported lost and cannot replace itself.", w.Serial)
		}
		if err := usable(ctx, tx, w.Serial, p.ID); err != nil {
			return d, err
		}
		if w.Lost && p.Link != "" {
			if err := s.endLink(ctx, tx, actor, p, "lost: "+why, CommLost); err != nil {
				return d, err
			}
			d.kick = p.Link
		}
		c, err = s.claim(ctx, tx, actor, p, w.Serial, why, ClaimLife)
		d.leaf.Payload = c.leaf()
		return d, err
	})
	if err != nil {
		return Claim{}, err
	}
	return c, nil
}

// leaf is what the record keeps of a claim: never the code.
func (c Claim) leaf() any {
	return struct {
		Link      string    `json:"link,omitempty"`
		ExpiresAt time.Time `json:"expires_at"`
	}{c.Link, c.ExpiresAt}
}

// claim stores a fresh code in place of an earlier one.
func (s *Service) claim(ctx context.Context, tx *postgres.Tx, actor auth.Actor, p Pump, link, why string, life time.Duration) (Claim, error) {
	if _, err := p.Status.After(ActEnrol); err != nil {
		return Claim{}, err
	}
	if _, err := withdrawClaims(ctx, tx, p.ID, "replaced"); err != nil {
		return Claim{}, err
	}
	now := s.Now()
	c := Claim{Pump: p.ID, Code: newCode(), Link: link, ExpiresAt: now.Add(life)}
	return c, insertClaim(ctx, tx, c, why, actor.String(), now)
}

// openClaim is a claim as stored.
type openClaim struct {
	id        int64
	pump      int64
	hash      []byte
	link      string
	state     string
	attempts  int
	expiresAt time.Time
	cert      string // issued for it
}

func (c openClaim) is(hash [32]byte) bool { return subtle.ConstantTimeCompare(c.hash, hash[:]) == 1 }

// usable refuses a communicator that may not enrol for a pump.
func usable(ctx context.Context, tx *postgres.Tx, link string, pump int64) error {
	status, paired, reserved, err := communicator(ctx, tx, link)
	switch {
	case err != nil:
		return err
	case status == CommLost || status == CommRetired || status == CommRevoked:
		return errs.Conflictf("Communicator %s is %s.", link, status)
	case paired != 0 && paired != pump:
		return errs.Conflictf("Communicator %s is paired with another pump.", link)
	case reserved != 0 && reserved != pump:
		return errs.Conflictf("Communicator %s is reserved for another pump.", link)
	}
	return nil
}

// problem names a claim's problem for the person who holds the slip.
func (c openClaim) problem(now time.Time) error {
	switch {
	case c.state == "used":
		return errs.Deniedf("This code has been used. Ask for a new claim slip.")
	case c.state != "open":
		return errs.Deniedf("This code was %s. Ask for a new claim slip.", c.state)
	case !now.Before(c.expiresAt):
		return errs.Deniedf("This code expired on %s. Ask for a new claim slip.", c.expiresAt.UTC().Format("2006-01-02 15:04 UTC"))
	}
	return nil
}

// errWrongCode tells a stranger nothing about which serial numbers exist.
var errWrongCode = errs.Deniedf("This code does not belong to this pump. Compare the serial number and the code with the claim slip.")
