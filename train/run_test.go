package train

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"vzsl/attributes"
	"vzsl/features"
	"vzsl/internal/filetest"
	"vzsl/train/internal/traintest"
	"vzsl/train/method"
	"vzsl/train/methods"
	"vzsl/train/problem"
	"vzsl/train/runs"
	"vzsl/train/settings"
)

func options(t testing.TB, dir string) Options {
	t.Helper()
	s := traintest.Settings()
	f, table, r := traintest.Drawn(10)
	return Options{Settings: s, Dir: dir, Features: f, Classes: table, Roles: r}
}

// use makes the run one of another method, with the settings of every run as they are.
func use(t testing.TB, o *Options, name string) {
	t.Helper()
	s, err := settings.Preset("", name)
	if err != nil {
		t.Fatal(err)
	}
	o.Method, o.Config = name, s.Config
	share(o)
}

// share describes the classes, for a method that wants them so, in the space of their images: each by the mean of some.
func share(o *Options) {
	if !methods.Lookup(o.Method).SharedSpace {
		return
	}
	o.FeatureNorm, o.AttributeNorm = method.FeaturesL2, attributes.L2
	f := o.Features.(*traintest.Features)
	t := &features.ClassTable{Classes: o.Classes.Classes, Dataset: o.Classes.Dataset, Source: "texts", Values: make([][]float32, len(o.Classes.Classes))}
	for c := range t.Values {
		t.Values[c] = make([]float32, f.Dim())
	}
	for i, l := range f.LabelOf {
		for k, x := range f.X[i] {
			t.Values[l][k] += x
		}
	}
	for k := range f.Dim() {
		t.Attributes = append(t.Attributes, fmt.Sprintf("text_%03d", k+1))
	}
	f.NetworkSHA256 = "ab12"
	s := f.Source()
	t.Blocks = []features.Block{{Name: "texts", Width: f.Dim(), Kind: features.KindText, Text: &features.TextSource{Model: features.TextModel{
		Name: "drawn", Width: f.Dim(), Scale: 20, Towers: []features.ImageTower{{SHA256: s.NetworkSHA256, Layer: s.Layer}}}}}}
	o.Classes = t
}

func digest(t testing.TB, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%x", sha256.Sum256(b))
}

// trained runs a training and opens its model.
func trained(t *testing.T, o Options) (*runs.Result, *runs.Predictor) {
	t.Helper()
	res, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	p, err := runs.Load(o.Dir)
	if err != nil {
		t.Fatal(err)
	}
	return res, p
}

// accuracy is the predictor's per-class top-1 over the classes of a role, from raw features and attributes.
func accuracy(t *testing.T, p *runs.Predictor, o *Options, role features.Role) float64 {
	t.Helper()
	f := o.Features.(*traintest.Features)
	var raw [][]float32
	index := map[int32]int{}
	var x []float32
	var y []int
	for i, r := range o.Roles.Roles {
		if r != role {
			continue
		}
		if _, ok := index[f.LabelOf[i]]; !ok {
			index[f.LabelOf[i]] = len(raw)
			raw = append(raw, o.Classes.Values[f.LabelOf[i]])
		}
		x, y = append(x, f.X[i]...), append(y, index[f.LabelOf[i]])
	}
	return float64(right(t, p, x, y, raw)) / float64(len(y)) // classes are of one size
}

// right is the number of images, of raw features x, that the predictor gives to their own among the classes of raw attributes.
func right(t *testing.T, p *runs.Predictor, x []float32, y []int, raw [][]float32) int {
	t.Helper()
	scores, err := p.Score(x, len(y), raw)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for i, l := range y {
		best := 0
		for c := range raw {
			if scores[i*len(raw)+c] > scores[i*len(raw)+best] {
				best = c
			}
		}
		if best == l {
			n++
		}
	}
	return n
}

