package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"cisterna/internal/once"
)

// KeyHeader carries a key that the client made up for one request. Sent again
// with the same key, the request is not carried out again (package once).
const KeyHeader = "Idempotency-Key"

// ReplayHeader says that an answer is that of an earlier request with the key.
const ReplayHeader = "Idempotency-Replayed"

// lostKey marks a request that was carried out before, with an answer that is not
// known any more.
type lostKey struct{}

func wasLost(ctx context.Context) bool { return ctx.Value(lostKey{}) != nil }

// keptAnswer is an answer as it is kept.
type keptAnswer struct {
	Status int         `json:"s"`
	Header http.Header `json:"h"`
	Body   []byte      `json:"b"`
}

// keptHeaders are those of an answer that belong to what it says.
var keptHeaders = []string{"Content-Type", "Content-Disposition", "Etag", "Location"}

// idempotent lets a POST with a key be carried out once. It stands behind the
// check of who calls: keys belong to people.
func (a *API) idempotent(o op) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		r, w := humago.Unwrap(ctx)
		key := r.Header.Get(KeyHeader)
		caller, _ := ctx.Context().Value(callerKey{}).(Caller)
		if key == "" || caller.ID == 0 {
			next(ctx)
			return
		}
		body, err := io.ReadAll(io.LimitReader(r.Body, o.body+1))
		if err != nil || int64(len(body)) > o.body {
			// Too large or cut off: the one who reads it next says so.
			r.Body = io.NopCloser(io.MultiReader(bytes.NewReader(body), r.Body))
			next(ctx)
			return
		}
		c, outcome, answer, err := a.Once.Begin(r.Context(), caller.ID, key, fingerprint(o, r, body))
		if err != nil {
			WriteProblem(w, r, a.Log, err)
			return
		}
		operation := ctx.Operation()
		again := func(ctx context.Context, to http.ResponseWriter) {
			r := r.WithContext(ctx)
			r.Body = io.NopCloser(bytes.NewReader(body))
			next(humago.NewContext(operation, r, to))
		}
		switch outcome {
		case once.Answered:
			a.replay(w, r, answer)
		case once.Lost:
			w.Header().Set(ReplayHeader, "true")
			again(context.WithValue(ctx.Context(), lostKey{}, true), w)
		case once.Fresh:
			a.carryOut(c, w, r, func(to http.ResponseWriter) { again(c.Context(ctx.Context()), to) })
		}
	}
}

// carryOut answers a request and keeps the answer. What is refused and changed
// nothing is forgotten, so that it may be tried again.
func (a *API) carryOut(c *once.Claim, w http.ResponseWriter, r *http.Request, serve func(http.ResponseWriter)) {
	rec := &answerRecorder{ResponseWriter: w, status: http.StatusOK}
	ended := false
	defer func() {
		if !ended { // a panic
			a.noteOnce(r, c.Failed(r.Context()))
		}
	}()
	serve(rec)
	ended = true
	if rec.status >= 500 {
		a.noteOnce(r, c.Failed(r.Context()))
	} else {
		kept := keptAnswer{Status: rec.status, Header: http.Header{}, Body: rec.body.Bytes()}
		for _, h := range keptHeaders {
			if v := w.Header().Values(h); len(v) > 0 {
				kept.Header[h] = v
			}
		}
		end := c.Answered
		if rec.status >= 400 {
			end = c.Refused
		}
		raw, err := json.Marshal(kept)
		a.noteOnce(r, errors.Join(err, end(r.Context(), raw)))
	}
	rec.send()
}

func (a *API) noteOnce(r *http.Request, err error) {
	if err != nil {
		a.Log.ErrorContext(r.Context(), "an idempotency key could not be kept: a repetition may not get the answer",
			slog.String("request_id", RequestID(r.Context())), slog.String("error", err.Error()))
	}
}

// replay gives the answer of an earlier request.
func (a *API) replay(w http.ResponseWriter, r *http.Request, answer []byte) {
	var kept keptAnswer
	if err := json.Unmarshal(answer, &kept); err != nil {
		WriteProblem(w, r, a.Log, err)
		return
	}
	h := w.Header()
	for k, v := range kept.Header {
		h[http.CanonicalHeaderKey(k)] = v
	}
	h.Set(ReplayHeader, "true")
	w.WriteHeader(kept.Status)
	_, _ = w.Write(kept.Body) // a client that is gone needs no answer
}

// fingerprint names a request: the same key with another one is refused.
func fingerprint(o op, r *http.Request, body []byte) [32]byte {
	h := sha256.New()
	for _, part := range [][]byte{[]byte(o.id), []byte(r.URL.Path), []byte(r.URL.RawQuery), []byte(r.Header.Get("If-Match")), body} {
		_, _ = h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part))))
		_, _ = h.Write(part)
	}
	return [32]byte(h.Sum(nil))
}

// repeated is the answer to a request that was carried out before and whose
// answer nobody has any more.
func repeated() *Problem {
	return &Problem{
		Type: "about:blank", Title: "That was done already", Status: http.StatusConflict, Code: "repeated",
		Detail: "This request was carried out before, and its answer was lost on the way. It was not done again. Look at what it was about to see how it is now.",
	}
}

// answerRecorder holds an answer back until it is kept, so that no client has an
// answer that a repetition would not get.
type answerRecorder struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

func (w *answerRecorder) WriteHeader(status int) { w.status = status }

func (w *answerRecorder) Write(p []byte) (int, error) { return w.body.Write(p) }

func (w *answerRecorder) send() {
	w.ResponseWriter.WriteHeader(w.status)
	_, _ = w.ResponseWriter.Write(w.body.Bytes()) // a client that is gone needs no answer
}

// keyParam describes the header.
func keyParam() *huma.Param {
	return &huma.Param{
		Name: KeyHeader, In: "header", Schema: &huma.Schema{Type: huma.TypeString, MinLength: new(16), MaxLength: new(128)},
		Description: "Made up by the client for this one request, hard to guess, such as a random UUID. Sent again with the same key within 24 hours, the request is not carried out again: the answer is that of the first, with the header " + ReplayHeader + ": true.",
	}
}
