package server_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"strings"
	"time"

	"vzsl/predict"
	"vzsl/predict/server"
)

// brightness is a model with one attribute, and the network that computes its only feature.
type brightness struct{}

func (brightness) Temperature() float64                                  { return 1 }
func (brightness) Attributes() []string                                  { return []string{"light"} }
func (brightness) FeatureDim() int                                       { return 1 }
func (brightness) Describe(features []float32, n int) ([]float32, error) { return nil, nil }
func (brightness) DescribedClass(raw []float32) ([]float32, error)       { return raw, nil }
func (brightness) NormaliseClass(raw []float32) ([]float32, error)       { return raw, nil }
func (brightness) Score(features []float32, n int, classes [][]float32) ([]float32, error) {
	var scores []float32
	for _, x := range features {
		for _, a := range classes {
			scores = append(scores, x*a[0])
		}
	}
	return scores, nil
}
func (brightness) Picture(ctx context.Context, data []byte) ([]float32, string, error) {
	return []float32{float32(len(data))}, "", nil
}
func (brightness) Counts() (images, runs int64, busy time.Duration) { return 0, 0, 0 }

// A server is an http.Handler; with a *runs.Predictor and an *extract.Batcher it serves a run.
func ExampleNew() {
	s, err := server.New(server.Options{Run: "first", Model: brightness{}, Pictures: brightness{},
		Classes: predict.Classes{Names: []string{"day", "night"}, Vectors: [][]float32{{1}, {-1}}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	request := func(method, address, body string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequest(method, address, strings.NewReader(body)))
		return w
	}
	w := request("PUT", "/classes/dusk", `{"attributes": {"light": 0.5}}`)
	fmt.Println(w.Code, strings.TrimSpace(w.Body.String()))

	var r server.Response
	w = request("POST", "/predict?name=1.jpg&top=2", "ten bytes.")
	if err := json.Unmarshal(w.Body.Bytes(), &r); err != nil {
		fmt.Println(err)
		return
	}
	for _, c := range r.Images[0].Top {
		fmt.Printf("%s: %s %.3f\n", r.Images[0].Image, c.Class, c.Probability)
	}
	// Output:
	// 201 {"class":"dusk","classes":3}
	// 1.jpg: day 0.993
	// 1.jpg: dusk 0.007
}
