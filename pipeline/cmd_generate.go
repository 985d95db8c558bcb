package pipeline

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"path/filepath"

	"github.com/spf13/cobra"

	"vzsl/features"
	"vzsl/internal/version"
	"vzsl/pipeline/usage"
	"vzsl/pipeline/workspace"
	"vzsl/train/runs"
)

type generateFlags struct {
	run      workspace.RunRef
	perClass int
	classes  string
	to       string
	seed     uint64
	noise    bool
	force    bool
}

func newGenerate(con *cli) *cobra.Command {
	var g generateFlags
	cmd := &cobra.Command{
		Use:     "generate",
		Short:   "generate features of any class, seen or unseen, with a trained VZSL or PLDA model",
		Example: `  vzsl generate --dataset cub --per-class 300`,
		Long: `Draws features from a trained model. VZSL: z from the class's prior p(z|a), x from the decoder p(x|z). PLDA:
the class mean from its posterior, with --noise an image around it, mapped back from the whitened space.
Writes shards like those of extract, with the class table, as a separate dataset
(features/<dataset>-generated/<network>/), so that any classifier can be trained on classes without images.

Features have unit length, which the feature normalisations produce anyway. --noise adds the decoder's
variance (VZSL) or the within-class variance (PLDA).`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if g.perClass < 1 {
				return usage.Errorf("--per-class %d: must be at least 1", g.perClass)
			}
			if err := usage.OneOf("classes", g.classes, "unseen", "seen", "all"); err != nil {
				return err
			}
			if g.to != "" {
				if err := usage.FolderName("to", g.to); err != nil {
					return err
				}
			}
			return runGenerate(cmd.Context(), con, &g)
		},
	}
	addTrainedRun(cmd, &g.run)
	f := cmd.Flags()
	f.IntVar(&g.perClass, "per-class", 300, "`number` of features per class")
	f.StringVar(&g.classes, "classes", "unseen", "which of the split's classes: unseen, seen or all")
	f.StringVar(&g.to, "to", "", "`name` of the generated dataset (default <dataset>-generated)")
	f.Uint64Var(&g.seed, "seed", 1, "random seed of the draws")
	f.BoolVar(&g.noise, "noise", false, "draw x around its mean instead of using the mean itself")
	f.BoolVar(&g.force, "force", false, "discard existing features that were generated differently")
	must(cmd.RegisterFlagCompletionFunc("classes", cobra.FixedCompletions([]string{"unseen", "seen", "all"}, cobra.ShellCompDirectiveNoFileComp)))
	return cmd
}

func runGenerate(ctx context.Context, con *cli, g *generateFlags) error {
	name, err := g.run.Name()
	if err != nil {
		return err
	}
	dir := con.RunDir(name)
	model, err := con.LoadRun(name, &g.run)
	if err != nil {
		return err
	}
	in, err := con.InputsOf(ctx, name, &g.run, model, false)
	if err != nil {
		return err
	}
	if err := in.Complete(); err != nil {
		return err
	}
	src, table, roles := model.Source(), in.Classes, in.Roles
	wanted := map[string]bool{}
	for _, list := range map[string][][]string{"unseen": {roles.Unseen}, "seen": {roles.Seen}, "all": {roles.Seen, roles.Unseen}}[g.classes] {
		for _, c := range list {
			wanted[c] = true
		}
	}
	var labels []int
	for l, c := range table.Classes {
		if wanted[c] {
			labels = append(labels, l)
		}
	}
	sum, err := features.FileSHA256(filepath.Join(dir, "model.safetensors"))
	if err != nil {
		return err
	}
	var names []string
	var vectors [][]float32
	for _, l := range labels {
		names, vectors = append(names, table.Classes[l]), append(vectors, table.Values[l])
	}
	if err := model.CheckClasses(names, vectors); err != nil {
		return workspace.TrainedToFill(name, err)
	}
	if len(labels) > 0 { // before anything is made: can it?
		if _, err := model.Generate(table.Values[labels[0]], 1, g.seed, g.noise); err != nil {
			return fmt.Errorf("%s: %w", dir, err)
		}
	}
	to := g.to
	if to == "" {
		to = src.Dataset + "-generated"
	}
	classes := sha256.Sum256(fmt.Append(nil, labels, table.Classes, g.perClass, g.seed, g.noise))
	out := con.NetworkDir(to, src.Network)
	w, err := features.Create(out, features.Source{
		Dataset: to, DatasetSHA256: hex.EncodeToString(classes[:]), Network: src.Network, NetworkSHA256: sum, Layer: src.Layer,
		Recipe: "generated", Engine: "vzsl run " + name, Program: version.Program(), Dim: model.FeatureDim(), Images: len(labels) * g.perClass,
	}, g.force)
	if err != nil {
		return err
	}
	defer w.Close()
	bar := con.Begin("generate", "features")
	defer bar.End()
	for part := range w.Parts() {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		lo, hi := w.Range(part)
		if !w.Done(part) {
			p, err := generatePart(model, table, labels, g, lo, hi)
			if err != nil {
				return err
			}
			if err := w.WritePart(part, *p); err != nil {
				return err
			}
		}
		bar.Done(hi, len(labels)*g.perClass)
	}
	own := *table
	own.Dataset = to
	if err := features.WriteClassTable(con.ClassTableFile(to), &own); err != nil {
		return err
	}
	m, err := w.Finish()
	if err != nil {
		return err
	}
	bar.End()
	return con.result(map[string]any{"dir": out, "classes": len(labels), "features": m.Rows, "dim": model.FeatureDim()}, func(to io.Writer) {
		fmt.Fprintf(to, "%s: %d features of %d classes in %d shards, %d-d\n", out, m.Rows, len(labels), len(m.Parts), model.FeatureDim())
	})
}

// generatePart draws the features [lo,hi), class after class. Those of a class are drawn together, whatever the part.
func generatePart(model *runs.Predictor, table *features.ClassTable, labels []int, g *generateFlags, lo, hi int) (*features.Part, error) {
	p := &features.Part{}
	dim := model.FeatureDim()
	for k := lo / g.perClass; k*g.perClass < hi; k++ {
		l := labels[k]
		x, err := model.Generate(table.Values[l], g.perClass, g.seed+uint64(l)<<32, g.noise)
		if err != nil {
			return nil, fmt.Errorf("class %q: %w", table.Classes[l], err)
		}
		for i := max(lo-k*g.perClass, 0); i < min(hi-k*g.perClass, g.perClass); i++ {
			p.Images = append(p.Images, fmt.Sprintf("generated/%s/%06d", table.Classes[l], i+1))
			p.Classes = append(p.Classes, table.Classes[l])
			p.Labels = append(p.Labels, int32(l))
			p.Features = append(p.Features, x[i*dim:(i+1)*dim]...)
		}
	}
	return p, nil
}
