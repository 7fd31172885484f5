package live

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"cisterna/internal/auth"
	"cisterna/internal/errs"
	"cisterna/internal/event"
)

// pumpRow is a row as small as the tests allow.
type pumpRow struct {
	ID      string  `json:"id"`
	Site    string  `json:"site"`
	Battery int     `json:"battery_mv"`
	Label   string  `json:"label"`
	Top     *string `json:"top_alarm,omitempty"`
	Rev     uint64  `json:"rev"`
}

// board is a Board that tests write to.
type board struct {
	mu    sync.Mutex
	epoch string
	rev   uint64
	rows  map[int64]Row
	gone  map[int64]uint64
	wake  chan struct{}
}

func newBoard() *board {
	return &board{epoch: "e1", rows: map[int64]Row{}, gone: map[int64]uint64{}, wake: make(chan struct{}, 1)}
}

func (b *board) Wake() <-chan struct{} { return b.wake }

func (b *board) Since(epoch string, rev uint64) Changes {
	b.mu.Lock()
	defer b.mu.Unlock()
	ch := Changes{Epoch: b.epoch, Rev: b.rev, Reset: epoch != b.epoch || rev > b.rev}
	for _, r := range b.rows {
		if ch.Reset || r.Rev > rev {
			ch.Rows = append(ch.Rows, r)
		}
	}
	for id, at := range b.gone {
		if !ch.Reset && at > rev {
			ch.Removed = append(ch.Removed, id)
		}
	}
	return ch
}

// put changes a pump without telling; put and poke tells.
func (b *board) put(id, site int64, change func(*pumpRow)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.rev++
	row := pumpRow{ID: strconv.FormatInt(id, 10)}
	if old, ok := b.rows[id]; ok {
		row = old.Value.(pumpRow)
	}
	row.Site, row.Rev = strconv.FormatInt(site, 10), b.rev
	if change != nil {
		change(&row)
	}
	delete(b.gone, id)
	b.rows[id] = Row{ID: id, Site: site, Rev: b.rev, Value: row}
}

func (b *board) set(id, site int64, battery int) {
	b.put(id, site, func(r *pumpRow) { r.Battery = battery })
	b.poke()
}

func (b *board) remove(id int64) {
	b.mu.Lock()
	b.rev++
	delete(b.rows, id)
	b.gone[id] = b.rev
	b.mu.Unlock()
	b.poke()
}

func (b *board) poke() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// snapshot is what GET /pumps would say to a viewer.
func (b *board) snapshot(s auth.Scope) (rows map[string]map[string]any, rev uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	rows = map[string]map[string]any{}
	for _, r := range b.rows {
		if s.AllowsPump(r.Site, r.ID) {
			rows[strconv.FormatInt(r.ID, 10)] = object(r.Value)
		}
	}
	return rows, b.rev
}

func object(v any) (out map[string]any) {
	raw, err := json.Marshal(v)
	if err == nil {
		err = json.Unmarshal(raw, &out)
	}
	if err != nil {
		panic(err)
	}
	return out
}

// pipes is a listener in memory, so that tests run on synctest's time.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}
func (p *pipes) Close() error   { close(p.done); return nil }
func (p *pipes) Addr() net.Addr { return &net.IPAddr{} }

// world is a hub behind an HTTP server, inside a synctest bubble.
type world struct {
	*testing.T
	hub    *Hub
	board  *board
	ended  event.Bus[auth.Ended]
	pipes  *pipes
	cancel context.CancelFunc
	ran    chan error
	last   int64 // session made last

	mu       sync.Mutex
	sessions map[int64]auth.Scope
	checkErr error
}

// inWorld runs f in a bubble with a running hub.
func inWorld(t *testing.T, f func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{T: t, board: newBoard(), pipes: &pipes{make(chan net.Conn), make(chan struct{})}, sessions: map[int64]auth.Scope{}, ran: make(chan error, 1)}
		var err error
		w.hub, err = New(Options{Board: w.board, Log: slog.New(slog.DiscardHandler), Check: w.check, Ended: &w.ended})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		w.cancel = cancel
		go func() { w.ran <- w.hub.Run(ctx) }()
		server := &http.Server{Handler: w, ReadHeaderTimeout: time.Second}
		go func() { _ = server.Serve(w.pipes) }()
		synctest.Wait()
		f(w)
		cancel()
		if err := <-w.ran; err != nil {
			t.Error(err)
		}
		_ = server.Close()
		synctest.Wait()
	})
}

func (w *world) check(_ context.Context, ids []int64) (map[int64]auth.Scope, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := map[int64]auth.Scope{}
	for _, id := range ids {
		if s, ok := w.sessions[id]; ok {
			out[id] = s
		}
	}
	return out, w.checkErr
}