func TestRun(t *testing.T) {
	filetest.Slow(t)
	for _, m := range methods.Names() {
		if methods.Lookup(m).NeedsShots {
			continue // TestFewShot has it
		}
		t.Run(m, func(t *testing.T) {
			o := options(t, t.TempDir())
			use(t, &o, m)
			steps := 0
			o.Progress = func(phase string, done, total int) { steps++ }
			res, err := Run(context.Background(), o)
			if err != nil {
				t.Fatal(err)
			}
			if res.ValidationClasses != 8 || !res.Refit || res.Classes != 40 || res.Images != 400 || steps == 0 || res.Accuracy < 0.4 {
				t.Errorf("%+v, %d steps", res, steps)
			}
			p, err := runs.Load(o.Dir)
			if err != nil {
				t.Fatal(err)
			}
			// Ten unseen classes: chance is 0.1.
			if a := accuracy(t, p, &o, features.RoleTestUnseen); a < 0.4 {
				t.Errorf("accuracy on unseen classes %v", a)
			}
			if len(p.Seen()) != 40 || len(p.Attributes()) != len(o.Classes.Attributes) || p.Source().Dataset != "drawn" || p.Split() != "drawn" || p.Settings().Method != m {
				t.Errorf("seen %v, attributes %v, source %v, split %v", p.Seen(), p.Attributes(), p.Source(), p.Split())
			}
			before := digest(t, res.Model)
			again, err := Run(context.Background(), o)
			if err != nil || !again.Reused || again.Accuracy != res.Accuracy || again.Classes != res.Classes || digest(t, res.Model) != before {
				t.Errorf("again: %+v, %v", again, err)
			}
			o.Seed = 2
			if _, err := Run(context.Background(), o); !errors.Is(err, runs.ErrOtherRun) || !strings.Contains(err.Error(), "seed there 1, here 2") {
				t.Errorf("another seed: %v", err)
			}
			o.Force = true
			if _, err := Run(context.Background(), o); err != nil {
				t.Error(err)
			}
			o.Seed = 1
			if _, err := Run(context.Background(), o); err != nil || digest(t, res.Model) != before {
				t.Errorf("the first seed again gives other bytes (%v)", err)
			}
		})
	}
}

// TestWithoutRefit: the model kept is the best epoch's, as validated.
func TestWithoutRefit(t *testing.T) {
	o := options(t, t.TempDir())
	o.Refit = false
	res, p := trained(t, o)
	if a := accuracy(t, p, &o, features.RoleValidation); math.Abs(a-res.Accuracy) > 1e-12 || res.Classes != 32 || res.Refit {
		t.Errorf("validation accuracy %v, %+v", a, res)
	}
}

// TestSeenOnly: neither features nor attributes of unseen classes change a byte, and those of validation classes do not
// change what the choice is made with.
func TestSeenOnly(t *testing.T) {
	model := func(change func(*Options)) (*runs.Predictor, string) {
		o := options(t, t.TempDir())
		traintest.VZSL(&o.Settings).Epochs = 3
		change(&o)
		res, p := trained(t, o)
		var b strings.Builder
		for _, x := range p.Model().Tensors() {
			fmt.Fprint(&b, x.Name, x.F32)
		}
		n, err := json.Marshal(p.Normaliser())
		if err != nil {
			t.Fatal(err)
		}
		return p, fmt.Sprint(b.String(), string(n), res.Accuracy, res.Choice)
	}
	nothing := func(*Options) {}
	unseen := func(o *Options) {
		f := o.Features.(*traintest.Features)
		for i, r := range o.Roles.Roles {
			if r == features.RoleTestUnseen {
				for j := range f.X[i] {
					f.X[i][j] = float32(math.NaN())
				}
				for j := range o.Classes.Values[f.LabelOf[i]] {
					o.Classes.Values[f.LabelOf[i]][j] = 12345
				}
			}
		}
	}
	for _, kind := range []string{"standardise", "centre-l2"} {
		set := func(change func(*Options)) func(*Options) {
			return func(o *Options) { o.AttributeNorm = kind; change(o) }
		}
		_, a := model(set(nothing))
		if _, b := model(set(unseen)); a != b {
			t.Errorf("%s: unseen classes changed the model", kind)
		}
	}
	// Without refit, validation classes are only looked at: the normaliser must not know them.
	held := func(o *Options) {
		o.Refit = false
		o.AttributeNorm = "standardise"
	}
	p, _ := model(held)
	q, _ := model(func(o *Options) {
		held(o)
		f := o.Features.(*traintest.Features)
		for i, r := range o.Roles.Roles {
			if r == features.RoleValidation {
				o.Classes.Values[f.LabelOf[i]][0] = -7
			}
		}
	})
	n1, _ := json.Marshal(p.Normaliser())
	n2, _ := json.Marshal(q.Normaliser())
	if string(n1) != string(n2) {
		t.Error("the normaliser was fitted on validation classes")
	}
}

