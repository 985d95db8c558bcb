// Command generate writes the assembly of internal/kernels and the Go
// declarations beside it: go run . in this folder, or go generate in the one
// above.
package main

import (
	"flag"
	"log"
	"os"
	"path/filepath"
	"regexp"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/pass"
	"github.com/mmcloughlin/avo/printer"
	"github.com/mmcloughlin/avo/reg"
)

// gen is one file in the making.
type gen struct {
	*build.Context
	isa
	globals map[string]operand.Mem // constants written already
}

// isa is a vector instruction set: its registers and their width.
type isa struct {
	name  string // suffix of the functions' names
	bytes int    // of a vector register
	count int    // of vector registers
	reg   func(i int) reg.VecPhysical
}

var (
	avx2   = isa{"AVX2", 32, 16, func(i int) reg.VecPhysical { return ymm[i] }}
	avx512 = isa{"AVX512", 64, 32, func(i int) reg.VecPhysical { return zmm[i] }}

	xmm = []reg.VecPhysical{reg.X0, reg.X1, reg.X2, reg.X3, reg.X4, reg.X5, reg.X6, reg.X7, reg.X8, reg.X9, reg.X10, reg.X11, reg.X12, reg.X13, reg.X14, reg.X15}
	ymm = []reg.VecPhysical{reg.Y0, reg.Y1, reg.Y2, reg.Y3, reg.Y4, reg.Y5, reg.Y6, reg.Y7, reg.Y8, reg.Y9, reg.Y10, reg.Y11, reg.Y12, reg.Y13, reg.Y14, reg.Y15}
	zmm = []reg.VecPhysical{reg.Z0, reg.Z1, reg.Z2, reg.Z3, reg.Z4, reg.Z5, reg.Z6, reg.Z7, reg.Z8, reg.Z9, reg.Z10, reg.Z11, reg.Z12, reg.Z13, reg.Z14, reg.Z15,
		reg.Z16, reg.Z17, reg.Z18, reg.Z19, reg.Z20, reg.Z21, reg.Z22, reg.Z23, reg.Z24, reg.Z25, reg.Z26, reg.Z27, reg.Z28, reg.Z29, reg.Z30, reg.Z31}
)

// elem is an element type.
type elem struct {
	name   string // Go's
	letter string // of the functions' names
	bytes  int
	double bool
}

var (
	f32 = elem{"float32", "s", 4, false}
	f64 = elem{"float64", "d", 8, true}
)

func main() {
	log.SetFlags(0)
	out := flag.String("dir", "..", "folder to write to")
	flag.Parse()
	for _, f := range []struct {
		name string
		make func(*gen)
	}{
		{"gemm", gemmFile},
		{"transpose", transposeFile},
		{"pack", packFile},
		{"vector", vectorFile},
		{"winograd", winogradFile},
		{"peak", peakFile},
		{"tile", tileFile},
		{"depthwise", depthwiseFile},
		{"function", functionFile},
		{"row", rowFile},
		{"pixel", pixelFile},
	} {
		ctx := build.NewContext()
		for _, is := range []isa{avx2, avx512} {
			f.make(&gen{ctx, is, map[string]operand.Mem{}})
		}
		if err := write(ctx, filepath.Join(*out, f.name+"_amd64")); err != nil {
			log.Fatalf("%s: %v", f.name, err)
		}
	}
	if err := neonFiles(*out); err != nil {
		log.Fatal(err)
	}
}

func write(ctx *build.Context, path string) error {
	file, err := ctx.Result()
	if err != nil {
		return err
	}
	if err := pass.Compile.Execute(file); err != nil {
		return err
	}
	cfg := printer.Config{Argv: []string{"go", "generate"}, Pkg: "kernels"}
	for ext, p := range map[string]printer.Printer{".s": printer.NewGoAsm(cfg), ".go": printer.NewStubs(cfg)} {
		text, err := p.Print(file)
		if err != nil {
			return err
		}
		if ext == ".s" {
			text = spread(text)
		}
		if err := os.WriteFile(path+ext, text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

var single = regexp.MustCompile(`(?m)^\t(\w+)( +)(k[0-9a-f]{8}x4<>\+0\(SB\), .*Z\d+)$`)

// spread makes the instructions that read a constant of one value into a vector repeat it.
func spread(text []byte) []byte {
	return single.ReplaceAllFunc(text, func(line []byte) []byte {
		m := single.FindSubmatch(line)
		op := string(m[1]) + ".BCST"
		if string(m[1]) == "VMOVUPS" {
			op = "VBROADCASTSS"
		}
		return []byte("\t" + op + " " + string(m[3]))
	})
}

// function starts a function; doc may contain lines.
func (g *gen) function(name, signature string, doc ...string) {
	g.Function(name)
	g.Attributes(build.NOSPLIT)
	g.Pragma("noescape")
	g.SignatureExpr(signature)
	doc[0] = name + " " + doc[0]
	g.Doc(doc...)
}

func (g *gen) gp(param string) reg.GPVirtual { return g.Load(g.Param(param), g.GP64()).(reg.GPVirtual) }

// param is a parameter's place on the stack.
func (g *gen) param(name string) operand.Mem {
	p, err := g.Param(name).Resolve()
	if err != nil {
		log.Fatal(err)
	}
	return p.Addr
}

func (g *gen) end() {
	g.VZEROUPPER()
	g.RET()
}

func (g *gen) zero(r reg.Register) {
	if g.bytes == 64 {
		g.VPXORD(r, r, r)
	} else {
		g.VXORPS(r, r, r)
	}
}

// The instructions in the element type's precision.

func (g *gen) load(e elem, m, r operand.Op) {
	if e.double {
		g.VMOVUPD(m, r)
	} else {
		g.VMOVUPS(m, r)
	}
}

func (g *gen) broadcast(e elem, m, r operand.Op) {
	if e.double {
		g.VBROADCASTSD(m, r)
	} else {
		g.VBROADCASTSS(m, r)
	}
}

func (g *gen) fma(e elem, a, b, acc operand.Op) {
	if e.double {
		g.VFMADD231PD(a, b, acc)
	} else {
		g.VFMADD231PS(a, b, acc)
	}
}

func (g *gen) mul(e elem, a, b, dst operand.Op) {
	if e.double {
		g.VMULPD(a, b, dst)
	} else {
		g.VMULPS(a, b, dst)
	}
}

func ref(name string) operand.LabelRef { return operand.LabelRef(name) }

func mem(base reg.Register, disp int) operand.Mem { return operand.Mem{Base: base, Disp: disp} }
