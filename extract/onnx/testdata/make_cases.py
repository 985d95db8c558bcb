#!/usr/bin/python3
"""Makes small networks whose results NumPy computes: make_cases.py

Writes cases.json: for each case an ONNX file (base64), an image, what its output must be, the steps that must be in the plan and
those that must not. They are the operators on constants and on the image, and the patterns that plans fuse and simplify, with
variants that look alike and must stay as they are. Needs python3-numpy; the ONNX files are written by this script itself.
"""
import base64, itertools, json, math, os, struct
import numpy as np

F, I, B, I8 = np.float32, np.int64, np.bool_, np.int8
TYPES = {np.dtype(F): 1, np.dtype(np.uint8): 2, np.dtype(I8): 3, np.dtype(np.int32): 6, np.dtype(I): 7, np.dtype(B): 9}


def varint(v):
    v &= (1 << 64) - 1
    out = b''
    while v > 127:
        out, v = out + bytes([v & 127 | 128]), v >> 7
    return out + bytes([v])


def num(n, v): return varint(n << 3) + varint(v)
def sub(n, b): return varint(n << 3 | 2) + varint(len(b)) + b
def text(n, s): return sub(n, s.encode())


def attribute(name, v):
    b = text(1, name)
    if isinstance(v, str):
        return b + text(4, v) + num(20, 3)
    if isinstance(v, float):
        return b + varint(2 << 3 | 5) + struct.pack('<f', v) + num(20, 1)
    if isinstance(v, int):
        return b + num(3, v) + num(20, 2)
    if isinstance(v, np.ndarray):
        return b + sub(5, tensor('', v)) + num(20, 4)
    return b + b''.join(num(8, x) for x in v) + num(20, 7)


def tensor(name, a):
    return b''.join(num(1, d) for d in a.shape) + num(2, TYPES[a.dtype]) + text(8, name) + sub(9, a.tobytes())


def node(op, inputs, outputs, **attrs):
    domain = attrs.pop('domain', '')
    outputs = [outputs] if isinstance(outputs, str) else outputs
    return (b''.join(text(1, i) for i in inputs) + b''.join(text(2, o) for o in outputs) + text(3, 'n_' + outputs[0]) + text(4, op)
            + b''.join(sub(5, attribute(k, v)) for k, v in attrs.items()) + (text(7, domain) if domain else b''))


def model(nodes, weights, shape, opset):
    dims = b''.join(sub(1, num(1, d)) for d in shape)
    graph = b''.join(sub(1, n) for n in nodes) + b''.join(sub(5, tensor(k, a)) for k, a in weights.items())
    graph += sub(11, text(1, 'x') + sub(2, sub(1, num(1, 1) + sub(2, dims)))) + sub(12, text(1, 'y'))
    return num(1, 8) + sub(8, num(2, opset)) + sub(8, text(1, 'com.microsoft') + num(2, 1)) + sub(7, graph)


cases = []
rng = np.random.default_rng(1)


def case(name, nodes, weights, x, want, opset=13, steps=(), never=()):
    """steps are types of package plan that the simplified plan must hold, never those that it must not."""
    x, want = np.asarray(x, F), np.asarray(want, np.float64)
    assert x.ndim == 4 and x.shape[0] == 1, name
    cases.append({'name': name, 'model': base64.b64encode(model(nodes, weights, x.shape, opset)).decode(), 'height': x.shape[2], 'width': x.shape[3],
                  'x': [float(v) for v in x.ravel()], 'want': [float(F(v)) for v in want.ravel()], 'steps': list(steps), 'never': list(never)})


def values(*shape, lo=-2.0, hi=2.0):
    return np.round(rng.uniform(lo, hi, shape), 2).astype(F)


def operator(name, op, args, want, opset=13, image=True, outputs=1, **attrs):
    """The operator on constants, and on the image where its first argument is of floats."""
    want = [want] if isinstance(want, np.ndarray) else want
    outs = [f'r{i}' for i in range(outputs)]
    weights = {f'a{i}': a for i, a in enumerate(args) if a is not None}
    names = [f'a{i}' if a is not None else '' for i, a in enumerate(args)]
    flat = {'row': np.array([1, -1], I)}
    tail, parts = [], []
    for i, o in enumerate(outs):
        tail += [node('Cast', [o], f'f{i}', to=1), node('Reshape', [f'f{i}', 'row'], f'p{i}')]
        parts.append(f'p{i}')
    tail.append(node('Concat', ['flat'] + parts, 'y', axis=1))
    body = node(op, names, outs, **attrs)
    case(name + ' on constants', [node('Reshape', ['x', 'row'], 'flat'), body] + tail, weights | flat, [[[[7]]]],
         np.concatenate([[7.0]] + [np.asarray(w, np.float64).ravel() for w in want]), opset)
    if image and args[0].dtype == F:
        x = args[0].reshape(1, 1, 1, -1)
        shape = {'shape': np.array(args[0].shape, I)}
        case(name + ' on the image', [node('Reshape', ['x', 'row'], 'flat'), node('Reshape', ['x', 'shape'], 'a0'), body] + tail,
             {k: v for k, v in weights.items() if k != 'a0'} | flat | shape, x,
             np.concatenate([x.astype(np.float64).ravel()] + [np.asarray(w, np.float64).ravel() for w in want]), opset)


