package web

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"cisterna/internal/auth"
	"cisterna/web/api"
)

// The record of years does not fit in memory, nor into the time of one answer: the
// first bytes leave while the last are not made yet, also to the console, which
// sends a key with every request.
func TestExportStreams(t *testing.T) {
	chunk := bytes.Repeat([]byte("leaf"), 64<<8)
	const chunks = 1024 // 64 MiB
	arrived := make(chan struct{}, 1)
	f := newFixture(t, func(o *Options) {
		o.API.Record.Export = func(ctx context.Context, w io.Writer) error {
			for i := range chunks {
				if _, err := w.Write(chunk); err != nil {
					return err
				}
				if i == 0 {
					select {
					case <-arrived:
					case <-ctx.Done():
						return ctx.Err()
					}
				}
			}
			return nil
		}
	})
	f.person("chief", f.a, auth.Auditor)
	f.person("chief", f.b, auth.Auditor)
	b := f.signIn("chief")
	b.softKey()
	server := httptest.NewServer(f.srv)
	defer server.Close()
	read := func(packed bool) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"/api/v1/audit/export", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = "localhost:8600"
		r.AddCookie(b.cookie)
		r.Header.Set(api.StepUpHeader, b.signFor(b.send(http.MethodPost, "/api/v1/audit/export", nil).json()))
		r.Header.Set("Origin", "http://localhost:8600")
		r.Header.Set(api.KeyHeader, "0123456789abcdef0123456789abcdef")
		r.Header.Set("Accept-Encoding", map[bool]string{true: "gzip", false: "identity"}[packed])
		res, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = res.Body.Close() }()
		if res.StatusCode != http.StatusOK || res.ContentLength >= 0 {
			said, _ := io.ReadAll(io.LimitReader(res.Body, 1000))
			t.Fatalf("%s, %d bytes announced: %s", res.Status, res.ContentLength, said)
		}
		body := io.Reader(res.Body)
		if res.Header.Get("Content-Encoding") == "gzip" {
			if body, err = gzip.NewReader(body); err != nil {
				t.Fatal(err)
			}
		}
		got := make([]byte, len(chunk))
		for i := range chunks {
			n := len(got)
			if i == 0 { // what has left before the rest is made
				n = 1
				if _, err := io.ReadFull(body, got[:n]); err != nil {
					t.Fatal(err)
				}
				arrived <- struct{}{}
			}
			if _, err := io.ReadFull(body, got[n%len(got):]); err != nil || !bytes.Equal(got, chunk) {
				t.Fatalf("chunk %d: %v", i, err)
			}
		}
		if n, err := io.Copy(io.Discard, body); n != 0 || err != nil {
			t.Errorf("%d bytes too many, %v", n, err)
		}
	}
	read(false)
	read(true)
}
