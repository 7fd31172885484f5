package emulator

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/mod/sumdb/note"

	"cisterna/device/emulator/journal"
	"cisterna/device/order"
	"cisterna/device/profile"
	"cisterna/device/pump"
	"cisterna/device/wire"
)

// hash names a document as it travels.
type hash = [sha256.Size]byte

// documents are the signed documents that a pump follows. What they hold is
// shared by all pumps of a process that follow the same.
type documents struct {
	root    *rootDoc
	keyset  *keysetDoc // nil while there is none
	library *libraryDoc
	before  *libraryDoc // the library before, nil if there was none
	profile *profileDoc
}

type rootDoc struct {
	hash hash
	order.Root
	pool *x509.CertPool
	logs note.Verifiers
}

type keysetDoc struct {
	hash hash
	order.Keyset
}

// newer reports whether a keyset is another than the one in force. One of the same
// version is the same, whatever its signatures are and in whichever order they stand:
// its life does not begin again.
func (k *keysetDoc) newer(now *keysetDoc) bool {
	return k != nil && (now == nil || k.Version > now.Version)
}

type libraryDoc struct {
	hash hash
	order.Library
}

type profileDoc struct {
	hash    hash // of the document
	content hash // of the profile in it, which hello names
	machine *pump.Machine
}

// held is the library as an order is checked against it.
func (l *libraryDoc) held() order.Held {
	if l == nil {
		return order.Held{}
	}
	return order.Held{Hash: l.hash, Library: l.Library}
}

// kept is how documents stand in the vault: by hash; the bytes are blobs.
type kept struct {
	Root    hash `cbor:"1,keyasint"`
	Keyset  hash `cbor:"2,keyasint"`
	Library hash `cbor:"3,keyasint"`
	Profile hash `cbor:"4,keyasint"`
	Before  hash `cbor:"5,keyasint"` // the library before
}

// name adds the documents to a set.
func (k *kept) name(docs map[hash]bool) {
	for _, h := range []hash{k.Root, k.Keyset, k.Library, k.Profile, k.Before} {
		docs[h] = true
	}
}

func (d *documents) kept() kept {
	k := kept{Root: d.root.hash, Profile: d.profile.hash}
	if d.keyset != nil {
		k.Keyset = d.keyset.hash
	}
	if d.library != nil {
		k.Library = d.library.hash
	}
	if d.before != nil {
		k.Before = d.before.hash
	}
	return k
}

// shelf holds each document once for all pumps, checked.
type shelf struct {
	vault *journal.Journal
	mu    sync.Mutex
	roots map[under]*rootDoc
	keys  map[under]*keysetDoc
	libs  map[under]*libraryDoc
	profs map[under]*profileDoc
}

// under is a document as checked under a root: another root may think otherwise.
type under struct{ root, doc hash }

func newShelf(vault *journal.Journal) *shelf {
	return &shelf{vault: vault, roots: map[under]*rootDoc{}, keys: map[under]*keysetDoc{}, libs: map[under]*libraryDoc{}, profs: map[under]*profileDoc{}}
}

// cached returns the document b, opening it and keeping its bytes if it is new.
func cached[T any](s *shelf, m map[under]*T, root hash, b []byte, open func(hash) (*T, error)) (*T, error) {
	key := under{root, order.Hash(b)}
	s.mu.Lock()
	d := m[key]
	s.mu.Unlock()
	if d != nil {
		return d, nil
	}
	d, err := open(key.doc)
	if err != nil {
		return nil, err
	}
	if _, err := s.vault.PutBlob(b); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if other := m[key]; other != nil {
		return other, nil
	}
	m[key] = d
	return d, nil
}

// root takes a root whose right to be one the caller has checked.
func (s *shelf) root(b []byte, r order.Root) (*rootDoc, error) {
	return cached(s, s.roots, hash{}, b, func(h hash) (*rootDoc, error) {
		d := &rootDoc{hash: h, Root: r, pool: x509.NewCertPool()}
		for _, ca := range r.CAs {
			c, err := x509.ParseCertificate(ca.DER)
			if err != nil {
				return nil, fmt.Errorf("root: authority: %w", err)
			}
			d.pool.AddCert(c)
		}
		var logs []note.Verifier
		for _, l := range r.Record {
			v, err := note.NewVerifier(l.Key)
			if err != nil {
				return nil, fmt.Errorf("root: key of the record: %w", err)
			}
			logs = append(logs, v)
		}
		d.logs = note.VerifierList(logs...)
		return d, nil
	})
}

func (s *shelf) keyset(r *rootDoc, b []byte) (*keysetDoc, error) {
	return cached(s, s.keys, r.hash, b, func(h hash) (*keysetDoc, error) {
		k, err := r.OpenKeyset(b)
		return &keysetDoc{h, k}, err
	})
}

func (s *shelf) library(r *rootDoc, b []byte) (*libraryDoc, error) {
	return cached(s, s.libs, r.hash, b, func(h hash) (*libraryDoc, error) {
		l, err := r.OpenLibrary(b)
		return &libraryDoc{h, l}, err
	})
}

func (s *shelf) profile(r *rootDoc, b []byte) (*profileDoc, error) {
	return cached(s, s.profs, r.hash, b, func(h hash) (*profileDoc, error) {
		body, err := r.OpenProfile(b)
		if err != nil {
			return nil, err
		}
		p, err := profile.Decode(body)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", order.ErrRefused, err)
		}
		return &profileDoc{hash: h, content: p.Hash(), machine: pump.New(p)}, nil
	})
}

