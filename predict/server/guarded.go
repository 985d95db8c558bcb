package server

import (
	"errors"
	"net"
	"net/http"
	"slices"
)

// Access says who may reach a handler, as Options say it of a Server.
type Access struct {
	Token string
	Open  bool
	Hosts []string
}

// Guarded puts the checks of a Server before another handler that listens at an address: of the Host, of the origin of what would change
// something, and of the token. Beyond this machine a token is required, unless Open is set.
func Guarded(h http.Handler, at net.Addr, a Access) (http.Handler, error) {
	if a.Token != "" && len(a.Token) < minToken {
		return nil, errors.New("server: the token is too short")
	}
	g := &guard{hosts: slices.Clone(a.Hosts), token: a.Token, next: http.NewCrossOriginProtection().Handler(h), count: func(string) {}}
	if g.token == "" {
		if !Loopback(at) && !a.Open {
			return nil, errors.New("server: a listener beyond this machine needs a token")
		}
		g.hosts = append([]string{}, g.hosts...) // not nil: names are checked
	}
	return g, nil
}
