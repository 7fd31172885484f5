// Package keyset keeps the trust material of an installation: root, keyset,
// library and device profiles as signed documents, and, where they are at hand,
// the keys that signed them.
//
// # Layout of a folder
//
//	root.cbor  keyset.cbor  library.cbor  profile-<id>.cbor   public, signed
//	secret/root.key  admin-a.key  admin-b.key  pharmacist.key  maker.key
//
// Secret keys are PKCS#8 PEM files of mode 0600. A server needs only the public
// files: after the ceremony the secret folder belongs offline, each key with the
// person it names. A demo keeps them, because it signs a fresh keyset at each
// start (DESIGN.md 5), and its root says that it is a demo.
//
// A folder is made whole or not at all: it is filled beside its place and then
// renamed.
package keyset

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"cisterna/device/order"
	"cisterna/device/wire"
)

// Material is what a server knows of an installation's trust. It is not changed
// after Load, except by RenewKeyset before anything else uses it.
type Material struct {
	Dir      string
	RootDoc  []byte
	Root     order.Root
	Keyset   []byte
	Library  []byte
	Profiles map[string][]byte // signed documents by profile id
}

// RootHash returns the SHA-256 of the signed root, which claim slips carry.
func (m *Material) RootHash() [32]byte { return sha256.Sum256(m.RootDoc) }

// RootHashText returns the hash as the ceremony card prints it.
func (m *Material) RootHashText() string {
	h := m.RootHash()
	return hex.EncodeToString(h[:])
}

// Ceremony says what to create.
type Ceremony struct {
	Name     string // of the hospital or group
	Demo     bool
	Origin   string   // of the console, scheme and port included
	CAs      [][]byte // link authorities, DER
	Record   string   // verifier key of the record
	Library  order.Library
	Profiles map[string][]byte // bodies by id, package profile's encoding
	Now      time.Time
}

const rootLife = 5 * 365 * 24 * time.Hour

var people = []string{"root", "admin-a", "admin-b", "pharmacist", "maker"}

// Create makes keys and signs all documents into dir, which must not exist.
func Create(dir string, c Ceremony) (*Material, error) {
	if _, err := os.Lstat(dir); !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s exists already: trust material is never overwritten", dir)
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return nil, err
	}
	side, err := os.MkdirTemp(filepath.Dir(dir), ".keys-*")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(side) }()
	if err := create(side, c); err != nil {
		return nil, fmt.Errorf("create trust material: %w", err)
	}
	if err := os.Rename(side, dir); err != nil {
		return nil, err
	}
	return Load(dir, c.Now)
}

