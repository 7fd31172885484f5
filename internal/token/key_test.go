package token

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func TestKeyFile(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "tokens.pem")
	var wg sync.WaitGroup
	keys := make([]string, 8)
	for i := range keys { // several starts at once make one key
		wg.Go(func() {
			key, err := OpenKey(file)
			if err != nil {
				t.Error(err)
			}
			keys[i] = string(key)
		})
	}
	wg.Wait()
	for _, k := range keys {
		if k == "" || k != keys[0] {
			t.Fatal("the starts have different keys")
		}
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	left, err := filepath.Glob(filepath.Join(dir, ".new-*"))
	if err != nil || len(left) != 0 {
		t.Errorf("%v is left, %v", left, err)
	}
	other, err := OpenKey(filepath.Join(t.TempDir(), "tokens.pem"))
	if err != nil || string(other) == keys[0] {
		t.Errorf("two installations share a key, %v", err)
	}

	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(ec)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		text []byte
		mode os.FileMode
		says string
	}{
		"empty":        {nil, 0o600, "holds no key"},
		"not PEM":      {[]byte("key"), 0o600, "holds no key"},
		"another kind": {pem.EncodeToMemory(&pem.Block{Type: pemType, Bytes: der}), 0o600, "another kind"},
		"cut off":      {pem.EncodeToMemory(&pem.Block{Type: pemType, Bytes: der[:20]}), 0o600, "tokens.pem"},
		"open to all":  {[]byte("key"), 0o644, "chmod 600"},
	} {
		file := filepath.Join(t.TempDir(), "tokens.pem")
		if err := os.WriteFile(file, c.text, c.mode); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenKey(file); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := OpenKey(filepath.Join(dir, "nowhere", "tokens.pem")); err == nil {
		t.Error("a key in a folder that is not there")
	}
}
