package pipeline

import (
	"context"
	"fmt"
	"io"
	"path/filepath"

	"github.com/spf13/cobra"

	"vzsl/datasets/demo"
	"vzsl/features"
)

func newDemo(con *cli) *cobra.Command {
	var texts bool
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "run all stages on built-in images, with nothing to download",
		Example: `  vzsl demo
  vzsl demo --text`,
		Long: `Renders images of objects whose classes are combinations of attributes (size, colour, texture, shape,
ground), extracts features with a small built-in network that has never seen some of the
combinations, trains VZSL on the seen ones and classifies the unseen ones from their descriptions.

With --text the classes are described by sentences too: a small pair of image and text networks, trained on the
seen classes only, replaces the network, and VZSL on attributes, VZSL on texts and CLIP, which needs no training,
are shown side by side on one page.

All files are in ./demo (--out), as each stage's command writes them.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !cmd.Flags().Changed("out") {
				con.Dir = "demo"
			}
			return runDemo(cmd.Context(), con, texts)
		},
	}
	cmd.Flags().BoolVar(&texts, "text", false, "compare attributes, texts and CLIP, with an image and a text network")
	return cmd
}

func runDemo(ctx context.Context, con *cli, texts bool) error {
	data := filepath.Join(con.Dir, "data", "demo")
	model := filepath.Join(con.Dir, "models", "demo.onnx")
	bar := con.Begin("render", "pictures")
	err := demo.Write(ctx, data, demo.Options{Progress: bar.Done})
	bar.End()
	if err != nil {
		return err
	}
	pair := filepath.Join(con.Dir, "models", textDemo)
	if texts {
		err = demo.WritePair(pair)
	} else {
		err = demo.WriteNetwork(model)
	}
	if err != nil {
		return err
	}
	// Each stage is the command itself, shown so that it can be repeated by hand.
	stages := [][]string{
		{"extract", "--dataset", "demo", "--data", data, "--model", model},
		{"attributes", "--dataset", "demo", "--data", data},
		{"split", "--dataset", "demo", "--split", "demo", "--seen", filepath.Join(data, "seen.txt"), "--unseen", filepath.Join(data, "unseen.txt")},
		{"train", "--dataset", "demo", "--split", "demo"},
		{"evaluate", "--dataset", "demo", "--split", "demo", "--data", data},
	}
	if texts {
		stages = textStages(data, pair)
	}
	for i, args := range stages {
		switch command := con.Command(args[0], args[1:]...); {
		case con.json:
			con.Log.Info("stage", "command", command)
		case !con.quiet:
			fmt.Fprintf(con.stderr, "\n$ %s\n", command)
		}
		if err := con.runStage(ctx, args, i == len(stages)-1); err != nil {
			return err
		}
	}
	return nil
}

// runStage runs another command of vzsl below the same folder, with no settings file. With --json
// only the last stage's result is printed.
func (c *cli) runStage(ctx context.Context, args []string, last bool) error {
	stage := newCLI(c.stdout, c.stderr)
	stage.stdout, stage.stderr, stage.screen, stage.terminal, stage.noConfig = c.stdout, c.stderr, c.screen, c.terminal, true
	if c.json && !last {
		stage.stdout = newOutput(io.Discard)
	}
	root := newRoot(stage)
	root.SetArgs(append(args, "--out="+c.Dir, fmt.Sprintf("--json=%t", c.json), fmt.Sprintf("--quiet=%t", c.quiet), fmt.Sprintf("--verbose=%t", c.verbose)))
	return root.ExecuteContext(ctx)
}

// textDemo is the dataset of the demo's images with the pair of networks for images and texts.
const textDemo = "demo-text"

// textStages describe the demo's classes by attributes and by their names in sentences, beside each other.
func textStages(data, model string) [][]string {
	of := func(command string, args ...string) []string {
		return append([]string{command, "--dataset", textDemo}, args...)
	}
	stages := [][]string{
		of("extract", "--data", data, "--model", model),
		of("attributes", "--data", data, "--own", "--text-model", model),
		of("split", "--split", "demo", "--seen", filepath.Join(data, "seen.txt"), "--unseen", filepath.Join(data, "unseen.txt")),
	}
	var runs []string
	for _, r := range []struct{ run, method, descriptions string }{
		{"demo-attributes", "vzsl", features.KindAttributes}, {"demo-texts", "vzsl", features.KindText}, {"demo-clip", "clip", features.KindText},
	} {
		stages = append(stages,
			of("train", "--split", "demo", "--method", r.method, "--descriptions", r.descriptions, "--run", r.run),
			of("evaluate", "--split", "demo", "--run", r.run, "--data", data))
		runs = append(runs, r.run)
	}
	return append(stages, append([]string{"report", "--to", textDemo}, runs...))
}
