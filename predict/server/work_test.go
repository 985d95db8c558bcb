package server

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"vzsl/predict"
	"vzsl/predict/description"
)

// space is of the toy model's two attributes.
func space() *description.Space {
	return description.New([]string{"light", "dark"}, predict.Classes{Names: []string{"noon", "cave"}, Vectors: [][]float32{{2, 0}, {0, 2}}})
}

// sent returns the id of an image.
func sent(t *testing.T, url, body string) string {
	t.Helper()
	code, text := call(t, "POST", url+"/predict?name="+body, "", body)
	var a Response
	if err := json.Unmarshal([]byte(text), &a); err != nil || code != 200 {
		t.Fatal(code, text, err)
	}
	return a.Images[0].ID
}

func ranked(t *testing.T, url, query, body string) rankReply {
	t.Helper()
	code, text := call(t, "POST", url+"/rank"+query, "", body)
	var a rankReply
	if err := json.Unmarshal([]byte(text), &a); err != nil || code != 200 {
		t.Fatal(code, text, err)
	}
	return a
}

// Images are ranked again as /predict ranks them, without being sent; a draft counts in its own request alone.
func TestRank(t *testing.T) {
	url, _ := start(t, Options{Space: space()})
	a, b := sent(t, url, "3"), sent(t, url, "-2")
	gone := strings.Repeat("0", 32)
	r := ranked(t, url, "?top=5", fmt.Sprintf(`{"pictures": [%q, %q, %q]}`, b, gone, a))
	if len(r.Images) != 2 || r.Images[0].ID != b || r.Images[0].Class != "night" || r.Images[1].Class != "day" || len(r.Missing) != 1 || r.Missing[0] != gone || r.Draft != nil {
		t.Errorf("%+v", r)
	}
	_, text := call(t, "POST", url+"/predict?top=5", "", "3")
	var p Response
	if err := json.Unmarshal([]byte(text), &p); err != nil || p.Images[0].Top[0] != r.Images[1].Top[0] {
		t.Errorf("%+v, not %+v", r.Images[1].Top, p.Images[0].Top)
	}
	r = ranked(t, url, "", fmt.Sprintf(`{"pictures": [%q, %q], "draft": {"class": "noon?", "values": [9, 0]}}`, a, b))
	if r.Classes != 3 || r.Images[0].Class != "noon?" || r.Images[1].Watched == nil || r.Images[1].Watched.Class != "noon?" || r.Draft.Rival.Class != "day" {
		t.Errorf("%+v %+v", r, r.Draft)
	}
	r = ranked(t, url, "", fmt.Sprintf(`{"pictures": [%q], "draft": {"class": "day", "values": [0, 9]}, "seen": true}`, a))
	if r.Classes != 4 || r.Images[0].Class != "noon" || r.Draft.Rival.Class != "night" {
		t.Errorf("%+v", r)
	}
	if _, text := call(t, "GET", url+"/classes", "", ""); !strings.Contains(text, `"classes":["day","night"]`) {
		t.Error("a draft stayed: ", text)
	}
	for _, c := range []struct {
		body string
		code int
		want string
	}{
		{`{"draft": {"class": "x", "values": [1]}}`, 422, "1 values for 2 attributes"},
		{`{"draft": {"class": "x", "values": [null, 1]}}`, 422, "missing"},
		{`{"draft": {"class": " ", "values": [1, 1]}}`, 422, "must not be empty"},
		{`{"pictures": 1}`, 400, "the body is not"},
		{`{}`, 200, `"images":[]`},
	} {
		if code, text := call(t, "POST", url+"/rank", "", c.body); code != c.code || !strings.Contains(text, c.want) {
			t.Errorf("%s: %d %s", c.body, code, text)
		}
	}
}

