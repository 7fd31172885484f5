package audit

import (
	"errors"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func TestCheckpointText(t *testing.T) {
	s := theSeeded()
	text := s.point(0)
	c, err := s.trust.Open(text)
	if err != nil {
		t.Fatal(err)
	}
	if c.Origin != testOrigin || c.Size != seededEvery || c.Text != text {
		t.Errorf("opened %+v", c)
	}
	want := testOrigin + "\n500\n" + c.Root.String() + "\n\n— " + testOrigin + " "
	if !strings.HasPrefix(text, want) {
		t.Errorf("checkpoint\n%s does not begin with\n%s", text, want)
	}
}

func TestOpenRefuses(t *testing.T) {
	s := theSeeded()
	good := s.point(0)
	sign := func(text string) string {
		b, err := note.Sign(&note.Note{Text: text}, s.key)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	root := tlog.RecordHash(nil).String()
	tests := []struct {
		name, text string
		untrusted  bool
	}{
		{"nothing", "", false},
		{"no signature", good[:strings.Index(good, "\n\n")+2], false},
		{"a changed size", strings.Replace(good, "\n500\n", "\n501\n", 1), false},
		{"a changed signature", good[:len(good)-8] + "AAAA" + good[len(good)-4:], false},
		{"signed by a stranger", signTree(stranger(t), 5, tlog.RecordHash(nil)), true},
		{"another origin", sign("another.test/log\n5\n" + root + "\n"), true},
		{"no root", sign(testOrigin + "\n5\n"), false},
		{"a negative size", sign(testOrigin + "\n-5\n" + root + "\n"), false},
		{"a size with a leading zero", sign(testOrigin + "\n05\n" + root + "\n"), false},
		{"a size out of range", sign(testOrigin + "\n9223372036854775808\n" + root + "\n"), false},
		{"a short root", sign(testOrigin + "\n5\nAAAA\n"), false},
		{"too long", good + strings.Repeat("x", 1<<16), false},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			c, err := s.trust.Open(tc.text)
			if err == nil {
				t.Fatalf("accepted as %+v", c)
			}
			if errors.Is(err, ErrUntrusted) != tc.untrusted {
				t.Errorf("error %v, want untrusted: %v", err, tc.untrusted)
			}
		})
	}
	if _, err := (Trust{}).Open(good); !errors.Is(err, ErrUntrusted) {
		t.Errorf("the zero trust policy: %v, want ErrUntrusted", err)
	}
}

func TestCheckpointMayCarryMore(t *testing.T) {
	s := theSeeded()
	root := tlog.RecordHash(nil).String()
	b, err := note.Sign(&note.Note{Text: testOrigin + "\n5\n" + root + "\nextension\n"}, s.key, stranger(t))
	if err != nil {
		t.Fatal(err)
	}
	if c, err := s.trust.Open(string(b)); err != nil || c.Size != 5 {
		t.Errorf("a checkpoint with an extension line and a second signature: %+v, %v", c, err)
	}
}

func TestParseTrust(t *testing.T) {
	_, vkey, err := note.GenerateKey(strings.NewReader(strings.Repeat("seed", 64)), testOrigin)
	if err != nil {
		t.Fatal(err)
	}
	other := "other.test/log" + vkey[strings.Index(vkey, "+"):]
	tests := []struct {
		name, policy string
		keys         int // -1: refused
	}{
		{"one log", "log " + vkey + "\nquorum none\n", 1},
		{"address, comment, blank lines", "# who\n\n \tlog " + vkey + " https://log.test/\nquorum none", 1},
		{"no log", "quorum none\n", 0},
		{"no quorum", "log " + vkey + "\n", -1},
		{"two quorums", "quorum none\nquorum none\n", -1},
		{"a quorum of witnesses", "log " + vkey + "\nquorum w\n", -1},
		{"a witness", "witness w " + vkey + "\nquorum none\n", -1},
		{"a group", "group g any w\nquorum none\n", -1},
		{"the same key twice", "log " + vkey + "\nlog " + vkey + "\nquorum none\n", -1},
		{"the same key under another name", "log " + vkey + "\nlog " + other + "\nquorum none\n", -1},
		{"a damaged key", "log " + vkey[:len(vkey)-4] + "\nquorum none\n", -1},
		{"a log without a key", "log\nquorum none\n", -1},
		{"an unknown word", "trust " + vkey + "\nquorum none\n", -1},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			trust, err := ParseTrust(tc.policy)
			if (err != nil) != (tc.keys < 0) {
				t.Fatalf("error %v", err)
			}
			if err == nil && len(trust.Names()) != tc.keys {
				t.Errorf("trusts %v, want %d keys", trust.Names(), tc.keys)
			}
		})
	}
}

func FuzzOpenCheckpoint(f *testing.F) {
	s := newSeeded(3)
	f.Add(s.points[3])
	f.Add(testOrigin + "\n5\n" + tlog.RecordHash(nil).String() + "\n\n— x AAAA\n")
	known := map[string]bool{}
	for _, text := range s.points {
		body, _, _ := strings.Cut(text, "\n\n")
		known[body] = true
	}
	f.Fuzz(func(t *testing.T, text string) {
		_, _ = splitCheckpoint(text)
		c, err := s.trust.Open(text)
		if err != nil {
			return
		}
		// Only what the log signed opens, whatever stands beside its signature.
		if body, _, _ := strings.Cut(c.Text, "\n\n"); !known[body] {
			t.Fatalf("opened what was never signed: %q", text)
		}
	})
}
