package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	neturl "net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"vzsl/extract"
	"vzsl/internal/version"
	"vzsl/pipeline/classify"
	"vzsl/pipeline/usage"
	"vzsl/pipeline/workspace"
	"vzsl/predict/description"
	"vzsl/predict/server"
)

type serveOptions struct {
	predictOptions
	listen                      string
	classFile, labelFile        string // that the server writes
	tokenFile                   string
	noToken, reports            bool
	hosts                       []string
	requests, connections       int
	body, bodies                int // MB
	timeout, readTimeout, grace time.Duration
}

func newServe(con *cli) *cobra.Command {
	var o serveOptions
	cmd := &cobra.Command{
		Use:     "serve",
		Short:   "classify images over HTTP, with a web page",
		Example: `  vzsl serve --dataset photos --split pictured`,
		Long: `Classifies images over HTTP, with the results of 'vzsl predict', and accepts new classes while it runs. Its
address shows a web page for dropping images and editing the list of classes.

  POST /predict              an image as the body, or files in a form; ?top=5&explain=5&none_below=0.3 (or auto)
  GET /classes               the names; /classes.csv with all values, for --classes
  GET, PUT, DELETE /classes/NAME   {"attributes": {"stripes": 60, ...}}; {"phrase": ...} for texts and word vectors
  POST /classes/NAME         images of the class, as for /predict: the model is updated with them directly
                             (vzsl with its closed-form block, plda); --examples does this at startup
  POST /rank                 rank earlier images again, by the ids that /predict returned
  GET /labels                the corrected labels of images; PUT, DELETE /labels/ID
  POST /describe             {"class": ..., "phrase": ...}: the vector of a name or sentence, where the model was trained on these
  GET /attributes, /model, /healthz, /metrics (Prometheus)`,
		Annotations: details(`  curl --data-binary @holiday/1.jpg http://127.0.0.1:8080/predict
  curl -X PUT -d '{"attributes": {"stripes": 60, "hooves": 100}}' http://127.0.0.1:8080/classes/okapi

Images of concurrent requests are processed by the network as one batch. Changes of the classes are written to
--classes if that is a CSV file of the model's attributes; otherwise they last until the server stops, and
/classes.csv downloads them. --labels stores the labels of images that were corrected on the page.

If other machines can reach the address, requests need a token, which is printed as part of the address: open the
page with it; programs send the header 'Authorization: Bearer TOKEN'. There is no encryption: on a network, put a
proxy with TLS in front. If the proxy passes on the clients' Host header, add --host NAME.

--reports shows the runs below --out and their reports, read-only, instead of a model ('vzsl runs' lists them).

On Ctrl-C or SIGTERM no new requests are accepted and those in progress are finished.`),
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runServe(cmd.Context(), con, &o) },
	}
	addTrainedRun(cmd, &o.Run)
	must(cmd.Flags().MarkHidden("network")) // the run knows it
	addClassList(cmd, &o.Classes)
	o.addMissing(cmd)
	addPictures(cmd, &o.Images)
	f := cmd.Flags()
	o.addExamples(cmd)
	f.StringVar(&o.listen, "listen", "127.0.0.1:8080", "`address` to listen on; :8080 means all addresses of this machine, port 0 any free port")
	f.BoolVar(&o.reports, "reports", false, "show the runs below --out and their reports in the browser instead of a model")
	f.StringVar(&o.labelFile, "labels", "", "`file` (CSV) for the labels of images that were corrected or given as examples; read at startup, written at every change")
	addData(cmd, &o.Run.Dataset)
	f.StringVar(&o.tokenFile, "token-file", "", "`file` with the token that requests must carry, 16 characters or more (default: a random one if --listen is not a loopback address)")
	f.BoolVar(&o.noToken, "no-token", false, "require no token on any address: whoever can reach it can predict and change classes")
	f.StringArrayVar(&o.hosts, "host", nil, "host `name` of this server for clients, in addition to localhost and IP addresses (repeatable)")
	f.IntVar(&o.requests, "max-requests", 256, "most `requests` with a body in progress; further ones get status 503")
	f.IntVar(&o.connections, "max-connections", 1024, "most open `connections`; further ones wait")
	f.IntVar(&o.Predict.Top, "top", 5, "default of requests: `classes` shown per image")
	f.StringVar(&o.noneBelow, "none-below", "0", "default of requests: reject an image (none of the classes) if its best class has a smaller `probability`; auto: use the score threshold that training selected on validation classes")
	f.IntVar(&o.body, "max-body", 32, "maximum size of a request in `MB`")
	f.IntVar(&o.bodies, "max-bodies", 256, "maximum total size in `MB` of the requests in progress; further ones wait")
	f.IntVar(&o.Images.Megapixels, "max-pixels", 50, "most `megapixels` of an image")
	f.DurationVar(&o.readTimeout, "read-timeout", 30*time.Second, "time limit for receiving a request")
	f.DurationVar(&o.timeout, "timeout", 30*time.Second, "time limit for sending a response")
	f.DurationVar(&o.grace, "grace", 30*time.Second, "time limit for finishing requests at shutdown")
	rare(cmd, "max-body", "token-file", "seen", "missing", "batch", "workers", "engine", "ort-library", "ort-provider", "class-column", "attribute-column", "ignore-column", "words-format", "max-pixels", "recipe", "transductive", "names", "words", "data", "max-bodies", "read-timeout", "grace", "timeout", "max-requests", "max-connections", "host", "no-token")
	return cmd
}

