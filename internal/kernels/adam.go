package kernels

import "math"

// Adam is one step of Kingma and Ba's optimiser (arXiv:1412.6980, algorithm 1).
type Adam struct {
	Rate         float64
	Beta1, Beta2 float64 // usually 0.9, 0.999
	Epsilon      float64 // usually 1e-8
	WeightDecay  float64 // added to the gradient times the parameter (L2)
	Scale        float64 // the gradient's factor, from clipping; 0 means 1
	Step         int     // 1 for the first
}

// adamCoefficients are the step's constants as the kernels use them:
//
//	g = scale*grad + decay*param
//	m = beta1*m + (1-beta1)*g
//	v = beta2*v + (1-beta2)*g*g
//	param -= rate * m / (sqrt(v)*root + epsilon)
//
// with rate = Rate/(1-Beta1^Step) and root = 1/sqrt(1-Beta2^Step), the paper's
// bias correction.
type adamCoefficients struct {
	scale, decay, beta1, rest1, beta2, rest2, rate, root, epsilon float32
}

// AdamStep updates param and its two moments, m and v, by grad, in one pass.
// All have the same length.
func AdamStep(o Adam, param, grad, m, v []float32) {
	sameLen(len(param), len(grad))
	sameLen(len(param), len(m))
	sameLen(len(param), len(v))
	if o.Scale == 0 {
		o.Scale = 1
	}
	t := float64(max(o.Step, 1))
	k := adamCoefficients{
		scale: float32(o.Scale), decay: float32(o.WeightDecay),
		beta1: float32(o.Beta1), rest1: float32(1 - o.Beta1),
		beta2: float32(o.Beta2), rest2: float32(1 - o.Beta2),
		rate:    float32(o.Rate / (1 - math.Pow(o.Beta1, t))),
		root:    float32(1 / math.Sqrt(1-math.Pow(o.Beta2, t))),
		epsilon: float32(o.Epsilon),
	}
	w := vec()
	n, i := w.whole(len(param), 4)
	if n > 0 {
		w.adam(&k.scale, &param[0], &grad[0], &m[0], &v[0], n)
	}
	goAdam(&k, param[i:], grad[i:], m[i:], v[i:])
}

func goAdam(k *adamCoefficients, param, grad, m, v []float32) {
	grad, m, v = grad[:len(param)], m[:len(param)], v[:len(param)]
	for i, p := range param {
		g := k.scale*grad[i] + k.decay*p
		m1 := k.beta1*m[i] + k.rest1*g
		v1 := k.beta2*v[i] + k.rest2*(g*g)
		m[i], v[i] = m1, v1
		param[i] = p - k.rate*m1/(float32(math.Sqrt(float64(v1)))*k.root+k.epsilon)
	}
}
