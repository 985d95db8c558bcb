package train

import (
	"context"
	"fmt"
	"math"

	"vzsl/features"
	"vzsl/internal/gzsl"
	"vzsl/train/method"
)

// phaseCalibrate fits the chosen settings with parts of the seen classes held out, to compare scores of classes trained
// on with those of others.
const phaseCalibrate = "calibrate"

// calibrations is the number of parts that are held out at most, one after the other.
const calibrations = 3

// generalised reports whether the split tests images of seen classes.
func generalised(r *features.Split) bool {
	for _, role := range r.Roles {
		if role == features.RoleTestSeen {
			return true
		}
	}
	return false
}

// calibrate finds, with the choice made, the constant of calibrated stacking and, where there is none yet, the
// temperature. The seen classes with images are cut into parts as large as the unseen classes are among all classes, so
// that the held-out ones stand to those trained on as unseen to seen; of each class trained on a fifth of the images is
// held out too. The constant has the largest H in the mean over the parts.
func (r *run) calibrate(ctx context.Context) error {
	n := int(math.Round(float64(len(r.o.Roles.Seen)+len(r.o.Roles.Unseen)) / float64(len(r.o.Roles.Unseen))))
	pictured := r.p.Pictured(r.p.Train) + r.p.Pictured(r.p.Validation)
	n = min(max(n, 2), 5, pictured/2)
	if n < 2 {
		r.o.Log.Warn("too few seen classes have images to calibrate on some of them", "classes", pictured)
		return nil
	}
	folds, err := r.p.Folds(n, r.o.Seed)
	if err != nil {
		return fmt.Errorf("calibration: %w", err)
	}
	folds = folds[:min(len(folds), calibrations)]
	wanted := generalised(r.o.Roles) // the constant
	if !wanted {
		folds = folds[:1] // enough for the temperature
	}
	var curves [][]gzsl.Point
	logT, fitted := 0.0, 0
	for i, held := range folds {
		g, err := r.p.Build(&r.o.Settings, held)
		if err != nil {
			return err
		}
		seen := g.HoldOut(0.2, r.o.Seed+uint64(i))
		o, err := r.o.Config.Fit(ctx, &g.Problem, &method.Session{Log: r.o.Log, Choice: r.f.Choice, Step: func(done, total int) {
			if r.o.Progress != nil {
				r.o.Progress(phaseCalibrate, i*total+done, len(folds)*total)
			}
		}})
		if err != nil {
			return fmt.Errorf("%s, %s: %w", r.o.Method, phaseCalibrate, err)
		}
		if r.f.Temperature == 0 {
			t, err := fitTemperature(o.Model, g.Validation)
			if err != nil {
				return fmt.Errorf("%s, %s: %w", r.o.Method, phaseCalibrate, err)
			}
			if t > 0 {
				logT, fitted = logT+math.Log(t), fitted+1
			}
			if r.f.Rejection == nil {
				if r.f.Rejection, err = fitRejection(o.Model, g.Train.Attributes, g.Validation, r.o.Seed); err != nil {
					return fmt.Errorf("%s, %s: %w", r.o.Method, phaseCalibrate, err)
				}
			}
		}
		if wanted {
			points, err := seenUnseen(o.Model, seen, g.Validation)
			if err != nil {
				return fmt.Errorf("%s, %s: %w", r.o.Method, phaseCalibrate, err)
			}
			curves = append(curves, points)
		}
	}
	if fitted > 0 {
		r.f.Temperature = math.Exp(logT / float64(fitted))
	}
	if wanted {
		c := gzsl.Constant(curves...)
		r.f.Constant = &c
	}
	return nil
}

// seenUnseen is the curve of images of classes trained on and of others among all these classes.
func seenUnseen(m method.Model, seen, unseen *method.Data) ([]gzsl.Point, error) {
	n := len(seen.Attributes)
	candidates := append(append([][]float32(nil), seen.Attributes...), unseen.Attributes...)
	var images []gzsl.Image
	for side, d := range []*method.Data{seen, unseen} {
		if err := method.Scores(m, d, candidates, func(i int, scores []float32) error {
			images = append(images, gzsl.Of(scores, n, side*n+d.Label(i)))
			return nil
		}); err != nil {
			return nil, err
		}
	}
	return gzsl.Curve(images, n, len(candidates)), nil
}
