package server

import (
	"context"
	"errors"
	"math"
	"net/http"
	"strings"
	"testing"
)

// TestDescribe: a phrase becomes a vector, and a class of it; attributes that are given stand, words fill in the others.
func TestDescribe(t *testing.T) {
	nan := float32(math.NaN())
	url, stop := start(t, Options{Words: "text", Lookup: func(_ context.Context, class, phrase string) ([]float32, error) {
		switch phrase {
		case "unheard of":
			return nil, errors.New("no tokens")
		case "half": // of two descriptions side by side, words give one
			return []float32{3, nan}, nil
		}
		return []float32{float32(len(class)), float32(len(phrase))}, nil
	}})
	defer stop()
	for _, c := range []struct {
		method, path, body string
		code               int
		want               string
	}{
		{"POST", "/describe", `{"class": "dusk", "phrase": "grey sky"}`, 200, `{"class":"dusk","attributes":{"dark":8,"light":4},"phrase":"grey sky"}`},
		{"POST", "/describe", `{"phrase": "half"}`, 200, `"attributes":{"dark":null,"light":3}`},
		{"POST", "/describe", `{}`, 400, "must be"},
		{"POST", "/describe", `{"colour": 1}`, 400, "cannot be read"},
		{"POST", "/describe", `{"phrase": "unheard of"}`, 422, "no tokens"},
		{"PUT", "/classes/a", `{"phrase": "half", "attributes": {"dark": 1}}`, 201, ""},
		{"GET", "/classes/a", "", 200, `{"dark":1,"light":3}`},
		{"PUT", "/classes/b", `{"phrase": "half"}`, 422, "lacks 1 of the model's 2"},
		{"PUT", "/classes/c", `{"attributes": {"dark": 1, "light": 2}, "phrase": "x"}`, 422, "not together with all attributes"},
		{"PUT", "/classes/abc", ``, 201, ""},
		{"GET", "/classes/abc", "", 200, `{"dark":0,"light":3}`},
	} {
		code, text := call(t, c.method, url+c.path, "application/json", c.body)
		if code != c.code || !strings.Contains(text, c.want) {
			t.Errorf("%s %s %s: %d %s", c.method, c.path, c.body, code, text)
		}
	}
	plain, stop := start(t, Options{})
	defer stop()
	if code, text := call(t, "POST", plain+"/describe", "application/json", `{"phrase": "x"}`); code != http.StatusNotImplemented || !strings.Contains(text, "describe the class by its attributes") {
		t.Errorf("%d %s", code, text)
	}
}
