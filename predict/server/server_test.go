package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime/multipart"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"vzsl/internal/filetest"
	"vzsl/predict"
)

// brightness is a model of two attributes; images are numbers here, which are its features.
type brightness struct{}

func (brightness) Temperature() float64                              { return 1 }
func (brightness) Attributes() []string                              { return []string{"light", "dark"} }
func (brightness) FeatureDim() int                                   { return 1 }
func (b brightness) DescribedClass(raw []float32) ([]float32, error) { return b.NormaliseClass(raw) }
func (b brightness) Expected(_ []float32, n, candidates int) ([]float64, error) {
	return slices.Repeat([]float64{float64(candidates) / 2}, n), nil
}
func (brightness) NormaliseClass(raw []float32) ([]float32, error) {
	for _, v := range raw {
		if v != v {
			return nil, errors.New("attribute 0 is missing")
		}
	}
	return raw, nil
}
func (brightness) Describe(x []float32, n int) ([]float32, error) {
	var out []float32
	for _, v := range x[:n] {
		out = append(out, v, -v)
	}
	return out, nil
}
func (b brightness) Score(x []float32, n int, classes [][]float32) ([]float32, error) {
	var out []float32
	for _, v := range x[:n] {
		for _, c := range classes {
			out = append(out, v*(c[0]-c[1]))
		}
	}
	return out, nil
}

var (
	errGarbage = errors.New("not an image")
	errEngine  = errors.New("the engine broke")
)

// numbers reads an image as a number; wait, if not nil, is what every image waits for.
type numbers struct{ wait chan bool }

func (numbers) Counts() (images, runs int64, busy time.Duration) { return 7, 3, time.Second }
func (n numbers) Picture(ctx context.Context, data []byte) (feature []float32, damage string, err error) {
	if n.wait != nil {
		select {
		case <-n.wait:
		case <-ctx.Done():
			return nil, "", ctx.Err()
		}
	}
	var v float32
	switch text := string(data); text {
	case "break":
		return nil, "", errEngine
	case "panic":
		panic("a bug")
	default:
		if _, err := fmt.Sscan(text, &v); err != nil {
			return nil, "", errGarbage
		}
	}
	_, damage, _ = strings.Cut(string(data), "damaged: ")
	return []float32{v}, damage, nil
}

// TestDamaged: what is damaged of an image's file stands in the reply, when it is sent again and ranked again too.
func TestDamaged(t *testing.T) {
	url, stop := start(t, Options{})
	defer stop()
	for range 2 {
		code, text := call(t, "POST", url+"/predict", "image/jpeg", "3 damaged: its data end early")
		if code != 200 || !strings.Contains(text, `"damaged":"its data end early"`) {
			t.Fatalf("%d %s", code, text)
		}
		if _, id, _ := strings.Cut(text, `"id":"`); id != "" {
			code, text = call(t, "POST", url+"/rank", "application/json", `{"pictures":["`+id[:32]+`"]}`)
			if code != 200 || !strings.Contains(text, `"damaged":"its data end early"`) {
				t.Fatalf("%d %s", code, text)
			}
		}
	}
	if _, text := call(t, "POST", url+"/predict", "image/jpeg", "4"); strings.Contains(text, "damaged") {
		t.Error(text)
	}
}

func start(t *testing.T, o Options) (url string, stop func() error) {
	t.Helper()
	o.Run = "run"
	if o.Model == nil {
		o.Model = brightness{}
	}
	if o.Pictures == nil {
		o.Pictures = numbers{}
	}
	o.Classes = predict.Classes{Names: []string{"day", "night"}, Vectors: [][]float32{{1, 0}, {0, 1}}}
	o.ImageStatus = func(err error) int {
		if errors.Is(err, errGarbage) {
			return http.StatusUnsupportedMediaType
		}
		return 0
	}
	o.Warnings = func(_ string, v []float32) []string {
		if v[0] > 8 {
			return []string{"too light"}
		}
		return nil
	}
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, l) }()
	stop = sync.OnceValue(func() error { cancel(); return <-ended })
	t.Cleanup(func() { stop() })
	return "http://" + l.Addr().String(), stop
}

func call(t *testing.T, method, url, kind, body string) (int, string) {
	t.Helper()
	r, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	a, text := answered(t, http.DefaultClient.Do, r) // which follows redirects
	return a.StatusCode, text
}

