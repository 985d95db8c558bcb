package train

import (
	"context"
	"math"
	"strconv"
	"strings"
	"testing"

	"vzsl/datasets/splits"
	"vzsl/features"
	"vzsl/internal/filetest"
	"vzsl/train/internal/traintest"
	"vzsl/train/methods"
	"vzsl/train/problem"
	"vzsl/train/runs"
)

// fewShot makes o's split one of k shots from a pool of 5.
func fewShot(t *testing.T, o *Options, k int) {
	t.Helper()
	var images []splits.Labelled
	for i, image := range o.Features.Images() {
		images = append(images, splits.Labelled{Image: image, Class: o.Features.Classes()[i]})
	}
	r, err := splits.AddShots(o.Roles, images, k, 5, 1)
	if err != nil {
		t.Fatal(err)
	}
	o.Roles = r
	for c, v := range o.Classes.Values {
		v[0] += float32(c) / 10 // some of the drawn classes have the same
	}
}

// TestFewShot: every method knows the unseen classes after their shots, and nothing of their test images changes a byte.
func TestFewShot(t *testing.T) {
	filetest.Slow(t)
	for _, m := range methods.Names() {
		t.Run(m, func(t *testing.T) {
			var digests []string
			for _, scrambled := range []bool{false, true} {
				o := options(t, t.TempDir())
				use(t, &o, m)
				fewShot(t, &o, 3)
				f := o.Features.(*traintest.Features)
				role := map[string]features.Role{}
				for i, image := range o.Roles.Images {
					role[image] = o.Roles.Roles[i]
				}
				if scrambled {
					for i, image := range f.ImageNames {
						if r := role[image]; r == features.RoleTestUnseen || r == "" {
							f.X[i] = make([]float32, f.Dim())
							f.X[i][0] = float32(math.NaN())
							f.LabelOf[i] = 4 // an unseen class
						}
					}
				}
				res, err := Run(context.Background(), o)
				if err != nil {
					t.Fatal(err)
				}
				if res.Shots != 3 || res.Classes != 50 || res.Images != 400+10*3 || !res.Refit {
					t.Errorf("%+v", res)
				}
				digests = append(digests, digest(t, res.Model))
				p, err := runs.Load(o.Dir)
				if err != nil {
					t.Fatal(err)
				}
				if p.Result().Shots != 3 {
					t.Errorf("the model says %+v", p.Result())
				}
				if scrambled {
					continue
				}
				x, y, raw := tested(&o, role)
				if n := right(t, p, x, y, raw); len(y) != 50 || n < 25 {
					t.Errorf("%d of %d right", n, len(y))
				}
			}
			if digests[0] != digests[1] {
				t.Error("test images of unseen classes changed the model")
			}
		})
	}
}

// tested are the test images of unseen classes.
func tested(o *Options, role map[string]features.Role) (x []float32, y []int, raw [][]float32) {
	f := o.Features.(*traintest.Features)
	index := map[int32]int{}
	for i, image := range f.ImageNames {
		if role[image] != features.RoleTestUnseen {
			continue
		}
		l := f.LabelOf[i]
		if _, ok := index[l]; !ok {
			index[l] = len(raw)
			raw = append(raw, o.Classes.Values[l])
		}
		x, y = append(x, f.X[i]...), append(y, index[l])
	}
	return x, y, raw
}

// TestChoosing: in the first fit k images of each validation class are trained on, the others validate, unseen classes have
// no part, and the shots of k are among those of k+1.
func TestChoosing(t *testing.T) {
	var before map[int]bool
	for k := 1; k <= 5; k++ {
		o := options(t, "")
		fewShot(t, &o, k)
		p, err := problem.New(o.Features, o.Classes, o.Roles, false)
		if err != nil {
			t.Fatal(err)
		}
		train, validation := p.Play(p.Train, p.Validation, 7)
		shots := map[int]bool{}
		of := map[int32]int{}
		for _, r := range train[len(p.Train):] {
			shots[r] = true
			of[o.Features.Labels()[r]]++
		}
		for _, r := range validation {
			if shots[r] {
				t.Errorf("row %d is trained on and validated by", r)
			}
		}
		if len(of) != 8 || len(shots) != 8*k || len(validation) != 8*(10-k) {
			t.Errorf("%d shots of %d classes, %d to validate by", len(shots), len(of), len(validation))
		}
		for l, n := range of {
			if n != k || l%5 != 3 {
				t.Errorf("%d of class %d", n, l)
			}
		}
		for r := range before {
			if !shots[r] {
				t.Errorf("row %d is a shot for %d and none for %d", r, k-1, k)
			}
		}
		before = shots
		for _, r := range p.Shots {
			if n, err := strconv.Atoi(o.Features.Images()[r][len("class"):len("class00")]); err != nil || n%5 != 4 {
				t.Errorf("row %d is a shot of class %d", r, n)
			}
		}
	}
}

func TestShotRefusals(t *testing.T) {
	o := options(t, t.TempDir())
	fewShot(t, &o, 2)
	o.Refit = false
	if _, err := Run(context.Background(), o); err == nil || !strings.Contains(err.Error(), "refit") {
		t.Errorf("without refit: %v", err)
	}
	o = options(t, t.TempDir())
	for i, r := range o.Roles.Roles {
		if r == features.RoleTrain {
			o.Roles.Roles[i] = features.RoleShot
			break
		}
	}
	if _, err := Run(context.Background(), o); err == nil || !strings.Contains(err.Error(), "do not allow") {
		t.Errorf("a seen class's shot: %v", err)
	}
}
