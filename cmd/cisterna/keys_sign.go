package main

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"strings"

	"cisterna/device/order"
	"cisterna/device/wire"
	"cisterna/fleet/keyset"
)

// KeysSignCmd signs what administrators and pharmacists sign offline.
type KeysSignCmd struct {
	Key  string `required:"" type:"existingfile" help:"File of the key, such as admin-a.key."`
	Type string `required:"" enum:"keyset,library" help:"What it is: keyset or library."`
	Body string `arg:"" help:"File with the body in base64url, as the API shows it (GET /keysets, GET /libraries); - is the standard input."`
}

// Run prints key and signature as POST /keysets/{version}/signatures takes them. The
// body is read and shown in words first, so that nobody signs what they have not
// seen.
func (c *KeysSignCmd) Run() error {
	in := io.Reader(os.Stdin)
	if c.Body != "-" {
		f, err := os.Open(c.Body)
		if err != nil {
			return err
		}
		defer func() { _ = f.Close() }()
		in = f
	}
	text, err := io.ReadAll(io.LimitReader(in, 1<<20))
	if err != nil {
		return err
	}
	body, err := base64.RawURLEncoding.DecodeString(strings.TrimSpace(string(text)))
	if err != nil {
		return fmt.Errorf("%s is not base64url without padding: %w", c.Body, err)
	}
	key, err := keyset.ReadKey(c.Key)
	if err != nil {
		return err
	}
	kind := order.TypeKeyset
	switch c.Type {
	case "keyset":
		k, err := order.DecodeKeyset(body)
		if err != nil {
			return err
		}
		fmt.Fprintf(os.Stderr, "Keyset %d for %s, %d people's keys, %d revoked:\n", k.Version, k.Origin, len(k.Keys), len(k.Revoked))
		for _, p := range k.Keys {
			roles := make([]string, len(p.Roles))
			for i, r := range p.Roles {
				roles[i] = r.String()
			}
			fmt.Fprintf(os.Stderr, "  %-24s %-44s %s\n", p.Person, strings.Join(roles, ", "), p.Key)
		}
	case "library":
		kind = order.TypeLibrary
		l, err := order.DecodeLibrary(body)
		if err != nil {
			return err
		}
		fmt.Fprintf(os.Stderr, "Drug library %d, %s: %d drugs, %d mixtures. Compare its hash with what was approved: %x\n", l.Version, l.Name, len(l.Drugs), len(l.Mixtures), order.Hash(body))
	}
	sig, err := wire.SignBytes(rand.Reader, key, order.SigningBytes(kind, body))
	if err != nil {
		return err
	}
	pub, err := wire.NewPublicKey(key.Public())
	if err != nil {
		return err
	}
	id := order.IDOf(pub)
	fmt.Printf("{\"key\":%q,\"signature\":%q}\n", hex.EncodeToString(id[:]), base64.RawURLEncoding.EncodeToString(sig))
	return nil
}