func TestAnswers(t *testing.T) {
	url, _ := start(t, Options{MaxBody: 1 << 10})
	form := func(files ...string) (kind, body string) {
		var b bytes.Buffer
		w := multipart.NewWriter(&b)
		w.WriteField("comment", "5")
		for i, f := range files {
			p, _ := w.CreateFormFile("file", fmt.Sprintf("../../%d.jpg", i))
			p.Write([]byte(f))
		}
		w.Close()
		return w.FormDataContentType(), b.String()
	}
	two, twoBody := form("3", "x")
	bad, badBody := form("x")
	none, noneBody := form()
	for _, c := range []struct {
		method, path, kind, body string
		code                     int
		say                      string
	}{
		{"POST", "/predict", "image/jpeg", "3", 200, `"class":"day","probability":0.997`},
		{"POST", "/predict", "", "-3", 200, `"class":"night"`},
		{"POST", "/predict?top=1&explain=2&none_below=1&name=x.jpg", "", "3", 200, `{"image":"x.jpg","class":""`},
		{"POST", "/predict?explain=2", "", "3", 200, `"seen":[{"attribute":"light"`},
		{"POST", "/predict", two, twoBody, 200, `"error":"not an image"`},
		{"POST", "/predict", bad, badBody, 415, "not an image"},
		{"POST", "/predict", none, noneBody, 400, "no file"},
		{"POST", "/predict", "multipart/form-data", "x", 400, "cannot be read"},
		{"POST", "/predict", "", "garbage", 415, "not an image"},
		{"POST", "/predict", "", strings.Repeat("1", 2000), 413, "1024 bytes"},
		{"POST", "/predict", "", "break", 500, "the engine broke"},
		{"POST", "/predict", "", "panic", 500, "internal error"},
		{"POST", "/predict?top=0", "", "3", 400, "top"},
		{"POST", "/predict?top=many", "", "3", 400, "top"},
		{"POST", "/predict?none_below=2", "", "3", 400, "none_below"},
		{"POST", "/predict?explain=-1", "", "3", 400, "explain"},
		{"GET", "/predict", "", "", 405, "GET"},
		{"POST", "/classes", "", "", 405, "POST"},
		{"DELETE", "/classes/", "", "", 404, "no class"},
		{"GET", "/", "", "", 200, "<title>"},
		{"GET", "/page.js", "", "", 200, "import"},
		{"GET", "/server.go", "", "", 404, "not found"},
		{"GET", "/page/../server.go", "", "", 404, "not found"},
		{"GET", "/..%2f..%2fetc%2fpasswd", "", "", 404, "not found"},
		{"GET", "/classes/..%2f..%2fetc%2fpasswd", "", "", 404, "no class"},
		{"GET", "/%2e%2e/%2e%2e/etc/passwd", "", "", 404, "not found"},
		{"GET", "/healthz", "", "", 200, "ok"},
		{"GET", "/attributes", "", "", 200, `["light","dark"]`},
		{"GET", "/classes", "", "", 200, `["day","night"]`},

		{"PUT", "/classes/dusk", "", `{"attributes": {"light": 0.5, "dark": 0.4}}`, 201, "dusk"},
		{"GET", "/classes/dusk", "", "", 200, `"light":0.5`},
		{"PUT", "/classes/dusk", "", `{"attributes": {"light": 9, "dark": 0}}`, 200, `"doubts":["too light"]`},
		{"POST", "/predict", "", "3", 200, `"class":"dusk"`},
		{"GET", "/classes.csv", "", "", 200, "class,light,dark\nday,1,0\nnight,0,1\ndusk,9,0\n"},
		{"PUT", "/classes/desert/sand", "", `{"attributes": {"light": 1, "dark": 0}}`, 201, "desert/sand"},
		{"DELETE", "/classes/desert/sand", "", "", 204, ""},
		{"DELETE", "/classes/desert/sand", "", "", 404, "no class"},
		{"PUT", "/classes/x", "", `{"attributes": {"light": 1}}`, 422, "lacks 1 of the model's 2 attributes: dark"},
		{"PUT", "/classes/x", "", `{"attributes": {"light": 1, "dark": 2, "drak": 2}}`, 422, "does not know: drak"},
		{"PUT", "/classes/x", "", `{"attributes": {"light": null, "dark": 2}}`, 422, "missing"},
		{"PUT", "/classes/x", "", `{"attributes": {"light": 1e39, "dark": 2}}`, 422, "out of range"},
		{"PUT", "/classes/x", "", `{"attributes": {"light": "a"}}`, 400, "the body is not"},
		{"PUT", "/classes/x", "", `{"class": "y", "attributes": {}}`, 400, "describes"},
		{"PUT", "/classes/x", "", ``, 422, "attributes are required"},
		{"PUT", "/classes/" + strings.Repeat("x", 300), "", `{}`, 400, "200 bytes"},
		{"PUT", "/classes/%00", "", `{}`, 400, "non-printable"},
		{"PUT", "/classes/%20", "", `{}`, 400, "spaces"},

		{"DELETE", "/classes/day", "", "", 204, ""},
		{"DELETE", "/classes/night", "", "", 204, ""},
		{"DELETE", "/classes/dusk", "", "", 204, ""},
		{"POST", "/predict", "", "3", 409, "no candidate classes"},
		{"GET", "/metrics", "", "", 200, `vzsl_requests_total{handler="POST /predict",code="200"}`},
		{"GET", "/metrics", "", "", 200, "vzsl_images_total 7\n"},
	} {
		code, text := call(t, c.method, url+c.path, c.kind, c.body)
		if code != c.code || !strings.Contains(text, c.say) {
			t.Errorf("%s %s %.40q: %d %.300s; want %d, %q", c.method, c.path, c.body, code, text, c.code, c.say)
		}
	}
}

