package server

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"vzsl/predict"
)

// FuzzRequest: whatever is sent, the answer is in the contract and the server continues: no code of 500 or more but 501.
func FuzzRequest(f *testing.F) {
	form := "--x\r\nContent-Disposition: form-data; name=\"image\"; filename=\"1\"\r\n\r\n3\r\n--x--\r\n"
	seeds := []struct{ method, path, kind, body string }{
		{"POST", "/predict?top=2", "", "3"},
		{"POST", "/predict", "multipart/form-data; boundary=x", form},
		{"POST", "/classes/new?describe=1", "multipart/form-data; boundary=x", form},
		{"PUT", "/classes/new", "application/json", `{"attributes": {"light": 2, "dark": null}}`},
		{"PUT", "/classes/day", "application/json", `{"class": "dawn", "attributes": {"light": 1e39}}`},
		{"PUT", "/classes.csv?replace=1", "text/csv", "class,light,dark\na,1,2\n"},
		{"POST", "/describe", "application/json", `{"class": "day", "values": [0, 9]}`},
		{"POST", "/rank?top=5", "application/json", `{"pictures": ["00000000000000000000000000000000"], "draft": {"class": "x", "values": [9, 0]}, "seen": true}`},
		{"POST", "/intervene", "application/json", `{"picture": "00000000000000000000000000000000", "values": [1, 2]}`},
		{"POST", "/parquet", "application/json", `{"images": [{"image": "a", "class": "b"}]}`},
		{"PUT", "/labels/00000000000000000000000000000000", "application/json", `{"image": "a", "class": "day", "learn": true}`},
		{"GET", "/neighbours/00000000000000000000000000000000?k=3", "", ""},
		{"DELETE", "/classes/day", "", ""},
		{"GET", "/training/a/b", "", ""},
	}
	for _, s := range seeds {
		f.Add(s.method, s.path, s.kind, []byte(s.body))
	}
	s, err := New(Options{Run: "run", Model: taught{}, Pictures: numbers{}, Space: space(), ImageStatus: func(error) int { return http.StatusUnsupportedMediaType },
		Classes: predict.Classes{Names: []string{"day", "night"}, Vectors: [][]float32{{1, 0}, {0, 1}}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, method, path, kind string, body []byte) {
		for _, bug := range []string{"panic", "break"} { // what the model of these tests is told to do wrong
			if strings.Contains(string(body), bug) {
				return
			}
		}
		r, err := http.NewRequest(method, "http://127.0.0.1/", bytes.NewReader(body))
		if err != nil {
			return
		}
		if r.URL, err = r.URL.Parse(path); err != nil || r.URL.Host != "127.0.0.1" {
			return
		}
		r.RequestURI = r.URL.RequestURI()
		r.RemoteAddr = "127.0.0.1:1"
		if kind != "" {
			r.Header.Set("Content-Type", kind)
		}
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code >= 500 && w.Code != http.StatusNotImplemented || w.Code < 200 {
			t.Fatalf("%s %q: %d %.300s", method, path, w.Code, w.Body)
		}
	})
}