// Classes and labels survive a restart; a file that another program has changed is left alone.
func TestFiles(t *testing.T) {
	dir := t.TempDir()
	o := Options{Model: taught{}, ClassFile: filepath.Join(dir, "classes.csv"), LabelFile: filepath.Join(dir, "labels.csv")}
	url, stop := start(t, o)
	held := func(name, want string) {
		t.Helper()
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || string(text) != want {
			t.Errorf("%s: %q %v, want %q", name, text, err, want)
		}
	}
	odd := `=cmd|'/C calc'!A1`
	call(t, "PUT", url+"/classes/"+strings.NewReplacer("=", "%3D", "/", "%2F", " ", "%20", "!", "%21", "|", "%7C").Replace(odd), "", `{"attributes": {"light": 0.5, "dark": 3}}`)
	id := sent(t, url, "7")
	if code, text := call(t, "PUT", url+"/labels/"+id, "", `{"image": "-7.jpg", "class": "night"}`); code != 200 || !strings.Contains(text, `"learned":true`) {
		t.Errorf("%d %s", code, text)
	}
	classes := "class,light,dark\nday,1,0\nnight,0,1\n'" + odd + ",0.5,3\n"
	held("classes.csv", classes)
	held("labels.csv", "image,class,id,learn\n'-7.jpg,night,"+id+",1\n")
	if err := stop(); err != nil {
		t.Fatal(err)
	}

	url, stop = start(t, o) // with the classes of the start: only labels are read here
	if r := ranked(t, url, "", fmt.Sprintf(`{"pictures": [%q]}`, id)); len(r.Missing) != 1 {
		t.Errorf("%+v", r)
	}
	if _, text := call(t, "GET", url+"/labels", "", ""); !strings.Contains(text, `"image":"-7.jpg","class":"night"`) || !strings.Contains(text, `"learned":{}`) {
		t.Error(text)
	}
	sent(t, url, "7") // its label counts again
	if _, text := call(t, "GET", url+"/labels", "", ""); !strings.Contains(text, `"learned":{"night":1}`) {
		t.Error(text)
	}
	if r := ranked(t, url, "", fmt.Sprintf(`{"pictures": [%q]}`, id)); r.Images[0].Class != "night" {
		t.Errorf("%+v", r.Images[0])
	}
	if err := os.WriteFile(o.ClassFile, []byte("class,light,dark\nmine,1,1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, text := call(t, "DELETE", url+"/classes/day", "", ""); code != 409 || !strings.Contains(text, "changed by another program") {
		t.Errorf("%d %s", code, text)
	}
	held("classes.csv", "class,light,dark\nmine,1,1\n")
	if _, text := call(t, "GET", url+"/classes", "", ""); !strings.Contains(text, `"day"`) {
		t.Error("what could not be written was done: ", text)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"a,b\n", "image,class,id,learn\nx,y,z,1\n", "image,class,id,learn\nx,y\n"} {
		if err := os.WriteFile(o.LabelFile, []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := New(Options{Model: taught{}, Pictures: numbers{}, LabelFile: o.LabelFile}); err == nil || !strings.Contains(err.Error(), "labels.csv") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func FuzzReadLabels(f *testing.F) {
	f.Add("image,class,id,learn\na,b,0123456789abcdef0123456789abcdef,1\n")
	f.Add("image,class,id,learn\n'=a,,0123456789abcdef0123456789abcdef,0\n")
	f.Fuzz(func(t *testing.T, text string) {
		all, err := readLabels("labels.csv", []byte(text))
		if err != nil {
			return
		}
		again, err := readLabels("labels.csv", labelsCSV(all))
		if err != nil || len(again) != len(all) {
			t.Fatalf("%q: %v", text, err)
		}
		for i := range all {
			if all[i].ID != again[i].ID || all[i].Learn != again[i].Learn {
				t.Fatalf("%q: %+v, then %+v", text, all[i], again[i])
			}
		}
	})
}

// Changes that name what they were read with are refused where that is no longer so.
func TestStale(t *testing.T) {
	url, _ := start(t, Options{})
	a, _ := ask(t, "GET", url+"/classes/day", nil, "")
	tag := a.Header.Get("ETag")
	body := `{"attributes": {"light": 2, "dark": 0}}`
	for _, c := range []struct {
		method, path string
		header       map[string]string
		code         int
	}{
		{"PUT", "/classes/day", map[string]string{"If-None-Match": "*"}, 412},
		{"PUT", "/classes/day", map[string]string{"If-Match": tag}, 200},
		{"PUT", "/classes/day", map[string]string{"If-Match": tag}, 412},
		{"DELETE", "/classes/day", map[string]string{"If-Match": tag}, 412},
		{"PUT", "/classes/new", map[string]string{"If-Match": tag}, 412},
		{"PUT", "/classes/new", map[string]string{"If-None-Match": "*"}, 201},
	} {
		if a, text := ask(t, c.method, url+c.path, c.header, body); a.StatusCode != c.code {
			t.Errorf("%s %s %v: %d %s", c.method, c.path, c.header, a.StatusCode, text)
		}
	}
}

// A table comes back as it was exported, odd names included; ?replace=1 takes the place of all.
func TestImport(t *testing.T) {
	url, _ := start(t, Options{})
	names := []string{"=1+1", "'=1", "-2", "@x", `<script>"q"</script>`, "a,b"}
	for i, n := range names {
		path := strings.NewReplacer("%", "%25", "/", "%2F", "?", "%3F", " ", "%20", `"`, "%22", "<", "%3C", ">", "%3E").Replace(n)
		if code, text := call(t, "PUT", url+"/classes/"+path, "", fmt.Sprintf(`{"attributes": {"light": %d, "dark": 1}}`, i)); code != 201 {
			t.Fatal(n, code, text)
		}
	}
	_, table := call(t, "GET", url+"/classes.csv", "", "")
	for line := range strings.Lines(table) {
		if strings.ContainsAny(line[:1], "=+-@") {
			t.Errorf("a formula: %s", line)
		}
	}
	_, before := call(t, "GET", url+"/classes", "", "")
	if code, text := call(t, "PUT", url+"/classes.csv?replace=1", "", table); code != 200 || !strings.Contains(text, `"added":[]`) {
		t.Errorf("%d %s", code, text)
	}
	if _, after := call(t, "GET", url+"/classes", "", ""); after != before {
		t.Errorf("%s\nis not\n%s", after, before)
	}
	if code, text := call(t, "PUT", url+"/classes.csv", "", "class,dark,light\nday,1,1\nnew,1,2\n"); code != 200 || !strings.Contains(text, `"added":["new"]`) || !strings.Contains(text, `"replaced":["day"]`) {
		t.Errorf("%d %s", code, text)
	}
	for body, want := range map[string]string{"class,light\nx,1\n": "dark", "": "classes.csv", "class,light,dark\nx,1,\n": "missing", "class,light,dark\nx,1,1\nx,2,2\n": "x"} {
		if code, text := call(t, "PUT", url+"/classes.csv", "", body); code != 422 || !strings.Contains(text, want) || strings.Contains(text, os.TempDir()) {
			t.Errorf("%q: %d %s", body, code, text)
		}
	}
}

func TestOne(t *testing.T) {
	url, _ := start(t, Options{Space: space()})
	id := sent(t, url, "3")
	for _, c := range []struct {
		method, path, body string
		code               int
		want               string
	}{
		{"POST", "/intervene", `{"picture": "` + id + `", "attribute": "light", "value": -3}`, 200, `"was":3,"now":-3`},
		{"POST", "/intervene", `{"picture": "` + id + `", "attribute": "wings"}`, 422, "wings"},
		{"POST", "/intervene", `{"picture": "x", "attribute": "light"}`, 404, "send it to /predict"},
		{"GET", "/neighbours/" + id, "", 501, "not found"},
		{"GET", "/training/a.jpg", "", 404, ""},
		{"GET", "/known/noon", "", 200, `"light":2`},
		{"GET", "/known/day", "", 404, "no class"},
		{"PUT", "/labels/" + id, `{"image": "a", "class": "nowhere"}`, 404, "no class"},
		{"PUT", "/labels/" + id, `{"image": "a", "class": "day"}`, 200, `"learned":false`},
		{"PUT", "/labels/xyz", `{}`, 400, "not the id"},
		{"PUT", "/labels/" + strings.Repeat("a", 32), `{"class": "day"}`, 404, "not stored"},
		{"GET", "/labels.csv", "", 200, "a,day," + id},
		{"DELETE", "/labels/" + id, "", 204, ""},
		{"DELETE", "/labels/" + id, "", 404, "no label"},
		{"POST", "/parquet", `[{"image": "a", "class": "day", "probability": 1, "top": [{"class": "day", "probability": 1, "score": 2}], "label": ""}]`, 200, "PAR1"},
		{"POST", "/parquet", `{}`, 400, "the body is not"},
		{"POST", "/predict?none_below=auto", "3", 400, "no threshold"},
		{"GET", "/attributes", "", 200, `"attribute":"light","group":"","name":"Light","low":0,"high":2`},
	} {
		if code, text := call(t, c.method, url+c.path, "", c.body); code != c.code || !strings.Contains(text, c.want) {
			t.Errorf("%s %s: %d %.300s, want %d %s", c.method, c.path, code, text, c.code, c.want)
		}
	}
	limited, _ := start(t, Options{Threshold: func(n int) float64 { return float64(n) / 2 }}) // and as much is expected
	if _, text := call(t, "POST", limited+"/predict?none_below=auto", "", "1.5"); !strings.Contains(text, `"class":""`) {
		t.Error(text)
	}
	if _, text := call(t, "POST", limited+"/predict?excess=1", "", "1.5"); !strings.Contains(text, `"class":"day"`) || !strings.Contains(text, `"excess":0.5`) {
		t.Error(text)
	}
	if _, text := call(t, "POST", limited+"/predict?none_below=auto", "", "2.5"); !strings.Contains(text, `"class":"day"`) {
		t.Error(text)
	}
}

// What was sent long ago makes room.
func TestKept(t *testing.T) {
	k := newKept(4 * 10)
	for i := range 6 {
		k.put(fmt.Sprint(i), []float32{1, 2, float32(i)}, "")
	}
	get := func(id string) []float32 {
		feature, _ := k.get(id)
		return feature
	}
	if get("2") != nil || get("3") == nil || get("5")[2] != 5 || k.have > 10 {
		t.Errorf("%d values of %d images", k.have, len(k.by))
	}
	get("3")
	k.put("6", []float32{1, 2, 3}, "")
	if get("3") == nil || get("4") != nil {
		t.Error("it was not the one used longest ago")
	}
}

// While classes are edited and labelled, fifty clients get every reply, and each by one state of the classes.
func TestWorkTogether(t *testing.T) {
	dir := t.TempDir()
	url, stop := start(t, Options{Model: taught{}, Space: space(), ClassFile: filepath.Join(dir, "classes.csv"), LabelFile: filepath.Join(dir, "labels.csv")})
	defer stop()
	ids := make([]string, 5)
	for i := range ids {
		ids[i] = sent(t, url, fmt.Sprint(i+1))
	}
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			for k := range 4 {
				name := fmt.Sprintf("%s/classes/c%d", url, i)
				if i%5 == 0 {
					if code, text := call(t, "PUT", name, "", fmt.Sprintf(`{"attributes": {"light": %d.5, "dark": %d}}`, i, k)); code/100 != 2 {
						t.Errorf("%d %s", code, text)
					}
					if code, text := call(t, "PUT", url+"/labels/"+ids[i/10], "", fmt.Sprintf(`{"class": "c%d"}`, i)); code != 200 {
						t.Errorf("%d %s", code, text)
					}
					if code, text := call(t, "DELETE", name, "", ""); code != 204 {
						t.Errorf("%d %s", code, text)
					}
				}
				r := ranked(t, url, "?top=100", fmt.Sprintf(`{"pictures": [%q, %q]}`, ids[0], ids[1]))
				if len(r.Images) != 2 || len(r.Images[0].Top) != r.Classes || len(r.Images[1].Top) != r.Classes {
					t.Errorf("%+v", r)
				}
			}
		})
	}
	wg.Wait()
	code, text := call(t, http.MethodGet, url+"/classes.csv", "", "")
	kept, err := os.ReadFile(filepath.Join(dir, "classes.csv"))
	if code != 200 || err != nil || string(kept) != text || text != "class,light,dark\nday,1,0\nnight,0,1\n" {
		t.Errorf("%q in the file, %q served: %v", kept, text, err)
	}
}
