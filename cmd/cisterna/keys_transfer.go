package main

import (
	"bufio"
	"crypto"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"cisterna/device/order"
	"cisterna/device/wire"
	"cisterna/fleet/keyset"
	"cisterna/fleet/registry"
)

// KeysTransferCmd signs, with the root's key, that a pump belongs to another site.
type KeysTransferCmd struct {
	Key  []string `required:"" type:"existingfile" help:"File of the root's key, such as root.key; once for each, if the root asks for several."`
	Root string   `required:"" type:"existingfile" help:"The root itself, root.cbor: it says whose keys count, and who may have signed the keyset that goes along."`
	Out  string   `required:"" help:"File to write what was signed to. It must not exist."`
	Body string   `arg:"" type:"existingfile" help:"What to sign, as the console or the API gave it (POST /pumps/{id}/transfers/root)."`
}

// Run says in words what is to be signed, asks for the serial on the pump, and signs. It is
// for the machine where the root's key is kept, which no network reaches; nothing that it
// prints or writes is secret.
func (c *KeysTransferCmd) Run() error {
	now := time.Now()
	root, err := readRoot(c.Root, now)
	if err != nil {
		return err
	}
	body, p, k, err := readTransferBody(c.Body, root, now)
	if err != nil {
		return err
	}
	signers, err := rootSigners(c.Key, root)
	if err != nil {
		return err
	}
	if _, err := os.Lstat(c.Out); err == nil {
		return fmt.Errorf("%s exists already: nothing is written over, and nothing was signed", c.Out)
	}
	for _, line := range transferWords(p, k, root) {
		fmt.Fprintln(os.Stderr, line)
	}
	if err := typedSerial(p.Serial); err != nil {
		return err
	}
	signed, err := order.Sign(rand.Reader, order.TypeTransfer, body, signers...)
	if err != nil {
		return err
	}
	sent, err := order.EncodeRootTransfer(signed)
	if err != nil {
		return err
	}
	if err := writeNew(c.Out, []byte(base64.RawURLEncoding.EncodeToString(sent)+"\n")); err != nil {
		return err
	}
	fmt.Printf("Signed. Hand in %s in the console, on the page of pump %s, until %s: by an administrator who did not make the body.\n", c.Out, p.Serial, clock(p.Expires))
	return nil
}

// readRoot reads the root and prints nothing: its hash stands in the words, to be compared
// with the ceremony card.
func readRoot(path string, now time.Time) (order.Root, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return order.Root{}, err
	}
	root, err := order.OpenRoot(b, order.Hash(b))
	if err != nil {
		return order.Root{}, fmt.Errorf("%s: %w", path, err)
	}
	if !root.Valid(now) {
		return order.Root{}, fmt.Errorf("%s: the root is valid from %s to %s: compare this machine's clock", path, clock(root.Issued), clock(root.Expires))
	}
	return root, nil
}

// readTransferBody reads what is to be signed and refuses what a pump under the root would
// refuse whatever it runs.
func readTransferBody(path string, root order.Root, now time.Time) (body []byte, p order.Prescription, k order.Keyset, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, p, k, err
	}
	if body, err = base64.RawURLEncoding.DecodeString(strings.TrimSpace(string(text))); err != nil {
		return nil, p, k, fmt.Errorf("%s is not base64url without padding: %w", path, err)
	}
	if p, err = order.DecodePrescription(body); err != nil {
		return nil, p, k, fmt.Errorf("%s holds nothing that a pump would read: %w", path, err)
	}
	switch {
	case p.Act != order.ActTransfer:
		return nil, p, k, fmt.Errorf("%s is a prescription to %s: the root signs transfers to another site, and nothing else", path, p.Act)
	case p.Transfer.Site == p.Site:
		return nil, p, k, fmt.Errorf("%s takes the pump to the site where it is", path)
	case p.Expires-p.NotBefore > order.LifeOf(order.ActTransfer):
		return nil, p, k, fmt.Errorf("%s lives until %s, longer than a transfer may: pumps refuse it", path, clock(p.Expires))
	case now.Unix() >= p.Expires:
		return nil, p, k, fmt.Errorf("%s counted until %s: have it made again", path, clock(p.Expires))
	}
	if k, err = root.OpenKeyset(p.Transfer.Keyset); err != nil {
		return nil, p, k, fmt.Errorf("the keyset that goes along is not one under this root: %w", err)
	}
	return body, p, k, nil
}

