package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"cisterna/internal/errs"
	"cisterna/web/api"
)

// clientFlags say which server a command asks, and with which API token.
type clientFlags struct {
	URL       string `help:"Address of the server." default:"http://localhost:8600" env:"CISTERNA_URL"`
	TokenFile string `help:"File with an API token that nobody else may read. Otherwise the token is in CISTERNA_TOKEN." type:"path" placeholder:"FILE"`
}

// client asks a server for somebody. It is safe for concurrent use.
type client struct {
	base  *url.URL
	token string
	http  *http.Client
}

// open reads the flags. A token is only ever sent by TLS, or to this machine.
func (f clientFlags) open() (*client, error) {
	base, err := url.Parse(strings.TrimSuffix(f.URL, "/"))
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" || base.User != nil || base.RawQuery != "" || base.Path != "" {
		return nil, fieldError("url", f.URL, errors.New("want http:// or https:// and a host"))
	}
	if host := base.Hostname(); base.Scheme == "http" && host != "localhost" {
		if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
			return nil, fieldError("url", f.URL, errors.New("a token is not sent without TLS; use https://"))
		}
	}
	token := os.Getenv("CISTERNA_TOKEN")
	if f.TokenFile != "" {
		if token, err = readToken(f.TokenFile); err != nil {
			return nil, fieldError("token-file", f.TokenFile, err)
		}
	}
	if token = strings.TrimSpace(token); token == "" {
		return nil, errs.Invalidf("There is no API token. Make one in the console (your name, API tokens), and put it into CISTERNA_TOKEN or into a file for --token-file.")
	}
	return &client{base: base, token: token, http: &http.Client{
		Timeout: 2 * time.Minute,
		// An answer that leads elsewhere would take the token there.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// readToken reads a token from a file that only its owner may read.
func readToken(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	switch {
	case err != nil:
		return "", err
	case !info.Mode().IsRegular():
		return "", errors.New("it is no file")
	case info.Mode().Perm()&0o077 != 0:
		return "", fmt.Errorf("others may read it (mode %04o): chmod 600 %s, and make another token if it is not known that nobody did", info.Mode().Perm(), name)
	}
	b, err := io.ReadAll(io.LimitReader(f, 16<<10))
	return string(b), err
}

// get asks for an address under the API and returns the body of the answer.
func (c *client) get(ctx context.Context, path string, query url.Values) ([]byte, error) {
	return c.do(ctx, http.MethodGet, path, query, nil)
}

// post sends a body, once: the key lets the server see a repetition.
func (c *client) post(ctx context.Context, path string, body any) ([]byte, error) {
	return c.do(ctx, http.MethodPost, path, nil, body)
}

func (c *client) do(ctx context.Context, method, path string, query url.Values, body any) ([]byte, error) {
	to := *c.base
	to.Path, to.RawQuery = api.Prefix+path, query.Encode()
	var reader io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		reader = bytes.NewReader(raw)
	}
	r, err := http.NewRequestWithContext(ctx, method, to.String(), reader)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", "Bearer "+c.token)
	r.Header.Set("User-Agent", "cisterna-cli")
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set(api.KeyHeader, rand.Text())
	}
	res, err := c.http.Do(r)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if e, ok := errors.AsType[*url.Error](err); ok {
			err = e.Err
		}
		return nil, errs.Wrap(errs.Unavailable, err, "The server at %s cannot be reached (%v). Is it running, and is --url or CISTERNA_URL right?", c.base, err)
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(io.LimitReader(res.Body, 256<<20))
	if err != nil {
		return nil, errs.Wrap(errs.Unavailable, err, "The answer of %s broke off. Try again.", c.base)
	}
	if res.StatusCode >= 300 {
		return nil, problemOf(c.base, res, raw)
	}
	return raw, nil
}

// problemOf says what the server answered, as it would to a person.
func problemOf(base *url.URL, res *http.Response, raw []byte) error {
	var p api.Problem
	if json.Unmarshal(raw, &p) != nil || p.Detail == "" {
		return errs.New(errs.Unavailable, "%s answered %s, and not as a Cisterna server does. Is --url or CISTERNA_URL right?", base, res.Status)
	}
	kind := errs.Unavailable
	text := p.Detail
	for _, f := range p.Errors {
		if f.Message != p.Detail && !strings.HasPrefix(f.Location, "order.") {
			text += " " + f.Location + ": " + f.Message
		}
	}
	switch res.StatusCode {
	case http.StatusUnprocessableEntity, http.StatusBadRequest:
		kind = errs.Invalid
	case http.StatusUnauthorized:
		kind, text = errs.Unauthorized, "The server does not take the API token. Make another one in the console (your name, API tokens)."
	case http.StatusForbidden:
		kind = errs.Denied
	case http.StatusNotFound:
		kind = errs.NotFound
	case http.StatusConflict:
		kind = errs.Conflict
	case http.StatusGone:
		kind = errs.Gone
	case http.StatusInternalServerError:
		text += " Request " + p.RequestID + "."
	}
	return errs.New(kind, "%s", text)
}

// into asks and decodes the answer.
func into[T any](raw []byte, err error) (T, error) {
	var out T
	if err != nil {
		return out, err
	}
	if err := json.Unmarshal(raw, &out); err != nil {
		return out, errs.Wrap(errs.Unavailable, err, "The server's answer cannot be read. Are server and command of the same version?")
	}
	return out, nil
}
