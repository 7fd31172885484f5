package postgres

import (
	"context"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"
)

// SetAppPassword gives the role [AppRole] a password, for databases that ask for
// one. The role of db must be allowed to, as the one that migrated is. The
// password itself never reaches the database, nor its log: what is sent is the
// verifier that PostgreSQL stores for SCRAM-SHA-256 (RFC 5803).
func SetAppPassword(ctx context.Context, db *sqlx.DB, password string) error {
	// Others would have to be normalised as SASLprep has it, by both sides.
	if len(password) < 12 || strings.ContainsFunc(password, func(c rune) bool { return c <= ' ' || c > '~' }) {
		return errors.New("want at least 12 printable ASCII characters without spaces")
	}
	var salt [16]byte
	_, _ = rand.Read(salt[:]) // never fails
	verifier, err := scramVerifier(password, salt[:], 4096)
	if err != nil {
		return err
	}
	if _, err := db.ExecContext(ctx, "ALTER ROLE "+AppRole+" PASSWORD "+pq.QuoteLiteral(verifier)); err != nil {
		return fmt.Errorf("give %s a password: %w", AppRole, err)
	}
	return nil
}

// scramVerifier returns SCRAM-SHA-256$<rounds>:<salt>$<StoredKey>:<ServerKey>.
func scramVerifier(password string, salt []byte, rounds int) (string, error) {
	salted, err := pbkdf2.Key(sha256.New, password, salt, rounds, sha256.Size)
	if err != nil {
		return "", err
	}
	mac := func(text string) []byte {
		h := hmac.New(sha256.New, salted)
		h.Write([]byte(text))
		return h.Sum(nil)
	}
	stored := sha256.Sum256(mac("Client Key"))
	b64 := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("SCRAM-SHA-256$%d:%s$%s:%s", rounds, b64(salt), b64(stored[:]), b64(mac("Server Key"))), nil
}
