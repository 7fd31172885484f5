package audit

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/google/go-cmp/cmp"
)

// goldenLeaf is a leaf with every field, byte by byte. It must never change:
// old leaves are hashed as they were written.
var goldenLeaf = strings.Join([]string{
	"b3",       // map of 19 pairs
	"01", "01", // v: 1
	"02", "50", "000102030405060708090a0b0c0d0e0f", // leaf id
	"03", "6a", hexText("pump.claim"), // kind, 10 bytes (6a)
	"04", "6d", hexText("person:7 anna"), // actor
	"05", "68", hexText("person:9"), // on behalf
	"06", "66", hexText("COMM-1"), // device
	"07", "18", "2a", // pump 42
	"08", "03", // site 3
	"09", "67", hexText("pump:42"), // object
	"0a", "42", "aabb", // old hash
	"0b", "42", "ccdd", // new hash
	"0c", "63", hexText("new"), // reason
	"0d", "1b", "00060a24181e4000", // server time, µs
	"0e", "3a", "000f423f", // device time: -1 s
	"0f", "42", "0102", // boot id
	"10", "18", "64", // device seq 100
	"11", "58", "20", strings.Repeat("11", 32), // evidence hash
	"12", "58", "20", strings.Repeat("22", 32), // payload commitment
	"13", "18", "5a", // device from 90
}, "")

func hexText(s string) string { return hex.EncodeToString([]byte(s)) }

func golden() leaf {
	return leaf{
		V: 1, ID: []byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}, Kind: "pump.claim", Actor: "person:7 anna",
		OnBehalf: "person:9", Device: "COMM-1", Pump: 42, Site: 3, Object: "pump:42", OldHash: []byte{0xaa, 0xbb}, NewHash: []byte{0xcc, 0xdd},
		Reason: "new", ServerTime: 0x60a24181e4000, DeviceTime: -1_000_000, BootID: []byte{1, 2}, DeviceSeq: 100,
		Evidence: bytes.Repeat([]byte{0x11}, 32), Commit: bytes.Repeat([]byte{0x22}, 32), DeviceFrom: 90,
	}
}

func TestLeafGoldenBytes(t *testing.T) {
	l := golden()
	b, err := l.encode()
	if err != nil {
		t.Fatal(err)
	}
	if got := hex.EncodeToString(b); got != goldenLeaf {
		t.Errorf("encoded\n%s, want\n%s", got, goldenLeaf)
	}
	d, err := decodeLeaf(b)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&l, d); diff != "" {
		t.Errorf("decoded (-want +got):\n%s", diff)
	}
	// (printf '\0'; xxd -r -p golden) | sha256sum
	if got, want := hexHash(b), "2e6551a6cfb49f6fb265523c2a4d38c7867069fb4043a34ba85e6fe5a9197c8f"; got != want {
		t.Errorf("hash %s, want %s", got, want)
	}
}

func TestDecodeLeafRefuses(t *testing.T) {
	small := leaf{V: 1, ID: make([]byte, 16), Kind: "k", Actor: "a", ServerTime: 5}
	base, err := small.encode()
	if err != nil {
		t.Fatal(err)
	}
	edit := func(f func(l *leaf)) []byte {
		l := golden()
		f(&l)
		b, err := leafEnc.Marshal(&l)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	add := func(pair ...byte) []byte { // one more pair at the end
		b := bytes.Clone(base)
		b[0]++
		return append(b, pair...)
	}
	tests := []struct {
		name string
		b    []byte
	}{
		{"nothing", nil},
		{"another type", []byte{0x83, 1, 2, 3}},
		{"something behind it", append(bytes.Clone(base), 0)},
		{"cut off", base[:len(base)-1]},
		{"version 2", edit(func(l *leaf) { l.V = 2 })},
		{"no id", edit(func(l *leaf) { l.ID = nil })},
		{"short id", edit(func(l *leaf) { l.ID = l.ID[1:] })},
		{"no kind", edit(func(l *leaf) { l.Kind = "" })},
		{"no actor", edit(func(l *leaf) { l.Actor = "" })},
		{"short evidence hash", edit(func(l *leaf) { l.Evidence = l.Evidence[1:] })},
		{"short commitment", edit(func(l *leaf) { l.Commit = l.Commit[1:] })},
		{"unknown key", add(0x18, 0x63, 1)},
		{"key twice", add(0x0d, 5)},
		{"keys out of order", add(0x05, 0x61, 'x')},
		{"an empty value spelled out", add(0x0e, 0)},
		{"a number not in its shortest form", bytes.Replace(base, []byte{0x0d, 5}, []byte{0x0d, 0x18, 5}, 1)},
		{"indefinite length", append(append([]byte{0xbf}, base[1:]...), 0xff)},
		{"a float", bytes.Replace(base, []byte{0x0d, 5}, []byte{0x0d, 0xf9, 0x45, 0}, 1)},
		{"a tag", bytes.Replace(base, []byte{0x0d, 5}, []byte{0x0d, 0xc1, 5}, 1)},
		{"text that is not UTF-8", add(0x0c|1<<1, 0x41, 0xff)},
		{"a length beyond the end", []byte{0xb1, 2, 0x5b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}},
		{"too long", edit(func(l *leaf) { l.Reason = strings.Repeat("x", maxLeaf) })},
	}
	if _, err := decodeLeaf(base); err != nil {
		t.Fatalf("the base of the cases is refused: %v", err)
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			if l, err := decodeLeaf(tc.b); err == nil {
				t.Errorf("accepted as %+v", l)
			}
		})
	}
}