# functions of one number
erf = np.vectorize(math.erf)
a = np.concatenate([values(2, 7).ravel(), F([0.5, -0.5, 1.5, 2.5, 3.25, -3.75])]).reshape(2, 10)
p = np.abs(a) + F(0.25)
d = a.astype(np.float64)
softplus = np.log1p(np.exp(d))
for name, x, want, opset, attrs in [
        ('Relu', a, np.maximum(d, 0), 13, {}), ('LeakyRelu', a, np.where(d < 0, 0.25 * d, d), 13, {'alpha': 0.25}), ('Sigmoid', a, 1 / (1 + np.exp(-d)), 13, {}),
        ('Tanh', a, np.tanh(d), 13, {}), ('HardSigmoid', a, np.clip(0.25 * d + 0.75, 0, 1), 13, {'alpha': 0.25, 'beta': 0.75}),
        ('HardSwish', a, d * np.clip(d / 6 + 0.5, 0, 1), 14, {}), ('Mish', a, d * np.tanh(softplus), 18, {}),
        ('Elu', a, np.where(d < 0, 0.5 * np.expm1(d), d), 13, {'alpha': 0.5}), ('Selu', a, 2 * np.where(d < 0, 1.5 * np.expm1(d), d), 13, {'alpha': 1.5, 'gamma': 2.0}),
        ('Celu', a, np.maximum(d, 0) + np.minimum(0, 0.5 * np.expm1(d / 0.5)), 13, {'alpha': 0.5}), ('ThresholdedRelu', a, np.where(d > 0.75, d, 0), 13, {'alpha': 0.75}),
        ('Softplus', a, softplus, 13, {}), ('Softsign', a, d / (1 + np.abs(d)), 13, {}), ('Erf', a, erf(d), 13, {}), ('Exp', a, np.exp(d), 13, {}),
        ('Log', p, np.log(p.astype(np.float64)), 13, {}), ('Sqrt', p, np.sqrt(p.astype(np.float64)), 13, {}), ('Reciprocal', p, 1 / p.astype(np.float64), 13, {}),
        ('Abs', a, np.abs(d), 13, {}), ('Neg', a, -d, 13, {}), ('Sign', a, np.sign(d), 13, {}), ('Floor', a, np.floor(d), 13, {}), ('Ceil', a, np.ceil(d), 13, {}),
        ('Round', a, np.round(d), 13, {}), ('Sin', a, np.sin(d), 13, {}), ('Cos', a, np.cos(d), 13, {}), ('Tan', a, np.tan(d), 13, {}), ('Atan', a, np.arctan(d), 13, {}),
        ('Gelu', a, d / 2 * (1 + erf(d / math.sqrt(2))), 20, {}),
        ('Gelu', a, d / 2 * (1 + np.tanh(math.sqrt(2 / math.pi) * (d + 0.044715 * d ** 3))), 20, {'approximate': 'tanh'})]:
    operator(name + ''.join(f' {v}' for v in attrs.values()), name, [x], want, opset, **attrs)
operator('Not', 'Not', [np.array([True, False, True])], np.array([0, 1, 0]))
operator('Clip', 'Clip', [a, F(-0.5), F(1.25)], np.clip(d, -0.5, 1.25))
operator('Clip with bounds the wrong way', 'Clip', [a, F(2), F(1)], np.full(a.shape, 1.0))

# operations on two numbers, each broadcast
x, y = values(2, 3, 4), values(3, 1)
dx, dy = x.astype(np.float64), y.astype(np.float64)
for name, want in [('Add', dx + dy), ('Sub', dx - dy), ('Mul', dx * dy), ('Div', dx / dy), ('Min', np.minimum(dx, dy)), ('Max', np.maximum(dx, dy)),
                   ('PRelu', np.where(dx < 0, dx * dy, dx)), ('Greater', dx > dy), ('GreaterOrEqual', dx >= dy), ('Less', dx < dy), ('LessOrEqual', dx <= dy)]:
    operator(name, name, [x, y], want, 16)
    if name != 'PRelu':
        operator(name + ', the first smaller', name, [y, x], {'Add': dy + dx, 'Sub': dy - dx, 'Mul': dy * dx, 'Div': dy / dx, 'Min': np.minimum(dx, dy), 'Max': np.maximum(dx, dy),
                 'Greater': dy > dx, 'GreaterOrEqual': dy >= dx, 'Less': dy < dx, 'LessOrEqual': dy <= dx}[name], 16)
operator('Pow', 'Pow', [np.abs(x), y], np.abs(dx) ** dy)
operator('Mod of floats', 'Mod', [x, y], np.fmod(dx, dy), fmod=1)
i, j = np.array([7, -7, 8, -9, 5], I), np.array([2, 2, -3, -4, 5], I)
operator('Div of integers', 'Div', [i, j], np.trunc(i / j))
operator('Mod of integers', 'Mod', [i, j], np.mod(i, j))
operator('Equal', 'Equal', [i, np.array([7, 7, 8, 9, 5], I)], np.array([1, 0, 1, 0, 1]))
s, t = np.array([True, True, False, False]), np.array([True, False, True, False])
for name, want in [('And', s & t), ('Or', s | t), ('Xor', s ^ t)]:
    operator(name, name, [s, t], want)
w = values(3, 2)
operator('Where', 'Where', [np.array([[True], [False], [True]]), w, np.array([5, 6], F)], np.where([[True], [False], [True]], w, [5, 6]))

# the constant before the image, in the ways that become a scale, a shift or neither
image = values(1, 3, 2, 2)
di, k = image.astype(np.float64), F([[[2]], [[-3]], [[0.5]]])
for name, want in [('Sub', k - di), ('Div', k / di), ('Pow', np.abs(k) ** di), ('Add', k + di), ('Mul', k * di)]:
    case(f'{name} of a constant and the image', [node(name, ['k', 'x'], 'y')], {'k': np.abs(k) if name == 'Pow' else k}, image, want)
case('Add with an axis, as operator set 6 broadcasts', [node('Add', ['x', 'k'], 'y', broadcast=1, axis=1)], {'k': k.ravel()}, image, di + k, 6)

