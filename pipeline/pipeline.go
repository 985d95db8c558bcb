package pipeline

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// Main runs the vzsl command with the given arguments and returns its exit code.
// Results go to stdout, everything else to stderr.
func Main(args []string, stdout, stderr io.Writer) int {
	// The first Ctrl-C cancels the context, so that finished work is kept; the second one kills.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	return run(ctx, args, stdout, stderr)
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	con := &console{stdout: stdout, stderr: stderr}
	root := newRoot(con)
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	if err != nil && !con.started {
		// cobra refused the command line before any command ran.
		err = usageError{err}
	}
	code := exitCode(err)
	switch code {
	case exitDone, exitSkipped:
	case exitInterrupted:
		con.errorLine(fmt.Errorf("interrupted; run the same command again to go on"))
	case exitUsage:
		con.errorLine(fmt.Errorf("%w\nsee '%s --help'", err, cmd.CommandPath()))
	default:
		con.errorLine(err)
	}
	return code
}

// Command is the vzsl command with all commands below it, for the reference that is generated from it.
func Command() *cobra.Command { return newRoot(&console{stdout: os.Stdout, stderr: os.Stderr}) }

func newRoot(con *console) *cobra.Command {
	root := &cobra.Command{
		Use:   "vzsl",
		Short: "zero-shot learning, from pixels to a report",
		Long: `vzsl names classes it has never seen a picture of, from a description of them.

'vzsl download cub vgg19' brings data and network; 'vzsl check cub' says what to run next.

The stages, each a command, a file between each two:

  extract     images and an ONNX network  ->  feature shards (Parquet)
  attributes  class descriptions          ->  class table (Parquet)
  split       seen and unseen classes     ->  a role for every image (Parquet)
  train       features, table, roles      ->  model
  evaluate    model and features          ->  report (report: again, or of several runs)
  predict     model, pictures, classes    ->  names (serve: the same over HTTP)

Everything is written below one folder (--out, default the current one):
features/<dataset>/<network>/, runs/<name>/, reports/<name>/.
Settings may stand in a file vzsl.toml; flags go before it.`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetOut(con.stdout)
	root.SetErr(con.stderr)

	f := root.PersistentFlags()
	f.StringVar(&con.configFile, "config", "", "settings `file` (default: vzsl.toml in the current folder, where there is one)")
	f.StringVar(&con.out, "out", ".", "`folder` that holds features/, runs/ and reports/")
	f.BoolVar(&con.json, "json", false, "print the result as JSON")
	f.BoolVarP(&con.quiet, "quiet", "q", false, "no progress and no notes, only warnings and errors")
	f.BoolVarP(&con.verbose, "verbose", "v", false, "log details")
	must(root.MarkPersistentFlagDirname("out"))
	must(root.MarkPersistentFlagFilename("config", "toml"))

	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error {
		if err := con.applyConfig(cmd); err != nil {
			return err
		}
		con.setUp()
		con.started = true
		return nil
	}
	root.AddCommand(
		newExtract(con), newAttributes(con), newSplit(con), newImport(con), newExport(con), newTrain(con), newTune(con), newCompare(con), newGenerate(con),
		newEvaluate(con), newReport(con), newFewShot(con), newPredict(con), newServe(con), newVerify(con), newDownload(con), newCheck(con), newDemo(con), newVersion(con),
		&cobra.Command{Use: "exit-codes", Short: "what the exit codes mean", Long: exitCodesHelp},
	)
	con.addCompletions(root)
	return root
}

// must panics: the flag it was called for does not exist, which every test of the command would see.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

// oneOf refuses a flag's value that is not among the allowed ones.
func oneOf(flag, value string, allowed ...string) error {
	for _, a := range allowed {
		if value == a {
			return nil
		}
	}
	return usagef("--%s %q is not known; it can be %s", flag, value, enumerate(allowed))
}

func enumerate(words []string) string {
	switch len(words) {
	case 0:
		return "nothing"
	case 1:
		return words[0]
	}
	s := words[0]
	for _, w := range words[1 : len(words)-1] {
		s += ", " + w
	}
	return s + " or " + words[len(words)-1]
}
