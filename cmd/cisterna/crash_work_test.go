package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"cisterna/fleet/registry"
	"cisterna/internal/auth"
	"cisterna/internal/postgres"
	"cisterna/internal/token"
)

// worker is a program with a token that works on many pumps while its server dies
// under it.
type worker struct {
	*testing.T
	in     *installation
	server *process
	token  string
	db     *sqlx.DB
}

func newWorker(t *testing.T, pumps int) *worker {
	t.Helper()
	in := install(t)
	app := in.start()
	ctx := context.Background()
	site := in.site(app)
	for i := range pumps {
		if _, err := app.Registry.RegisterPump(ctx, auth.System("test"), registry.NewPump{Site: site.ID, Serial: fmt.Sprintf("W%05d", i), Model: "Meander P20", Profile: "meander-p20"}); err != nil {
			t.Fatal(err)
		}
	}
	who, err := app.People.CreateUser(ctx, auth.System("test"), auth.NewUser{Login: "anna", Name: "Anna Berg", Password: "still water runs deep 7"})
	if err != nil {
		t.Fatal(err)
	}
	if err := app.Registry.AddMembership(ctx, auth.System("test"), who.ID, site.ID, auth.Engineer); err != nil {
		t.Fatal(err)
	}
	roles, err := app.Registry.Roles(ctx, who.ID)
	if err != nil {
		t.Fatal(err)
	}
	text, _, err := app.Tokens.Create(ctx, who.Actor(roles), token.New{Name: "bulk", Scopes: []token.Scope{token.PumpsRead, token.PumpsWrite}, Sites: []int64{site.ID}, Life: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	app.Stop()
	w := &worker{T: t, in: in, token: text}
	if w.db, err = postgres.Open(t.Context(), in.url(), 2); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.db.Close() })
	w.start()
	return w
}

func (w *worker) start() {
	w.Helper()
	w.server = w.in.run("server", serverSettings{w.in.url(), w.in.dir + "/keys", w.in.addr})
}

// call sends a request; an error is a connection that broke.
func (w *worker) call(method, path, key string, body any) (int, []byte, error) {
	raw, err := json.Marshal(body)
	if err != nil {
		w.Fatal(err)
	}
	req, err := http.NewRequestWithContext(w.Context(), method, "http://"+w.in.addr["http"]+"/api/v1"+path, bytes.NewReader(raw))
	if err != nil {
		w.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+w.token)
	req.Header.Set("Content-Type", "application/json")
	if key != "" {
		req.Header.Set("Idempotency-Key", key)
	}
	// Each on a connection of its own: one that died with a server serves no other.
	res, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 20 * time.Second}).Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(res.Body)
	return res.StatusCode, answer, err
}

// freeze keeps the pumps of a filter, once the server's list has as many.
func (w *worker) freeze(q string, want int) string {
	w.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); pause(w, 50*time.Millisecond) {
		code, answer, err := w.call("POST", "/pumps/frozen", "", map[string]any{"q": q})
		var f struct {
			ID    string `json:"id"`
			Count int    `json:"count"`
		}
		if err == nil && code == http.StatusCreated && json.Unmarshal(answer, &f) == nil && f.Count == want {
			return f.ID
		}
	}
	w.Fatalf("the list never had %d pumps of %q", want, q)
	return ""
}

func (w *worker) count(query string, args ...any) (n int) {
	w.Helper()
	if err := w.db.GetContext(w.Context(), &n, query, args...); err != nil {
		w.Fatal(err)
	}
	return n
}

// hold takes locks in the database until the returned function gives them back.
func (w *worker) hold(query string, args ...any) (release func()) {
	w.Helper()
	tx, err := w.db.BeginTx(w.Context(), nil)
	if err == nil {
		_, err = tx.ExecContext(w.Context(), query, args...)
	}
	if err != nil {
		w.Fatal(err)
	}
	return func() { _ = tx.Rollback() }
}

