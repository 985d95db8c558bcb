package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	neturl "net/url"
	"time"

	"vzsl/pipeline/runlist"
	"vzsl/predict/server"
)

// serveReports shows the runs below --out and their reports in the browser until ctx ends.
func (o *serveOptions) serveReports(ctx context.Context, con *cli, token string) error {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", o.listen)
	if err != nil {
		return fmt.Errorf("--listen %s: %w; --listen 127.0.0.1:0 uses any free port", o.listen, err)
	}
	if token == "" && !o.noToken && !server.Loopback(l.Addr()) {
		token = server.NewToken()
	}
	h, err := server.Guarded(runlist.Handler(con.Workspace), l.Addr(), server.Access{Token: token, Open: o.noToken, Hosts: o.hosts})
	if err != nil {
		return errors.Join(err, l.Close())
	}
	url := "http://" + l.Addr().String()
	err = con.result(struct {
		URL   string `json:"url"`
		Token string `json:"token,omitempty"`
	}{url, token}, func(w io.Writer) {
		if token != "" {
			url += "/?token=" + neturl.QueryEscape(token)
		}
		fmt.Fprintf(w, "%s: the runs and reports of %s; stop with Ctrl-C\n", url, con.Dir)
	})
	if err != nil {
		return errors.Join(err, l.Close())
	}
	srv := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: o.readTimeout, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10}
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(l) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), o.grace)
	defer cancel()
	return srv.Shutdown(end)
}
