//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"mime/multipart"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// loader sends requests to the server and compares what comes with the contract of docs/predict.md.
type loader struct {
	url    string
	r      *soaked
	images [][]byte
	first  sync.Map // image number: the first answer over the fixed classes
	client http.Client
}

// clients are what runs side by side, each again and again.
func (c *campaign) clients(b *bench, url string, r *soaked) ([]func(context.Context), error) {
	l := &loader{url: url, r: r, client: http.Client{Timeout: time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: 64}}}
	files, err := filepath.Glob(filepath.Join(b.data, "*", "000.png"))
	if err != nil {
		return nil, err
	}
	for _, file := range files[:min(24, len(files))] {
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		l.images = append(l.images, data)
	}
	var all []func(context.Context)
	add := func(n int, client func(context.Context, *rand.Rand)) {
		for range n {
			rng := rand.New(rand.NewPCG(c.rng.Uint64(), 0))
			all = append(all, func(ctx context.Context) { client(ctx, rng) })
		}
	}
	add(6, l.predict)
	add(2, l.predictForm)
	add(2, l.mutated)
	add(2, l.edit)
	add(2, l.learn)
	add(2, l.slow)
	add(2, l.gone)
	add(1, l.hostile)
	add(1, l.burst)
	return all, nil
}

// send makes a request and counts its status; one that is not among want is a fault. What the end of the campaign cuts off is not.
func (l *loader) send(ctx context.Context, kind, method, path string, headers map[string]string, body []byte, want ...int) (int, []byte) {
	r, err := http.NewRequestWithContext(ctx, method, l.url+path, bytes.NewReader(body))
	if err != nil {
		return 0, nil
	}
	for k, v := range headers {
		r.Header.Set(k, v)
		if k == "Host" {
			r.Host = v
		}
	}
	a, err := l.client.Do(r)
	var text []byte
	code := 0
	if err == nil {
		code = a.StatusCode
		text, err = io.ReadAll(a.Body)
		_ = a.Body.Close()
	}
	l.count(ctx, kind, code, err, text, want...)
	if code == http.StatusServiceUnavailable && a.Header.Get("Retry-After") == "" {
		l.r.mu.Lock()
		l.r.found(&l.r.Unexpected, "%s: 503 without Retry-After", kind)
		l.r.mu.Unlock()
	}
	return code, text
}

func (l *loader) count(ctx context.Context, kind string, code int, err error, text []byte, want ...int) {
	if ctx.Err() != nil {
		return
	}
	l.r.mu.Lock()
	defer l.r.mu.Unlock()
	l.r.Total++
	what := fmt.Sprint(kind, " ", code)
	if code == 0 {
		what = kind + " connection closed"
	}
	l.r.Requests[what]++
	if !slices.Contains(want, code) {
		l.r.found(&l.r.Unexpected, "%s: %d, %v: %.300s", kind, code, err, text)
	}
}

// predict compares the answers with the first one for the same image: other classes come and go, but not their probabilities' order
// among the fixed ones. Scores of an image do not depend on what other clients do.
func (l *loader) predict(ctx context.Context, rng *rand.Rand) {
	i := rng.IntN(len(l.images))
	code, text := l.send(ctx, "predict", "POST", "/predict?top=200&explain=2", nil, l.images[i], 200, 503)
	if code != 200 {
		pause(ctx, 50*time.Millisecond)
		return
	}
	var a struct {
		Images []struct {
			Error string
			Top   []struct {
				Class       string
				Probability float64
			}
		}
	}
	if err := json.Unmarshal(text, &a); err != nil || len(a.Images) != 1 || a.Images[0].Error != "" {
		l.wrong(ctx, "image %d: %v: %.300s", i, err, text)
		return
	}
	var order []string
	for _, t := range a.Images[0].Top {
		if !strings.HasPrefix(t.Class, "soak") && t.Probability > 1e-4 { // not those whose probabilities round to the same
			order = append(order, t.Class)
		}
	}
	if len(order) > 1 { // the likeliest alone: those behind may be left out above
		order = order[:1]
	}
	got := strings.Join(order, " ")
	if was, there := l.first.LoadOrStore(i, got); there && got != "" && was != "" && was != got {
		l.wrong(ctx, "image %d: %s, before %s", i, got, was)
	}
}

func (l *loader) wrong(ctx context.Context, format string, args ...any) {
	if ctx.Err() != nil {
		return
	}
	l.r.mu.Lock()
	defer l.r.mu.Unlock()
	l.r.found(&l.r.Wrong, format, args...)
}

func (l *loader) form(rng *rand.Rand, n int) (kind string, body []byte) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for i := range n {
		p, err := w.CreateFormFile("file", fmt.Sprint(i, ".png"))
		if err == nil {
			_, _ = p.Write(l.images[rng.IntN(len(l.images))]) // into memory
		}
	}
	_ = w.Close()
	return w.FormDataContentType(), b.Bytes()
}

func (l *loader) predictForm(ctx context.Context, rng *rand.Rand) {
	n := 1 + rng.IntN(66)
	kind, body := l.form(rng, n)
	want := []int{200, 503}
	switch {
	case len(body) > 1<<20:
		want = []int{413, 503, 0} // the connection may be closed while the rest is sent
	case n > 64:
		want = []int{400, 503, 0}
	}
	l.send(ctx, "predict form", "POST", "/predict", map[string]string{"Content-Type": kind}, body, want...)
}

