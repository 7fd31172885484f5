package audit

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// ErrInconsistent reports a tree that does not continue the one that was signed
// last: the record was rewritten, or an old copy of it was restored.
var ErrInconsistent = errors.New("the record does not continue what was signed before")

// Signer signs checkpoints. It remembers the last tree it signed, apart from the
// database, and signs only what continues it: whoever rewrites the database
// gets no signature for the result. Implementations are safe for concurrent use.
type Signer interface {
	// Last returns the tree that was signed last, of size 0 at first.
	Last(ctx context.Context) (tlog.Tree, error)
	// Sign signs next if proof shows that it continues the last tree, remembers
	// it durably, and returns the signed note. proof is not looked at if the last
	// tree is empty or next itself. The error is ErrInconsistent if next is
	// smaller or another tree.
	Sign(ctx context.Context, next tlog.Tree, proof tlog.TreeProof) (checkpoint string, err error)
}

// Files of a [FileSigner] in its folder.
const (
	keyFile   = "audit.key"   // note signer key, mode 0600
	trustFile = "audit.trust" // trust policy for verifiers; may be handed out
	stateFile = "audit.state" // the last checkpoint signed
)

// FileSigner is a [Signer] with an Ed25519 key and its memory in files. Several
// processes may share the folder.
type FileSigner struct {
	dir    string
	origin string
	signer note.Signer
	trust  Trust
	vkey   string
	mu     sync.Mutex
}

// OpenSigner opens the signer in dir, and makes it, with a new key for origin,
// if there is none. Origin names the log for ever, such as
// "example.org/cisterna"; empty takes the existing one.
//
// A key without its state is refused: it would sign anything.
func OpenSigner(dir, origin string) (*FileSigner, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("checkpoint signer: %w", err)
	}
	s := &FileSigner{dir: dir, origin: origin}
	unlock, err := s.lock()
	if err != nil {
		return nil, err
	}
	defer unlock()
	skey, err := os.ReadFile(s.path(keyFile))
	if errors.Is(err, fs.ErrNotExist) {
		skey, err = s.create()
	}
	if err != nil {
		return nil, fmt.Errorf("checkpoint signer: %w", err)
	}
	if err := s.load(strings.TrimSpace(string(skey))); err != nil {
		return nil, fmt.Errorf("checkpoint signer in %s: %w", dir, err)
	}
	if _, err := s.last(); err != nil {
		return nil, fmt.Errorf("checkpoint signer in %s: %w", dir, err)
	}
	return s, nil
}

// create makes key, trust policy and the state of an empty tree. The key comes
// last: without it, nothing was created.
func (s *FileSigner) create() ([]byte, error) {
	if s.origin == "" {
		return nil, fmt.Errorf("there is no key in %s and no name to make one for", s.dir)
	}
	skey, vkey, err := note.GenerateKey(rand.Reader, s.origin)
	if err != nil {
		return nil, err
	}
	signer, err := note.NewSigner(skey)
	if err != nil {
		return nil, fmt.Errorf("name %q: %w", s.origin, err)
	}
	state, err := note.Sign(&note.Note{Text: checkpointBody(s.origin, tlog.Tree{Hash: emptyRoot})}, signer)
	if err != nil {
		return nil, err
	}
	for _, f := range []struct {
		name string
		data []byte
		mode fs.FileMode
	}{{stateFile, state, 0o600}, {trustFile, []byte(Policy(vkey)), 0o644}, {keyFile, []byte(skey + "\n"), 0o600}} {
		if err := writeFile(s.path(f.name), f.data, f.mode); err != nil {
			return nil, err
		}
	}
	return []byte(skey), nil
}

