package web

import (
	"bufio"
	"compress/gzip"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
)

// compressFrom is the size in bytes from which compressing pays.
const compressFrom = 1400

var gzips = sync.Pool{New: func() any {
	z, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed) // the level is one that exists
	return z
}}

// compress packs answers that are large and text, for clients that take it.
func compress(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") != "" || !acceptsGzip(r) {
			w.Header().Add("Vary", "Accept-Encoding")
			next.ServeHTTP(w, r)
			return
		}
		p := &packer{ResponseWriter: w}
		next.ServeHTTP(p, r)
		p.close()
	})
}

// packer holds an answer back until it is known to be worth packing.
type packer struct {
	http.ResponseWriter
	status int
	held   []byte
	gzip   *gzip.Writer
	plain  bool
}

func (p *packer) WriteHeader(status int) {
	if status < 200 { // an early hint, not the answer
		p.ResponseWriter.WriteHeader(status)
		return
	}
	if p.status == 0 {
		p.status = status
	}
}

func (p *packer) Write(b []byte) (int, error) {
	switch {
	case p.gzip != nil:
		return p.gzip.Write(b)
	case p.plain:
		return p.ResponseWriter.Write(b)
	}
	if p.held = append(p.held, b...); len(p.held) < compressFrom {
		return len(b), nil
	}
	return len(b), p.decide(false)
}

// decide sends the header and what was held back: all of it, or the beginning.
func (p *packer) decide(all bool) error {
	h := p.Header()
	h.Add("Vary", "Accept-Encoding")
	if p.status == 0 {
		p.status = http.StatusOK
	}
	if len(p.held) >= compressFrom && h.Get("Content-Encoding") == "" && compressible(h.Get("Content-Type")) {
		h.Del("Content-Length")
		h.Set("Content-Encoding", "gzip")
		if tag := h.Get("ETag"); strings.HasPrefix(tag, `"`) {
			h.Set("ETag", "W/"+tag) // the same content in other bytes
		}
		p.gzip = gzips.Get().(*gzip.Writer)
		p.gzip.Reset(p.ResponseWriter)
		p.ResponseWriter.WriteHeader(p.status)
		_, err := p.gzip.Write(p.held)
		return err
	}
	p.plain = true
	if all && len(p.held) > 0 && h.Get("Content-Length") == "" {
		h.Set("Content-Length", strconv.Itoa(len(p.held)))
	}
	p.ResponseWriter.WriteHeader(p.status)
	if len(p.held) == 0 {
		return nil
	}
	_, err := p.ResponseWriter.Write(p.held)
	return err
}

// close ends the answer.
func (p *packer) close() {
	if p.gzip == nil && !p.plain && (p.status != 0 || p.held != nil) {
		_ = p.decide(true) // a client that is gone needs no answer
	}
	if p.gzip != nil {
		_ = p.gzip.Close()
		p.gzip.Reset(nil)
		gzips.Put(p.gzip)
	}
}

// Hijack hands out the connection.
func (p *packer) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return http.NewResponseController(p.ResponseWriter).Hijack()
}

// Unwrap lets http.ResponseController reach the connection.
func (p *packer) Unwrap() http.ResponseWriter { return p.ResponseWriter }

func compressible(mime string) bool {
	mime, _, _ = strings.Cut(mime, ";")
	return strings.HasPrefix(mime, "text/") || mime == "application/json" || mime == "application/problem+json" || mime == "image/svg+xml" || mime == "application/javascript"
}

// acceptsGzip reports whether the client takes gzip.
func acceptsGzip(r *http.Request) bool {
	for part := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		name, params, _ := strings.Cut(strings.TrimSpace(part), ";")
		if name != "gzip" {
			continue
		}
		q, ok := strings.CutPrefix(strings.TrimSpace(params), "q=")
		weight, err := strconv.ParseFloat(q, 64)
		return !ok || err != nil || weight > 0
	}
	return false
}