// A page of another site cannot change the classes by a browser.
func TestOtherSites(t *testing.T) {
	url, _ := start(t, Options{})
	r, _ := http.NewRequest("DELETE", url+"/classes/day", nil)
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	a, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	a.Body.Close()
	if a.StatusCode != http.StatusForbidden {
		t.Error(a.Status)
	}
}

// A body of 500 MB is refused: at once where it says its length, at the limit where it does not.
func TestLargeBody(t *testing.T) {
	url, _ := start(t, Options{MaxBody: 1 << 20})
	const size = 500 << 20
	var sent atomic.Int64
	for _, known := range []bool{true, false} {
		body := &endless{left: size, sent: &sent}
		r, _ := http.NewRequest("POST", url+"/predict", body)
		if known {
			r.ContentLength = size
		}
		a, err := http.DefaultClient.Do(r)
		if err != nil { // the connection may close before the answer is read
			var e net.Error
			if !errors.As(err, &e) && !strings.Contains(err.Error(), "reset") && !strings.Contains(err.Error(), "broken pipe") {
				t.Fatal(err)
			}
			continue
		}
		a.Body.Close()
		if a.StatusCode != http.StatusRequestEntityTooLarge {
			t.Errorf("%s", a.Status)
		}
	}
	if sent := sent.Load(); sent > 64<<20 {
		t.Errorf("%d MB were taken in", sent>>20)
	}
}

type endless struct {
	left int
	sent *atomic.Int64
}

func (e *endless) Read(p []byte) (int, error) {
	if e.left == 0 {
		return 0, io.EOF
	}
	n := min(len(p), e.left)
	e.left -= n
	e.sent.Add(int64(n))
	return n, nil
}

// A client that sends its image byte by byte gets 408 when its time is up, and holds nobody else up.
func TestSlowClient(t *testing.T) {
	url, _ := start(t, Options{ReadTimeout: 300 * time.Millisecond})
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n3")
	if code, _ := call(t, "POST", url+"/predict", "", "3"); code != 200 {
		t.Error("another client got", code)
	}
	conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	text, _ := io.ReadAll(conn)
	if !strings.HasPrefix(string(text), "HTTP/1.1 408 ") {
		t.Errorf("%q", text)
	}
	// One that does not even send its head is cut off.
	head, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer head.Close()
	fmt.Fprint(head, "POST /pre")
	head.SetReadDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.ReadAll(head); errors.Is(err, context.DeadlineExceeded) {
		t.Error("still connected")
	}
}

// Bodies together take no more than their limit: others wait for their turn, and are told when there is none.
func TestMemory(t *testing.T) {
	filetest.Slow(t)
	wait := make(chan bool)
	url, _ := start(t, Options{MaxBody: 100, MaxBodies: 100, Timeout: 500 * time.Millisecond, Pictures: numbers{wait}})
	body := strings.Repeat(" ", 80) + "3"
	codes := make(chan int, 2)
	for range 2 {
		go func() { code, _ := call(t, "POST", url+"/predict", "", body); codes <- code }()
	}
	if a, b := <-codes, <-codes; a != 503 || b != 503 {
		t.Errorf("%d and %d while nothing moves", a, b)
	}
	close(wait)
	if code, _ := call(t, "POST", url+"/predict", "", body); code != 200 {
		t.Error(code)
	}
}

