package server

import (
	"testing"

	"vzsl/internal/pagetest"
)

// The page to drop pictures on, in a browser.
func TestPages(t *testing.T) {
	url, _ := start(t, Options{})
	pagetest.Check(t, url+"/")
}
