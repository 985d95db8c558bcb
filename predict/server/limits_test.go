package server

import (
	"bytes"
	"mime/multipart"
	"net/url"
	"testing"

	"vzsl/predict"
)

// A request has at most 64 files.
func TestFormFiles(t *testing.T) {
	for _, n := range []int{maxImages, maxImages + 1} {
		var b bytes.Buffer
		w := multipart.NewWriter(&b)
		for range n {
			if _, err := w.CreateFormFile("image", "1.jpg"); err != nil {
				t.Fatal(err)
			}
		}
		_ = w.Close()
		all, err := formFiles(multipart.NewReader(&b, w.Boundary()))
		if fits := n == 64; (err == nil) != fits || fits && len(all) != n {
			t.Errorf("%d files: %d, %v", n, len(all), err)
		}
	}
}

func TestOptionsOfRequests(t *testing.T) {
	s := &Server{o: Options{Predict: predict.Options{Top: 3}}}
	if o, err := s.options(url.Values{"none_below": {"1"}, "explain": {"0"}}); err != nil || o.Top != 3 || o.NoneBelow != 1 || o.Explain != 0 {
		t.Errorf("%+v, %v", o, err)
	}
	for _, q := range []url.Values{{"none_below": {"NaN"}}, {"none_below": {"1.1"}}, {"none_below": {"-0.1"}}, {"top": {"0"}}, {"explain": {"-1"}}, {"top": {"many"}}} {
		if _, err := s.options(q); err == nil {
			t.Errorf("%v was accepted", q)
		}
	}
}
