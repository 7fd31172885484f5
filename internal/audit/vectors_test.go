package audit

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

var updateVectors = flag.Bool("update", false, "write the vectors of the console's verifier")

const vectorsFile = "../../web/console/src/record/verify/vectors.json"

// seedReader gives the key of the vectors: the same at every run.
type seedReader struct{}

func (seedReader) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = byte(i + 7)
	}
	return len(b), nil
}

// The console verifies the record with its own code. These are trees, proofs,
// signatures and leaves as this package makes them; its tests must agree.
func TestVectorsOfTheConsole(t *testing.T) {
	const n = 21
	skey, vkey, err := note.GenerateKey(seedReader{}, "vectors.test/record")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	type place struct {
		Index   int64   `json:"index"`
		Entry   string  `json:"entry"`
		Hash    string  `json:"hash"`
		Missing bool    `json:"missing"`
		Leaf    *string `json:"leaf"`
		Salt    *string `json:"salt"`
		Payload *string `json:"payload"`
		Erased  bool    `json:"erased"`
	}
	type inclusion struct {
		Index  int64    `json:"index"`
		Size   int64    `json:"size"`
		Hashes []string `json:"hashes"`
	}
	type consistency struct {
		From   int64    `json:"from"`
		Size   int64    `json:"size"`
		Hashes []string `json:"hashes"`
	}
	var out struct {
		Key         string            `json:"key"`
		Roots       []string          `json:"roots"`
		Edges       [][]string        `json:"edges"`
		Notes       map[string]string `json:"notes"`
		Places      []place           `json:"places"`
		Inclusion   []inclusion       `json:"inclusion"`
		Consistency []consistency     `json:"consistency"`
		Leaf        map[string]any    `json:"leaf"`
	}
	out.Key, out.Notes = vkey, map[string]string{}
	b64 := func(b []byte) *string { s := base64.StdEncoding.EncodeToString(b); return &s }
	var stored []tlog.Hash
	read := tlog.HashReaderFunc(func(idx []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(idx))
		for i, x := range idx {
			out[i] = stored[x]
		}
		return out, nil
	})
	texts := func(hashes []tlog.Hash) []string {
		out := make([]string, len(hashes))
		for i, h := range hashes {
			out[i] = hex.EncodeToString(h[:])
		}
		return out
	}
	tree := &tree{}
	edge := func() {
		var hashes []tlog.Hash
		for level := 62; level >= 0; level-- {
			if tree.size>>level&1 == 1 {
				hashes = append(hashes, tree.edge[level])
			}
		}
		out.Edges = append(out.Edges, texts(hashes))
		root := tree.root()
		out.Roots = append(out.Roots, hex.EncodeToString(root[:]))
	}
	edge()
	for i := range int64(n) {
		salt, payload := bytes.Repeat([]byte{byte(i)}, 32), fmt.Appendf(nil, `{"old":{"label":"Bed %d"},"new":{"label":"Bed %d"}}`, i, i+1)
		id := sha256.Sum256(fmt.Appendf(nil, "leaf %d", i))
		l := leaf{V: 1, ID: id[:16], Kind: "pump.edit", Actor: "person:7 anna", Object: fmt.Sprintf("pump:%d", i), Pump: i + 1, Site: 2, ServerTime: 1_767_225_600_000_000 + i}
		switch i {
		case 3:
			l.Reason, l.OnBehalf, l.Device = "umlauts: ä ö ü", "person:8 bo", "COMM-1"
			l.OldHash, l.NewHash, l.BootID = []byte{1, 2, 3}, []byte{4, 5}, []byte{9}
			l.DeviceTime, l.DeviceSeq, l.DeviceFrom = -1, 1<<40, 300
			sum := sha256.Sum256([]byte("signed"))
			l.Evidence = sum[:]
		case 5:
			payload = nil // erased
		}
		l.Commit = commitment(salt, fmt.Appendf(nil, `{"old":{"label":"Bed %d"},"new":{"label":"Bed %d"}}`, i, i+1))
		body, err := l.encode()
		if err != nil {
			t.Fatal(err)
		}
		h := leafHash(body)
		p := place{Index: i, Entry: fmt.Sprint(i + 100), Hash: hex.EncodeToString(h[:]), Leaf: b64(body), Salt: b64(salt), Payload: b64(payload)}
		switch i {
		case 5:
			p.Salt, p.Payload, p.Erased = nil, nil, true
		case 8:
			p.Leaf, p.Salt, p.Payload = nil, nil, nil // of another site
		}
		out.Places = append(out.Places, p)
		stored = append(stored, tree.append(h)...)
		edge()
		if size := i + 1; size == 1 || size == 4 || size == 9 || size == n {
			signed, err := note.Sign(&note.Note{Text: checkpointBody("vectors.test/record", tlog.Tree{N: size, Hash: tree.root()})}, signer)
			if err != nil {
				t.Fatal(err)
			}
			out.Notes[fmt.Sprint(size)] = string(signed)
		}
	}
	for _, size := range []int64{1, 2, 7, 8, n} {
		for i := range size {
			proof, err := tlog.ProveRecord(size, i, read)
			if err != nil {
				t.Fatal(err)
			}
			out.Inclusion = append(out.Inclusion, inclusion{i, size, texts(proof)})
		}
		for old := int64(1); old <= size; old++ {
			proof, err := tlog.ProveTree(size, old, read)
			if err != nil {
				t.Fatal(err)
			}
			out.Consistency = append(out.Consistency, consistency{old, size, texts(proof)})
		}
	}
	out.Leaf = map[string]any{"at": time.UnixMicro(1_767_225_600_000_003).UTC().Format("2006-01-02T15:04:05.000000Z"), "reason": "umlauts: ä ö ü", "device_seq": "1099511627776"}
	got, err := json.MarshalIndent(out, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	got = append(got, '\n')
	if *updateVectors {
		if err := os.WriteFile(vectorsFile, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(vectorsFile)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("the vectors are not current: go test ./internal/audit -run Vectors -update")
	}
	// They are what this package accepts.
	trust, err := TrustKeys(vkey)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range out.Notes {
		if _, err := trust.Open(text); err != nil {
			t.Error(err)
		}
	}
	if len(skey) < ed25519.SeedSize {
		t.Error("the key is too short")
	}
}