func runServe(ctx context.Context, con *cli, o *serveOptions) error {
	if err := o.check(); err != nil {
		return err
	}
	for flag, n := range map[string]int{"max-body": o.body, "max-requests": o.requests, "max-connections": o.connections, "max-bodies": o.bodies, "max-pixels": o.Images.Megapixels,
		"timeout": int(o.timeout), "read-timeout": int(o.readTimeout), "grace": int(o.grace)} {
		if n <= 0 {
			return usage.Errorf("--%s must be greater than 0", flag)
		}
	}
	token, err := o.token()
	if err != nil {
		return err
	}
	if o.reports {
		return o.serveReports(ctx, con, token)
	}
	if err := o.begin(con); err != nil {
		return err
	}
	p, err := o.open(ctx, con)
	if err != nil {
		return err
	}
	pics, err := p.OpenImages(ctx)
	if err != nil {
		return err
	}
	defer pics.Close()
	if o.examples != "" {
		if err := p.Learn(ctx, o.examples, pics); err != nil {
			return err
		}
	}
	options := server.Options{
		Run: p.Run, Info: modelInfo(p), Model: p.Served(), Pictures: pics, Classes: *p.Classes, Predict: o.Predict,
		ImageStatus: refusedPicture, MaxBody: int64(o.body) << 20, MaxBodies: int64(o.bodies) << 20,
		Warnings: p.Doubt,
		Timeout:  o.timeout, ReadTimeout: o.readTimeout, Grace: o.grace, Log: con.Log,
	}
	if p.Model.NoneBelow(2) != nil {
		options.Threshold = p.Threshold
	}
	options.ClassFile, options.LabelFile = o.classesTo(con, p.Model.Attributes()), o.labelFile
	options.Space = description.New(p.Model.Attributes(), workspace.SeenClasses(p.Inputs, p.Model))
	training, err := con.OpenTraining(ctx, &o.Run, p.Inputs, p.Model)
	if err != nil {
		return err
	}
	defer training.Close()
	if training != nil {
		options.Training = training
	}
	speaker, err := con.OpenSpeaker(p.Inputs, p.Model, &o.Classes)
	if err != nil {
		return err
	}
	defer speaker.Close()
	if speaker != nil {
		options.Lookup, options.Words = speaker.Lookup, speaker.Kind
	}
	l, token, err := o.bind(ctx, token)
	if err != nil {
		return err
	}
	options.Token, options.Open, options.Hosts = token, o.noToken, o.hosts
	options.MaxRequests, options.MaxConnections = o.requests, o.connections
	s, err := server.New(options)
	if err != nil {
		return errors.Join(err, l.Close())
	}
	says := listening{Token: token, Run: p.Run, Classes: len(p.Classes.Names)}
	if err := con.announce(l, says, fmt.Sprintf("%s, %d candidate classes", says.Run, says.Classes)); err != nil {
		return err
	}
	return s.Serve(ctx, l)
}

