package audit

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// ErrUntrusted reports a checkpoint that none of the trusted keys signed.
var ErrUntrusted = errors.New("signed by no trusted key")

// Checkpoint is a signed statement of the tree's size and root. Whoever keeps
// one can later tell whether the record still contains what it contained then.
type Checkpoint struct {
	Origin string
	Size   int64     // leaves in the tree
	Root   tlog.Hash // RFC 6962
	Text   string    // C2SP tlog-checkpoint: the signed note, as carried and kept
	At     time.Time // when it was stored; not signed
}

// checkpointBody returns the text that is signed.
func checkpointBody(origin string, t tlog.Tree) string {
	return fmt.Sprintf("%s\n%d\n%s\n", origin, t.N, t.Hash)
}

// parseBody reads a checkpoint's text, which the caller has verified.
func parseBody(text string) (Checkpoint, error) {
	lines := strings.Split(text, "\n")
	// Extension lines may follow the root; the last line is empty.
	if len(lines) < 4 || lines[len(lines)-1] != "" || lines[0] == "" {
		return Checkpoint{}, errors.New("a checkpoint has an origin, a size and a root, a line each")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || size < 0 || strconv.FormatInt(size, 10) != lines[1] {
		return Checkpoint{}, fmt.Errorf("checkpoint size %q is not a number", lines[1])
	}
	root, err := base64.StdEncoding.Strict().DecodeString(lines[2])
	if err != nil || len(root) != tlog.HashSize {
		return Checkpoint{}, fmt.Errorf("checkpoint root %q is not a hash", lines[2])
	}
	c := Checkpoint{Origin: lines[0], Size: size}
	copy(c.Root[:], root)
	return c, nil
}

// splitCheckpoint reads a checkpoint without looking at its signatures.
func splitCheckpoint(text string) (unverified Checkpoint, err error) {
	i := strings.Index(text, "\n\n")
	if i < 0 {
		return Checkpoint{}, errors.New("a signed note has an empty line before its signatures")
	}
	unverified, err = parseBody(text[:i+1])
	unverified.Text = text
	return unverified, err
}

// Trust says whose signatures make a checkpoint valid. The zero Trust trusts
// nobody.
type Trust struct {
	logs []note.Verifier
}

// ParseTrust reads a C2SP tlog-policy file: lines `log <vkey> [<url>]`, exactly
// one line `quorum none`, and comments. Witnesses, groups and other quorums are
// refused by name, not ignored.
func ParseTrust(policy string) (Trust, error) {
	var t Trust
	seen := map[string]bool{}
	quorum := false
	for n, line := range strings.Split(policy, "\n") {
		f := strings.Fields(line)
		switch {
		case len(f) == 0 || strings.HasPrefix(f[0], "#"):
		case f[0] == "log" && (len(f) == 2 || len(f) == 3):
			v, err := note.NewVerifier(f[1])
			if err != nil {
				return Trust{}, fmt.Errorf("trust policy line %d: key %q: %w", n+1, f[1], err)
			}
			key := f[1][strings.LastIndex(f[1], "+"):]
			if seen[key] {
				return Trust{}, fmt.Errorf("trust policy line %d: the same key twice", n+1)
			}
			seen[key] = true
			t.logs = append(t.logs, v)
		case f[0] == "quorum" && len(f) == 2 && f[1] == "none" && !quorum:
			quorum = true
		default:
			return Trust{}, fmt.Errorf("trust policy line %d: %q is not supported", n+1, line)
		}
	}
	if !quorum {
		return Trust{}, errors.New("trust policy: the line `quorum none` is missing")
	}
	return t, nil
}

// TrustKeys trusts the logs with these verifier keys (`name+hash+key`).
func TrustKeys(vkeys ...string) (Trust, error) { return ParseTrust(Policy(vkeys...)) }

// Policy writes a trust policy for [ParseTrust] that trusts these keys.
func Policy(vkeys ...string) string {
	var b strings.Builder
	for _, k := range vkeys {
		fmt.Fprintf(&b, "log %s\n", k)
	}
	return b.String() + "quorum none\n"
}

// Names returns the names of the trusted logs.
func (t Trust) Names() []string {
	var names []string
	for _, v := range t.logs {
		names = append(names, fmt.Sprintf("%s+%08x", v.Name(), v.KeyHash()))
	}
	return names
}

// Open verifies a checkpoint: a trusted log signed it, under its own name as
// the origin. It returns [ErrUntrusted] if it is well-formed but signed only by
// strangers.
func (t Trust) Open(text string) (Checkpoint, error) {
	if len(text) > 1<<16 {
		return Checkpoint{}, errors.New("checkpoint: too long")
	}
	n, err := note.Open([]byte(text), note.VerifierList(t.logs...))
	if _, ok := errors.AsType[*note.UnverifiedNoteError](err); ok {
		return Checkpoint{}, fmt.Errorf("checkpoint: %w", ErrUntrusted)
	}
	if err != nil {
		return Checkpoint{}, fmt.Errorf("checkpoint: %w", err)
	}
	c, err := parseBody(n.Text)
	if err != nil {
		return Checkpoint{}, err
	}
	c.Text = text
	for _, s := range n.Sigs {
		if s.Name == c.Origin {
			return c, nil
		}
	}
	return Checkpoint{}, fmt.Errorf("checkpoint of origin %q: %w", c.Origin, ErrUntrusted)
}
