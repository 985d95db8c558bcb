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
		Short:   "predict over HTTP, with a page to drop images on",
		Example: `  vzsl serve --dataset photos --split pictured`,
		Long: `Names images over HTTP, with the answers of 'vzsl predict', and takes new classes while it runs. The
address it listens on shows a page to drop an image on and to edit the list of classes.

  POST /predict              an image as the body, or files of a form; ?top=5&explain=5&none_below=0.3 (or auto)
  GET /classes               the names; /classes.csv all of it, for --classes
  GET, PUT, DELETE /classes/NAME   {"attributes": {"stripes": 60, ...}}; {"phrase": ...} for texts and word vectors
  POST /classes/NAME         images of the class, as for /predict: the model takes them in at once
                             (vzsl with its closed-form block, plda); --examples does so at the start
  POST /rank                 images of before again, by the ids that /predict gives
  GET /labels                which class images show; PUT, DELETE /labels/ID
  POST /describe             {"class": ..., "phrase": ...}: the vector of a name or sentence, where the model was trained on such
  GET /attributes, /model, /healthz, /metrics (Prometheus)`,
		Annotations: details(`  curl --data-binary @holiday/1.jpg http://127.0.0.1:8080/predict
  curl -X PUT -d '{"attributes": {"stripes": 60, "hooves": 100}}' http://127.0.0.1:8080/classes/okapi

Images of concurrent requests go through the network together. Changes of the classes are written to --classes
where that is a CSV file of the model's attributes, and else last until the server ends: /classes.csv has them.
--labels keeps which class the images show that were corrected on the page.

A listener that other machines can reach asks for a token, which is printed with the address: the page is
opened by it, programs send the header 'Authorization: Bearer TOKEN'. There is no encryption: on a network
put a proxy before it that has TLS. A proxy that passes the clients' Host header needs --host NAME.

--reports shows the runs below --out and their reports, read only, in place of a model ('vzsl runs' lists them).

Ctrl-C or SIGTERM: no more requests are taken, those in progress are finished.`),
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runServe(cmd.Context(), con, &o) },
	}
	addRun(cmd, &o.run)
	must(cmd.Flags().MarkHidden("network")) // the run knows it
	addClassList(cmd, &o.classes)
	o.addMissing(cmd)
	addPictures(cmd, &o.pictures)
	f := cmd.Flags()
	o.addExamples(cmd)
	f.StringVar(&o.listen, "listen", "127.0.0.1:8080", "`address` to listen on; :8080 is every address of this machine, port 0 one that is free")
	f.BoolVar(&o.reports, "reports", false, "the runs below --out and their reports in the browser, in place of a model")
	f.StringVar(&o.labelFile, "labels", "", "`file` (CSV) that keeps which class the images show that were corrected or given as examples; it is read at the start, written at every change")
	addData(cmd, &o.run.Dataset)
	f.StringVar(&o.tokenFile, "token-file", "", "`file` with the token that requests must carry, 16 characters or more (default: one is drawn where --listen is not on loopback)")
	f.BoolVar(&o.noToken, "no-token", false, "ask for no token on any address: whoever reaches it may predict and change classes")
	f.StringArrayVar(&o.hosts, "host", nil, "`name` by which clients know this server, beside localhost and IP addresses (may be repeated)")
	f.IntVar(&o.requests, "max-requests", 256, "`requests` with a body in progress; more are answered with 503")
	f.IntVar(&o.connections, "max-connections", 1024, "open `connections`; more wait")
	f.IntVar(&o.Top, "top", 5, "`classes` told of each image where the request does not say")
	f.StringVar(&o.noneBelow, "none-below", "0", "an image whose best class has a smaller `probability` is none of them, where the request does not say; auto: by the threshold of the score that was chosen on validation classes in training")
	f.IntVar(&o.body, "max-body", 32, "`MB` of a request")
	f.IntVar(&o.bodies, "max-bodies", 256, "`MB` of all requests at work together; others wait")
	f.IntVar(&o.pictures.Megapixels, "max-pixels", 50, "`millions` of pixels of an image")
	f.DurationVar(&o.readTimeout, "read-timeout", 30*time.Second, "for a request to come whole")
	f.DurationVar(&o.timeout, "timeout", 30*time.Second, "for its answer")
	f.DurationVar(&o.grace, "grace", 30*time.Second, "for requests at work when the server is to end")
	rare(cmd, "missing", "batch", "workers", "engine", "ort-library", "ort-provider", "class-column", "attribute-column", "ignore-column", "words-format", "max-pixels", "recipe", "transductive", "names", "words", "data", "max-bodies", "read-timeout", "grace", "timeout", "max-requests", "max-connections", "host", "no-token")
	return cmd
}

