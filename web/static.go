package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"

	"cisterna/web/api"
)

// noncePlaceholder stands in index.html where the nonce of the page belongs.
const noncePlaceholder = "__CSP_NONCE__"

// static holds the console's files in memory, each compressed once.
type static struct {
	index string // the page, in pieces around the nonce; empty: not built
	files map[string]file
}

type file struct {
	body, gzip []byte // gzip is nil if it does not pay
	mime, etag string
	forever    bool // its name changes with its content
}

func newStatic(fsys fs.FS) (*static, error) {
	s := &static{files: map[string]file{}}
	if fsys == nil {
		return s, nil
	}
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case strings.HasPrefix(d.Name(), ".") && name != ".": // the bundler's own notes
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		case d.IsDir():
			return nil
		}
		body, err := fs.ReadFile(fsys, name)
		if err != nil {
			return err
		}
		if name == "index.html" {
			s.index = string(body)
			return nil
		}
		s.files["/"+name] = newFile(name, body)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the console: %w", err)
	}
	if s.index != "" && !strings.Contains(s.index, noncePlaceholder) {
		return nil, errors.New("the console's index.html has no place for the nonce")
	}
	return s, nil
}

func newFile(name string, body []byte) file {
	sum := sha256.Sum256(body)
	f := file{body: body, etag: `"` + hex.EncodeToString(sum[:12]) + `"`, mime: mime.TypeByExtension(path.Ext(name)), forever: strings.HasPrefix(name, "assets/")}
	if f.mime == "" {
		f.mime = "application/octet-stream"
	}
	if compressible(f.mime) && len(body) > compressFrom {
		var b bytes.Buffer
		z, _ := gzip.NewWriterLevel(&b, gzip.BestCompression) // the level is one that exists
		_, _ = z.Write(body)                                  // to memory
		_ = z.Close()
		if b.Len() < len(body)*9/10 {
			f.gzip = b.Bytes()
		}
	}
	return f
}

// page serves the console: a file, or for any address that could be one of its
// pages, the page, which finds out itself.
func (s *Server) page(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		s.problem(w, r, api.NewProblem(http.StatusMethodNotAllowed, "This address does not take "+r.Method+"."))
		return
	}
	if f, ok := s.static.files[r.URL.Path]; ok {
		serveFile(w, r, f)
		return
	}
	if strings.HasPrefix(r.URL.Path, "/assets/") || strings.HasPrefix(r.URL.Path, "/api/") || strings.Contains(path.Base(r.URL.Path), ".") {
		s.problem(w, r, api.NewProblem(http.StatusNotFound, "There is nothing at this address."))
		return
	}
	if s.static.index == "" {
		s.problem(w, r, api.NewProblem(http.StatusServiceUnavailable, "This program was built without its console. Build it with make, then start again."))
		return
	}
	nonce := newNonce()
	h := w.Header()
	h.Set("Content-Security-Policy", pagePolicy(nonce))
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store") // the nonce is good for once
	body := strings.ReplaceAll(s.static.index, noncePlaceholder, nonce)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if r.Method == http.MethodGet {
		_, _ = w.Write([]byte(body)) // a client that is gone needs no answer
	}
}

func serveFile(w http.ResponseWriter, r *http.Request, f file) {
	h := w.Header()
	h.Set("ETag", f.etag)
	h.Set("Cache-Control", "no-cache")
	if f.forever {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	if f.gzip != nil {
		h.Set("Vary", "Accept-Encoding")
	}
	for t := range strings.SplitSeq(r.Header.Get("If-None-Match"), ",") {
		if strings.TrimPrefix(strings.TrimSpace(t), "W/") == f.etag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
	}
	body := f.body
	if f.gzip != nil && acceptsGzip(r) {
		body = f.gzip
		h.Set("Content-Encoding", "gzip")
	}
	h.Set("Content-Type", f.mime)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if r.Method == http.MethodGet {
		_, _ = w.Write(body)
	}
}