# reductions
for name, f in [('Sum', np.sum), ('Mean', np.mean), ('Max', np.max), ('Min', np.min), ('Prod', np.prod), ('L1', lambda v, **o: np.sum(np.abs(v), **o)),
                ('L2', lambda v, **o: np.sqrt(np.sum(v * v, **o))), ('SumSquare', lambda v, **o: np.sum(v * v, **o)), ('LogSum', lambda v, **o: np.log(np.sum(v, **o))),
                ('LogSumExp', lambda v, **o: np.log(np.sum(np.exp(v), **o)))]:
    v = np.abs(values(2, 3, 4)) + F(0.5) if name == 'LogSum' else values(2, 3, 4)
    for axes, keep in [((1,), 1), ((0, 2), 0)]:
        want = f(v.astype(np.float64), axis=axes, keepdims=bool(keep))
        if name == 'Sum':
            operator(f'ReduceSum over {axes}', 'ReduceSum', [v, np.array(axes, I)], want, keepdims=keep)
        else:
            operator(f'Reduce{name} over {axes}', 'Reduce' + name, [v], want, axes=list(axes), keepdims=keep)
v = values(2, 3)
dv = v.astype(np.float64)
operator('CumSum', 'CumSum', [v, np.array(1, I)], np.cumsum(dv, 1))
operator('CumSum, reverse', 'CumSum', [v, np.array(0, I)], np.cumsum(dv[::-1], 0)[::-1], reverse=1)
operator('CumSum, exclusive', 'CumSum', [v, np.array(1, I)], np.cumsum(dv, 1) - dv, exclusive=1)
operator('CumSum, exclusive and reverse', 'CumSum', [v, np.array(1, I)], np.cumsum(dv[:, ::-1], 1)[:, ::-1] - dv, exclusive=1, reverse=1)
e = np.exp(dv - dv.max(1, keepdims=True))
operator('Softmax', 'Softmax', [v], e / e.sum(1, keepdims=True), axis=1)
operator('LogSoftmax', 'LogSoftmax', [v], np.log(e / e.sum(1, keepdims=True)), axis=1)

# what moves elements
v = np.arange(24, dtype=F).reshape(2, 3, 4)
most, least = np.iinfo(I).max, np.iinfo(I).min
operator('Slice', 'Slice', [v, np.array([1, -1], I), np.array([3, least], I), np.array([1, 2], I), np.array([1, -2], I)], v[:, 1:3, ::-2])
operator('Slice to the end', 'Slice', [v, np.array([1], I), np.array([most], I), np.array([2], I)], v[:, :, 1:])
operator('Gather', 'Gather', [v, np.array([[2, -3], [1, 1]], I)], v[:, [[2, 0], [1, 1]]], axis=1)
g = np.array([[[0, -1, 2, 1]], [[2, 2, 0, -3]]], I)
operator('GatherElements', 'GatherElements', [v, g], np.take_along_axis(v, g % 3, 1), axis=1)
operator('GatherND', 'GatherND', [v, np.array([[1, -1], [0, 2]], I)], np.stack([v[1, 2], v[0, 2]]))
u = v.copy()
u[1, 2], u[0, 0] = 50, 60
operator('ScatterND', 'ScatterND', [v, np.array([[1, -1], [0, 0]], I), np.stack([np.full(4, 50, F), np.full(4, 60, F)])], u)
u = v.copy()
np.put_along_axis(u, g % 3, F(90), 1)
operator('ScatterElements', 'ScatterElements', [v, g, np.full(g.shape, 90, F)], u, axis=1)
operator('Expand', 'Expand', [v[:, :1], np.array([2, 2, 3, 1], I)], np.broadcast_to(v[:, :1], (2, 2, 3, 4)))
operator('Tile', 'Tile', [v, np.array([1, 2, 2], I)], np.tile(v, (1, 2, 2)))
operator('Concat', 'Concat', [v, v[:, :2] + 100], np.concatenate([v, v[:, :2] + 100], 1), axis=1)
operator('Split', 'Split', [v, np.array([1, 2], I)], [v[:, :1], v[:, 1:]], axis=1, outputs=2)
operator('Transpose', 'Transpose', [v], v.transpose(2, 0, 1), perm=[2, 0, 1])
operator('Squeeze', 'Squeeze', [v[:, :1], np.array([-2], I)], v[:, 0])
operator('Unsqueeze', 'Unsqueeze', [v, np.array([-1, 1], I)], v[:, None, :, :, None])
operator('Flatten', 'Flatten', [v], v.reshape(6, 4), axis=-1)
operator('Trilu, upper', 'Trilu', [v, np.array(1, I)], np.triu(v, 1), 14)
operator('Trilu, lower', 'Trilu', [v, np.array(-1, I)], np.tril(v, -1), 14, upper=0)
for mode in 'constant', 'edge', 'reflect', 'wrap':
    operator('Pad, ' + mode, 'Pad', [v, np.array([0, 1, 2, 0, 2, 1], I)] + ([F(-1)] if mode == 'constant' else []),
             np.pad(v, [(0, 0), (1, 2), (2, 1)], mode, **({'constant_values': -1} if mode == 'constant' else {})), 19, mode=mode)
