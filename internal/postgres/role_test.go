package postgres

import (
	"encoding/base64"
	"testing"
)

// TestScramVerifier: the password and salt of RFC 7677, section 3, as PostgreSQL
// stores them.
func TestScramVerifier(t *testing.T) {
	salt, err := base64.StdEncoding.DecodeString("W22ZaJ0SNY7soEsUEjb6gQ==")
	if err != nil {
		t.Fatal(err)
	}
	got, err := scramVerifier("pencil", salt, 4096)
	want := "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
	if err != nil || got != want {
		t.Errorf("%s %v, want %s", got, err, want)
	}
}

func TestAppPasswordIsRefused(t *testing.T) {
	for _, bad := range []string{"short", "with a blank in it", "nämlich-zwölf-lang"} {
		if err := SetAppPassword(t.Context(), nil, bad); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}
