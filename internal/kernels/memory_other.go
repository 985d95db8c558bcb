//go:build !linux

package kernels

func mapped(int) ([]float32, func()) { return nil, nil }