operator('Pad with a negative number', 'Pad', [v, np.array([0, -1, 1, 0, 0, -2], I)], np.pad(v[:, 1:, :2], [(0, 0), (0, 0), (1, 0)]))
q = np.arange(32, dtype=F).reshape(1, 8, 2, 2)
operator('DepthToSpace', 'DepthToSpace', [q], q.reshape(1, 2, 2, 2, 2, 2).transpose(0, 3, 4, 1, 5, 2).reshape(1, 2, 4, 4), blocksize=2)
operator('DepthToSpace, CRD', 'DepthToSpace', [q], q.reshape(1, 2, 2, 2, 2, 2).transpose(0, 1, 4, 2, 5, 3).reshape(1, 2, 4, 4), blocksize=2, mode='CRD')
m, n = values(2, 3, 4), values(2, 4, 5)
operator('Einsum', 'Einsum', [m, n], np.einsum('bij,bjk->bki', m.astype(np.float64), n), equation='bij,bjk->bki')
operator('MatMul', 'MatMul', [m, n], m.astype(np.float64) @ n)
operator('Gemm', 'Gemm', [m[0], n[0].T.copy(), F([1, 2, 3, 4, 5])], 2 * m[0].astype(np.float64) @ n[0] + 0.5 * np.arange(1, 6), transB=1, alpha=2.0, beta=0.5)

# constants alone
c = F([[3, 1, 2, 3], [-1, -1, 5, 0]])
operator('ArgMax', 'ArgMax', [c], np.array([[0], [2]]), image=False, axis=1)
operator('ArgMax, the last', 'ArgMax', [c], np.array([3, 2]), image=False, axis=-1, keepdims=0, select_last_index=1)
operator('ArgMin', 'ArgMin', [c], np.array([1, 1, 0, 1]), image=False, axis=0, keepdims=0)
operator('TopK', 'TopK', [c, np.array([2], I)], [np.array([[3, 3], [5, 0]]), np.array([[0, 3], [2, 3]])], image=False, outputs=2)
operator('TopK, smallest, of columns', 'TopK', [c, np.array([1], I)], [c.min(0), np.array([1, 1, 0, 1])], image=False, outputs=2, largest=0, axis=0)
operator('NonZero', 'NonZero', [F([[1, 0, 2], [0, 0, 3]])], np.array([[0, 0, 1], [0, 2, 2]]), image=False)
operator('OneHot', 'OneHot', [np.array([1, -1, 3], I), np.array(3, I), F([0.5, 2])], np.array([[.5, 2, .5], [.5, .5, 2], [.5, .5, .5]]), image=False)
operator('OneHot of the first axis', 'OneHot', [np.array([1, 0], I), np.array(3, I), F([0, 1])], np.array([[0, 1], [1, 0], [0, 0]]), image=False, axis=0)
operator('EyeLike', 'EyeLike', [np.zeros((2, 3), F)], np.eye(2, 3, 1), image=False, k=1)
operator('Range', 'Range', [np.array(7, I), np.array(0, I), np.array(-3, I)], np.array([7, 4, 1]), image=False)
operator('ConstantOfShape', 'ConstantOfShape', [np.array([2, 2], I)], np.full((2, 2), 3.5), image=False, value=F([3.5]))
operator('Shape', 'Shape', [np.zeros((2, 3, 4, 5), F)], np.array([3, 4]), image=False, start=1, end=-1, opset=15)
operator('Size', 'Size', [np.zeros((2, 3, 4), F)], np.array([24]), image=False)
operator('Cast to integers', 'Cast', [F([-1.7, 1.7, -0.2, 0])], np.array([-1, 1, 0, 0]), image=False, to=7)
operator('Cast to truth values', 'Cast', [F([-1.7, 0, 0.2])], np.array([1, 0, 1]), image=False, to=9)
operator('CastLike', 'CastLike', [F([-1.7, 2.5]), np.array([1], np.int32)], np.array([-1, 2]), image=False, opset=15)
operator('DequantizeLinear', 'DequantizeLinear', [np.array([[-128, 0, 127], [1, 2, 3]], I8), F([0.5, 0.25, 2]), np.array([1, -2, 3], I8)],
         (np.array([[-128, 0, 127], [1, 2, 3]]) - [1, -2, 3]) * [0.5, 0.25, 2], image=False, axis=1)
operator('DequantizeLinear of the first axis', 'DequantizeLinear', [np.array([[0, 255, 7], [1, 2, 3]], np.uint8), F([0.5, 0.25])],
         np.array([[0, 255, 7], [1, 2, 3]]) * [[0.5], [0.25]], image=False, axis=0)
flat = {'row': np.array([1, -1], I)}
q8 = np.arange(-6, 6, dtype=I8)
for name, scale, zero, axis, want in [
        ('by an axis', F([1, 2, 4]), np.array([1, 0, -1], I8), 1, (q8.reshape(2, 3, 2) - [[1], [0], [-1]]) * [[1.0], [2], [4]]),
        ('by the last axis', F([0.5, 2]), np.array([3, 4], I8), 2, (q8.reshape(2, 3, 2) - [3, 4]) * [0.5, 2.0]),
        ('as a whole', F(0.5), np.array(3, I8), 1, (q8.reshape(2, 3, 2) - 3.0) * 0.5)]:
    case(f'DequantizeLinear {name} of a reshaped constant',
         [node('Reshape', ['x', 'row'], 'flat'), node('Reshape', ['q', 'shape'], 'r'), node('DequantizeLinear', ['r', 's', 'z'], 'd', axis=axis),
          node('Reshape', ['d', 'row'], 'f'), node('Concat', ['flat', 'f'], 'y', axis=1)],
         flat | {'q': q8, 'shape': np.array([2, 3, 2], I), 's': scale, 'z': zero}, [[[[7]]]], np.concatenate([[7], want.ravel()]))
big = values(1, 2, 3, 4)
case('Slice to ends that were computed', [node('Concat', ['m', 'm'], 'e', axis=0), node('Slice', ['x', 's', 'e', 'a'], 'y')],
     {'m': np.array([most], I), 's': np.array([1, 2], I), 'a': np.array([2, 3], I)}, big, big[:, :, 1:, 2:])
