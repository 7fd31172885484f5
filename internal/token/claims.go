package token

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// What every token of ours says about itself.
const (
	issuer   = "cisterna"
	audience = "cisterna-api"

	// header is the only header there is. The library takes others: an unknown
	// crit, another typ, two members alg.
	header        = `{"alg":"EdDSA","typ":"cisterna-token+jwt"}`
	maxTokenBytes = 4 << 10
)

var headerSegment = base64.RawURLEncoding.EncodeToString([]byte(header))

// claims is the whole of what a token says, in the order and form in which it is
// signed.
type claims struct {
	Issuer   string `json:"iss"`
	Audience string `json:"aud"`
	Subject  string `json:"sub"` // account, digits
	ID       string `json:"jti"` // 26 letters and digits, 130 random bits
	Issued   int64  `json:"iat"` // s since 1970
	NotYet   int64  `json:"nbf"` // the same
	Expires  int64  `json:"exp"`
	Scope    string `json:"scope"` // sorted, a blank between
	Sites    string `json:"sites"` // digits, sorted by number, a blank between
}

func claimsOf(t Token, jti string) claims {
	scopes, sites := make([]string, len(t.Scopes)), make([]string, len(t.Sites))
	for i, s := range t.Scopes {
		scopes[i] = string(s)
	}
	for i, s := range t.Sites {
		sites[i] = strconv.FormatInt(s, 10)
	}
	return claims{
		Issuer: issuer, Audience: audience, Subject: strconv.FormatInt(t.Owner, 10), ID: jti,
		Issued: t.CreatedAt.Unix(), NotYet: t.CreatedAt.Unix(), Expires: t.ExpiresAt.Unix(),
		Scope: strings.Join(scopes, " "), Sites: strings.Join(sites, " "),
	}
}

// sign returns the token's text.
func (c claims) sign(key ed25519.PrivateKey) (string, error) {
	payload, err := json.Marshal(c)
	if err != nil {
		return "", err
	}
	text := headerSegment + "." + base64.RawURLEncoding.EncodeToString(payload)
	return text + "." + base64.RawURLEncoding.EncodeToString(ed25519.Sign(key, []byte(text))), nil
}

// parse reads a token's text and checks its signature and its times. Beside what
// the library checks, it takes only what sign can have written, byte for byte:
// the library lets pass members that are there twice, in another case, null,
// missing or unknown, several audiences, and line breaks.
func parse(text string, key ed25519.PublicKey, now time.Time) (claims, error) {
	payload, err := shape(text)
	if err != nil {
		return claims{}, err
	}
	parser := jwt.NewParser(
		jwt.WithValidMethods([]string{"EdDSA"}), jwt.WithStrictDecoding(), jwt.WithExpirationRequired(), jwt.WithNotBeforeRequired(),
		jwt.WithIssuedAt(), jwt.WithAudience(audience), jwt.WithIssuer(issuer), jwt.WithTimeFunc(func() time.Time { return now }),
	)
	// The key as its type: as bytes, it would be a secret for HMAC to some.
	_, err = parser.ParseWithClaims(text, &jwt.RegisteredClaims{}, func(*jwt.Token) (any, error) { return key, nil })
	if err != nil {
		return claims{}, err
	}
	return strictClaims(payload)
}

// shape checks the text before anything is decoded and returns the payload.
func shape(text string) ([]byte, error) {
	if len(text) == 0 || len(text) > maxTokenBytes {
		return nil, fmt.Errorf("%d bytes", len(text))
	}
	for i := range len(text) {
		c := text[i]
		if (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' && c != '-' && c != '.' {
			return nil, fmt.Errorf("byte %d is none of a token's", i)
		}
	}
	parts := strings.Split(text, ".")
	if len(parts) != 3 {
		return nil, fmt.Errorf("%d parts", len(parts))
	}
	if parts[0] != headerSegment {
		return nil, errors.New("another header")
	}
	return base64.RawURLEncoding.Strict().DecodeString(parts[1])
}

// strictClaims reads the payload a second time, with no mercy.
func strictClaims(payload []byte) (claims, error) {
	dec := json.NewDecoder(bytes.NewReader(payload))
	dec.DisallowUnknownFields()
	var c claims
	if err := dec.Decode(&c); err != nil {
		return claims{}, err
	}
	// Whatever was written twice, in another case, order or number form, or was
	// left out, does not come out the same.
	same, err := json.Marshal(c)
	if err != nil {
		return claims{}, err
	}
	if !bytes.Equal(same, payload) {
		return claims{}, errors.New("the claims are not in their one form")
	}
	switch {
	case c.Issuer != issuer || c.Audience != audience:
		return claims{}, errors.New("issuer or audience")
	case len(c.ID) != 26:
		return claims{}, errors.New("no id")
	case c.Issued <= 0 || c.NotYet != c.Issued || c.Expires <= c.Issued || c.Expires-c.Issued > int64(MaxLife/time.Second):
		return claims{}, errors.New("times")
	}
	if _, err := c.token(); err != nil {
		return claims{}, err
	}
	return c, nil
}

// token returns what the claims say.
func (c claims) token() (Token, error) {
	t := Token{CreatedAt: time.Unix(c.Issued, 0).UTC(), ExpiresAt: time.Unix(c.Expires, 0).UTC()}
	var err error
	if t.Owner, err = number(c.Subject); err != nil {
		return Token{}, fmt.Errorf("subject: %w", err)
	}
	for _, s := range strings.Split(c.Scope, " ") {
		if !slices.Contains(Scopes(), Scope(s)) {
			return Token{}, errors.New("an unknown scope")
		}
		t.Scopes = append(t.Scopes, Scope(s))
	}
	for _, s := range strings.Split(c.Sites, " ") {
		n, err := number(s)
		if err != nil {
			return Token{}, fmt.Errorf("sites: %w", err)
		}
		t.Sites = append(t.Sites, n)
	}
	if !slices.IsSorted(t.Scopes) || !slices.IsSorted(t.Sites) {
		return Token{}, errors.New("scopes or sites are not in order")
	}
	return t, nil
}

// number reads digits that strconv would write.
func number(s string) (int64, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n <= 0 || strconv.FormatInt(n, 10) != s {
		return 0, errors.New("not a number")
	}
	return n, nil
}