func (s *FileSigner) load(skey string) (err error) {
	if s.signer, err = note.NewSigner(skey); err != nil {
		return fmt.Errorf("%s: %w", keyFile, err)
	}
	name := s.signer.Name()
	if s.origin == "" {
		s.origin = name
	}
	if s.origin != name {
		return fmt.Errorf("the key is that of %q, not of %q", name, s.origin)
	}
	policy, err := os.ReadFile(s.path(trustFile))
	if err != nil {
		return err
	}
	if s.trust, err = ParseTrust(string(policy)); err != nil {
		return fmt.Errorf("%s: %w", trustFile, err)
	}
	for line := range strings.Lines(string(policy)) {
		if f := strings.Fields(line); len(f) >= 2 && f[0] == "log" && strings.HasPrefix(f[1], fmt.Sprintf("%s+%08x+", name, s.signer.KeyHash())) {
			s.vkey = f[1]
			return nil
		}
	}
	return fmt.Errorf("%s does not list the key in %s", trustFile, keyFile)
}

// Origin returns the log's name.
func (s *FileSigner) Origin() string { return s.origin }

// VerifierKey returns the public key as `name+hash+key`.
func (s *FileSigner) VerifierKey() string { return s.vkey }

// Trust trusts the signer's own key and those of its policy file.
func (s *FileSigner) Trust() Trust { return s.trust }

// Last implements [Signer].
func (s *FileSigner) Last(context.Context) (tlog.Tree, error) {
	unlock, err := s.lock()
	if err != nil {
		return tlog.Tree{}, err
	}
	defer unlock()
	c, err := s.last()
	return tlog.Tree{N: c.Size, Hash: c.Root}, err
}

// Sign implements [Signer].
func (s *FileSigner) Sign(_ context.Context, next tlog.Tree, proof tlog.TreeProof) (string, error) {
	unlock, err := s.lock()
	if err != nil {
		return "", err
	}
	defer unlock()
	last, err := s.last()
	if err != nil {
		return "", err
	}
	switch {
	case next.N == last.Size && next.Hash == last.Root:
		return last.Text, nil // asked again after a crash
	case next.N <= last.Size:
		return "", fmt.Errorf("sign a tree of size %d after one of size %d: %w", next.N, last.Size, ErrInconsistent)
	case last.Size > 0:
		if err := tlog.CheckTree(proof, next.N, next.Hash, last.Size, last.Root); err != nil {
			return "", fmt.Errorf("sign a tree of size %d after one of size %d: %w", next.N, last.Size, ErrInconsistent)
		}
	}
	text, err := note.Sign(&note.Note{Text: checkpointBody(s.origin, next)}, s.signer)
	if err != nil {
		return "", err
	}
	// Remembered before anyone sees it: a signature that escaped and was
	// forgotten would let a second tree be signed.
	if err := writeFile(s.path(stateFile), text, 0o600); err != nil {
		return "", fmt.Errorf("checkpoint signer: %w", err)
	}
	return string(text), nil
}

// last reads the state. It is read every time because another process that
// shares the folder may have signed since.
func (s *FileSigner) last() (Checkpoint, error) {
	b, err := os.ReadFile(s.path(stateFile))
	if err != nil {
		return Checkpoint{}, fmt.Errorf("the last signed checkpoint is lost; put back %s or start a new key: %w", stateFile, err)
	}
	c, err := s.trust.Open(string(b))
	if err != nil {
		return Checkpoint{}, fmt.Errorf("%s: %w", stateFile, err)
	}
	return c, nil
}

func (s *FileSigner) path(name string) string { return filepath.Join(s.dir, name) }

// lock keeps other goroutines and processes out until the returned function is
// called.
func (s *FileSigner) lock() (func(), error) {
	s.mu.Lock()
	f, err := os.OpenFile(s.path("audit.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err == nil {
		if err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
			_ = f.Close()
		}
	}
	if err != nil {
		s.mu.Unlock()
		return nil, fmt.Errorf("lock the checkpoint signer: %w", err)
	}
	return func() { _ = f.Close(); s.mu.Unlock() }, nil
}

// writeFile replaces a file durably: after a crash it is the old or the new one.
func writeFile(name string, data []byte, mode fs.FileMode) error {
	side := name + ".new"
	f, err := os.OpenFile(side, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		return err
	}
	if err := os.Rename(side, name); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(name))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