case('Slice backwards to ends that were computed', [node('Concat', ['m', 'm'], 'e', axis=0), node('Slice', ['x', 's', 'e', 'a', 'm1'], 'y')],
     {'m': np.array([least], I), 's': np.array([1, -1], I), 'a': np.array([2, 3], I), 'm1': np.array([-1, -1], I)}, big, big[:, :, 1::-1, ::-1])
w = values(4, 3)
case('a transposed constant that is added', [node('Transpose', ['w'], 't', perm=[1, 0]), node('Add', ['x', 't'], 'y')], {'w': w}, big, big.astype(np.float64) + w.T)
w = values(5, 4)
case('a transposed constant that is multiplied by', [node('Transpose', ['w'], 't', perm=[1, 0]), node('MatMul', ['x', 't'], 'y')], {'w': w}, big,
     big.astype(np.float64) @ w.T, steps=['Linear'])

# normalisation and resizing
db = big.astype(np.float64)


def layer_norm(v, axes, scale=1.0, shift=0.0, epsilon=1e-5):
    return (v - v.mean(axes, keepdims=True)) / np.sqrt(v.var(axes, keepdims=True) + epsilon) * scale + shift


s = values(3, 1)
b = values(4)
case('LayerNormalization with a scale that is broadcast', [node('LayerNormalization', ['x', 's', 'b'], 'y', axis=2, epsilon=1e-5)], {'s': s, 'b': b}, big,
     layer_norm(db, (2, 3), s.astype(np.float64), b.astype(np.float64)), 17)
case('MeanVarianceNormalization', [node('MeanVarianceNormalization', ['x'], 'y', axes=[-1, 1])], {}, big, layer_norm(db, (1, 3), epsilon=0))
case('LpNormalization', [node('LpNormalization', ['x'], 'y', axis=2, p=1)], {}, big, db / np.abs(db).sum(2, keepdims=True))
case('RMSNormalization', [node('RMSNormalization', ['x', 's'], 'y', axis=-1, epsilon=1e-5)], {'s': b}, big,
     db / np.sqrt((db * db).mean(-1, keepdims=True) + 1e-5) * b, 23)
case('GroupNormalization', [node('GroupNormalization', ['x', 's', 'b'], 'y', num_groups=2, epsilon=1e-5)], {'s': F([2, 3]), 'b': F([0.5, -1])}, big,
     layer_norm(db, (2, 3)) * np.reshape([2, 3], (1, 2, 1, 1)) + np.reshape([0.5, -1], (1, 2, 1, 1)), 21)
case('Dropout in training mode that drops nothing', [node('Dropout', ['x', 'r', 't'], 'y')], {'r': F(0), 't': np.array(True)}, big, big)


def nearest(v, sizes, scales, where, rounding):
    for axis, (size, scale) in zip((2, 3), zip(sizes, scales)):
        at = [min(max(int(rounding(where(o, scale))), 0), v.shape[axis] - 1) for o in range(size)]
        v = np.take(v, at, axis)
    return v


half, down = (lambda o, s: (o + 0.5) / s - 0.5), (lambda c: math.ceil(c - 0.5))
four = values(1, 1, 4, 6)
for policy, scale, sizes in [('not_larger', 8 / 6, (5, 8)), ('not_smaller', 1.5, (6, 9))]:
    case(f'Resize, {policy}', [node('Resize', ['x', '', '', 's'], 'y', axes=[2, 3], keep_aspect_ratio_policy=policy, mode='nearest')], {'s': np.array([6, 8], I)}, four,
         nearest(four, sizes, (F(scale),) * 2, half, down), 18)
case('Resize, tf_half_pixel_for_nn', [node('Resize', ['x', '', 's'], 'y', mode='nearest', nearest_mode='floor', coordinate_transformation_mode='tf_half_pixel_for_nn')],
     {'s': F([1, 1, 1.5, 1.5])}, four, nearest(four, (6, 9), (1.5, 1.5), lambda o, s: (o + 0.5) / s, math.floor), 11)


# what plans fuse, as exporters write it, and what only looks like it
def softmax(v):
    v = np.exp(v - v.max(-1, keepdims=True))
    return v / v.sum(-1, keepdims=True)


root2, rootpi = F(math.sqrt(2)), F(math.sqrt(2 / math.pi))
gelu = lambda v, c=math.sqrt(2): v / 2 * (1 + erf(v / c))
gelu_tanh = lambda v, c=math.sqrt(2 / math.pi), k=0.044715: v / 2 * (1 + np.tanh(c * (v + k * v ** 3)))
one, two, part = {'one': F(1), 'half': F(0.5), 'root2': root2}, F(2), F([[[0.5]], [[0.25]]])
err = [node('Div', ['x', 'root2'], 'e0'), node('Erf', ['e0'], 'e1'), node('Add', ['e1', 'one'], 'e2')]
case('GELU, the half last', err + [node('Mul', ['x', 'e2'], 'g'), node('Mul', ['g', 'half'], 'y')], one, big, gelu(db), steps=['Activation'], never=['Binary'])
case('GELU, the half first', err + [node('Mul', ['x', 'half'], 'h'), node('Mul', ['h', 'e2'], 'y')], one, big, gelu(db), steps=['Activation'], never=['Binary'])
case('GELU times a factor for each channel', err + [node('Mul', ['x', 'e2'], 'g'), node('Mul', ['g', 'part'], 'y')], one | {'part': part}, big, 2 * gelu(db) * part, never=['Binary'])
case('GELU plus a shift for each channel', err + [node('Mul', ['x', 'e2'], 'g'), node('Add', ['g', 'part'], 'y')], one | {'part': part}, big, 2 * gelu(db) + part, never=['Binary'])
case('no GELU: another divisor', err + [node('Mul', ['x', 'e2'], 'g'), node('Mul', ['g', 'half'], 'y')], one | {'root2': F(1.5)}, big, gelu(db, 1.5), steps=['Binary'])
for name, cube in [('a power', [node('Pow', ['x', 'three'], 'c')]), ('products', [node('Mul', ['x', 'x'], 'sq'), node('Mul', ['sq', 'x'], 'c')])]:
    for what, c, k in [('GELU by tanh', rootpi, F(0.044715)), ('no GELU by tanh: another factor', F(0.75), F(0.044715)), ('no GELU by tanh: another share of the cube', rootpi, F(0.05))]:
        fused = what == 'GELU by tanh'
        case(f'{what}, the cube by {name}', cube + [node('Mul', ['c', 'k'], 'ck'), node('Add', ['x', 'ck'], 's'), node('Mul', ['s', 'c0'], 'a'), node('Tanh', ['a'], 't'),
             node('Add', ['t', 'one'], 't1'), node('Mul', ['x', 'half'], 'h'), node('Mul', ['h', 't1'], 'y')],
             {'three': F(3), 'k': k, 'c0': c, 'one': F(1), 'half': F(0.5)}, big, gelu_tanh(db, c, k), steps=() if fused else ['Binary'], never=['Binary'] if fused else ())
