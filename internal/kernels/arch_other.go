//go:build !amd64 && !arm64

package kernels

func archs() []*arch { return []*arch{goArch} }
