package pipeline

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"vzsl/pipeline/usage"
)

// Main runs the vzsl command with the given arguments and returns its exit code.
// Results go to stdout, everything else to stderr.
func Main(args []string, stdout, stderr io.Writer) int {
	// The first signal cancels the context, so that finished work is kept; the second one kills.
	ctx, stop := signal.NotifyContext(context.Background(), ending()...)
	defer stop()
	context.AfterFunc(ctx, func() {
		// Whoever reads standard error may have ended by the same signal: what is to be saved is saved all the same.
		signal.Ignore(syscall.SIGPIPE)
		stop()
	})
	return run(ctx, args, stdout, stderr)
}

// ending are the signals that end a command: Ctrl-C, SIGTERM, and SIGHUP of a terminal that is closed. What the parent ignores
// stays ignored: nohup does it with SIGHUP, a shell's script with SIGINT for what runs in its background.
func ending() []os.Signal {
	all := []os.Signal{syscall.SIGTERM}
	for _, s := range []os.Signal{os.Interrupt, syscall.SIGHUP} {
		if !signal.Ignored(s) {
			all = append(all, s)
		}
	}
	return all
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	con := newCLI(stdout, stderr)
	con.args = args
	root := newRoot(con)
	args, con.helpAll = asksHelpAll(args)
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	if lost := con.Unmount(); lost != nil {
		err = errors.Join(err, lost)
	}
	if err != nil && !con.started {
		// cobra refused the command line before any command ran, and perhaps before it came to --json or the settings file.
		if advice(err) == "" { // a disk that cannot be read is no mistake of the command line
			err = usage.Wrap(wrongArguments(cmd, err))
		}
		if con.json = con.json || asksJSON(args); !con.json {
			_ = con.applyConfig(cmd) // the first error counts
		}
	}
	code := exitCode(err)
	if lost := con.stdout.err; lost != nil && (code == exitDone || code == exitSkipped) {
		err, code = lost, exitFailed
	}
	f := failure{ExitCode: code}
	switch code {
	case exitDone, exitSkipped:
		return code
	case exitInterrupted:
		f.Error = "interrupted; run the same command again to resume"
	case exitUsage:
		f.Error, f.See = err.Error(), cmd.CommandPath()+" --help"
	default:
		f.Error = err.Error()
		if say := advice(err); say != "" {
			f.Error += "; " + say
		}
	}
	con.fail(f)
	return code
}

// asksJSON looks for --json in a command line that could not be read to its end.
func asksJSON(args []string) bool {
	asked := false
	for _, a := range args {
		switch value, given := strings.CutPrefix(a, "--json="); {
		case a == "--":
			return asked
		case a == "--json":
			asked = true
		case given:
			asked, _ = strconv.ParseBool(value)
		}
	}
	return asked
}

// Command is the vzsl command with all commands below it, for the reference that is generated from it.
func Command() *cobra.Command { return newRoot(newCLI(os.Stdout, os.Stderr)) }

func newRoot(con *cli) *cobra.Command {
	var version bool
	root := &cobra.Command{
		Use:   "vzsl",
		Short: "zero-shot learning, from pixels to a report",
		Long: `Zero-shot image classification: recognises classes without training images from their descriptions.
Files are written below --out: features/<dataset>/<network>/, runs/<run>/, reports/<run>/.`,
		Example: `  vzsl demo                     run all stages on built-in images, nothing to download
  vzsl check cub                check a dataset, and show the command to run next`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if version {
				return con.version()
			}
			return cmd.Help()
		},
	}
	root.Flags().BoolVar(&version, "version", false, "print the version")
	root.SetOut(con.stdout)
	root.SetErr(con.stderr)

	f := root.PersistentFlags()
	f.StringVar(&con.configFile, "config", "", "settings `file` (default: vzsl.toml in the current folder, where there is one)")
	f.StringVar(&con.Dir, "out", ".", "`folder` that holds features/, runs/ and reports/; also s3://bucket/folder")
	f.StringVar(&con.Stores.S3Endpoint, "s3-endpoint", "", "`address` of the server of s3:// (default: AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, else Amazon's)")
	f.BoolVar(&con.json, "json", false, "print the result and errors as JSON")
	f.BoolVarP(&con.quiet, "quiet", "q", false, "show only warnings and errors, no progress or notes")
	f.BoolVarP(&con.verbose, "verbose", "v", false, "log details")
	f.Bool(helpAllFlag, false, "show help with rarely used flags and all details")
	must(root.MarkPersistentFlagDirname("out"))
	must(root.MarkPersistentFlagFilename("config", "toml"))

	root.PersistentPreRunE = func(cmd *cobra.Command, args []string) error {
		if err := con.applyConfig(cmd); err != nil {
			return err
		}
		con.setUp()
		con.started = true
		return con.mount(cmd, args)
	}
	root.AddCommand(
		newExtract(con), newAttributes(con), newSplit(con), newImport(con), newExport(con), newTrain(con), newTune(con), newCompare(con), newMethods(con), newGenerate(con),
		newEvaluate(con), newReport(con), newFewShot(con), newAudit(con), newRuns(con), newPredict(con), newServe(con), newVerify(con), newDownload(con), newCheck(con), newDemo(con), newVersion(con),
		newPlan(con), newFinish(con), newStatus(con),
		&cobra.Command{Use: "exit-codes", Short: "what the exit codes mean", Long: exitCodesHelp},
	)
	root.SetHelpCommand(&cobra.Command{
		Use:   "help [command]",
		Short: "the help of a command",
		RunE: func(_ *cobra.Command, args []string) error {
			about, rest, err := root.Find(args)
			if len(rest) > 0 {
				err = cobra.NoArgs(about, rest)
			}
			if err != nil {
				return usage.Wrap(unknownCommand(about, rest[0]))
			}
			return about.Help()
		},
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
			return commandNames(root), cobra.ShellCompDirectiveNoFileComp
		},
	})
	addGroups(root)
	root.SetHelpFunc(con.showHelp)
	con.addCompletions(root)
	root.SetFlagErrorFunc(con.wrongFlag)
	return root
}

// must panics: the flag it was called for does not exist, which every test of the command would see.
func must(err error) {
	if err != nil {
		panic(err)
	}
}