func create(dir string, c Ceremony) error {
	if err := os.Mkdir(filepath.Join(dir, "secret"), 0o700); err != nil {
		return err
	}
	keys, texts := map[string]crypto.Signer{}, map[string]string{}
	for _, p := range people {
		k, text, err := newKey(filepath.Join(dir, "secret", p+".key"))
		if err != nil {
			return err
		}
		keys[p], texts[p] = k, text
	}
	one := func(p string) order.Quorum { return order.Quorum{Threshold: 1, Keys: []string{texts[p]}} }
	root := order.Root{
		V: 1, Version: 1, Issued: c.Now.Unix(), Expires: c.Now.Add(rootLife).Unix(), Demo: c.Demo, Name: c.Name,
		Root: one("root"), Library: one("pharmacist"), Profile: one("maker"),
		Keyset: order.Quorum{Threshold: 2, Keys: []string{texts["admin-a"], texts["admin-b"]}},
	}
	for _, der := range c.CAs {
		root.CAs = append(root.CAs, order.CA{DER: der})
	}
	if c.Record != "" {
		root.Record = []order.Log{{Key: c.Record}}
	}
	docs := []struct {
		file string
		t    order.Type
		body []byte
		by   []string
	}{
		{"root.cbor", order.TypeRoot, root.Encode(), []string{"root"}},
		{"keyset.cbor", order.TypeKeyset, newKeyset(1, c.Origin, c.Now).Encode(), []string{"admin-a", "admin-b"}},
		{"library.cbor", order.TypeLibrary, c.Library.Encode(), []string{"pharmacist"}},
	}
	for id, body := range c.Profiles {
		docs = append(docs, struct {
			file string
			t    order.Type
			body []byte
			by   []string
		}{"profile-" + id + ".cbor", order.TypeProfile, body, []string{"maker"}})
	}
	for _, d := range docs {
		var by []crypto.Signer
		for _, p := range d.by {
			by = append(by, keys[p])
		}
		b, err := order.Sign(rand.Reader, d.t, d.body, by...)
		if err != nil {
			return err
		}
		if err := writeSynced(filepath.Join(dir, d.file), b, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// newKeyset lists nobody yet and asks for the quorum of the design: people's
// signing keys join it as they are enrolled.
func newKeyset(version uint64, origin string, now time.Time) order.Keyset {
	return order.Keyset{
		V: 1, Version: version, Issued: now.Unix(), Expires: now.Add(order.MaxKeysetLife).Unix(), Origin: origin,
		Keys: []order.PersonKey{}, Policies: order.DefaultPolicies(),
	}
}

// Load reads and verifies the public documents in dir. now must lie in the life
// of the root.
func Load(dir string, now time.Time) (*Material, error) {
	m := &Material{Dir: dir, Profiles: map[string][]byte{}}
	var err error
	read := func(name string) []byte {
		b, e := os.ReadFile(filepath.Join(dir, name))
		err = errors.Join(err, e)
		return b
	}
	m.RootDoc, m.Keyset, m.Library = read("root.cbor"), read("keyset.cbor"), read("library.cbor")
	names, _ := filepath.Glob(filepath.Join(dir, "profile-*.cbor"))
	for _, n := range names {
		id := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(n), "profile-"), ".cbor")
		m.Profiles[id] = read(filepath.Base(n))
	}
	if err != nil {
		return nil, fmt.Errorf("read trust material: %w", err)
	}
	if m.Root, err = order.OpenRoot(m.RootDoc, m.RootHash()); err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(dir, "root.cbor"), err)
	}
	if !m.Root.Valid(now) {
		return nil, fmt.Errorf("%s: the root is valid from %s to %s: hold a new ceremony, or check this machine's clock", dir, time.Unix(m.Root.Issued, 0).UTC().Format(time.DateOnly), time.Unix(m.Root.Expires, 0).UTC().Format(time.DateOnly))
	}
	if _, err := m.Root.OpenKeyset(m.Keyset); err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(dir, "keyset.cbor"), err)
	}
	if _, err := m.Root.OpenLibrary(m.Library); err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(dir, "library.cbor"), err)
	}
	for id, doc := range m.Profiles {
		if _, err := m.Root.OpenProfile(doc); err != nil {
			return nil, fmt.Errorf("%s: %w", filepath.Join(dir, "profile-"+id+".cbor"), err)
		}
	}
	return m, nil
}

// RenewKeyset signs the next keyset for origin with the administrators' keys,
// which must be in the secret folder; a demo does so at each start.
func (m *Material) RenewKeyset(origin string, now time.Time) error {
	old, err := m.Root.OpenKeyset(m.Keyset)
	if err != nil {
		return err
	}
	var by []crypto.Signer
	for _, p := range []string{"admin-a", "admin-b"} {
		k, err := loadKey(filepath.Join(m.Dir, "secret", p+".key"))
		if err != nil {
			return fmt.Errorf("sign a keyset: %w", err)
		}
		by = append(by, k)
	}
	next := newKeyset(old.Version+1, origin, now)
	next.Keys, next.Revoked, next.Sites = old.Keys, old.Revoked, old.Sites
	if len(old.Policies) > 0 {
		next.Policies = old.Policies
	}
	b, err := order.Sign(rand.Reader, order.TypeKeyset, next.Encode(), by...)
	if err != nil {
		return err
	}
	side := filepath.Join(m.Dir, ".keyset.cbor.new")
	if err := writeSynced(side, b, 0o644); err != nil {
		return err
	}
	if err := os.Rename(side, filepath.Join(m.Dir, "keyset.cbor")); err != nil {
		return err
	}
	m.Keyset = b
	return nil
}

// Signers returns the secret keys of the named roles of the ceremony. They are
// there in a demo only; elsewhere they are offline, each with the person it names.
func (m *Material) Signers(names ...string) ([]crypto.Signer, error) {
	out := make([]crypto.Signer, 0, len(names))
	for _, n := range names {
		k, err := loadKey(filepath.Join(m.Dir, "secret", n+".key"))
		if err != nil {
			return nil, err
		}
		out = append(out, k)
	}
	return out, nil
}

// ReadKey reads a secret key of the ceremony, for those who sign with it offline.
func ReadKey(path string) (crypto.Signer, error) { return loadKey(path) }

func newKey(path string) (crypto.Signer, string, error) {
	pub, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, "", err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, "", err
	}
	text, err := wire.NewPublicKey(pub)
	if err != nil {
		return nil, "", err
	}
	return key, text.String(), writeSynced(path, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600)
}

func loadKey(path string) (crypto.Signer, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(b)
	if block == nil {
		return nil, fmt.Errorf("%s holds no PEM key", path)
	}
	k, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	s, ok := k.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("%s holds a key that cannot sign", path)
	}
	return s, nil
}

func writeSynced(path string, b []byte, mode os.FileMode) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	return errors.Join(err, f.Sync(), f.Close())
}