// What is at work when the server is to end is finished; then nobody is let in.
func TestEnds(t *testing.T) {
	wait := make(chan bool)
	url, stop := start(t, Options{Pictures: numbers{wait}})
	codes := make(chan int, 5)
	for range cap(codes) {
		go func() { code, _ := call(t, "POST", url+"/predict", "", "3"); codes <- code }()
	}
	for {
		if _, text := call(t, "GET", url+"/metrics", "", ""); strings.Contains(text, "vzsl_requests_active 6\n") { // with this one
			break
		}
		time.Sleep(time.Millisecond)
	}
	ended := make(chan error, 1)
	go func() { ended <- stop() }()
	for {
		c, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
		if err != nil {
			break
		}
		c.Close()
		time.Sleep(time.Millisecond)
	}
	select {
	case err := <-ended:
		t.Fatalf("it ended with requests at work: %v", err)
	default:
	}
	close(wait)
	for range cap(codes) {
		if code := <-codes; code != 200 {
			t.Error(code)
		}
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestEndsInTime(t *testing.T) {
	url, stop := start(t, Options{Pictures: numbers{make(chan bool)}, Grace: 100 * time.Millisecond})
	go http.Post(url+"/predict", "", strings.NewReader("3"))
	for {
		if _, text := call(t, "GET", url+"/metrics", "", ""); strings.Contains(text, "vzsl_requests_active 2\n") {
			break
		}
		time.Sleep(time.Millisecond)
	}
	if err := stop(); err == nil || !strings.Contains(err.Error(), "1 requests were not finished within 100ms") {
		t.Error(err)
	}
}

// Requests are answered with the classes that they began with, whatever is changed at the same time.
func TestEditing(t *testing.T) {
	url, _ := start(t, Options{})
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for k := range 20 {
				name := fmt.Sprintf("%s/classes/c%d-%d", url, i, k%3)
				call(t, "PUT", name, "", `{"attributes": {"light": 2, "dark": 0}}`)
				code, text := call(t, "POST", url+"/predict?top=100", "", "1")
				var a Response
				if err := json.Unmarshal([]byte(text), &a); err != nil || code != 200 || len(a.Images[0].Top) != a.Classes {
					t.Errorf("%d %s %v", code, text, err)
				}
				call(t, "DELETE", name, "", "")
			}
		})
	}
	wg.Wait()
	if _, text := call(t, "GET", url+"/classes", "", ""); !strings.Contains(text, `"classes":["day","night"],`) {
		t.Error(text)
	}
}

// taught is brightness that takes a class's light from the images it has seen of it.
type taught struct {
	brightness
	of map[float32]float32 // by the class's light
}

func (m taught) Score(x []float32, n int, classes [][]float32) ([]float32, error) {
	out, err := m.brightness.Score(x, n, classes)
	for i := range out {
		if at, ok := m.of[classes[i%len(classes)][0]]; ok {
			d := x[i/len(classes)] - at
			out[i] = 100 - d*d
		}
	}
	return out, err
}

func (m taught) Learn(class, features []float32, n int) (predict.Model, error) {
	of := maps.Clone(m.of)
	if of == nil {
		of = map[float32]float32{}
	}
	sum := float32(0)
	for _, v := range features {
		sum += v
	}
	of[class[0]] = sum / float32(n)
	return taught{of: of}, nil
}

// TestTeach: images of a class count at once, go with its description, and are refused where they would count for two classes.
func TestTeach(t *testing.T) {
	url, _ := start(t, Options{Model: taught{}})
	best := func() string {
		t.Helper()
		code, text := call(t, "POST", url+"/predict", "", "7")
		var a Response
		if err := json.Unmarshal([]byte(text), &a); err != nil || code != 200 {
			t.Fatal(code, text, err)
		}
		return a.Images[0].Class
	}
	if got := best(); got != "day" {
		t.Errorf("before: %q", got)
	}
	for _, x := range []struct {
		path, kind, body, want string
		code                   int
	}{
		{"/classes/dusk", "", "7", "no class", 404},
		{"/classes/night", "", "nothing", "not an image", 415},
		{"/classes/night", "", "6", `"added":1,"class":"night"`, 200},
		{"/classes/night", "", "8", `"pictures":2`, 200},
	} {
		if code, text := call(t, "POST", url+x.path, x.kind, x.body); code != x.code || !strings.Contains(text, x.want) {
			t.Errorf("POST %s %s: %d %s", x.path, x.body, code, text)
		}
	}
	if got := best(); got != "night" {
		t.Errorf("after two images: %q", got)
	}
	if _, text := call(t, "GET", url+"/classes", "", ""); text != `{"auto":false,"classes":["day","night"],"kept":false,"learns":true,"none_below":0,"pictures":{"night":2},"shown":["day","night"],"threshold":null,"version":"5a5c60d98e807648"}`+"\n" {
		t.Error(text)
	}
	call(t, "PUT", url+"/classes/dusk", "", `{"attributes": {"light": 0, "dark": 1}}`)
	if code, text := call(t, "POST", url+"/classes/dusk", "", "1"); code != 409 || !strings.Contains(text, "same description") {
		t.Errorf("two of one description: %d %s", code, text)
	}
	call(t, "PUT", url+"/classes/night", "", `{"attributes": {"light": 3, "dark": 1}}`)
	if got := best(); got != "night" {
		t.Errorf("described anew: %q", got)
	}
	call(t, "DELETE", url+"/classes/night", "", "")
	if got := best(); got == "night" {
		t.Error("a class that was removed is named")
	}
	url, _ = start(t, Options{})
	if code, text := call(t, "POST", url+"/classes/day", "", "1"); code != 501 || !strings.Contains(text, "plda") {
		t.Errorf("a model that cannot learn: %d %s", code, text)
	}
}
