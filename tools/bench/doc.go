// Command bench measures vzsl beside its peers and writes docs/benchmarks.md:
//
//	make bench          everything; missing peers are installed from npm and Debian
//	go run ./tools/bench -small     a rehearsal in a minute or two; writes nothing
//
// Absolute times move by a third from run to run on a shared machine. So whatever is compared runs by
// turns in one session, each side in a process of its own that stays loaded, and the figure is the
// median of the ratios of neighbouring turns. The processes speak one protocol (peer.go), the engines
// of this project included (worker.go). A peer that cannot be had is left out, and the page says so.
//
// The networks have VGG-19's shape and deterministic random weights (model.go): neither speed nor
// memory depends on what the weights are.
package main