func (w *world) setSession(id int64, s *auth.Scope, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if s != nil {
		w.sessions[id] = *s
	} else {
		delete(w.sessions, id)
	}
	w.checkErr = err
}

// ServeHTTP plays the part of package api: it knows who asks and maps errors.
func (w *world) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	id := func(name string) int64 { n, _ := strconv.ParseInt(q.Get(name), 10, 64); return n }
	w.mu.Lock()
	v := Viewer{Session: id("session"), User: id("user"), Scope: w.sessions[id("session")]}
	w.mu.Unlock()
	from, err := ParseResume(q)
	if err == nil {
		err = w.hub.Serve(rw, r, v, from)
	}
	if err != nil {
		status := map[errs.Kind]int{errs.Denied: 403, errs.Throttled: 429, errs.Unavailable: 503, errs.Invalid: 422}[errs.KindOf(err)]
		http.Error(rw, err.Error(), status)
	}
}

// viewer is a browser that follows PROTOCOL.md.
type viewer struct {
	w      *world
	conn   *websocket.Conn
	query  url.Values
	reads  chan bool // closed: reads freely; else one receive per frame
	mu     sync.Mutex
	frames []map[string]any
	sizes  []int
	raw    []string
	closed error
	over   chan struct{}
}

// open makes a new session for a scope, and a viewer of it.
func (w *world) open(s auth.Scope) *viewer {
	w.Helper()
	w.last++
	w.setSession(w.last, &s, nil)
	v := w.dial(url.Values{"session": {fmt.Sprint(w.last)}, "user": {fmt.Sprint(1000 + w.last)}}, true)
	synctest.Wait()
	return v
}

func (w *world) dial(query url.Values, reading bool) *viewer {
	w.Helper()
	v, err := w.tryDial(query, http.Header{"Origin": {"http://cisterna.test"}})
	if err != nil {
		w.Fatal(err)
	}
	if reading {
		close(v.reads)
	}
	return v
}

func (w *world) tryDial(query url.Values, header http.Header) (*viewer, error) {
	v := &viewer{w: w, query: query, reads: make(chan bool), over: make(chan struct{})}
	d := websocket.Dialer{NetDialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		near, far := net.Pipe()
		select {
		case w.pipes.conns <- far:
			return near, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}}
	conn, resp, err := d.Dial("ws://cisterna.test/api/v1/live?"+query.Encode(), header)
	if err != nil {
		if resp != nil {
			return nil, fmt.Errorf("status %d: %w", resp.StatusCode, err)
		}
		return nil, err
	}
	v.conn = conn
	go v.read()
	return v, nil
}

func (v *viewer) read() {
	defer close(v.over)
	defer func() { _ = v.conn.Close() }()
	for {
		<-v.reads
		_, raw, err := v.conn.ReadMessage()
		if err != nil {
			v.mu.Lock()
			v.closed = err
			v.mu.Unlock()
			return
		}
		var f map[string]any
		if err := json.Unmarshal(raw, &f); err != nil {
			v.w.Errorf("frame %.100s: %v", raw, err)
		}
		v.mu.Lock()
		v.frames, v.sizes, v.raw = append(v.frames, f), append(v.sizes, len(raw)), append(v.raw, string(raw))
		v.mu.Unlock()
	}
}

// take returns the frames since the last take that are of one of the kinds, or
// of any but beats.
func (v *viewer) take(kinds ...string) []map[string]any {
	synctest.Wait()
	v.mu.Lock()
	defer v.mu.Unlock()
	var out []map[string]any
	for _, f := range v.frames {
		if kind := f["t"].(string); slices.Contains(kinds, kind) || len(kinds) == 0 && kind != "beat" {
			out = append(out, f)
		}
	}
	v.frames, v.sizes, v.raw = nil, nil, nil
	return out
}

// closeCode waits for the end and returns the close code, 0 if there was none.
func (v *viewer) closeCode() int {
	<-v.over
	v.mu.Lock()
	defer v.mu.Unlock()
	if e, ok := errors.AsType[*websocket.CloseError](v.closed); ok {
		return e.Code
	}
	return 0
}

func (v *viewer) close() {
	_ = v.conn.Close()
	<-v.over
	synctest.Wait()
}

func (w *world) want(what string, got, want any) {
	w.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		w.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func sites(ids ...int64) auth.Scope { return auth.Scope{Sites: ids} }

// words renders members of a frame, those it has.
func words(f map[string]any, keys ...string) string {
	var out []string
	for _, k := range keys {
		if v, ok := f[k]; ok {
			out = append(out, fmt.Sprint(v))
		}
	}
	return strings.Join(out, " ")
}

// settle waits until a change has been flushed, and the next one would be at once.
func settle() {
	time.Sleep(2 * FlushEvery)
	synctest.Wait()
}
