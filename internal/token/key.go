package token

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

const pemType = "PRIVATE KEY"

// OpenKey reads the key that tokens are signed with from file, and makes it if
// there is none yet. The file must be its owner's alone (mode 0600). Deleting it
// ends all tokens: the next start makes another.
func OpenKey(file string) (ed25519.PrivateKey, error) {
	raw, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		if err := makeKey(file); err != nil && !errors.Is(err, fs.ErrExist) { // another start may be first
			return nil, fmt.Errorf("key of API tokens: %w", err)
		}
		raw, err = os.ReadFile(file)
	}
	if err != nil {
		return nil, fmt.Errorf("key of API tokens: %w", err)
	}
	info, err := os.Stat(file)
	if err != nil {
		return nil, fmt.Errorf("key of API tokens: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("key of API tokens: %s can be read by others: chmod 600 it, and delete it if somebody did", file)
	}
	block, rest := pem.Decode(raw)
	if block == nil || block.Type != pemType || len(rest) != 0 {
		return nil, fmt.Errorf("key of API tokens: %s holds no key; if it is damaged, delete it: tokens made so far end then", file)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("key of API tokens: %s: %w", file, err)
	}
	ed, ok := key.(ed25519.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("key of API tokens: %s holds another kind of key than Ed25519", file)
	}
	return ed, nil
}

// makeKey writes a new key so that a crash leaves all of it or nothing, and never
// in place of one that is there.
func makeKey(file string) (err error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(file), ".new-*") // mode 0600
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(f.Name())) }()
	if err = pem.Encode(f, &pem.Block{Type: pemType, Bytes: der}); err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Link(f.Name(), file) // fails if it exists
}
