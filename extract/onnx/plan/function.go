package plan

import "math"

// ActivationKind names a function of one number.
type ActivationKind int

// The functions. Lo and Hi are their settings.
const (
	Relu            ActivationKind = iota
	LeakyRelu                      // slope Lo below 0
	Clip                           // to Lo ... Hi
	Sigmoid                        // 1/(1 + exp(-x))
	Tanh                           //
	HardSigmoid                    // clip(Lo*x + Hi) to 0 ... 1
	HardSwish                      // x * clip(x/6 + 1/2) to 0 ... 1
	Swish                          // x * sigmoid(Lo*x)
	Gelu                           // x/2 * (1 + erf(x/sqrt 2))
	GeluTanh                       // x/2 * (1 + tanh(sqrt(2/pi) * (x + 0.044715 x^3)))
	Mish                           // x * tanh(log(1 + exp x))
	Elu                            // Lo*(exp x - 1) below 0
	Selu                           // Hi*(x, or Lo*(exp x - 1) below 0)
	Celu                           // Lo*(exp(x/Lo) - 1) below 0
	ThresholdedRelu                // x above Lo, else 0
	Softplus                       // log(1 + exp x)
	Softsign                       // x/(1 + |x|)
	Erf
	Exp
	Log
	Sqrt
	Reciprocal
	Abs
	Neg
	Sign
	Floor
	Ceil
	Round // to the nearest, halves to even
	Trunc // towards 0
	Sin
	Cos
	Tan
	Atan
	Not
	IsNaN
	IsInf
)

// Apply is the function in double precision: what an engine's fast ways must agree with.
func (a *Activation) Apply(x float64) float64 {
	lo, hi := float64(a.Lo), float64(a.Hi)
	switch a.Kind {
	case Relu:
		if x < 0 {
			return 0
		}
	case LeakyRelu:
		if x < 0 {
			return lo * x
		}
	case Clip:
		return min(max(x, lo), hi)
	case Sigmoid:
		return 1 / (1 + math.Exp(-x))
	case Tanh:
		return math.Tanh(x)
	case HardSigmoid:
		return min(max(lo*x+hi, 0), 1)
	case HardSwish:
		return x * min(max(x/6+0.5, 0), 1)
	case Swish:
		return x / (1 + math.Exp(-lo*x))
	case Gelu:
		return x / 2 * (1 + math.Erf(x/math.Sqrt2))
	case GeluTanh:
		return x / 2 * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(x+0.044715*x*x*x)))
	case Mish:
		return x * math.Tanh(softplus(x))
	case Elu:
		if x < 0 {
			return lo * math.Expm1(x)
		}
	case Selu:
		if x < 0 {
			return hi * lo * math.Expm1(x)
		}
		return hi * x
	case Celu:
		if x < 0 {
			return lo * math.Expm1(x/lo)
		}
	case ThresholdedRelu:
		if x <= lo {
			return 0
		}
	case Softplus:
		return softplus(x)
	case Softsign:
		return x / (1 + math.Abs(x))
	case Erf:
		return math.Erf(x)
	case Exp:
		return math.Exp(x)
	case Log:
		return math.Log(x)
	case Sqrt:
		return math.Sqrt(x)
	case Reciprocal:
		return 1 / x
	case Abs:
		return math.Abs(x)
	case Neg:
		return -x
	case Sign:
		switch {
		case x > 0:
			return 1
		case x < 0:
			return -1
		}
	case Floor:
		return math.Floor(x)
	case Ceil:
		return math.Ceil(x)
	case Round:
		return math.RoundToEven(x)
	case Trunc:
		return math.Trunc(x)
	case Sin:
		return math.Sin(x)
	case Cos:
		return math.Cos(x)
	case Tan:
		return math.Tan(x)
	case Atan:
		return math.Atan(x)
	case Not:
		return truth(x == 0)
	case IsNaN:
		return truth(x != x)
	case IsInf:
		return truth(math.IsInf(x, 1) && hi != 0 || math.IsInf(x, -1) && lo != 0)
	}
	return x
}

func softplus(x float64) float64 {
	return max(x, 0) + math.Log1p(math.Exp(-math.Abs(x)))
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// BinaryKind names an operation on two numbers.
type BinaryKind byte

// The operations. Comparisons and logic give 1 or 0.
const (
	Add            BinaryKind = '+'
	Sub            BinaryKind = '-'
	Mul            BinaryKind = '*'
	Div            BinaryKind = '/'
	IntDiv         BinaryKind = 'i' // towards 0
	Pow            BinaryKind = '^'
	Mod            BinaryKind = 'm' // with the divisor's sign
	Fmod           BinaryKind = 'f' // with the dividend's
	Min            BinaryKind = 'l'
	Max            BinaryKind = 'h'
	PRelu          BinaryKind = 'p' // x, or x*y where x is below 0
	Greater        BinaryKind = '>'
	GreaterOrEqual BinaryKind = 'g'
	Less           BinaryKind = '<'
	LessOrEqual    BinaryKind = 'k'
	Equal          BinaryKind = '='
	And            BinaryKind = '&'
	Or             BinaryKind = '|'
	Xor            BinaryKind = 'x'
)

// Apply is the operation in double precision.
func (kind BinaryKind) Apply(x, y float64) float64 {
	switch kind {
	case Add:
		return x + y
	case Sub:
		return x - y
	case Mul:
		return x * y
	case Div:
		return x / y
	case IntDiv:
		return math.Trunc(x / y)
	case Pow:
		return math.Pow(x, y)
	case Mod:
		m := math.Mod(x, y)
		if m != 0 && (m < 0) != (y < 0) {
			m += y
		}
		return m
	case Fmod:
		return math.Mod(x, y)
	case Min:
		return min(x, y)
	case Max:
		return max(x, y)
	case PRelu:
		if x < 0 {
			return x * y
		}
		return x
	case Greater:
		return truth(x > y)
	case GreaterOrEqual:
		return truth(x >= y)
	case Less:
		return truth(x < y)
	case LessOrEqual:
		return truth(x <= y)
	case Equal:
		return truth(x == y)
	case And:
		return truth(x != 0 && y != 0)
	case Or:
		return truth(x != 0 || y != 0)
	case Xor:
		return truth((x != 0) != (y != 0))
	}
	return math.NaN()
}

// ReduceKind names a way to make one number of many.
type ReduceKind int

// The ways.
const (
	ReduceSum ReduceKind = iota
	ReduceMean
	ReduceMax
	ReduceMin
	ReduceProd
	ReduceL1
	ReduceL2
	ReduceSumSquare
	ReduceLogSum
	ReduceLogSumExp
)
