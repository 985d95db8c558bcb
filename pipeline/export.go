package pipeline

import (
	"context"
	"fmt"
	"io"
	"path/filepath"

	"github.com/spf13/cobra"

	"vzsl/datasets"
	"vzsl/datasets/shards"
)

type exportOptions struct {
	ds             datasetFlags
	split, network string
	format, to     string
	force          bool
}

var exportFormats = []string{"xlsa17"}

func newExport(con *console) *cobra.Command {
	var o exportOptions
	cmd := &cobra.Command{
		Use:   "export",
		Short: "features, class table and split to the files that published code reads",
		Long: `Writes a dataset as a folder of xlsa17: res101.mat, att_splits.mat and the class lists in text, so that
the published Python and MATLAB code of others runs on features, descriptions and splits made here.

Most of that code wants test_seen_loc: make the split with --test-seen, or take the proposed one.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runExport(cmd.Context(), con, &o) },
	}
	o.ds.addName(cmd)
	f := cmd.Flags()
	f.StringVar(&o.format, "format", "xlsa17", "`format`: "+enumerate(exportFormats))
	f.StringVar(&o.split, "split", "standard", "`name` of the split")
	f.StringVar(&o.network, "network", "", "`name` of the network whose features to take (default: the only one there is)")
	f.StringVar(&o.to, "to", "", "`folder` to write to (default export/<format>/<dataset>-<split>, below --out)")
	f.BoolVar(&o.force, "force", false, "replace what is there")
	must(cmd.MarkFlagDirname("to"))
	must(cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(exportFormats, cobra.ShellCompDirectiveNoFileComp)))
	return cmd
}

func runExport(ctx context.Context, con *console, o *exportOptions) error {
	if err := oneOf("format", o.format, exportFormats...); err != nil {
		return err
	}
	if err := o.ds.checkName(); err != nil {
		return err
	}
	if err := checkFolderName("split", o.split); err != nil {
		return err
	}
	if o.to == "" {
		o.to = filepath.Join(con.out, "export", o.format, o.ds.name+"-"+o.split)
	}
	network, err := con.chooseNetwork(o.ds.name, o.network)
	if err != nil {
		return err
	}
	table, err := con.readClassTable(o.ds.name)
	if err != nil {
		return err
	}
	roles, err := shards.ReadRoles(con.rolesFile(o.ds.name, o.split))
	if err != nil {
		return err
	}
	bars := con.phases("export", "rows")
	defer bars.end()
	cache, err := shards.OpenCache(ctx, con.networkDir(o.ds.name, network), func(done, total int) { bars.show("cache", done, total) })
	if err != nil {
		return err
	}
	defer cache.Close()
	e, err := datasets.ExportXLSA17(ctx, datasets.ExportXLSA17Options{
		Features: cache, Classes: table, Roles: roles, Dir: o.to, Force: o.force,
		Progress: func(done, total int) { bars.show("features", done, total) },
	})
	bars.end()
	if err != nil {
		return err
	}
	if e.Counts["test_seen_loc"] == 0 {
		con.log.Warn("the split holds no images of seen classes for testing: test_seen_loc is empty, and most published code wants it (vzsl split --test-seen)", "split", o.split)
	}
	res := struct {
		Folder  string         `json:"folder"`
		Files   []string       `json:"files"`
		Images  int            `json:"images"`
		Classes int            `json:"classes"`
		Missing int            `json:"missing"`
		Counts  map[string]int `json:"counts"`
	}{o.to, e.Files, cache.Rows(), len(table.Classes), e.Missing, e.Counts}
	return con.result(res, func(w io.Writer) {
		fmt.Fprintf(w, "%s: %d images, %d classes; %d to train and validate on, %d of seen and %d of unseen classes to test on\n",
			o.to, res.Images, res.Classes, e.Counts["trainval_loc"], e.Counts["test_seen_loc"], e.Counts["test_unseen_loc"])
		if e.Missing > 0 {
			fmt.Fprintf(w, "%d missing attribute values are -1 there\n", e.Missing)
		}
	})
}
