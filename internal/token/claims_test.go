package token

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"
)

var moment = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

var b64 = base64.RawURLEncoding

// signed returns a token of any header and payload, with a sound signature.
func signed(key ed25519.PrivateKey, header, payload string) string {
	text := b64.EncodeToString([]byte(header)) + "." + b64.EncodeToString([]byte(payload))
	return text + "." + b64.EncodeToString(ed25519.Sign(key, []byte(text)))
}

func newKey(t testing.TB) ed25519.PrivateKey {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func sample() (claims, Token) {
	t := Token{Owner: 7, Scopes: []Scope{AlarmsRead, PumpsRead}, Sites: []int64{2, 10}, CreatedAt: moment, ExpiresAt: moment.Add(24 * time.Hour)}
	return claimsOf(t, strings.Repeat("A", 26)), t
}

// lax reads a token as an ordinary user of the library does, with all its options.
func lax(text string, key any) error {
	_, err := jwt.NewParser(
		jwt.WithValidMethods([]string{"EdDSA"}), jwt.WithStrictDecoding(), jwt.WithExpirationRequired(), jwt.WithNotBeforeRequired(),
		jwt.WithIssuedAt(), jwt.WithAudience(audience), jwt.WithIssuer(issuer), jwt.WithTimeFunc(func() time.Time { return moment }),
	).ParseWithClaims(text, jwt.MapClaims{}, func(*jwt.Token) (any, error) { return key, nil })
	return err
}

func TestRoundTrip(t *testing.T) {
	key := newKey(t)
	c, want := sample()
	text, err := c.sign(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, now := range map[string]time.Time{"first second": moment, "last second": moment.Add(24*time.Hour - time.Second)} {
		got, err := parse(text, key.Public().(ed25519.PublicKey), now)
		if err != nil || got != c {
			t.Fatalf("%s: %+v, %v", name, got, err)
		}
		said, err := got.token()
		if diff := cmp.Diff(want, said); diff != "" || err != nil {
			t.Errorf("%s: %s %v", name, diff, err)
		}
	}
	for name, now := range map[string]time.Time{"before its time": moment.Add(-time.Second), "expired": moment.Add(24 * time.Hour)} {
		if _, err := parse(text, key.Public().(ed25519.PublicKey), now); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	if _, err := parse(text, newKey(t).Public().(ed25519.PublicKey), moment); err == nil {
		t.Error("taken with another installation's key")
	}
	if n := len(text); n > maxTokenBytes/8 {
		t.Errorf("a small token has %d bytes", n)
	}
}

// What the library takes, or would take but for a slip, is not taken here. Each
// line stands for a measured fact about golang-jwt v5.3.1; where the library with
// all its options takes the text, the test says so, so that it is known to try
// what it means to try.
func TestWhatTheLibraryTakes(t *testing.T) {
	key := newKey(t)
	pub := key.Public().(ed25519.PublicKey)
	c, _ := sample()
	raw, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	good := string(raw)
	edit := func(old, with string) string {
		if !strings.Contains(good, old) {
			t.Fatalf("the payload has no %s", old)
		}
		return strings.Replace(good, old, with, 1)
	}
	whole, err := c.sign(key)
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(whole, ".")
	hs256 := func(secret []byte) string {
		text := b64.EncodeToString([]byte(`{"alg":"HS256","typ":"cisterna-token+jwt"}`)) + "." + parts[1]
		mac := hmac.New(sha256.New, secret)
		mac.Write([]byte(text))
		return text + "." + b64.EncodeToString(mac.Sum(nil))
	}
	for _, line := range []struct {
		name    string
		text    string
		library bool // takes it, with all options
	}{
		{"unknown crit", signed(key, `{"alg":"EdDSA","crit":["x"],"x":1,"typ":"cisterna-token+jwt"}`, good), true},
		{"crit b64 false", signed(key, `{"alg":"EdDSA","b64":false,"crit":["b64"],"typ":"cisterna-token+jwt"}`, good), true},
		{"another typ", signed(key, `{"alg":"EdDSA","typ":"at+jwt"}`, good), true},
		{"no typ", signed(key, `{"alg":"EdDSA"}`, good), true},
		{"a kid", signed(key, `{"alg":"EdDSA","kid":"../../dev/null","typ":"cisterna-token+jwt"}`, good), true},
		{"header in another order", signed(key, `{"typ":"cisterna-token+jwt","alg":"EdDSA"}`, good), true},
		{"two alg, none then EdDSA", signed(key, `{"alg":"none","alg":"EdDSA","typ":"cisterna-token+jwt"}`, good), true},
		{"duplicate claim", signed(key, header, edit(`"sub":"7"`, `"sub":"7","sub":"9"`)), true},
		{"claim in another case", signed(key, header, edit(`"sub":"7"`, `"sub":"7","SUB":"9"`)), true},
		{"claim in another case only", signed(key, header, edit(`"scope"`, `"SCOPE"`)), true},
		{"null claim", signed(key, header, edit(`"scope":"alarms.read pumps.read"`, `"scope":null`)), true},
		{"missing claim", signed(key, header, edit(`,"scope":"alarms.read pumps.read"`, ``)), true},
		{"unknown claim", signed(key, header, edit(`"sub":"7"`, `"sub":"7","unit":"mg"`)), true},
		{"several audiences", signed(key, header, edit(`"aud":"cisterna-api"`, `"aud":["cisterna-api","other","*"]`)), true},
		{"one audience as a list", signed(key, header, edit(`"aud":"cisterna-api"`, `"aud":["cisterna-api"]`)), true},
		{"newline in the signature", parts[0] + "." + parts[1] + "." + parts[2][:8] + "\n" + parts[2][8:], true},
		{"carriage return in the payload", parts[0] + "." + parts[1][:8] + "\r" + parts[1][8:] + "." + parts[2], false},
		{"non-canonical base64", whole[:len(whole)-1] + string(otherEnd(whole[len(whole)-1])), false},
		{"padding", whole + "==", false},
		{"no exp", signed(key, header, edit(`,"exp":1795424400`, ``)), false},
		{"no nbf", signed(key, header, edit(`,"nbf":1795338000`, ``)), false},
		{"no iat", signed(key, header, edit(`,"iat":1795338000`, ``)), true},
		{"future iat", signed(key, header, edit(`"iat":1795338000`, `"iat":1795338999`)), false},
		{"no audience", signed(key, header, edit(`"aud":"cisterna-api",`, ``)), false},
		{"another issuer", signed(key, header, edit(`"iss":"cisterna"`, `"iss":"cisterna "`)), false},
		{"trailing JSON", signed(key, header, good+`{"sub":"9"}`), false},
		{"trailing blank", signed(key, header, good+" "), true},
		{"one of several keys", mustSign(t, c, newKey(t)), false},
		{"HS256 with the public key as secret", hs256(pub), false},
		{"alg none", b64.EncodeToString([]byte(`{"alg":"none","typ":"cisterna-token+jwt"}`)) + "." + parts[1] + ".", false},
		{"alg none, signature kept", b64.EncodeToString([]byte(`{"alg":"none","typ":"cisterna-token+jwt"}`)) + "." + parts[1] + "." + parts[2], false},
		{"alg Ed25519", signed(key, `{"alg":"Ed25519","typ":"cisterna-token+jwt"}`, good), false},
		{"a number beyond 2^53", signed(key, header, edit(`"exp":1795424400`, `"exp":9007199254740993`)), true},
		{"a float", signed(key, header, edit(`"exp":1795424400`, `"exp":1795424400.0`)), true},
		{"an exponent", signed(key, header, edit(`"exp":1795424400`, `"exp":17954244e2`)), true},
		{"longer than 90 days", signed(key, header, edit(`"exp":1795424400`, `"exp":1803114001`)), true},
		{"an unknown scope", signed(key, header, edit(`pumps.read`, `pumps.rule`)), true},
		{"scopes out of order", signed(key, header, edit(`alarms.read pumps.read`, `pumps.read alarms.read`)), true},
		{"a blank too many", signed(key, header, edit(`alarms.read pumps.read`, `alarms.read  pumps.read`)), true},
		{"sites with a zero", signed(key, header, edit(`"2 10"`, `"02 10"`)), true},
		{"no sites", signed(key, header, edit(`"2 10"`, `""`)), true},
		{"subject zero", signed(key, header, edit(`"sub":"7"`, `"sub":"0"`)), true},
		{"a short id", signed(key, header, edit(strings.Repeat("A", 26), "A")), true},
		{"a list", signed(key, header, "["+good+"]"), false},
		{"more than 4 KiB", signed(key, header, edit(`"sub":"7"`, `"sub":"7","x":"`+strings.Repeat("y", 4096)+`"`)), true},
		{"four parts", whole + ".", false},
		{"two parts", parts[0] + "." + parts[1], false},
		{"nothing", "", false},
		{"a thousand dots", strings.Repeat(".", 1000), false},
	} {
		t.Run(line.name, func(t *testing.T) {
			if err := lax(line.text, pub); (err == nil) != line.library {
				t.Errorf("the library says %v; expected that it takes it: %v", err, line.library)
			}
			if got, err := parse(line.text, pub, moment); err == nil {
				t.Errorf("taken as %+v", got)
			}
		})
	}
	if err := lax(whole, pub); err != nil {
		t.Errorf("the library refuses a good token: %v", err)
	}
}

func mustSign(t *testing.T, c claims, key ed25519.PrivateKey) string {
	t.Helper()
	text, err := c.sign(key)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// otherEnd returns a letter that decodes to the same bits at the end of 64 bytes.
func otherEnd(c byte) byte {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return letters[strings.IndexByte(letters, c)^1]
}

// Not one byte of a token can be another one.
func TestEveryByteCounts(t *testing.T) {
	key := newKey(t)
	c, _ := sample()
	whole := mustSign(t, c, key)
	for i := range len(whole) {
		for _, with := range []byte{'A', 'b', '0', '-', '.', '\n', whole[i] ^ 1} {
			if with == whole[i] {
				continue
			}
			text := whole[:i] + string(with) + whole[i+1:]
			if _, err := parse(text, key.Public().(ed25519.PublicKey), moment); err == nil {
				t.Fatalf("byte %d may be %q", i, with)
			}
		}
	}
}

// What is read comes out as it went in; nothing else is read.
func FuzzStrictClaims(f *testing.F) {
	c, _ := sample()
	raw, err := json.Marshal(c)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Add([]byte(`{"iss":"cisterna"}`))
	f.Add([]byte(strings.Replace(string(raw), `"sub":"7"`, `"sub":"7","sub":"8"`, 1)))
	f.Fuzz(func(t *testing.T, payload []byte) {
		c, err := strictClaims(payload)
		if err != nil {
			return
		}
		again, err := json.Marshal(c)
		if err != nil || string(again) != string(payload) {
			t.Fatalf("%q came out as %q, %v", payload, again, err)
		}
		said, err := c.token()
		if err != nil {
			t.Fatalf("%q: %v", payload, err)
		}
		if claimsOf(said, c.ID) != c {
			t.Fatalf("%+v came out as %+v", c, claimsOf(said, c.ID))
		}
	})
}