clip6 = [node('Add', ['x', 'three'], 'a'), node('Clip', ['a', 'zero', 'six'], 'c')]
hard = {'three': F(3), 'zero': F(0), 'six': F(6)}
swish6 = db * np.clip(db + 3, 0, 6) / 6
case('hard swish, divided last', clip6 + [node('Mul', ['x', 'c'], 'm'), node('Div', ['m', 'six'], 'y')], hard, 3 * big, db * 3 * np.clip(db * 3 + 3, 0, 6) / 6, never=['Binary'])
case('hard swish, divided first', clip6 + [node('Div', ['c', 'six'], 'd'), node('Mul', ['x', 'd'], 'y')], hard, 3 * big, db * 3 * np.clip(db * 3 + 3, 0, 6) / 6, never=['Binary'])
case('no hard swish: another clip', clip6 + [node('Mul', ['x', 'c'], 'm'), node('Div', ['m', 'six'], 'y')], hard | {'six': F(5)}, 3 * big,
     db * 3 * np.clip(db * 3 + 3, 0, 5) / 5, steps=['Binary'])
case('hard swish by HardSigmoid', [node('HardSigmoid', ['x'], 'h', alpha=float(F(1 / 6)), beta=0.5), node('Mul', ['x', 'h'], 'y')], {}, 3 * big,
     db * 3 * np.clip(db / 2 + 0.5, 0, 1), never=['Binary'])
case('no hard swish by HardSigmoid: its defaults', [node('HardSigmoid', ['x'], 'h'), node('Mul', ['x', 'h'], 'y')], {}, 3 * big, db * 3 * np.clip(db * 0.6 + 0.5, 0, 1), steps=['Binary'])
case('swish', [node('Sigmoid', ['x'], 's'), node('Mul', ['s', 'x'], 'y')], {}, big, db / (1 + np.exp(-db)), never=['Binary'])
case('swish with a factor', [node('Mul', ['x', 'k'], 'kx'), node('Sigmoid', ['kx'], 's'), node('Mul', ['x', 's'], 'y')], {'k': F(1.75)}, big, db / (1 + np.exp(-1.75 * db)), never=['Binary'])
case('mish', [node('Softplus', ['x'], 's'), node('Tanh', ['s'], 't'), node('Mul', ['x', 't'], 'y')], {}, big, db * np.tanh(np.log1p(np.exp(db))), never=['Binary'])
centre = [node('ReduceMean', ['x'], 'm', axes=[-1]), node('Sub', ['x', 'm'], 'd')]
ln = {'two': two, 'eps': F(1e-3), 'f': F(2)}
dev = db - db.mean(-1, keepdims=True)
case('layer normalisation', centre + [node('Pow', ['d', 'two'], 'p'), node('ReduceMean', ['p'], 'v', axes=[-1]), node('Add', ['v', 'eps'], 'e'), node('Sqrt', ['e'], 's'),
     node('Div', ['d', 's'], 'y')], ln, big, dev / np.sqrt((dev ** 2).mean(-1, keepdims=True) + 1e-3))
case('layer normalisation by a product', centre + [node('Mul', ['d', 'd'], 'p'), node('ReduceMean', ['p'], 'v', axes=[-1]), node('Add', ['v', 'eps'], 'e'), node('Sqrt', ['e'], 's'),
     node('Div', ['d', 's'], 'y')], ln, big, dev / np.sqrt((dev ** 2).mean(-1, keepdims=True) + 1e-3), steps=['LayerNorm'])
case('layer normalisation, the difference written twice', centre + [node('Sub', ['x', 'm'], 'd2'), node('Mul', ['d2', 'd2'], 'p'), node('ReduceMean', ['p'], 'v', axes=[-1]),
     node('Add', ['v', 'eps'], 'e'), node('Sqrt', ['e'], 's'), node('Div', ['d', 's'], 'y')], ln, big, dev / np.sqrt((dev ** 2).mean(-1, keepdims=True) + 1e-3), steps=['LayerNorm'])
case('no layer normalisation: twice the variance', centre + [node('Mul', ['d', 'd'], 'p'), node('ReduceMean', ['p'], 'v', axes=[-1]), node('Mul', ['v', 'f'], 'fv'),
     node('Add', ['fv', 'eps'], 'e'), node('Sqrt', ['e'], 's'), node('Div', ['d', 's'], 'y')], ln, big, dev / np.sqrt(2 * (dev ** 2).mean(-1, keepdims=True) + 1e-3), never=['LayerNorm'])