func runServe(ctx context.Context, con *cli, o *serveOptions) error {
	if err := o.check(); err != nil {
		return err
	}
	for flag, n := range map[string]int{"max-body": o.body, "max-requests": o.requests, "max-connections": o.connections, "max-bodies": o.bodies, "max-pixels": o.pictures.Megapixels,
		"timeout": int(o.timeout), "read-timeout": int(o.readTimeout), "grace": int(o.grace)} {
		if n <= 0 {
			return usage.Errorf("--%s must be more than 0", flag)
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
	p, err := con.openPredictor(ctx, &o.predictOptions)
	if err != nil {
		return err
	}
	if err := o.settle(con, p); err != nil {
		return err
	}
	pics, err := con.OpenPictures(ctx, p.run, p.model.Source(), &o.pictures)
	if err != nil {
		return err
	}
	defer pics.Close()
	if o.examples != "" {
		if err := p.learn(ctx, con, o.examples, pics); err != nil {
			return err
		}
	}
	options := server.Options{
		Run: p.run, Info: modelInfo(p), Model: served(p.model), Pictures: pics, Classes: *p.classes, Predict: o.Options,
		ImageStatus: refusedPicture, MaxBody: int64(o.body) << 20, MaxBodies: int64(o.bodies) << 20,
		Warnings: p.doubt,
		Timeout:  o.timeout, ReadTimeout: o.readTimeout, Grace: o.grace, Log: con.Log,
	}
	if p.model.NoneBelow(2) != nil {
		options.Threshold = p.threshold
	}
	options.ClassFile, options.LabelFile = o.classesTo(con, p.model.Attributes()), o.labelFile
	options.Space = description.New(p.model.Attributes(), workspace.SeenClasses(p.inputs, p.model))
	training, err := con.OpenTraining(ctx, &o.run, p.inputs, p.model)
	if err != nil {
		return err
	}
	defer training.Close()
	if training != nil {
		options.Training = training
	}
	speaker, err := con.OpenSpeaker(p.inputs, p.model, &o.classes)
	if err != nil {
		return err
	}
	defer speaker.Close()
	if speaker != nil {
		options.Lookup, options.Words = speaker.Lookup, speaker.Kind
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", o.listen)
	if err != nil {
		return fmt.Errorf("--listen %s: %w; --listen 127.0.0.1:0 takes a port that is free", o.listen, err)
	}
	if token == "" && !o.noToken && !server.Loopback(l.Addr()) {
		token = server.NewToken()
	}
	options.Token, options.Open, options.Hosts = token, o.noToken, o.hosts
	options.MaxRequests, options.MaxConnections = o.requests, o.connections
	s, err := server.New(options)
	if err != nil {
		return errors.Join(err, l.Close())
	}
	url := "http://" + l.Addr().String()
	err = con.result(struct {
		URL     string `json:"url"`
		Token   string `json:"token,omitempty"`
		Run     string `json:"run"`
		Classes int    `json:"classes"`
	}{url, token, p.run, len(p.classes.Names)}, func(w io.Writer) {
		if token != "" {
			url += "/?token=" + neturl.QueryEscape(token)
		}
		fmt.Fprintf(w, "%s: %s, %d classes to choose from; Ctrl-C ends it\n", url, p.run, len(p.classes.Names))
	})
	if err != nil {
		return errors.Join(err, l.Close())
	}
	return s.Serve(ctx, l)
}

// token is the one that the user has chosen; "": none.
func (o *serveOptions) token() (string, error) {
	switch {
	case o.tokenFile == "":
		return "", nil
	case o.noToken:
		return "", usage.Errorf("--token-file and --no-token exclude each other")
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
		return "", fmt.Errorf("%s: a token is one line of 16 to 4096 characters of ASCII without spaces", o.tokenFile)
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
func modelInfo(p *predictor) any {
	src, res := p.model.Source(), p.model.Result()
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
	}{p.run, p.model.Settings().Method, src.Dataset, p.model.Split(), src.Network, src.Layer, src.Recipe,
		len(p.model.Attributes()), len(p.model.Seen()), res.Accuracy, res.Temperature > 0, res.Temperature, version.Program()}
}