// TestInterrupted ends runs by their context at many places; the run after the last equals an undisturbed one.
func TestInterrupted(t *testing.T) {
	o := options(t, t.TempDir())
	traintest.VZSL(&o.Settings).Epochs, o.CheckpointEvery = 4, -1
	res, err := Run(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	want, metrics := digest(t, res.Model), lines(t, o.Dir)
	o.Dir = t.TempDir()
	for try := 1; ; try++ {
		if try > 60 {
			t.Fatal("no end")
		}
		ctx, cancel := context.WithCancel(context.Background())
		n := 0
		o.Progress = func(string, int, int) {
			if n++; n == 3+7*(try%4) {
				cancel()
			}
		}
		if try%2 == 0 {
			o.CheckpointEvery = time.Hour
		} else {
			o.CheckpointEvery = -1
		}
		_, err := Run(ctx, o)
		cancel()
		if err == nil {
			break
		}
		if !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		if _, err := runs.Load(o.Dir); err == nil || !strings.Contains(err.Error(), "not finished") {
			t.Fatalf("an unfinished run loads: %v", err)
		}
	}
	if digest(t, filepath.Join(o.Dir, runs.ModelFile)) != want {
		t.Error("another model after interruptions")
	}
	if got := lines(t, o.Dir); got != metrics {
		t.Errorf("metrics after interruptions:\n%s\nundisturbed:\n%s", got, metrics)
	}
}

// lines are the metrics without their times.
func lines(t *testing.T, dir string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, runs.MetricsFile))
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for _, l := range strings.Split(strings.TrimSpace(string(b)), "\n") {
		var m map[string]any
		if err := json.Unmarshal([]byte(l), &m); err != nil {
			t.Fatalf("%q: %v", l, err)
		}
		delete(m, "seconds")
		delete(m, "data_wait")
		fmt.Fprintln(&out, m)
	}
	return out.String()
}

// TestKilled runs this test binary as a process of its own and kills it, again and again.
func TestKilled(t *testing.T) {
	filetest.Slow(t)
	if dir := os.Getenv("VZSL_TEST_RUN"); dir != "" {
		o := options(t, dir)
		traintest.VZSL(&o.Settings).Epochs, o.CheckpointEvery = 6, -1
		if _, err := Run(context.Background(), o); err != nil {
			t.Fatal(err)
		}
		return
	}
	if testing.Short() {
		t.Skip("kills processes")
	}
	whole, cut := t.TempDir(), t.TempDir()
	child := func(dir string) *exec.Cmd {
		c := exec.Command(os.Args[0], "-test.run", "^TestKilled$")
		c.Env = append(os.Environ(), "VZSL_TEST_RUN="+dir)
		return c
	}
	if out, err := child(whole).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	r := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 0))
	killed := 0
	for range 100 {
		c := child(cut)
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		timer := time.AfterFunc(time.Duration(20+r.IntN(150))*time.Millisecond, func() { c.Process.Kill() })
		err := c.Wait()
		timer.Stop()
		if err == nil {
			break
		}
		killed++
	}
	if _, err := os.Stat(filepath.Join(cut, runs.ModelFile)); err != nil {
		if out, err := child(cut).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	if digest(t, filepath.Join(whole, runs.ModelFile)) != digest(t, filepath.Join(cut, runs.ModelFile)) {
		t.Errorf("another model after %d kills", killed)
	}
	if lines(t, whole) != lines(t, cut) {
		t.Errorf("other metrics after %d kills", killed)
	}
	t.Logf("killed %d times", killed)
}