// TestBulkWorkSurvivesKills kills the server in the middle of work on many pumps,
// three times. The run goes on by itself where it stopped, and every pump is done
// once.
func TestBulkWorkSurvivesKills(t *testing.T) {
	t.Parallel()
	const (
		pumps       = 400
		campaignKey = "a-campaign-of-tags-1"
	)
	w := newWorker(t, pumps)
	frozen := w.freeze("", pumps)
	work := map[string]any{"frozen": frozen, "action": "tag", "tags": []string{"campaign"}}
	// Nothing is done before the item at which the work will stand is held.
	begin := w.hold(`LOCK TABLE lists_tags IN SHARE MODE`)
	code, answer, err := w.call("POST", "/runs", campaignKey, work)
	var run struct {
		ID string `json:"id"`
	}
	if err != nil || code != http.StatusCreated || json.Unmarshal(answer, &run) != nil {
		t.Fatalf("begin: %d %s %v", code, answer, err)
	}
	done := func() int {
		return w.count(`SELECT count(*) FROM lists_run_items WHERE run_id = $1 AND state = 'done'`, run.ID)
	}
	stand := func(at int) (release func()) {
		pump := w.count(`SELECT pump_id FROM lists_run_items WHERE run_id = $1 ORDER BY pump_id OFFSET $2 LIMIT 1`, run.ID, at)
		return w.hold(`SELECT FROM lists_run_items WHERE run_id = $1 AND pump_id = $2 FOR UPDATE`, run.ID, pump)
	}
	stops := []int{1, 150, 390}
	release := stand(stops[0])
	begin()
	for i, at := range stops {
		eventually(t, fmt.Sprintf("%d of %d", at, pumps), func() bool { return done() == at })
		w.server.kill()
		release()
		if i+1 < len(stops) {
			release = stand(stops[i+1])
		}
		w.start()
		// Whoever asks again, not knowing what became of it, gets the same run.
		code, answer, err := w.call("POST", "/runs", campaignKey, work)
		var again struct {
			ID string `json:"id"`
		}
		if err != nil || code != http.StatusCreated || json.Unmarshal(answer, &again) != nil || again.ID != run.ID {
			t.Fatalf("asked again: %d %s %v, want run %s", code, answer, err, run.ID)
		}
	}
	var last struct {
		State                  string
		Done, Refused, Waiting int
	}
	for deadline := time.Now().Add(2 * time.Minute); last.State != "done"; pause(t, 50*time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the run does not end: %+v", last)
		}
		if code, answer, err := w.call("GET", "/runs/"+run.ID, "", nil); err != nil || code != http.StatusOK || json.Unmarshal(answer, &last) != nil {
			t.Fatalf("progress: %d %s %v", code, answer, err)
		}
	}
	if last.Done != pumps || last.Refused != 0 || last.Waiting != 0 {
		t.Errorf("the run says %+v", last)
	}
	for what, query := range map[string]string{
		"tags":                  `SELECT count(*) FROM lists_tags WHERE tag = 'campaign'`,
		"leaves":                `SELECT count(*) FROM audit_leaf WHERE kind = 'pump.tag'`,
		"pumps with a leaf":     `SELECT count(DISTINCT pump_id) FROM audit_leaf WHERE kind = 'pump.tag'`,
		"items with an outcome": `SELECT count(*) FROM lists_run_items WHERE state = 'done'`,
	} {
		if n := w.count(query); n != pumps {
			t.Errorf("%d %s, want %d", n, what, pumps)
		}
	}
	if n := w.count(`SELECT count(*) FROM lists_runs`); n != 1 {
		t.Errorf("%d runs, want 1", n)
	}
}

// TestKeySurvivesKills kills the server while it carries out a request with a key.
// Sent again, the request is done once: it gets the answer, or is told that it was
// done and the answer lost.
func TestKeySurvivesKills(t *testing.T) {
	t.Parallel()
	const rounds = 6
	w := newWorker(t, 3)
	outcomes := map[string]int{}
	for round := range rounds {
		frozen := w.freeze("", 3)
		tag, key := fmt.Sprintf("round-%d", round), fmt.Sprintf("round-key-%08d", round)
		work := map[string]any{"frozen": frozen, "action": "tag", "tags": []string{tag}}
		first := make(chan int, 1)
		go func() {
			code, _, err := w.call("POST", "/runs", key, work)
			if err != nil {
				code = 0
			}
			first <- code
		}()
		time.Sleep(time.Duration(rand.IntN(25)) * time.Millisecond) // somewhere before, in or after the transaction
		w.server.kill()
		before := <-first
		made := w.count(`SELECT count(*) FROM lists_runs WHERE $1 = ANY(tags)`, tag)
		if before == http.StatusCreated && made != 1 {
			t.Errorf("round %d: answered as begun, and there are %d runs", round, made)
		}
		w.start()
		var code int
		var answer []byte
		for deadline := time.Now().Add(2 * time.Minute); ; pause(t, 100*time.Millisecond) {
			var err error
			if code, answer, err = w.call("POST", "/runs", key, work); err == nil && (code == http.StatusCreated || bytes.Contains(answer, []byte(`"repeated"`))) {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("round %d: %d %s %v", round, code, answer, err)
			}
		}
		if n := w.count(`SELECT count(*) FROM lists_runs WHERE $1 = ANY(tags)`, tag); n != 1 {
			t.Errorf("round %d: %d runs, want 1", round, n)
		}
		outcomes[fmt.Sprintf("%d before the kill, %d runs, then %d", before, made, code)]++
	}
	t.Logf("%v", outcomes)
	if w.count(`SELECT count(*) FROM lists_runs`) != rounds {
		t.Error("there are runs that nobody asked for")
	}
}
