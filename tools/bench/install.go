package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"vzsl/internal/kernels"
)

// What the peers need. ONNX Runtime comes from npm (make interop installs it), everything else from Debian.
const (
	nodePackages   = "internal/interop/testdata"
	pythonPackages = "python3-torch python3-torchvision python3-numpy python3-pil"
	blasPackage    = "libopenblas0-pthread"
	npmPackages    = "nodejs npm"
)

// installPeers installs what is missing, where it can. What it cannot is said by the parts that want it.
func (b *bench) installPeers(ctx context.Context) {
	do := func(name string, args ...string) {
		note("%s %s", name, strings.Join(args, " "))
		if out, err := exec.CommandContext(ctx, name, args...).CombinedOutput(); err != nil {
			note("%s: %v: %s", name, err, strings.TrimSpace(string(out)))
		}
	}
	libs, _ := filepath.Glob(openBLAS)
	b.python = findPython(ctx)
	// One by one: a Node that is not Debian's conflicts with Debian's npm, and must not keep PyTorch from being installed.
	var missing []string
	if !b.haveTorchvision(ctx) {
		missing = append(missing, pythonPackages)
	}
	if len(libs) == 0 {
		missing = append(missing, blasPackage)
	}
	if _, err := exec.LookPath("npm"); err != nil && !b.haveORT(ctx) {
		missing = append(missing, npmPackages)
	}
	_, err := exec.LookPath("apt-get")
	for _, packages := range missing {
		if err != nil || os.Getuid() != 0 {
			note("missing packages of Debian cannot be installed here; as root: apt-get install %s", packages)
			continue
		}
		do("apt-get", append([]string{"install", "-y", "--no-install-recommends"}, strings.Fields(packages)...)...)
	}
	b.python = findPython(ctx)
	if !b.haveORT(ctx) {
		do("make", "interop-packages")
	}
}

const openBLAS = "/usr/lib/*/openblas-pthread/libopenblas.so.0"

// scripts is the folder of the peers' programs, seen from the project's.
const scripts = "tools/bench"

func script(name string) string { return filepath.Join(filepath.FromSlash(scripts), name) }

// findPython is a Python with PyTorch, NumPy and PIL: Debian's before another.
func findPython(ctx context.Context) string {
	for _, p := range []string{"/usr/bin/python3", "python3"} {
		if exec.CommandContext(ctx, p, "-c", "import torch, numpy, PIL").Run() == nil {
			return p
		}
	}
	return ""
}

// nodePath names the folders where onnxruntime-node may be.
func (b *bench) nodePath() string {
	list, err := filepath.Abs(nodePackages + "/node_modules")
	if err != nil {
		list = nodePackages + "/node_modules"
	}
	if p := os.Getenv("NODE_PATH"); p != "" {
		list = p + string(os.PathListSeparator) + list
	}
	return "NODE_PATH=" + list
}

func (b *bench) haveORT(ctx context.Context) bool {
	c := exec.CommandContext(ctx, "node", "-e", "require('onnxruntime-node')")
	c.Env = append(os.Environ(), b.nodePath())
	return c.Run() == nil
}

// Why a peer is left out, for the page.
const (
	noORT   = "ONNX Runtime is not installed here (make interop-packages), so it is left out."
	noTorch = "PyTorch is not installed here (Debian: python3-torch, python3-numpy, python3-pil), so it is left out."
)

// own starts one of this project's engines; env may choose kernels.
func (b *bench) own(ctx context.Context, name string, env []string, args ...string) (*peer, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	env = append([]string{fmt.Sprintf("GOMAXPROCS=%d", b.threads)}, env...)
	return start(ctx, name, env, self, append([]string{"worker"}, args...)...)
}

// ort starts ONNX Runtime, or gives nil where it is not installed.
func (b *bench) ort(ctx context.Context, n *network, images string) (*peer, error) {
	if !b.haveORT(ctx) {
		return nil, nil
	}
	return start(ctx, "ONNX Runtime", []string{b.nodePath()}, "node", script("ort.js"),
		n.Path, n.shape(), images, fmt.Sprint(b.threads))
}

// torch starts PyTorch, or gives nil where it is not installed.
func (b *bench) torch(ctx context.Context, args ...string) (*peer, error) {
	if b.python == "" {
		return nil, nil
	}
	args = append([]string{script("torch_peer.py")}, args...)
	return start(ctx, "PyTorch", b.blasEnv(), b.python, append(args, fmt.Sprint(b.threads))...)
}

// blasEnv makes OpenBLAS use the CPU's vectors: as Debian ships it, it takes newer CPUs for old ones.
func (b *bench) blasEnv() []string {
	env := []string{fmt.Sprintf("OPENBLAS_NUM_THREADS=%d", b.threads), fmt.Sprintf("OMP_NUM_THREADS=%d", b.threads)}
	switch kernels.Levels()[0] {
	case "avx512":
		env = append(env, "OPENBLAS_CORETYPE=SkylakeX")
	case "avx2":
		env = append(env, "OPENBLAS_CORETYPE=Haswell")
	}
	return env
}