// FuzzDecodeLeaf compares the strict reader with the library: it accepts exactly
// what the library reads and writes again as the same bytes.
func FuzzDecodeLeaf(f *testing.F) {
	g, _ := hex.DecodeString(goldenLeaf)
	f.Add(g)
	small := leaf{V: 1, ID: make([]byte, 16), Kind: "k", Actor: "a"}
	b, _ := small.encode()
	f.Add(b)
	lib, err := cbor.DecOptions{
		DupMapKey: cbor.DupMapKeyEnforcedAPF, ExtraReturnErrors: cbor.ExtraDecErrorUnknownField,
		IndefLength: cbor.IndefLengthForbidden, TagsMd: cbor.TagsForbidden, MaxNestedLevels: 4,
	}.DecMode()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s := strict{b: b}
		got := s.leaf()
		gotErr := s.end()
		var want leaf
		wantErr := lib.Unmarshal(b, &want)
		if wantErr == nil {
			again, err := leafEnc.Marshal(&want)
			if err != nil {
				t.Fatal(err)
			}
			// The encoder leaves out what is empty and writes no null.
			if !bytes.Equal(again, b) {
				wantErr = errCBOR
			}
		}
		if (gotErr == nil) != (wantErr == nil) && !emptyRequired(want) {
			t.Fatalf("strict: %v, library: %v, bytes %x", gotErr, wantErr, b)
		}
		if gotErr == nil {
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("(-library +strict):\n%s", diff)
			}
		}
	})
}

// emptyRequired reports a leaf with an empty id, which the two spell differently
// (null and an empty string) and decodeLeaf refuses.
func emptyRequired(l leaf) bool { return len(l.ID) == 0 }

func TestEntryMake(t *testing.T) {
	now := time.Date(2026, 3, 4, 5, 6, 7, 8_000, time.UTC)
	e := Entry{Kind: "hello.refused", Actor: "device:\xff\x00x", Reason: "a\x00b", Payload: map[string]string{"k": "v\xff"}, Evidence: []byte{}}
	a, err := e.make(now)
	if err != nil {
		t.Fatal(err)
	}
	b, err := e.make(now)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(a.bytes, b.bytes) || bytes.Equal(a.l.Commit, b.l.Commit) {
		t.Error("two leaves of the same entry are equal")
	}
	l, err := decodeLeaf(a.bytes)
	if err != nil {
		t.Fatalf("what was made cannot be read: %v", err)
	}
	if l.Actor != "device:\uFFFD\uFFFDx" || l.Reason != "a\uFFFDb" {
		t.Errorf("actor %q, reason %q: what cannot be stored is not replaced", l.Actor, l.Reason)
	}
	if !fromMicros(l.ServerTime).Equal(now) {
		t.Errorf("server time %v, want %v", fromMicros(l.ServerTime), now)
	}
	if !bytes.Equal(l.Commit, commitment(a.salt, a.payload)) || len(a.salt) != 32 {
		t.Error("the commitment is not that of salt and payload")
	}
	if l.Evidence == nil || a.body == nil {
		t.Error("an empty signed document counts as none")
	}
	for _, bad := range []Entry{
		{},
		{Kind: "k"},
		{Actor: "a"},
		{Kind: "k", Actor: "a", Payload: func() {}},
		{Kind: "k", Actor: "a", Reason: strings.Repeat("x", maxLeaf)},
	} {
		if _, err := bad.make(now); err == nil {
			t.Errorf("made a leaf of kind %q, actor %q, reason of %d bytes", bad.Kind, bad.Actor, len(bad.Reason))
		}
	}
}