func (l *loader) mutated(ctx context.Context, rng *rand.Rand) {
	l.send(ctx, "predict mutated", "POST", "/predict", nil, mutate(rng, l.images), 200, 413, 415, 422, 503)
}

// edit adds classes, changes and removes them, with values as they may be and as they may not.
func (l *loader) edit(ctx context.Context, rng *rand.Rand) {
	name := fmt.Sprintf("/classes/soak-%d", rng.IntN(40))
	_, text := l.send(ctx, "attributes", "GET", "/attributes", nil, nil, 200)
	var a struct{ Attributes []string }
	if json.Unmarshal(text, &a) != nil {
		return
	}
	values := map[string]float64{}
	for _, n := range a.Attributes {
		values[n] = 1e-3 * float64(rng.IntN(1000)) // hardly two classes with the same description
	}
	body, _ := json.Marshal(map[string]any{"attributes": values})
	l.send(ctx, "put class", "PUT", name, nil, body, 200, 201, 503)
	l.send(ctx, "put class, mutated", "PUT", name, nil, mutate(rng, [][]byte{body}), 200, 201, 400, 422, 503)
	l.send(ctx, "get class", "GET", name, nil, nil, 200, 404)
	l.send(ctx, "classes", "GET", []string{"/classes", "/classes.csv", "/model", "/healthz", "/"}[rng.IntN(5)], nil, nil, 200)
	if rng.IntN(2) == 0 {
		l.send(ctx, "delete class", "DELETE", name, nil, nil, 204, 404, 503)
	}
}

func (l *loader) learn(ctx context.Context, rng *rand.Rand) {
	kind, body := l.form(rng, 1+rng.IntN(4))
	l.send(ctx, "add images", "POST", fmt.Sprintf("/classes/soak-%d", rng.IntN(40)), map[string]string{"Content-Type": kind}, body, 200, 404, 409, 503)
	pause(ctx, 20*time.Millisecond)
}

// slow sends half of a request and waits to be cut off.
func (l *loader) slow(ctx context.Context, rng *rand.Rand) {
	conn, err := (&net.Dialer{Timeout: 10 * time.Second}).DialContext(ctx, "tcp", strings.TrimPrefix(l.url, "http://"))
	if err != nil {
		l.count(ctx, "slow", -1, err, nil)
		return
	}
	defer conn.Close()
	text := "POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n" + strings.Repeat("x", rng.IntN(900))
	_, _ = io.WriteString(conn, text[:1+rng.IntN(len(text))]) // it is to be cut off
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	answer, err := io.ReadAll(conn)
	code := 0
	if _, e := fmt.Sscanf(string(answer), "HTTP/1.1 %d", &code); e != nil && err != nil && strings.Contains(err.Error(), "timeout") {
		code = -1 // still connected
	}
	l.count(ctx, "slow", code, err, answer, 0, 400, 408, 503)
}

// gone closes the connection in the middle.
func (l *loader) gone(ctx context.Context, rng *rand.Rand) {
	short, cancel := context.WithTimeout(ctx, time.Duration(rng.IntN(20))*time.Millisecond)
	defer cancel()
	kind, body := l.form(rng, 8)
	l.send(short, "gone", "POST", "/predict", map[string]string{"Content-Type": kind}, body, 0, 200, 503)
	pause(ctx, 20*time.Millisecond)
}

// hostile sends what has to be refused.
func (l *loader) hostile(ctx context.Context, rng *rand.Rand) {
	for _, x := range []struct {
		kind, method, path string
		headers            map[string]string
		body               []byte
		want               []int
	}{
		{"other host", "DELETE", "/classes/soak-1", map[string]string{"Host": "evil.example"}, nil, []int{403}},
		{"other site", "DELETE", "/classes/soak-1", map[string]string{"Origin": "http://evil.example"}, nil, []int{403}},
		{"too large", "POST", "/predict", nil, make([]byte, 3<<20), []int{413, 503, 0}},
		{"no image", "POST", "/predict", nil, []byte("no image"), []int{415, 503}},
		{"no address", "GET", "/../../etc/passwd", nil, nil, []int{404, 200}}, // 200: the client itself shortens it to nothing
		{"no address", "GET", "/" + strings.Repeat("a", 5000), nil, nil, []int{404}},
		{"long head", "GET", "/", map[string]string{"X": strings.Repeat("a", 200<<10)}, nil, []int{431, 0}},
		{"bad name", "PUT", "/classes/%00", nil, []byte("{}"), []int{400, 503}},
		{"deep JSON", "PUT", "/classes/x", nil, bytes.Repeat([]byte("["), 1<<20), []int{400, 503}},
		{"bad option", "POST", "/predict?top=-1", nil, l.images[0], []int{400, 503}},
	} {
		l.send(ctx, x.kind, x.method, x.path, x.headers, x.body, x.want...)
	}
	pause(ctx, time.Duration(rng.IntN(200))*time.Millisecond)
}

// burst sends more requests at once than the server takes.
func (l *loader) burst(ctx context.Context, rng *rand.Rand) {
	var wg sync.WaitGroup
	for range 100 {
		image := l.images[rng.IntN(len(l.images))]
		wg.Go(func() { l.send(ctx, "burst", "POST", "/predict", nil, image, 200, 503) })
	}
	wg.Wait()
	pause(ctx, 2*time.Second)
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