func TestBadInput(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Options)
		want   string
	}{
		"method":        {func(o *Options) { o.Method = "magic" }, "eszsl"},
		"features":      {func(o *Options) { o.FeatureNorm = "l3" }, "sqrt-l2"},
		"attributes":    {func(o *Options) { o.AttributeNorm = "l3" }, "centre-l2"},
		"lambda":        {func(o *Options) { traintest.VZSL(&o.Settings).Margin = 1.5 }, "without end"},
		"not a number":  {func(o *Options) { o.Features.(*traintest.Features).X[0][3] = float32(math.NaN()) }, "class00/0.jpg"},
		"other images":  {func(o *Options) { o.Roles.Images = make([]string, len(o.Roles.Images)) }, "it was made for these features"},
		"missing class": {func(o *Options) { o.Classes.Classes[0] = "other" }, "class00"},
		"missing value": {func(o *Options) { o.Classes.Values[0][0] = float32(math.NaN()) }, "class-mean"},
		"unseen trained": {func(o *Options) {
			for i, r := range o.Roles.Roles {
				if r == features.RoleTestUnseen {
					o.Roles.Roles[i] = features.RoleTrain
				}
			}
		}, "do not allow"},
		"diverges": {func(o *Options) {
			traintest.VZSL(&o.Settings).LearningRate, traintest.VZSL(&o.Settings).ClipNorm, traintest.VZSL(&o.Settings).LogVarianceBound = 10, 0, 0
		}, "learning_rate"},
		"a file": {func(o *Options) { o.Dir = filepath.Join(o.Dir, "file"); os.WriteFile(o.Dir, nil, 0o600) }, "run folder"},
	} {
		o := options(t, t.TempDir())
		c.change(&o)
		if _, err := Run(context.Background(), o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v; want %q in it", name, err, c.want)
		}
	}
	if _, err := runs.Load(t.TempDir()); err == nil {
		t.Error("an empty folder was loaded")
	}
	if _, err := settings.Preset("fast", "vzsl"); err == nil {
		t.Error("an unknown preset")
	}
}

// TestMissing: missing values are filled when asked for, at prediction too.
func TestMissing(t *testing.T) {
	o := options(t, t.TempDir())
	o.Missing, traintest.VZSL(&o.Settings).Epochs = "class-mean", 2
	o.Classes.Values[0][0], o.Classes.Values[4][1] = float32(math.NaN()), float32(math.NaN())
	if _, err := Run(context.Background(), o); err != nil {
		t.Fatal(err)
	}
	p, err := runs.Load(o.Dir)
	if err != nil {
		t.Fatal(err)
	}
	s, err := p.Score(o.Features.Feature(0), 1, o.Classes.Values[:5])
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range s {
		if v != v {
			t.Error("a score is not a number")
		}
	}
}

// TestNoValidation: without validation images all epochs are run.
func TestNoValidation(t *testing.T) {
	o := options(t, t.TempDir())
	o.Roles.Validation, traintest.VZSL(&o.Settings).Epochs = nil, 2
	for i, r := range o.Roles.Roles {
		if r == features.RoleValidation {
			o.Roles.Roles[i] = features.RoleTrain
		}
	}
	res, err := Run(context.Background(), o)
	if err != nil || res.ValidationClasses != 0 || res.Refit || res.Choice["epochs"] != 2 || res.Classes != 40 {
		t.Errorf("%+v, %v", res, err)
	}
}

