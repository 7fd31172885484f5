package web

import (
	"crypto/rand"
	"encoding/base64"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"cisterna/web/api"
)

// guarded sets the headers that every answer carries. The policy for pages
// replaces the one set here.
func (s *Server) guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY") // for browsers that do not know frame-ancestors
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(self), geolocation=(), microphone=(), payment=(), usb=(), publickey-credentials-get=(self), publickey-credentials-create=(self)")
		if s.secure() && s.origin.Hostname() != "localhost" {
			h.Set("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
		}
		if r.Method == http.MethodTrace || r.Method == http.MethodConnect {
			api.WriteProblem(w, r, s.log, api.NewProblem(http.StatusMethodNotAllowed, "This server does not take "+r.Method+"."))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// pagePolicy is the policy of the console's page. Mantine writes style elements
// at run time, which carry the nonce; it sets innerHTML on them, so that Trusted
// Types cannot be asked for.
func pagePolicy(nonce string) string {
	return "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-" + nonce + "'; img-src 'self' data:; font-src 'self'; connect-src 'self'; " +
		"frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
}

// newNonce returns a value that no page has had before.
func newNonce() string {
	b := make([]byte, 18)
	_, _ = rand.Read(b) // never fails
	return base64.StdEncoding.EncodeToString(b)
}

// named answers only to the server's names: a page elsewhere whose name was made
// to lead here (DNS rebinding) gets nothing.
func (s *Server) named(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, port := splitHost(r.Host)
		if slices.Contains(s.hosts, host) {
			next.ServeHTTP(w, r)
			return
		}
		safe := r.Method == http.MethodGet || r.Method == http.MethodHead
		if safe && !s.secure() && (host == "127.0.0.1" || host == "::1") {
			to := url.URL{Scheme: "http", Host: "localhost", Path: r.URL.Path, RawPath: r.URL.RawPath, RawQuery: r.URL.RawQuery}
			if port != "" {
				to.Host = net.JoinHostPort("localhost", port)
			}
			w.Header().Set("Cache-Control", "no-store")
			http.Redirect(w, r, to.String(), http.StatusTemporaryRedirect)
			return
		}
		api.WriteProblem(w, r, s.log, api.NewProblem(http.StatusMisdirectedRequest, "This server is reached at "+s.o.Origin+"."))
	})
}

// splitHost returns host and port of a Host header, the host in lower case and
// without brackets.
func splitHost(h string) (host, port string) {
	host, port, err := net.SplitHostPort(h)
	if err != nil {
		host, port = h, ""
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	return strings.ToLower(strings.TrimSuffix(host, ".")), port
}

// sameOrigin reports whether the page that a websocket is for came from this
// server: its Origin names the host that was asked, by the scheme that browsers
// reach it with.
func (s *Server) sameOrigin(r *http.Request) bool {
	u, err := url.Parse(r.Header.Get("Origin"))
	return err == nil && u.Host != "" && strings.EqualFold(u.Host, r.Host) && u.Scheme == s.origin.Scheme
}

// address returns where a request comes from: the other end of the connection,
// or what the last proxy in front of it says if that is one of ours.
func (s *Server) address(r *http.Request) netip.Addr {
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.IPv4Unspecified()
	}
	addr := ap.Addr().Unmap()
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0 && s.proxy(addr); i-- {
		hop, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			break
		}
		addr = hop.Unmap()
	}
	return addr
}

func (s *Server) proxy(a netip.Addr) bool {
	return slices.ContainsFunc(s.o.Proxies, func(p netip.Prefix) bool { return p.Contains(a) })
}
