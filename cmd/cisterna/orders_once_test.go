package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"testing"
)

// TestCaughtOnce: a proposal that a check caught is noted once, however often it is
// sent, and each time the answer is what was caught.
func TestCaughtOnce(t *testing.T) {
	t.Parallel()
	w := newOrderWorld(t, 1)
	miriam, url := w.signIn("miriam"), fmt.Sprintf("%s/api/v1/pumps/%d/orders", w.app.URL(), w.plans[0].ID)
	propose := func() (*http.Response, []byte) {
		r, err := http.NewRequest(http.MethodPost, url, bytes.NewReader([]byte(`{"wish":{"act":"resume"}}`))) // what runs
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Origin", w.app.URL())
		r.Header.Set("Idempotency-Key", "7b0d6bb4-86c2-4d3a-9a10-6a1b8f6b3a52")
		resp, err := miriam.http.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp, body
	}
	first, said := propose()
	again, repeated := propose()
	if first.StatusCode != http.StatusConflict || again.StatusCode != http.StatusConflict || !bytes.Contains(said, []byte("E_STATE")) || !bytes.Equal(said, repeated) {
		t.Errorf("%d %s, then %d %s", first.StatusCode, said, again.StatusCode, repeated)
	}
	if first.Header.Get("Idempotency-Replayed") != "" || again.Header.Get("Idempotency-Replayed") != "true" {
		t.Error("the second was not answered as the first")
	}
	if n := w.count(`SELECT count(*) FROM dosing_catches WHERE kind = 'refused'`); n != 1 {
		t.Errorf("%d catches, want 1", n)
	}
}
