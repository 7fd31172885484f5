package web

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"time"

	"cisterna/web/api"
)

// observed gives a request its id, catches what goes wrong beneath, and logs and
// counts the answer.
func (s *Server) observed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		id := rand.Text()[:20] // 100 bits; what a client sends as an id is not believed
		var person int64
		r = r.WithContext(api.WithPerson(api.WithRequestID(r.Context(), id), &person))
		rec := &recorder{ResponseWriter: w}
		rec.Header().Set("X-Request-Id", id)
		defer func() {
			if v := recover(); v != nil {
				if err, ok := v.(error); ok && errors.Is(err, http.ErrAbortHandler) {
					panic(v) // asks to drop the connection
				}
				s.log.Error("a handler panicked", "request_id", id, "operation", operation(r), "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
				if rec.status == 0 {
					api.WriteProblem(rec, r, s.log, errors.New("panic"))
				}
			}
			took := time.Since(start)
			op := operation(r)
			s.meter.seen(op, r.Method, rec.code(), took)
			level := slog.LevelInfo
			if (op == "page" || op == "health") && rec.code() < 400 {
				level = slog.LevelDebug
			}
			s.log.Log(context.WithoutCancel(r.Context()), level, "request", "request_id", id, "operation", op, "method", r.Method, "status", rec.code(),
				"bytes", rec.bytes, "duration_ms", took.Milliseconds(), "address", s.address(r).String(), "person", person)
		}()
		next.ServeHTTP(rec, r)
	})
}

// operation names what a request asked for by the pattern that took it, so that
// neither logs nor metrics grow with what clients make up.
func operation(r *http.Request) string {
	switch r.Pattern {
	case "", "/":
		return "page"
	case "GET /healthz", "GET /readyz", "GET /metrics":
		return "health"
	case api.Prefix + "/":
		return "unknown"
	}
	return r.Pattern
}

// recorder remembers what was answered.
type recorder struct {
	http.ResponseWriter
	status   int
	bytes    int64
	hijacked bool
}

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 && status >= 200 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	n, err := r.ResponseWriter.Write(b)
	r.bytes += int64(n)
	return n, err
}

// Hijack hands out the connection, for the websocket.
func (r *recorder) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	c, b, err := http.NewResponseController(r.ResponseWriter).Hijack()
	r.hijacked = err == nil
	return c, b, err
}

// Unwrap lets http.ResponseController reach the connection.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

func (r *recorder) code() int {
	switch {
	case r.hijacked:
		return http.StatusSwitchingProtocols
	case r.status == 0:
		return http.StatusOK
	}
	return r.status
}
