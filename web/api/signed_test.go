package api

import (
	"maps"
	"slices"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/go-cmp/cmp"
)

// exports take data of all one's sites out at once: pumps, whom they are in, work on
// them, recalls, orders.
var exports = []string{
	"table-pumps", "export-pumps", "cmms-assets", "cmms-assets-file", "cmms-work", "cmms-work-file", "export-recall", "order-report-file",
}

// Whatever is answered with a file to keep takes a fresh signature (OWASP ASVS 7.5.1),
// and changes nothing.
func TestFilesAreSignedFor(t *testing.T) {
	var files []string
	for path, item := range unserved(t).OpenAPI().Paths {
		for method, o := range map[string]*huma.Operation{"GET": item.Get, "POST": item.Post, "PUT": item.Put, "PATCH": item.Patch, "DELETE": item.Delete} {
			if o == nil {
				continue
			}
			for _, r := range o.Responses {
				if r.Headers["Content-Disposition"] != nil {
					files = append(files, o.OperationID)
					if !access[o.OperationID].StepUp || method != "GET" {
						t.Errorf("%s %s is answered with a file, and takes no signature", method, path)
					}
				}
			}
		}
	}
	if len(files) < 6 {
		t.Errorf("only %v are answered with files", files)
	}
}

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
		"end-recall", "make-transfer", "hand-in-transfer",
		// Documents that pumps trust, and the whole record.
		"draft-keyset", "sign-keyset", "approve-library", "export-audit",
	}
	want = append(want, exports...)
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
		// A program has no key to sign with, and nobody has one before signing in. What a
		// program may take out, it may by its scope.
		if who := access[op]; who.Token != "" && !slices.Contains(exports, op) || who.Anyone || who.Enrolling {
			t.Errorf("%s asks for a signature of somebody who cannot give one: %+v", op, who)
		}
	}
}
