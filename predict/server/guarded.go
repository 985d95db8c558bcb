package server

import (
	"errors"
	"net"
	"net/http"
	"slices"
)

// Access says who may reach a handler, as in Options.
type Access struct {
	Token string
	Open  bool
	Hosts []string
}

// Guarded wraps another handler, which listens at an address, with a Server's checks: of the Host, of the origin of
// changes, and of the token. An address that other machines can reach requires a token, unless Open is set.
func Guarded(h http.Handler, at net.Addr, a Access) (http.Handler, error) {
	if a.Token != "" && len(a.Token) < minToken {
		return nil, errors.New("server: the token is too short")
	}
	g := &guard{hosts: slices.Clone(a.Hosts), token: a.Token, next: http.NewCrossOriginProtection().Handler(h), count: func(string) {}}
	if g.token == "" {
		if !Loopback(at) && !a.Open {
			return nil, errors.New("server: an address that other machines can reach needs a token")
		}
		g.hosts = append([]string{}, g.hosts...) // not nil: names are checked
	}
	return g, nil
}
