package kernels

func archs() []*arch { return []*arch{goArch} }