func TestNormalise(t *testing.T) {
	src := []float32{9, -16, 0, 0}
	all := map[string][]float32{
		method.FeaturesNone: src, method.FeaturesL2: {9 / 18.357559, -16 / 18.357559, 0, 0}, method.FeaturesSqrtL2: {0.6, -0.8, 0, 0},
	}
	for _, kind := range method.FeatureKinds() {
		want := all[kind]
		if want == nil {
			t.Errorf("nothing says what %s gives", kind)
		}
		got := make([]float32, 4)
		method.Normalise(kind, src, got)
		for i := range want {
			if math.Abs(float64(got[i]-want[i])) > 1e-6 {
				t.Errorf("%s: %v, want %v", kind, got, want)
			}
		}
		zero := []float32{0, 0}
		if method.Normalise(kind, zero, zero); zero[0] != 0 || zero[1] != 0 {
			t.Errorf("%s of zeros: %v", kind, zero)
		}
	}
}

// TestPaper keeps the preset what the paper says.
func TestPaper(t *testing.T) {
	s, err := settings.Preset("paper", "vzsl")
	if err != nil {
		t.Fatal(err)
	}
	c := traintest.VZSL(&s)
	if fmt.Sprint(c.Hidden) != "[1000 1000]" || c.Latent != 100 || c.Margin != 1 || c.Keep != 0.8 || !c.Reconstruction {
		t.Errorf("%+v", c)
	}
	if err := s.Validate(); err != nil {
		t.Error(err)
	}
	if err := (&settings.Settings{}).Validate(); err == nil {
		t.Error("empty settings")
	}
}

// TestBlind: a method is handed no sample and no class that is unseen.
func TestBlind(t *testing.T) {
	o := options(t, t.TempDir())
	p, err := problem.New(o.Features, o.Classes, o.Roles, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, rows := range [][]int{p.Train, p.Validation} {
		for _, r := range rows {
			class := o.Features.Images()[r][:len("class00")]
			n, err := strconv.Atoi(class[len("class"):])
			if err != nil || n%5 == 4 {
				t.Errorf("row %d of %s", r, class)
			}
		}
	}
}

// TestTransductiveBlind: labels and classes of unseen images, scrambled, change nothing.
func TestTransductiveBlind(t *testing.T) {
	fit := func(scramble, closed bool) (string, *runs.Result) {
		o := options(t, t.TempDir())
		o.Transductive = true
		traintest.VZSL(&o.Settings).Closed = closed
		traintest.VZSL(&o.Settings).Epochs, traintest.VZSL(&o.Settings).TransductiveEpochs = 4, 3
		f := o.Features.(*traintest.Features)
		if scramble {
			for i, r := range o.Roles.Roles {
				if r == features.RoleTestUnseen {
					row := slices.Index(f.ImageNames, o.Roles.Images[i])
					f.LabelOf[row] = int32(i % len(o.Classes.Classes))
				}
			}
		}
		res, err := Run(context.Background(), o)
		if err != nil {
			t.Fatal(err)
		}
		return digest(t, res.Model), res
	}
	for closed, chosen := range map[bool]string{false: "transductive_epochs", true: "shrink"} {
		plain, res := fit(false, closed)
		if _, ok := res.Choice[chosen]; !ok || res.Accuracy < 0.4 {
			t.Errorf("%+v", res)
		}
		if scrambled, _ := fit(true, closed); scrambled != plain {
			t.Error("a label of an unseen image was read")
		}
	}
	o := options(t, t.TempDir())
	use(t, &o, "eszsl")
	o.Transductive = true
	if err := o.Validate(); err == nil || !strings.Contains(err.Error(), "transductive") {
		t.Errorf("ESZSL: %v", err)
	}
}
