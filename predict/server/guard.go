package server

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// minToken is the shortest token, in characters.
const minToken = 16

// refusals are the reasons in vzsl_refused_total.
var refusals = []string{"host", "origin", "token", "requests", "size", "slow", "busy"}

// NewToken draws a token of 128 random bits.
func NewToken() string { return rand.Text() }

// Loopback reports whether a listener at this address can be reached only from its own machine.
func Loopback(a net.Addr) bool {
	switch a := a.(type) {
	case *net.TCPAddr:
		return a.IP.IsLoopback()
	case *net.UnixAddr:
		return true
	}
	return false
}

// guard answers requests that are not allowed, and passes the others to next.
//
// A page of another site can send requests to a server on this machine through a user's browser. Requests that change
// something are rejected by Sec-Fetch-Site and Origin (http.CrossOriginProtection). With DNS rebinding the other site's
// name resolves to 127.0.0.1, so that its pages have the same origin: only the Host header then shows the foreign name.
type guard struct {
	hosts []string // names accepted in Host besides localhost and all IP addresses; nil: every name
	token string   // "": none is required
	next  http.Handler
	count func(reason string)
}

func (g *guard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' blob: data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
	switch {
	case g.hosts != nil && !g.ours(r.Host):
		g.count("host")
		fail(w, http.StatusForbidden, "the request is for the host %q, which is not a name of this server; vzsl serve --host %s adds it", r.Host, hostname(r.Host))
	case g.token == "" || r.URL.Path == "/healthz":
		g.next.ServeHTTP(w, r)
	case g.enters(w, r):
	case g.bears(r):
		g.next.ServeHTTP(w, r)
	default:
		g.count("token")
		w.Header().Set("WWW-Authenticate", `Bearer realm="vzsl"`)
		if r.Method == http.MethodGet && r.URL.Path == "/" {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprint(w, tokenPage)
			return
		}
		fail(w, http.StatusUnauthorized, "a token is required: send the header 'Authorization: Bearer TOKEN', or open the address that vzsl serve printed")
	}
}

const tokenPage = `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>vzsl: token required</title>
<link rel="icon" href="data:,">
<h1>Token required</h1>
<p>This server asks for the token that <code>vzsl serve</code> printed when it started.</p>
<form action="/" method="get"><label>Token <input name="token" type="password" autocomplete="off" required autofocus></label> <button>Open</button></form>
</html>
`

// ours reports whether the Host header of a request names this server. An IP address is not resolved and cannot be
// rebound; a request without Host is HTTP/1.0 and not from a browser.
func (g *guard) ours(header string) bool {
	host := hostname(header)
	if host == "" || host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	return slices.ContainsFunc(g.hosts, func(known string) bool { return hostname(known) == host })
}

// hostname returns the name in a Host header without port, brackets and trailing dot, in lower case.
func hostname(header string) string {
	host := header
	if h, _, err := net.SplitHostPort(header); err == nil {
		host = h
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

// enters answers a browser that opens the page by the address with the token: from then on the token is in a cookie,
// not in the browser's history or in logs of addresses.
func (g *guard) enters(w http.ResponseWriter, r *http.Request) bool {
	if r.Method != http.MethodGet || r.URL.Path != "/" || !g.is(r.URL.Query().Get("token")) {
		return false
	}
	name, value := g.cookie()
	http.SetCookie(w, &http.Cookie{Name: name, Value: value, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: r.TLS != nil})
	http.Redirect(w, r, ".", http.StatusSeeOther)
	return true
}

func (g *guard) bears(r *http.Request) bool {
	if scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok && strings.EqualFold(scheme, "Bearer") && g.is(token) {
		return true
	}
	name, value := g.cookie()
	c, err := r.Cookie(name)
	return err == nil && subtle.ConstantTimeCompare([]byte(c.Value), []byte(value)) == 1
}

func (g *guard) is(token string) bool {
	got, want := sha256.Sum256([]byte(token)), sha256.Sum256([]byte(g.token))
	return subtle.ConstantTimeCompare(got[:], want[:]) == 1
}

// cookie returns name and value of a cookie derived from the token, in characters allowed in cookies. All ports of a
// host share cookies, so the name is specific to this server.
func (g *guard) cookie() (name, value string) {
	sum := sha256.Sum256([]byte("vzsl cookie " + g.token))
	text := hex.EncodeToString(sum[:])
	return "vzsl-" + text[:8], text[8:]
}
