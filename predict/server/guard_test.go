package server

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"strings"
	"testing"
	"time"

	"vzsl/internal/filetest"
)

// answer is of a response what stays when it was read.
type answer struct {
	StatusCode int
	Header     http.Header
}

// ask sends a request with the given headers; Host is one of them.
func ask(t *testing.T, method, url string, headers map[string]string, body string) (answer, string) {
	t.Helper()
	r, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range headers {
		if k == "Host" {
			r.Host = v
		}
		r.Header.Set(k, v)
	}
	return answered(t, http.DefaultTransport.RoundTrip, r)
}

// answered sends a request by do.
func answered(t *testing.T, do func(*http.Request) (*http.Response, error), r *http.Request) (answer, string) {
	t.Helper()
	a, err := do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	text, err := io.ReadAll(a.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{a.StatusCode, a.Header}, string(text)
}

// TestHost: by DNS rebinding a page of evil.example reaches a listener on loopback, and is of the same origin there.
func TestHost(t *testing.T) {
	plain, _ := start(t, Options{})
	named, _ := start(t, Options{Hosts: []string{"Zsl.Example.org"}})
	for _, c := range []struct {
		url, host string
		code      int
	}{
		{plain, "evil.example", 403},
		{plain, "evil.example:8080", 403},
		{plain, "localhost.evil.example", 403},
		{plain, "127.0.0.1.evil.example", 403},
		{plain, "2130706433", 403}, // browsers send the address in its usual form
		{plain, "zsl.example.org", 403},
		{plain, "localhost", 200},
		{plain, "LOCALHOST:99", 200},
		{plain, "localhost.", 200},
		{plain, "zsl.localhost", 200},
		{plain, "127.0.0.1", 200},
		{plain, "127.9.9.9:1", 200},
		{plain, "[::1]:8080", 200},
		{plain, "[::1]", 200},
		{named, "zsl.example.org:8443", 200},
		{named, "127.0.0.1", 200},
		{named, "evil.example", 403},
		{named, "x.zsl.example.org", 403},
	} {
		for _, path := range []string{"/classes", "/healthz", "/"} {
			if a, text := ask(t, "GET", c.url+path, map[string]string{"Host": c.host}, ""); a.StatusCode != c.code {
				t.Errorf("GET %s of %q: %d %s, want %d", path, c.host, a.StatusCode, text, c.code)
			}
		}
	}
	rebound := map[string]string{"Host": "evil.example", "Origin": "http://evil.example", "Sec-Fetch-Site": "same-origin"}
	if a, text := ask(t, "DELETE", plain+"/classes/day", rebound, ""); a.StatusCode != 403 || !strings.Contains(text, "--host evil.example") {
		t.Errorf("%d %s", a.StatusCode, text)
	}
	if _, text := call(t, "GET", plain+"/classes", "", ""); !strings.Contains(text, `"day"`) {
		t.Errorf("another site has removed a class: %s", text)
	}
	foreign := map[string]string{"Origin": "http://evil.example"}
	if a, text := ask(t, "DELETE", plain+"/classes/day", foreign, ""); a.StatusCode != 403 || !strings.Contains(text, "other sites") {
		t.Errorf("%d %s", a.StatusCode, text)
	}
	if _, text := call(t, "GET", plain+"/metrics", "", ""); !strings.Contains(text, `vzsl_refused_total{reason="host"} 19`) || !strings.Contains(text, `vzsl_refused_total{reason="origin"} 1`) {
		t.Errorf("%s", text)
	}
}

func TestToken(t *testing.T) {
	const token = "a token; of 24 \"letters\""
	url, _ := start(t, Options{Token: token})
	right := map[string]string{"Authorization": "bearer " + token}
	for _, c := range []struct {
		method, path string
		headers      map[string]string
		code         int
	}{
		{"GET", "/healthz", nil, 200}, // for probes
		{"GET", "/", nil, 401},
		{"GET", "/page.js", nil, 401},
		{"GET", "/classes", nil, 401},
		{"GET", "/metrics", nil, 401},
		{"DELETE", "/classes/day", nil, 401},
		{"GET", "/nowhere", nil, 401},
		{"GET", "/?token=wrong", nil, 401},
		{"GET", "/classes?token=" + strings.ReplaceAll(strings.ReplaceAll(token, " ", "%20"), ";", "%3b"), nil, 401}, // addresses are logged
		{"GET", "/classes", map[string]string{"Authorization": "Bearer " + token[1:]}, 401},
		{"GET", "/classes", map[string]string{"Authorization": "Basic " + token}, 401},
		{"GET", "/classes", map[string]string{"Cookie": "vzsl=x"}, 401},
		{"GET", "/classes", right, 200},
		{"GET", "/metrics", right, 200},
		{"GET", "/classes", map[string]string{"Authorization": right["Authorization"], "Host": "zsl.example.org"}, 200}, // who has the token is not rebound
	} {
		if a, text := ask(t, c.method, url+c.path, c.headers, ""); a.StatusCode != c.code || c.code == 401 && a.Header.Get("WWW-Authenticate") == "" {
			t.Errorf("%s %s %v: %d %s, want %d", c.method, c.path, c.headers, a.StatusCode, text, c.code)
		}
	}
	// A browser enters by the address and has a cookie from then on.
	jar, _ := cookiejar.New(nil)
	browser := &http.Client{Jar: jar}
	for i, address := range []string{"/?token=a+token%3b+of+24+%22letters%22", "/", "/classes"} {
		a, err := browser.Get(url + address)
		if err != nil {
			t.Fatal(err)
		}
		a.Body.Close()
		if a.StatusCode != 200 || a.Request.URL.RawQuery != "" || a.Header.Get("Referrer-Policy") != "no-referrer" {
			t.Errorf("%d %s: %s at %s", i, address, a.Status, a.Request.URL)
		}
	}
	r, _ := http.NewRequest("GET", url, nil)
	cookies := jar.Cookies(r.URL)
	if len(cookies) != 1 || strings.Contains(cookies[0].Value, token) {
		t.Errorf("%v", cookies)
	}
	// A page of another site gets no further with the user's cookie.
	if a, _ := ask(t, "DELETE", url+"/classes/day", map[string]string{"Cookie": cookies[0].String(), "Sec-Fetch-Site": "cross-site"}, ""); a.StatusCode != 403 {
		t.Error(a.StatusCode)
	}
	if a, _ := ask(t, "DELETE", url+"/classes/day", map[string]string{"Cookie": cookies[0].String()}, ""); a.StatusCode != 204 {
		t.Error(a.StatusCode)
	}
	if _, err := New(Options{Model: brightness{}, Pictures: numbers{}, Token: "short"}); err == nil {
		t.Error("a token of five characters")
	}
	if a, b := NewToken(), NewToken(); a == b || len(a) < 22 {
		t.Error(a, b)
	}
}

// TestBeyondThisMachine: nothing listens for others without a token by oversight.
func TestBeyondThisMachine(t *testing.T) {
	for _, c := range []struct {
		o      Options
		listen string
		serves bool
	}{
		{Options{}, "127.0.0.1:0", true},
		{Options{}, ":0", false},
		{Options{}, "0.0.0.0:0", false},
		{Options{Token: NewToken()}, ":0", true},
		{Options{Open: true}, ":0", true},
	} {
		c.o.Model, c.o.Pictures = brightness{}, numbers{}
		s, err := New(c.o)
		if err != nil {
			t.Fatal(err)
		}
		l, err := net.Listen("tcp", c.listen)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := s.Serve(ctx, l); (err == nil) != c.serves {
			t.Errorf("%s: %v", c.listen, err)
		}
	}
}

// TestQueue: more than MaxRequests are told at once when to come again; others are not kept waiting, and all that is held is given back.
func TestQueue(t *testing.T) {
	wait := make(chan bool)
	url, _ := start(t, Options{MaxRequests: 3, MaxBody: 100, Pictures: numbers{wait}})
	codes := make(chan int, 3)
	for range cap(codes) {
		go func() { code, _ := call(t, "POST", url+"/predict", "", "3"); codes <- code }()
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		if _, text := call(t, "GET", url+"/metrics", "", ""); strings.Contains(text, "vzsl_requests_with_body_active 3\n") && strings.Contains(text, "vzsl_body_bytes 3\n") {
			break
		} else if time.Now().After(deadline) {
			t.Fatal(text)
		}
	}
	for _, c := range [][2]string{{"POST", "/predict"}, {"PUT", "/classes/x"}, {"POST", "/classes/day"}} {
		a, text := ask(t, c[0], url+c[1], nil, "3")
		if a.StatusCode != 503 || a.Header.Get("Retry-After") != "1" || !strings.Contains(text, "3 requests are in progress") {
			t.Errorf("%s: %d %q %s", c, a.StatusCode, a.Header.Get("Retry-After"), text)
		}
	}
	if code, _ := call(t, "GET", url+"/classes", "", ""); code != 200 {
		t.Error("what needs no place got", code)
	}
	close(wait)
	for range cap(codes) {
		if code := <-codes; code != 200 {
			t.Error(code)
		}
	}
	for _, body := range []string{"3", "garbage", "panic", "break", strings.Repeat("1", 200)} {
		for range 4 { // more often than there are places
			call(t, "POST", url+"/predict", "", body)
		}
	}
	_, text := call(t, "GET", url+"/metrics", "", "")
	for _, say := range []string{"vzsl_requests_with_body_active 0\n", "vzsl_requests_with_body_limit 3\n", "vzsl_body_bytes 0\n", `vzsl_refused_total{reason="requests"} 3`, `vzsl_refused_total{reason="size"} 4`} {
		if !strings.Contains(text, say) {
			t.Errorf("no %q in %s", say, text)
		}
	}
}

// TestWaitingIsNotSlow: who had to wait for memory longer than a client may take to send is not treated as a slow client.
func TestWaitingIsNotSlow(t *testing.T) {
	wait := make(chan bool)
	const size = 64 << 10 // more than comes with the head
	url, _ := start(t, Options{MaxBody: size, MaxBodies: size, ReadTimeout: 300 * time.Millisecond, Pictures: numbers{wait}})
	body := strings.Repeat(" ", size-1) + "3"
	codes := make(chan int, 2)
	for range cap(codes) {
		go func() { code, _ := call(t, "POST", url+"/predict", "", body); codes <- code }()
	}
	time.Sleep(600 * time.Millisecond)
	close(wait)
	for range cap(codes) {
		if code := <-codes; code != 200 {
			t.Error(code)
		}
	}
}

// TestConnections: those beyond the limit wait to be accepted.
func TestConnections(t *testing.T) {
	filetest.Slow(t)
	url, _ := start(t, Options{MaxConnections: 2, ReadTimeout: 500 * time.Millisecond})
	for range 6 { // send nothing, and are cut off at the time limit
		c, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		fmt.Fprint(c, "POST /pre")
	}
	client := http.Client{Timeout: 20 * time.Second}
	a, err := client.Get(url + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	if text, _ := io.ReadAll(a.Body); !strings.Contains(string(text), "vzsl_connections ") || strings.Contains(string(text), "vzsl_connections 3") {
		t.Errorf("%s", text)
	}
}
