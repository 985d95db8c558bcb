package pipeline

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"vzsl/datasets/catalog"
	"vzsl/datasets/source"
	"vzsl/features"
	"vzsl/pipeline/usage"
	"vzsl/pipeline/workspace"
	"vzsl/train/methods"
)

// addDatasetName adds the flag that names a dataset.
func addDatasetName(cmd *cobra.Command, d *workspace.Dataset) {
	cmd.Flags().StringVar(&d.Name, "dataset", catalog.Default, "`name` of the dataset: the folder below features/")
}

// addDataset adds the flags that say where and how a dataset lies, too.
func addDataset(cmd *cobra.Command, d *workspace.Dataset) {
	addDatasetName(cmd, d)
	addLayout(cmd, d)
	addData(cmd, d)
}

func addData(cmd *cobra.Command, d *workspace.Dataset) {
	cmd.Flags().StringVar(&d.Folder, "data", "", "`folder` of the dataset (default data/<dataset>); or tar files, Parquet or a list: see 'vzsl extract --help-all'")
	must(cmd.MarkFlagFilename("data", "tar", "tar.gz", "tgz", "parquet", "csv", "tsv"))
}

// addSource adds the flags that say what of a source in place of a folder is what.
func addSource(cmd *cobra.Command, d *workspace.Dataset) {
	f := cmd.Flags()
	f.Var(&dataColumns{&d.DataColumns}, "data-columns", "with tar files, Parquet or a list as --data: which `columns` are used, image=,class=,name= (tar files: class=cls, txt, json.KEY or folder)")
	f.StringVar(&d.ClassNames, "class-names", "", "with tar files, Parquet or a list whose classes are numbers: `file` of class names, one per line, starting with class 0")
	must(cmd.MarkFlagFilename("class-names", "txt"))
	rare(cmd, "data-columns", "class-names")
}

// dataColumns is the value of --data-columns.
type dataColumns struct{ to *source.DataColumns }

func (d *dataColumns) Type() string { return "columns" }

func (d *dataColumns) String() string {
	var said []string
	for _, c := range d.all() {
		if d.to != nil && *c.value != "" {
			said = append(said, c.name+"="+*c.value)
		}
	}
	return strings.Join(said, ",")
}

type dataColumn struct {
	name  string
	value *string
}

func (d *dataColumns) all() []dataColumn {
	to := d.to
	if to == nil {
		to = &source.DataColumns{}
	}
	return []dataColumn{{"image", &to.Image}, {"class", &to.Class}, {"name", &to.Name}}
}

func (d *dataColumns) Set(text string) error {
	for _, part := range strings.Split(text, ",") {
		what, column, ok := strings.Cut(part, "=")
		i := slices.IndexFunc(d.all(), func(c dataColumn) bool { return c.name == what })
		if !ok || i < 0 || column == "" {
			return fmt.Errorf("%q is not image=COLUMN, class=COLUMN or name=COLUMN", part)
		}
		*d.all()[i].value = column
	}
	return nil
}

func addLayout(cmd *cobra.Command, d *workspace.Dataset) {
	cmd.Flags().StringVar(&d.Layout, "layout", "", "layout of the dataset's folder: "+usage.Or(catalog.Layouts())+
		" (default: xlsa17 if its files are there, otherwise the layout of the dataset's name, otherwise folder)")
	must(cmd.RegisterFlagCompletionFunc("layout", cobra.FixedCompletions(catalog.Layouts(), cobra.ShellCompDirectiveNoFileComp)))
}

// addRun adds the flags that name a run and what it is of.
func addRun(cmd *cobra.Command, r *workspace.RunRef) {
	addDatasetName(cmd, &r.Dataset)
	addSplit(cmd, r)
	addDescriptions(cmd, r)
	f := cmd.Flags()
	f.StringVar(&r.Method, "method", "vzsl", "method ('vzsl methods' lists them)")
	f.BoolVar(&r.Transductive, "transductive", false, "also train on the unseen classes' test images, without labels")
	f.StringVar(&r.Run, "run", "", "`name` of the run: its folder below runs/ and reports/ (default <dataset>-<split>-<method>[-transductive][-<descriptions>])")
	must(cmd.RegisterFlagCompletionFunc("method", cobra.FixedCompletions(methods.Names(), cobra.ShellCompDirectiveNoFileComp)))
}

// addTrainedRun adds the flags that name a trained run.
func addTrainedRun(cmd *cobra.Command, r *workspace.RunRef) {
	addRun(cmd, r)
	f := cmd.Flags()
	f.Lookup("method").Usage = "method of the run ('vzsl methods' lists them)"
	f.Lookup("transductive").Usage = "the run that was trained with --transductive"
	inGroup(cmd, groupInput, "method", "run", "transductive")
}

// addRuns adds the flags of a command that makes several runs in folders of its own.
func addRuns(cmd *cobra.Command, r *workspace.RunRef, kind string) {
	addDatasetName(cmd, &r.Dataset)
	addSplit(cmd, r)
	addDescriptions(cmd, r)
	cmd.Flags().StringVar(&r.Run, "run", "", "`name` of the folders below runs/ and reports/ (default <dataset>-<split>-"+kind+")")
}

// addDescriptions adds the flag that takes a part of the class table.
func addDescriptions(cmd *cobra.Command, r *workspace.RunRef) {
	cmd.Flags().StringVar(&r.Descriptions, "descriptions", "", "descriptions of the class table to use, joined with +: attributes, text, words (default: all)")
	must(cmd.RegisterFlagCompletionFunc("descriptions", cobra.FixedCompletions([]string{features.KindAttributes, features.KindText, features.KindWords}, cobra.ShellCompDirectiveNoFileComp)))
}

// addGroupsOf adds the flag that names groups of classes for a report.
func addGroupsOf(cmd *cobra.Command, file *string) {
	cmd.Flags().StringVar(file, "groups", "", "`file` of groups of classes (CSV: class,family,...): the report shows accuracy by each text column")
	must(cmd.MarkFlagFilename("groups", "csv", "tsv"))
}

func addSplit(cmd *cobra.Command, r *workspace.RunRef) {
	f := cmd.Flags()
	f.StringVar(&r.Split, "split", "standard", "`name` of the split")
	f.StringVar(&r.Network, "network", "", "`name` of the network whose features are used (default: the only one)")
}
