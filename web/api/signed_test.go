package api

import (
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What is done only with a fresh signature over exactly that request, by name: an
// operation that joins or leaves this list is a decision, not an accident. It is
// what gives or takes somebody's powers or keys, what cuts or ends a device for
// good or for a long time, what takes data out whole, and what makes a document
// count. Whoever finds a console unlocked can do none of it.
//
// Orders, releases and stops are not here: each is signed itself, by a key of its
// own (ORDERS.md).
func TestWhatIsSignedFor(t *testing.T) {
	want := []string{
		// Powers and keys of people.
		"add-person", "invite-person", "grant-role", "withdraw-role", "disable-person", "enable-person", "issue-code", "confirm-code",
		"begin-key", "revoke-key", "revoke-person-key", "unlink", "add-signing-key", "revoke-signing-key", "create-token",
		"create-site", "change-site",
		// The life of a device.
		"revoke-pump", "revoke-pumps", "reinstate-pump", "explant-pump", "retire-pump", "replace-pump", "undo-replacement", "swap-communicator", "move-communicator",
		"end-recall",
		// Documents that pumps trust, and the whole record.
		"draft-keyset", "sign-keyset", "approve-library", "export-audit",
	}
	var got []string
	for _, op := range slices.Sorted(maps.Keys(access)) {
		if access[op].StepUp {
			got = append(got, op)
		}
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what asks for a signature (-decided +now):\n%s", diff)
	}
	for _, op := range got {
		// A program has no key to sign with, and nobody has one before signing in.
		if who := access[op]; who.Token != "" || who.Anyone || who.Enrolling {
			t.Errorf("%s asks for a signature of somebody who cannot give one: %+v", op, who)
		}
	}
}