// open reads back what a pump follows.
func (s *shelf) open(k kept) (documents, error) {
	var d documents
	b, err := s.vault.Blob(k.Root)
	if err != nil {
		return d, err
	}
	r, err := order.OpenRoot(b, k.Root)
	if err != nil {
		return d, err
	}
	if d.root, err = s.root(b, r); err != nil {
		return d, err
	}
	if b, err = s.vault.Blob(k.Profile); err != nil {
		return d, err
	}
	if d.profile, err = s.profile(d.root, b); err != nil {
		return d, err
	}
	if k.Keyset != (hash{}) {
		if b, err = s.vault.Blob(k.Keyset); err != nil {
			return d, err
		}
		if d.keyset, err = s.keyset(d.root, b); err != nil {
			return d, err
		}
	}
	if k.Library != (hash{}) {
		if b, err = s.vault.Blob(k.Library); err != nil {
			return d, err
		}
		if d.library, err = s.library(d.root, b); err != nil {
			return d, err
		}
	}
	if k.Before != (hash{}) {
		if b, err = s.vault.Blob(k.Before); err != nil {
			return d, err
		}
		if d.before, err = s.library(d.root, b); err != nil {
			return d, err
		}
	}
	return d, nil
}

// Codes of answers to documents.
const (
	codeApplied = "applied"
	codeRoot    = "E_ROOT"    // not the successor of the root in force
	codeKeyset  = "E_KEYSET"  // not signed as the root wants it
	codeLibrary = "E_LIBRARY" //
	codeProfile = "E_PROFILE" // or of another model
	codeOlder   = "E_OLDER"   // a version below the one in force
	codeKind    = "E_KIND"    // this firmware knows no such document
	codeStorage = "E_STORAGE" // it could not be kept; send it again
)

// take answers a document. If it is accepted, next is what the pump follows from
// then on; d stays as it is.
func (s *shelf) take(d documents, kind wire.Kind, b []byte) (next documents, code string, err error) {
	next = d
	switch kind {
	case wire.DnRoot:
		if order.Hash(b) == d.root.hash {
			return d, codeApplied, nil
		}
		r, err := d.root.OpenNext(b)
		if err != nil {
			return d, codeRoot, err
		}
		if next.root, err = s.root(b, r); err != nil {
			return d, codeRoot, err
		}
	case wire.DnKeyset:
		if next.keyset, err = s.keyset(d.root, b); err != nil {
			return d, codeKeyset, err
		}
		if d.keyset != nil && next.keyset.Version < d.keyset.Version {
			return d, codeOlder, fmt.Errorf("keyset %d is in force, %d is older", d.keyset.Version, next.keyset.Version)
		}
	case wire.DnLibrary:
		if next.library, err = s.library(d.root, b); err != nil {
			return d, codeLibrary, err
		}
		if d.library != nil && next.library.Version < d.library.Version {
			return d, codeOlder, fmt.Errorf("library %d is in force, %d is older", d.library.Version, next.library.Version)
		}
		if d.library != nil && d.library.hash != next.library.hash {
			next.before = d.library
		}
	case wire.DnProfile:
		if next.profile, err = s.profile(d.root, b); err != nil {
			return d, codeProfile, err
		}
		old, now := d.profile.machine.Profile(), next.profile.machine.Profile()
		if now.ID != old.ID {
			return d, codeProfile, fmt.Errorf("profile of model %q on a pump of model %q", now.ID, old.ID)
		}
		if now.Version < old.Version {
			return d, codeOlder, fmt.Errorf("profile %d is in force, %d is older", old.Version, now.Version)
		}
	default:
		return d, codeKind, fmt.Errorf("no documents of kind %s", kind)
	}
	return next, codeApplied, nil
}

// checkpoint is the newest signed statement of the record that a pump was shown.
type checkpoint struct {
	size    uint64
	root    hash
	note    string // as it came
	smaller bool   // it was shown a smaller one, or another of the same size
	shown   uint64 // size of the one shown last
	fell    uint64 // size to which it fell last, below what was shown before
}

// take looks at a checkpoint. Nothing is refused for it: what does not continue
// is only remembered and reported.
func (c *checkpoint) take(text string, r *rootDoc) (changed bool, err error) {
	n, err := note.Open([]byte(text), r.logs)
	if err != nil {
		return false, fmt.Errorf("checkpoint: %w", err)
	}
	lines := strings.SplitN(n.Text, "\n", 4)
	if len(lines) < 4 {
		return false, fmt.Errorf("checkpoint of %d lines", len(lines))
	}
	size, err := strconv.ParseUint(lines[1], 10, 62)
	if err != nil {
		return false, fmt.Errorf("checkpoint: size: %w", err)
	}
	root, err := base64.StdEncoding.Strict().DecodeString(lines[2])
	if err != nil || len(root) != sha256.Size {
		return false, fmt.Errorf("checkpoint: root %q is not a hash", lines[2])
	}
	h := hash(root)
	switch {
	case size > c.size || c.size == 0 && c.note == "":
		c.size, c.root, c.note = size, h, text
		changed = true
	case size < c.size || h != c.root:
		// A record that was restored and grows again is one fall, and not one with each
		// checkpoint until it has caught up.
		if changed = !c.smaller || size < c.shown; changed {
			c.smaller, c.fell = true, size
		}
	}
	c.shown = size
	return changed, nil
}
