package pipeline

import (
	"context"
	"errors"
	"net/http"
	"time"

	"vzsl/pipeline/runlist"
	"vzsl/predict/server"
)

// serveReports shows the runs below --out and their reports in the browser until ctx ends.
func (o *serveOptions) serveReports(ctx context.Context, con *cli, token string) error {
	l, token, err := o.bind(ctx, token)
	if err != nil {
		return err
	}
	h, err := server.Guarded(runlist.Handler(con.Workspace), l.Addr(), server.Access{Token: token, Open: o.noToken, Hosts: o.hosts})
	if err != nil {
		return errors.Join(err, l.Close())
	}
	if err := con.announce(l, listening{Token: token}, "the runs and reports of "+con.Dir); err != nil {
		return err
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