case('no layer normalisation: another difference', [node('Abs', ['x'], 'z'), node('ReduceMean', ['z'], 'mz', axes=[-1]), node('Sub', ['z', 'mz'], 'd2')] + centre
     + [node('Mul', ['d2', 'd2'], 'p'), node('ReduceMean', ['p'], 'v', axes=[-1]), node('Add', ['v', 'eps'], 'e'), node('Sqrt', ['e'], 's'), node('Div', ['d', 's'], 'y')], ln, big,
     dev / np.sqrt(np.abs(db).var(-1, keepdims=True) + 1e-3), never=['LayerNorm'])
case('no layer normalisation: another axis', [node('ReduceMean', ['x'], 'm', axes=[2]), node('Sub', ['x', 'm'], 'd'), node('Mul', ['d', 'd'], 'p'), node('ReduceMean', ['p'], 'v', axes=[2]),
     node('Add', ['v', 'eps'], 'e'), node('Sqrt', ['e'], 's'), node('Div', ['d', 's'], 'y')], ln, big, layer_norm(db, (2,), epsilon=1e-3), never=['LayerNorm'])

turned = db.transpose(0, 1, 3, 2)
mask = np.where(np.tril(np.ones((3, 3))), 0, -4).astype(F)
scores = db @ turned
qk = [node('Transpose', ['x'], 'k', perm=[0, 1, 3, 2]), node('MatMul', ['x', 'k'], 's')]
rest = [node('Softmax', ['t'], 'p', axis=-1), node('MatMul', ['p', 'x'], 'y')]
at = {'c': F(0.25), 'mask': mask, 'shift': F(0.5)}
case('attention', qk + [node('Mul', ['s', 'c'], 't')] + rest, at, big, softmax(scores / 4) @ db, steps=['Attention'])
case('attention with a mask', qk + [node('Mul', ['s', 'c'], 'u'), node('Add', ['u', 'mask'], 't')] + rest, at, big, softmax(scores / 4 + mask) @ db, steps=['Attention'])
case('attention with a mask from the image', qk + [node('Mul', ['s', 'c'], 'u'), node('ReduceMax', ['x'], 'r', axes=[-1]), node('Transpose', ['r'], 'rt', perm=[0, 1, 3, 2]),
     node('Add', ['u', 'rt'], 't')] + rest, at, big, softmax(scores / 4 + db.max(-1, keepdims=True).transpose(0, 1, 3, 2)) @ db, steps=['Attention'])
case('attention with a mask from the image, the mask first', qk + [node('ReduceMax', ['x'], 'r', axes=[-1]), node('Transpose', ['r'], 'rt', perm=[0, 1, 3, 2]),
     node('Add', ['rt', 's'], 't')] + rest, at, big, softmax(scores + db.max(-1, keepdims=True).transpose(0, 1, 3, 2)) @ db, steps=['Attention'])
case('attention, its keys scaled', [node('Transpose', ['x'], 'k0', perm=[0, 1, 3, 2]), node('Mul', ['k0', 'c'], 'k'), node('MatMul', ['x', 'k'], 't')] + rest, at, big,
     softmax(scores / 4) @ db, steps=['Attention'])
case('attention, queries and keys scaled', [node('Mul', ['x', 'two'], 'q'), node('Transpose', ['x'], 'k0', perm=[0, 1, 3, 2]), node('Mul', ['k0', 'c'], 'k'), node('MatMul', ['q', 'k'], 't')]
     + rest, at | {'two': two}, big, softmax(scores / 2) @ db, steps=['Attention'])
case('attention over moved axes', [node('Transpose', ['x'], 'q', perm=[0, 2, 1, 3]), node('Transpose', ['x'], 'k', perm=[0, 2, 3, 1]), node('Transpose', ['x'], 'v', perm=[0, 2, 1, 3]),
     node('MatMul', ['q', 'k'], 't'), node('Softmax', ['t'], 'p', axis=-1), node('MatMul', ['p', 'v'], 'y')], at, big,
     softmax(db.transpose(0, 2, 1, 3) @ db.transpose(0, 2, 3, 1)) @ db.transpose(0, 2, 1, 3), steps=['Attention'])
case('no attention: a softmax over columns', qk + [node('Softmax', ['s'], 'p', axis=2), node('MatMul', ['p', 'x'], 'y')], at, big,
     softmax(scores.transpose(0, 1, 3, 2)).transpose(0, 1, 3, 2) @ db, never=['Attention'])
case('no attention: a factor for each column', qk + [node('Mul', ['s', 'cols'], 't')] + rest, {'cols': F([0.5, 0.25, 2])}, big, softmax(scores * [0.5, 0.25, 2]) @ db)
causal = np.where(np.tril(np.ones((3, 3))), 0, -np.inf)
case('Attention, causal and with a mask', [node('Attention', ['x', 'x', 'x', 'mask'], 'y', is_causal=1)], {'mask': F([[0, 1, 2], [3, 0, -1], [1, -2, 0.5]])}, big,
     softmax(scores / 2 + causal + F([[0, 1, 2], [3, 0, -1], [1, -2, 0.5]])) @ db, 23)
keep = np.array([[True, False, True], [True, True, False], [False, True, True]])
case('Attention with a mask of truth values', [node('Attention', ['x', 'x', 'x', 'mask'], 'y', scale=1.0)], {'mask': keep}, big, softmax(np.where(keep, scores, -np.inf)) @ db, 23)

# what plans simplify
case('transpositions one after another', [node('Transpose', ['x'], 'a', perm=[0, 2, 3, 1]), node('Transpose', ['a'], 'b', perm=[0, 2, 3, 1]), node('Transpose', ['b'], 'y', perm=[0, 3, 2, 1])],
     {}, big, db.transpose(0, 2, 3, 1).transpose(0, 2, 3, 1).transpose(0, 3, 2, 1))
