package main

import (
	"bytes"
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cisterna/device/order"
)

// TestRootCeremony: the command says in words what it would sign, wants the serial typed, and
// signs nothing that a pump would refuse, nor with any other key.
func TestRootCeremony(t *testing.T) {
	t.Parallel()
	w := newRootWorld(t, 1)
	p := w.plans[0]
	made := w.make(p)
	body, out := w.file(made.Body), filepath.Join(w.offline, "out")
	bent := func(change func(p *order.Prescription)) string {
		doc := made.Prescription
		doc.Transfer = &order.Transfer{Site: doc.Transfer.Site, Keyset: doc.Transfer.Keyset}
		change(&doc)
		return w.file(doc.Encode())
	}
	taken := w.file([]byte("x"))
	ceremony := func(body string) string { return w.ceremony(body, out) }
	for what, c := range map[string]call{
		"another serial":    {args: ceremony(body), in: "WRONG-1\n", code: 1, err: "is not the serial of the pump: nothing was signed"},
		"no serial":         {args: ceremony(body), code: 1, err: "nothing was signed"},
		"an older file":     {args: w.ceremony(body, taken), in: p.Serial, code: 1, err: "exists already"},
		"no body":           {args: ceremony(filepath.Join(w.offline, "nothing")), code: exitUsage, err: "nothing"},
		"not a body":        {args: ceremony(taken), in: p.Serial, code: 1, err: "nothing that a pump would read"},
		"not text":          {args: ceremony(w.trust("root.cbor")), in: p.Serial, code: 1, err: "base64url"},
		"another's key":     {args: strings.Replace(ceremony(body), filepath.Join(w.offline, "root.key"), w.trust("secret/maker.key"), 1), in: p.Serial, code: 1, err: "no key of the root"},
		"no root":           {args: strings.Replace(ceremony(body), w.trust("root.cbor"), body, 1), in: p.Serial, code: 1, err: body},
		"over":              {args: ceremony(bent(func(p *order.Prescription) { p.NotBefore, p.Expires = 1000, 2000 })), in: p.Serial, code: 1, err: "have it made again"},
		"for a month":       {args: ceremony(bent(func(p *order.Prescription) { p.Expires += 30 * 86_400 })), in: p.Serial, code: 1, err: "longer than a transfer may"},
		"to where it is":    {args: ceremony(bent(func(p *order.Prescription) { p.Transfer.Site = p.Site })), in: p.Serial, code: 1, err: "where it is"},
		"a forged keyset":   {args: ceremony(bent(func(p *order.Prescription) { p.Transfer.Keyset = []byte{1} })), in: p.Serial, code: 1, err: "not one under this root"},
		"no transfer":       {args: ceremony(bent(func(p *order.Prescription) { p.Act, p.Transfer = order.ActResume, nil })), in: p.Serial, code: 1, err: "signs transfers to another site, and nothing else"},
		"no key of a sort":  {args: "keys transfer --root " + w.trust("root.cbor") + " --out " + out + " " + body, code: exitUsage, err: "--key"},
		"an unknown folder": {args: w.ceremony(body, filepath.Join(w.offline, "no", "out")), in: p.Serial, code: 1, err: "no such file"},
	} {
		t.Run(what, func(t *testing.T) { c.run(t) })
		if _, err := os.Lstat(out); err == nil {
			t.Fatalf("%s: something was signed", what)
		}
	}

	// The words: which pump, from where to where, until when, and who signs there.
	for _, says := range []string{p.Serial, made.Prescription.Pump.String(), "from site     number 1 (", "to site       number 2 (", "epoch         1, and 2", clock(made.Prescription.Expires), "the clinic has closed", made.Hash.String(), "nadia", "prescriber, policy, release, stop", "version"} {
		call{args: w.ceremony(body, filepath.Join(t.TempDir(), "out")), in: p.Serial + "\n", out: "Signed.", err: says}.run(t)
	}
	call{args: ceremony(body), in: p.Serial + "\n", out: "Signed."}.run(t)
	text, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	b, err := base64.RawURLEncoding.DecodeString(string(bytes.TrimSpace(text)))
	if err != nil {
		t.Fatal(err)
	}
	call{args: "wire decode dn/order " + out, out: "Ordered by the root."}.run(t)
	if d, err := order.OpenRootTransfer(b); err != nil || !bytes.Equal(d.Body, made.Body) || len(d.Sigs) != 1 {
		t.Errorf("what was signed is something else: %v", err)
	}
}
