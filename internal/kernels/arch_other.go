//go:build !amd64

package kernels

func archs() []*arch { return []*arch{goArch} }
