package main

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"cisterna/device/profile"
	"cisterna/fleet/keyset"
	"cisterna/fleet/library"
	"cisterna/internal/audit"
	"cisterna/internal/pki"
	"cisterna/internal/token"
)

// KeysCmd groups the commands for trust material.
type KeysCmd struct {
	Create   KeysCreateCmd   `cmd:"" help:"Hold the ceremony: make all keys and sign root, keyset, library and profiles."`
	Renew    KeysRenewCmd    `cmd:"" help:"Sign the next keyset, for another 90 days, with the administrators' keys."`
	Sign     KeysSignCmd     `cmd:"" help:"Sign a draft of a keyset, or an approved drug library, with one's own key, offline."`
	Transfer KeysTransferCmd `cmd:"" help:"Sign, with the root's key and offline, that a pump whose site cannot sign any more belongs to another."`
	Show     KeysShowCmd     `cmd:"" help:"Print the ceremony card: whose root it is, its hash, and until when it is valid."`
}

// keyring is everything that a server signs or verifies with.
//
//	<dir>/trust          signed documents and, in a demo, their keys
//	<dir>/authority.pem  the link's certificate authority
//	<dir>/record/        the record's checkpoint key and what it signed last
//	<dir>/tokens.pem     what API tokens are signed with
type keyring struct {
	trust     *keyset.Material
	authority *pki.Authority
	record    *audit.FileSigner
	tokens    ed25519.PrivateKey
}

func trustDir(dir string) string      { return filepath.Join(dir, "trust") }
func authorityFile(dir string) string { return filepath.Join(dir, "authority.pem") }
func recordDir(dir string) string     { return filepath.Join(dir, "record") }
func tokensFile(dir string) string    { return filepath.Join(dir, "tokens.pem") }

// createKeys makes the keyring in dir, with the device profiles that ship with this
// code. What an interrupted run left is used.
func createKeys(dir, name, origin string, demo bool, now time.Time) (*keyring, error) {
	return createKeysFor(dir, name, origin, demo, now, profile.Samples())
}

// createKeysFor is createKeys for devices with these profiles.
func createKeysFor(dir, name, origin string, demo bool, now time.Time, devices []*profile.Profile) (*keyring, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	authority, err := pki.LoadOrCreate(authorityFile(dir), name+" link authority", now)
	if err != nil {
		return nil, err
	}
	record, err := audit.OpenSigner(recordDir(dir), "cisterna/"+pki.Serial(authority.Certificate())[:12])
	if err != nil {
		return nil, err
	}
	profiles := map[string][]byte{}
	for _, p := range devices {
		profiles[p.ID] = p.Encode()
	}
	trust, err := keyset.Create(trustDir(dir), keyset.Ceremony{
		Name: name, Demo: demo, Origin: origin, CAs: [][]byte{authority.Certificate().Raw}, Record: record.VerifierKey(),
		Library: library.Sample(now), Profiles: profiles, Now: now,
	})
	if err != nil {
		return nil, err
	}
	tokens, err := token.OpenKey(tokensFile(dir))
	if err != nil {
		return nil, err
	}
	return &keyring{trust, authority, record, tokens}, nil
}

// loadKeys reads the keyring from dir.
func loadKeys(dir string, now time.Time) (*keyring, error) {
	if _, err := os.Stat(trustDir(dir)); errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("there are no keys in %s: cisterna keys create makes them", dir)
	}
	trust, err := keyset.Load(trustDir(dir), now)
	if err != nil {
		return nil, err
	}
	authority, err := pki.Load(authorityFile(dir))
	if err != nil {
		return nil, err
	}
	record, err := audit.OpenSigner(recordDir(dir), "")
	if err != nil {
		return nil, err
	}
	tokens, err := token.OpenKey(tokensFile(dir)) // made here for a keyring of an older version
	if err != nil {
		return nil, err
	}
	return &keyring{trust, authority, record, tokens}, nil
}

// KeysCreateCmd holds the ceremony.
type KeysCreateCmd struct {
	Dir    string `required:"" help:"Folder to create." env:"CISTERNA_KEYS"`
	Name   string `required:"" help:"Whose installation it is, printed on the card."`
	Origin string `help:"Address of the console, scheme and port included: the keyset pins it." default:"http://localhost:8600"`
	Demo   bool   `help:"Mark the root as a demo's: software signing keys may count."`
}

// Run creates and prints the card.
func (c *KeysCreateCmd) Run() error {
	k, err := createKeys(c.Dir, c.Name, c.Origin, c.Demo, time.Now())
	if err != nil {
		return err
	}
	printCard(k)
	fmt.Printf("\nNow take %s offline: each key belongs to the person it names.\n", filepath.Join(trustDir(c.Dir), "secret"))
	return nil
}

// KeysRenewCmd signs the next keyset.
type KeysRenewCmd struct {
	Dir    string `required:"" help:"The folder, with the administrators' keys back in trust/secret." env:"CISTERNA_KEYS"`
	Origin string `help:"Address of the console from now on; as before if empty."`
}

// Run signs and prints the card.
func (c *KeysRenewCmd) Run() error {
	now := time.Now()
	k, err := loadKeys(c.Dir, now)
	if err != nil {
		return err
	}
	old, err := k.trust.Root.OpenKeyset(k.trust.Keyset)
	if err != nil {
		return err
	}
	if c.Origin == "" {
		c.Origin = old.Origin
	}
	if err := k.trust.RenewKeyset(c.Origin, now); err != nil {
		return err
	}
	printCard(k)
	fmt.Printf("\nTake %s offline again, and restart the server.\n", filepath.Join(trustDir(c.Dir), "secret"))
	return nil
}

// KeysShowCmd prints the card.
type KeysShowCmd struct {
	Dir string `required:"" help:"The folder." env:"CISTERNA_KEYS"`
}

// Run prints the card.
func (c *KeysShowCmd) Run() error {
	k, err := loadKeys(c.Dir, time.Now())
	if err != nil {
		return err
	}
	printCard(k)
	return nil
}

func printCard(k *keyring) {
	r := k.trust.Root
	demo := ""
	if r.Demo {
		demo = "  (demo: not for patients)"
	}
	fmt.Printf("Ceremony card of %s%s\n\n", r.Name, demo)
	fmt.Printf("  root version   %d\n", r.Version)
	fmt.Printf("  valid          %s to %s\n", time.Unix(r.Issued, 0).UTC().Format(time.DateOnly), time.Unix(r.Expires, 0).UTC().Format(time.DateOnly))
	h := k.trust.RootHashText()
	fmt.Printf("  SHA-256        ")
	for i := 0; i < len(h); i += 8 {
		fmt.Print(h[i:i+8], " ")
	}
	fmt.Printf("\n  record key     %s\n", k.record.VerifierKey())
	if ks, err := k.trust.Root.OpenKeyset(k.trust.Keyset); err == nil {
		fmt.Printf("  keyset         version %d, for %s, until %s\n", ks.Version, ks.Origin, time.Unix(ks.Expires, 0).UTC().Format(time.DateOnly))
	}
	fmt.Printf("  profiles       %d\n", len(k.trust.Profiles))
}
