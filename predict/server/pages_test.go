package server

import (
	"testing"

	"vzsl/internal/pagetest"
)

// The page to drop images on, in a browser.
func TestPages(t *testing.T) {
	check := pagetest.Browser(t)
	url, _ := start(t, Options{})
	check(url + "/")
}