// bind listens. If the listener can be reached from other machines and no token is set, it makes one.
func (o *serveOptions) bind(ctx context.Context, token string) (net.Listener, string, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", o.listen)
	if err != nil {
		return nil, "", fmt.Errorf("--listen %s: %w; --listen 127.0.0.1:0 uses any free port", o.listen, err)
	}
	if token == "" && !o.noToken && !server.Loopback(l.Addr()) {
		token = server.NewToken()
	}
	return l, token, nil
}

// listening is what --json says of a server.
type listening struct {
	URL     string `json:"url"`
	Token   string `json:"token,omitempty"`
	Run     string `json:"run,omitempty"`
	Classes int    `json:"classes,omitempty"`
}

// announce prints the address of a server, with its token, and what is served there. If it fails, it closes the listener.
func (c *cli) announce(l net.Listener, says listening, what string) error {
	says.URL = "http://" + l.Addr().String()
	err := c.result(says, func(w io.Writer) {
		url := says.URL
		if says.Token != "" {
			url += "/?token=" + neturl.QueryEscape(says.Token)
		}
		fmt.Fprintf(w, "%s: %s; stop with Ctrl-C\n", url, what)
	})
	if err != nil {
		return errors.Join(err, l.Close())
	}
	return nil
}

// token is the one that the user has chosen; "": none.
func (o *serveOptions) token() (string, error) {
	switch {
	case o.tokenFile == "":
		return "", nil
	case o.noToken:
		return "", usage.Errorf("--token-file and --no-token cannot be combined")
	}
	f, err := os.Open(o.tokenFile)
	if err != nil {
		return "", err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, 4097))
	if err != nil {
		return "", err
	}
	token := strings.TrimSpace(string(b))
	if len(token) < 16 || len(b) > 4096 || strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", fmt.Errorf("%s: not a token; write one line of 16 to 4096 ASCII characters without spaces", o.tokenFile)
	}
	return token, nil
}

// refusedPicture is the status for an image that cannot be used.
func refusedPicture(err error) int {
	var r *extract.Refusal
	switch {
	case !errors.As(err, &r):
		return 0
	case r.NoImage:
		return http.StatusUnsupportedMediaType
	case r.TooLarge:
		return http.StatusRequestEntityTooLarge
	}
	return http.StatusUnprocessableEntity
}

// modelInfo describes the model that is served.
func modelInfo(p *classify.Classifier) any {
	src, res := p.Model.Source(), p.Model.Result()
	return struct {
		Run         string  `json:"run"`
		Method      string  `json:"method"`
		Dataset     string  `json:"dataset"`
		Split       string  `json:"split"`
		Network     string  `json:"network"`
		Layer       string  `json:"layer"`
		Recipe      string  `json:"recipe"`
		Attributes  int     `json:"attributes"`
		Seen        int     `json:"seen_classes"`
		Accuracy    float64 `json:"validation_accuracy"`
		Calibrated  bool    `json:"calibrated"`
		Temperature float64 `json:"temperature"`
		Program     string  `json:"program"`
	}{p.Run, p.Model.Settings().Method, src.Dataset, p.Model.Split(), src.Network, src.Layer, src.Recipe,
		len(p.Model.Attributes()), len(p.Model.Seen()), res.Accuracy, res.Temperature > 0, res.Temperature, version.Program()}
}
