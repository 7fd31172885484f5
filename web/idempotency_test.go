package web

import (
	"sync"
	"testing"
	"time"

	"cisterna/internal/once"
)

const someKey = "7b0d6bb4-86c2-4d3a-9a10-6a1b8f6b3a52"

// Double click, reload and lost answer: one pump, one slip.
func TestIdempotencyKey(t *testing.T) {
	f := newFixture(t)
	b := f.signIn("engineer")
	body := map[string]any{"site": line(f.a), "serial": "SN-77", "model": "Meander P20", "profile": "meander-p20"}
	first := b.do("POST", "/api/v1/pumps", body, "Idempotency-Key", someKey)
	again := b.do("POST", "/api/v1/pumps", body, "Idempotency-Key", someKey)
	f.want("register twice", line(first.status, again.status, string(first.body) == string(again.body), again.header.Get("Idempotency-Replayed"), first.header.Get("Idempotency-Replayed")), "201 201 true true ")
	f.want("type of the answer", again.header.Get("Content-Type"), first.header.Get("Content-Type"))
	body["serial"] = "SN-78"
	r := b.do("POST", "/api/v1/pumps", body, "Idempotency-Key", someKey)
	f.want("the key with another body", line(r.status, r.code()), "422 invalid")
	f.want("a key that can be guessed", b.do("POST", "/api/v1/pumps", body, "Idempotency-Key", "1").status, 422)
	f.want("without a key", b.do("POST", "/api/v1/pumps", body).status, 201)

	pump := first.json()["id"].(string)
	key := "slip-" + someKey
	slip := b.do("POST", "/api/v1/pumps/"+pump+"/claim", map[string]any{}, "Idempotency-Key", key)
	same := b.do("POST", "/api/v1/pumps/"+pump+"/claim", map[string]any{}, "Idempotency-Key", key)
	f.want("a slip that is asked for twice", line(slip.status, same.json()["code"] == slip.json()["code"]), "200 true")
	var open int
	if err := f.db.Get(&open, `SELECT count(*) FROM registry_claims`); err != nil || open != 1 {
		t.Errorf("%d claims were made, %v", open, err)
	}

	// A refusal is no answer to keep: what was wrong may be put right.
	key = "act-" + someKey
	f.want("no reason", b.do("POST", "/api/v1/pumps/"+pump+"/retire", map[string]string{"reason": " "}, "Idempotency-Key", key).status, 422)
	f.want("a reason", b.do("POST", "/api/v1/pumps/"+pump+"/retire", map[string]string{"reason": "worn out"}, "Idempotency-Key", key).status, 200)
	// Another person's key is another key.
	f.want("somebody else", f.signIn("engineer-b").do("POST", "/api/v1/pumps/"+pump+"/retire", map[string]string{"reason": "worn out"}, "Idempotency-Key", key).status, 404)
}

func TestConcurrentDuplicatesAnswerOnce(t *testing.T) {
	f := newFixture(t)
	b := f.signIn("engineer")
	pump := f.pump(f.a)
	codes := make([]any, 8)
	var group sync.WaitGroup
	for i := range codes {
		group.Go(func() {
			c := *b
			codes[i] = c.do("POST", "/api/v1/pumps/"+pump+"/claim", map[string]any{}, "Idempotency-Key", someKey).json()["code"]
		})
	}
	group.Wait()
	for _, c := range codes {
		if c == nil || c != codes[0] {
			t.Errorf("codes %v", codes)
			break
		}
	}
	var n int
	if err := f.db.Get(&n, `SELECT count(*) FROM registry_claims`); err != nil || n != 1 {
		t.Errorf("%d claims were made, %v", n, err)
	}
}

// The server dies between the commit and the answer.
func TestAnswerThatWasLost(t *testing.T) {
	f := newFixture(t)
	b := f.signIn("engineer")
	lose := func() {
		t.Helper()
		if _, err := f.db.Exec(`UPDATE once_requests SET answer = NULL WHERE done_at IS NOT NULL`); err != nil {
			t.Fatal(err)
		}
	}
	pump := f.pump(f.a)
	revoke := func() response {
		return b.do("POST", "/api/v1/pumps/"+pump+"/revoke", map[string]string{"reason": "as a test"}, "Idempotency-Key", someKey)
	}
	f.want("revoke", revoke().status, 200)
	lose()
	r := revoke()
	f.want("what became of it", line(r.status, r.json()["status"]), "200 revoked")
	body := map[string]any{"site": line(f.a), "serial": "SN-79", "model": "Meander P20", "profile": "meander-p20"}
	f.want("register", b.do("POST", "/api/v1/pumps", body, "Idempotency-Key", "r-"+someKey).status, 201)
	lose()
	r = b.do("POST", "/api/v1/pumps", body, "Idempotency-Key", "r-"+someKey)
	f.want("it was done, look", line(r.status, r.code()), "409 repeated")
	// A slip replaces the earlier one: it is made again.
	other := f.pump(f.a)
	first := b.do("POST", "/api/v1/pumps/"+other+"/claim", map[string]any{}, "Idempotency-Key", "s-"+someKey)
	lose()
	next := b.do("POST", "/api/v1/pumps/"+other+"/claim", map[string]any{}, "Idempotency-Key", "s-"+someKey)
	f.want("another slip", line(next.status, next.json()["code"] != first.json()["code"]), "200 true")
	var open int
	if err := f.db.Get(&open, `SELECT count(*) FROM registry_claims WHERE state = 'open' AND pump_id = $1`, other); err != nil || open != 1 {
		t.Errorf("%d open claims, %v", open, err)
	}
	// It died before the change: after a while the next one does it.
	third := f.pump(f.a)
	if _, err := f.db.Exec(`UPDATE once_requests SET begun_at = $1`, f.now().Add(-once.Keep-time.Hour)); err != nil {
		t.Fatal(err)
	}
	f.want("a day later", b.do("POST", "/api/v1/pumps/"+third+"/claim", map[string]any{}, "Idempotency-Key", "s-"+someKey).status, 200)
}