small = values(1, 1, 2, 3)
case('a transposition of small axes', [node('Transpose', ['x'], 'y', perm=[0, 1, 3, 2])], {}, small, small.transpose(0, 1, 3, 2), steps=['Transpose'])
case('a transposition of axes of one entry', [node('Transpose', ['x'], 'y', perm=[1, 0, 2, 3])], {}, small, small, never=['Transpose'])
w = values(4, 3)
dw = w.astype(np.float64)
linear = [node('MatMul', ['x', 'w'], 'l')]
for name, op, args, want in [('from 0', 'Clip', ['l', 'zero'], np.maximum(db @ dw, 0)), ('from below 0', 'Clip', ['l', 'low'], np.maximum(db @ dw, -0.5)),
                             ('to 6', 'Clip', ['l', 'zero', 'six'], np.clip(db @ dw, 0, 6))]:
    case(f'a matrix and a clip {name}', linear + [node(op, args, 'y')], {'w': w, 'zero': F(0), 'low': F(-0.5), 'six': F(6)}, big, want)
scale, shift = F([2, -1, 0.5]), F([1, -1, 0.25])
case('a matrix, scaled and shifted twice', linear + [node('Mul', ['l', 's'], 'a'), node('Add', ['a', 't'], 'b'), node('Mul', ['b', 't'], 'c'), node('Add', ['c', 's'], 'y')],
     {'w': w, 's': scale, 't': shift}, big, ((db @ dw) * scale + shift) * shift + scale, never=['Affine'])
case('a matrix, ReLU, then a scale', linear + [node('Relu', ['l'], 'a'), node('Mul', ['a', 's'], 'y')], {'w': w, 's': scale}, big, np.maximum(db @ dw, 0) * scale, steps=['Affine'])
case('a matrix, then a scale of rows', linear + [node('Mul', ['l', 's'], 'y')], {'w': w, 's': scale.reshape(3, 1)}, big, (db @ dw) * scale.reshape(3, 1), steps=['Affine'])
case('scales of two axes', [node('Mul', ['x', 's'], 'a'), node('Mul', ['a', 'c'], 'y')], {'s': F([1, 2, 3, 4]), 'c': part}, big, db * [1, 2, 3, 4] * part)
case('a scale, ReLU, then a scale', [node('Mul', ['x', 'c'], 'a'), node('Relu', ['a'], 'r'), node('Mul', ['r', 'd'], 'y')], {'c': -part, 'd': part + 1}, big, np.maximum(-db * part, 0) * (part + 1))
case('a sum and ReLU', [node('Abs', ['x'], 'a'), node('Sub', ['x', 'a'], 's'), node('Neg', ['x'], 'n'), node('Add', ['s', 'n'], 'b'), node('Relu', ['b'], 'y')], {}, big,
     np.maximum(db - np.abs(db) - db, 0))
kernel, bias = values(3, 2, 2, 2), values(3)


def conv(v, k, b):
    out = np.zeros((1, k.shape[0], v.shape[2] - k.shape[2] + 1, v.shape[3] - k.shape[3] + 1))
    for r, c in itertools.product(range(k.shape[2]), range(k.shape[3])):
        out += np.einsum('oi,nihw->nohw', k[:, :, r, c].astype(np.float64), v[:, :, r:r + out.shape[2], c:c + out.shape[3]])
    return out + b.reshape(1, -1, 1, 1)


made = conv(db, kernel, bias)
channel = lambda v: np.reshape(v, (1, -1, 1, 1)).astype(np.float64)
bn = {'k': kernel, 'b': bias, 's': scale, 't': shift, 'mean': F([0.5, -0.5, 0.25]), 'var': F([1, 4, 0.25])}
norm = lambda v: (v - channel(bn['mean'])) / np.sqrt(channel(bn['var']) + 1e-5) * channel(scale) + channel(shift)
convolve = [node('Conv', ['x', 'k', 'b'], 'c')]
case('a convolution and its normalisation', convolve + [node('BatchNormalization', ['c', 's', 't', 'mean', 'var'], 'n'), node('Relu', ['n'], 'y')], bn, big,
     np.maximum(norm(made), 0), steps=['Conv'], never=['Affine', 'Activation'])
case('a convolution, ReLU, then a normalisation', convolve + [node('Relu', ['c'], 'r'), node('BatchNormalization', ['r', 's', 't', 'mean', 'var'], 'y')], bn, big,
     norm(np.maximum(made, 0)), steps=['Conv', 'Affine'])
case('a convolution, then a scale of columns', convolve + [node('Mul', ['c', 'cols'], 'y')], bn | {'cols': F([2, 3, -1])}, big, made * [2, 3, -1], steps=['Conv', 'Affine'])
case('a padding and a convolution', [node('Pad', ['x', 'p'], 'a'), node('Conv', ['a', 'k', 'b'], 'y')], bn | {'p': np.array([0, 0, 1, 0, 0, 0, 0, 2], I)}, big,
     conv(np.pad(db, [(0, 0), (0, 0), (1, 0), (0, 2)]), kernel, bias), steps=['Conv'], never=['Pad'])
case('a padding with ones and a convolution', [node('Pad', ['x', 'p', 'one'], 'a'), node('Conv', ['a', 'k', 'b'], 'y')], bn | {'p': np.array([0, 0, 1, 0, 0, 0, 0, 2], I), 'one': F(1)}, big,
     conv(np.pad(db, [(0, 0), (0, 0), (1, 0), (0, 2)], constant_values=1), kernel, bias), steps=['Conv', 'Pad'])

with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), 'cases.json'), 'w') as f:
    f.write('[\n' + ',\n'.join(json.dumps(c) for c in cases) + '\n]\n')
print(len(cases), 'cases')