// rootSigners reads the root's keys: as many different ones as it asks for.
func rootSigners(paths []string, root order.Root) ([]crypto.Signer, error) {
	var out []crypto.Signer
	seen := map[order.KeyID]bool{}
	for _, path := range paths {
		key, err := keyset.ReadKey(path)
		if err != nil {
			return nil, err
		}
		pub, err := wire.NewPublicKey(key.Public())
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		if !root.Root.Names(pub) {
			return nil, fmt.Errorf("%s is no key of the root of %s: only the root's own sign a transfer in a site's place", path, root.Name)
		}
		if id := order.IDOf(pub); !seen[id] {
			seen[id], out = true, append(out, key)
		}
	}
	if uint(len(out)) < root.Root.Threshold {
		return nil, fmt.Errorf("the root asks for %d of its keys, and %d were given", root.Root.Threshold, len(out))
	}
	return out, nil
}

// transferWords says what would be signed: which pump goes where, until when, and whose
// signatures it obeys from then on.
func transferWords(p order.Prescription, k order.Keyset, root order.Root) []string {
	body := p.Encode()
	out := []string{
		"The root would sign a transfer in the place of a site that cannot sign any more.",
		"",
		fmt.Sprintf("  root          %s, version %d, until %s", root.Name, root.Version, clock(root.Expires)),
		fmt.Sprintf("  pump          serial %s, key %s", p.Serial, p.Pump),
		"  from site     " + siteWords(p.Site),
		"  to site       " + siteWords(p.Transfer.Site),
		fmt.Sprintf("  epoch         %d, and %d from then on", p.Epoch, p.Epoch+1),
		fmt.Sprintf("  what it runs  %s", p.State),
		fmt.Sprintf("  good from     %s to %s", clock(p.NotBefore), clock(p.Expires)),
		fmt.Sprintf("  reason        %s", p.Reason),
		fmt.Sprintf("  prescription  %s", order.PrescriptionHash(body)),
		fmt.Sprintf("  keyset        version %d, until %s, SHA-256 %x", k.Version, clock(k.Expires), order.Hash(p.Transfer.Keyset)),
		"",
	}
	people := k.At(p.Transfer.Site)
	if len(people) == 0 {
		return append(out, "By that keyset NOBODY could order anything at the new site.")
	}
	out = append(out, "By that keyset these sign at the new site:")
	for _, who := range people {
		roles := make([]string, len(who.Roles))
		for i, r := range who.Roles {
			roles[i] = r.String()
		}
		out = append(out, fmt.Sprintf("  %-24s %-44s %s", who.Person, strings.Join(roles, ", "), who.Key))
	}
	return out
}

// siteWords says which site of the register an id in documents is. Its name is the server's
// word alone, and not in what is signed: whoever signs knows their sites by number.
func siteWords(id order.ID) string {
	for n := int64(1); n <= 100_000; n++ {
		if registry.OrderSite(n) == id {
			return fmt.Sprintf("number %d (%s)", n, id)
		}
	}
	return fmt.Sprintf("%s, of no number up to 100,000", id)
}

// typedSerial asks for the pump's serial, read off its papers and not off the screen.
func typedSerial(serial string) error {
	fmt.Fprint(os.Stderr, "\nTo sign, type the serial of the pump from its own papers: ")
	line, err := bufio.NewReader(io.LimitReader(os.Stdin, 1<<10)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if got := strings.TrimSpace(line); got != serial {
		return fmt.Errorf("%q is not the serial of the pump: nothing was signed", got)
	}
	return nil
}

// writeNew writes a file that does not exist yet, whole or not at all: half of it would be
// in the way of the next try.
func writeNew(path string, b []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(fmt.Errorf("write %s, which is taken away again: %w", path, err), os.Remove(path))
	}
	return nil
}
