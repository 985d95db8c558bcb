// Fit trains a method on extracted features, evaluates it on the unseen classes and writes a report. The folder of images
// holds the descriptions of all classes (classes.csv) and the lists of seen and unseen ones (seen.txt, unseen.txt).
//
//	fit [-method NAME] [-run FOLDER] [-report FOLDER] IMAGES FEATURES
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"path/filepath"

	"vzsl/attributes"
	"vzsl/datasets"
	"vzsl/datasets/splits"
	"vzsl/evaluate"
	"vzsl/evaluate/report"
	"vzsl/evaluate/result"
	"vzsl/features"
	"vzsl/features/convert"
	"vzsl/train"
	"vzsl/train/runs"
	"vzsl/train/settings"
)

func main() {
	method := flag.String("method", "eszsl", "one of methods.Names()")
	dir := flag.String("run", "", "keep the model in this folder")
	to := flag.String("report", "", "write a report into this folder")
	flag.Parse()
	if flag.NArg() != 2 {
		log.Fatal("usage: fit [-method NAME] [-run FOLDER] [-report FOLDER] IMAGES FEATURES")
	}
	ctx := context.Background()
	err := run(ctx, flag.Arg(0), flag.Arg(1), *method, *dir, *to)
	if errors.Is(err, evaluate.ErrNoTestImages) {
		log.Fatal("nothing to evaluate: ", err)
	}
	if err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, images, featureDir, method, dir, to string) error {
	f, err := features.OpenCache(ctx, featureDir, nil)
	if err != nil {
		return err
	}
	defer f.Close()

	// The class table, in the order of the dataset's classes as the labels of the features are, and the split.
	dataset, err := datasets.OpenFolder(images, "", convert.Choice{})
	if err != nil {
		return err
	}
	described, err := attributes.ReadFile(filepath.Join(images, "classes.csv"), attributes.FileOptions{Classes: dataset.ClassNames()})
	if err != nil {
		return err
	}
	table := described.ClassTable(dataset.Name, nil)
	definition, err := splits.ReadLists(filepath.Join(images, "seen.txt"), filepath.Join(images, "unseen.txt"), table.Classes, nil)
	if err != nil {
		return err
	}
	definition.Name, definition.Dataset, definition.ValidationFraction, definition.Seed = "own", dataset.Name, 0.2, 1
	labelled, err := splits.CollectImages(ctx, []string{featureDir})
	if err != nil {
		return err
	}
	split, err := definition.Assign(table.Classes, labelled)
	if err != nil {
		return err
	}

	s, err := settings.Preset("", method)
	if err != nil {
		return err
	}
	options := train.Options{Settings: s, Features: f, Classes: table, Roles: split, Dir: dir}
	model, err := fit(ctx, options)
	if err != nil {
		return err
	}

	r, err := evaluate.ZeroShot(ctx, model, f, table, split, evaluate.Options{Temperature: model.Temperature()})
	if err != nil {
		return err
	}
	top1 := r.Top1.MeanPerClass
	fmt.Printf("mean per-class top-1 over %d unseen classes: %.3f [%.3f, %.3f], chance %.3f\n",
		len(r.Candidates), top1.Value, top1.OverImages.Low, top1.OverImages.High, r.Chance)
	if to == "" {
		return nil
	}
	paths, err := report.Write(to, r, &result.Run{Method: settings.Title(method), Features: f.Source()}, report.Options{ImageRoot: images})
	fmt.Println(paths.HTML)
	return err
}

// fit trains in memory or, where a folder is named, in it.
func fit(ctx context.Context, o train.Options) (*runs.Predictor, error) {
	if o.Dir == "" {
		return train.Fit(ctx, o)
	}
	if _, err := train.Run(ctx, o); err != nil {
		return nil, err
	}
	return runs.Load(o.Dir)
}
