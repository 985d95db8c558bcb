#!/usr/bin/python3
"""Collects the ONNX project's backend node tests, and makes the like for operators that are newer: make_nodes.py

Writes nodes.zip: for each test a model whose graph is the test's, with its inputs as initializers of their own names and
what must come out as initializers named want:<output>. The ONNX project's come from Debian's python3-onnx (1.12, operator
set 17; Apache License 2.0), which computes them by NumPy; those named ort_* are made here and computed by ONNX Runtime.
Needs python3-numpy, python3-onnx and node with onnxruntime-node (NODE_PATH). Left out are tests of operators that no image
network has, of strings, sequences and training, and of more than 3000 numbers.
"""
import json, os, subprocess, tempfile, warnings, zipfile
import numpy as np
warnings.filterwarnings('ignore')
for name, kind in (('float', float), ('bool', bool), ('int', int), ('object', object)):  # NumPy 1.24 dropped what onnx 1.12 uses
    if not hasattr(np, name):
        setattr(np, name, kind)
import onnx
from onnx import helper, numpy_helper, TensorProto
import onnx.backend.test.case.node as cases

here = os.path.dirname(os.path.abspath(__file__))
OPERATORS = set('''Abs Add And ArgMax ArgMin Atan AveragePool BatchNormalization Cast CastLike Ceil Celu Clip Concat Constant ConstantOfShape Conv Cos CumSum
DepthToSpace DequantizeLinear Div Dropout DynamicQuantizeLinear Einsum Elu Equal Erf Exp Expand EyeLike Flatten Floor Gather GatherElements GatherND Gemm GlobalAveragePool
GlobalMaxPool Greater GreaterOrEqual HardSigmoid HardSwish Identity If InstanceNormalization IsInf IsNaN LRN LayerNormalization LeakyRelu Less LessOrEqual Log
LogSoftmax LpNormalization MatMul MatMulInteger Max MaxPool Mean MeanVarianceNormalization Min Mod Mul Neg NonZero Not OneHot Or PRelu Pad Pow QLinearConv
QLinearMatMul QuantizeLinear Range Reciprocal ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum
ReduceSumSquare Relu Reshape Resize Round ScatterElements ScatterND Selu Shape Sigmoid Sign Sin Size Slice Softmax Softplus Softsign SpaceToDepth
Split Sqrt Squeeze Sub Sum Tan Tanh ThresholdedRelu Tile TopK Transpose Trilu Unsqueeze Upsample Where Xor'''.split())
out = zipfile.ZipFile(os.path.join(here, 'nodes.zip'), 'w', zipfile.ZIP_DEFLATED)
counted = 0


def keep(name, model, inputs, outputs):
    """inputs and outputs are arrays in the graph's order."""
    global counted
    arrays = list(inputs) + list(outputs)
    if any(not isinstance(a, np.ndarray) or a.dtype.kind not in 'fiub' for a in arrays) or sum(a.size for a in arrays) > 3000:
        return
    m = onnx.ModelProto()
    m.CopyFrom(model)
    del m.graph.value_info[:]
    for i, a in zip(m.graph.input, inputs):
        m.graph.initializer.append(numpy_helper.from_array(np.asarray(a), i.name))
    for o, a in zip(m.graph.output, outputs):
        m.graph.initializer.append(numpy_helper.from_array(np.asarray(a), 'want:' + o.name))
    info = zipfile.ZipInfo(name + '.onnx', (2024, 1, 1, 0, 0, 0))
    info.compress_type = zipfile.ZIP_DEFLATED
    out.writestr(info, m.SerializeToString())
    counted += 1


for c in sorted(cases.collect_testcases(None), key=lambda c: c.name):
    ops = {n.op_type for n in c.model.graph.node} if c.model else set()
    if len(ops) != 1 or not ops <= OPERATORS or 'training' in c.name or 'bfloat16' in c.name.lower():
        continue
    inputs, outputs = c.data_sets[0]
    keep(c.name, c.model, inputs, outputs)

rng = np.random.default_rng(3)
mine = []


def case(name, op, inputs, opset=18, domain='', outputs=1, **attributes):
    mine.append((name, op, [(k, np.asarray(v)) for k, v in inputs], opset, domain, outputs, attributes))


def r(*shape):
    return rng.standard_normal(shape).astype(np.float32)


i64 = lambda *v: np.array(v, dtype=np.int64)
x4 = r(1, 6, 5, 7)
case('gelu', 'Gelu', [('x', r(3, 4, 5))], 20)
case('gelu_tanh', 'Gelu', [('x', r(3, 4, 5))], 20, approximate='tanh')
case('mish', 'Mish', [('x', r(3, 4, 5) * 5)], 18)
for o in (18, 21):
    for g in (1, 2, 6):
        n = g if o == 18 else 6
        case(f'groupnorm_{o}_{g}', 'GroupNormalization', [('x', x4), ('s', r(n)), ('b', r(n))], o, num_groups=g, epsilon=1e-3)
case('instancenorm_3', 'InstanceNormalization', [('x', r(1, 4, 9)), ('s', r(4)), ('b', r(4))])
for axis in (-1, 1, 2):
    case(f'layernorm_{axis}'.replace('-', 'm'), 'LayerNormalization', [('x', x4), ('s', r(*x4.shape[axis:])), ('b', r(*x4.shape[axis:]))], 17, axis=axis)
case('layernorm_nobias', 'LayerNormalization', [('x', x4), ('s', r(7))], 17)
for kind in 'Sum Mean Max Min Prod L1 L2 SumSquare LogSum LogSumExp'.split():
    a = np.abs(x4) + .1 if kind == 'LogSum' else x4
    for o in (11, 18):
        if kind == 'Sum' and o == 11 or kind != 'Sum':
            more = dict(axes=[1, -1]) if o == 11 else {}
            case(f'reduce{kind.lower()}_{o}', 'Reduce' + kind, [('x', a)] + ([] if o == 11 else [('axes', i64(1, -1))]), o, keepdims=0, **more)
    case(f'reduce{kind.lower()}_all', 'Reduce' + kind, [('x', a)], 18)
    if kind in ('Mean', 'Max', 'L2'):
        case(f'reduce{kind.lower()}_hw', 'Reduce' + kind, [('x', a), ('axes', i64(2, 3))], 18)
case('reducesum_13_noop', 'ReduceSum', [('x', x4), ('axes', np.zeros(0, np.int64))], 13, noop_with_empty_axes=1)
for mode in ('constant', 'reflect', 'edge', 'wrap'):
    case(f'pad_{mode}', 'Pad', [('x', x4), ('p', i64(0, 1, 2, 1, 0, 0, 1, 3))], 19, mode=mode)
    case(f'pad_{mode}_axes', 'Pad', [('x', x4), ('p', i64(2, 1, 1, 3)), ('v', np.float32(1.5)), ('a', i64(-1, 2))], 19, mode=mode)
case('pad_negative', 'Pad', [('x', x4), ('p', i64(0, 0, -1, 2, 0, 0, -2, -1))], 13)
case('split_18_uneven', 'Split', [('x', r(2, 7, 3))], 18, outputs=3, axis=1, num_outputs=3)
case('split_13', 'Split', [('x', r(2, 6, 3)), ('s', i64(1, 3, 2))], 13, outputs=3, axis=-2)
case('split_2', 'Split', [('x', r(2, 6, 3))], 11, outputs=2, axis=1, split=[2, 4])
for mode in ('nearest', 'linear', 'cubic'):
    for coord in ('half_pixel', 'pytorch_half_pixel', 'asymmetric', 'align_corners', 'half_pixel_symmetric'):
        for i, (h, w) in enumerate(((10, 11), (3, 4), (1, 7))):
            if coord == 'half_pixel_symmetric' and mode != 'linear':
                continue
            near = [dict(nearest_mode=m) for m in ('round_prefer_floor', 'round_prefer_ceil', 'floor', 'ceil')] if mode == 'nearest' else [{}]
            for j, more in enumerate(near[:1] if i else near):
                case(f'resize_{mode}_{coord}_{h}x{w}_{j}', 'Resize', [('x', x4[:, :2]), ('', np.zeros(0, np.float32)), ('', np.zeros(0, np.float32)), ('s', i64(1, 2, h, w))], 19, mode=mode,
                     coordinate_transformation_mode=coord, **more)
case('resize_scales', 'Resize', [('x', x4), ('', np.zeros(0)), ('s', np.array([1, 1, 1.6, .7], np.float32))], 13, mode='linear')
case('resize_scales_cubic', 'Resize', [('x', x4), ('', np.zeros(0)), ('s', np.array([1, 1, 2.3, 1.7], np.float32))], 13, mode='cubic', cubic_coeff_a=-.5, exclude_outside=1)
case('resize_10', 'Resize', [('x', x4), ('s', np.array([1, 1, 2, 3], np.float32))], 10, mode='linear')
case('upsample_9', 'Upsample', [('x', x4), ('s', np.array([1, 1, 2, 3], np.float32))], 9, mode='nearest')
for mode in ('linear', 'cubic'):
    case(f'resize_antialias_{mode}', 'Resize', [('x', r(1, 1, 13, 17)), ('', np.zeros(0)), ('', np.zeros(0)), ('s', i64(5, 6))], 18, mode=mode, antialias=1, axes=[2, 3])
for i, (eq, shapes) in enumerate([('bhid,bhjd->bhij', [(1, 2, 3, 4), (1, 2, 5, 4)]), ('bhij,bhjd->bhid', [(1, 2, 3, 5), (1, 2, 5, 4)]), ('bchw,co->bohw', [(1, 3, 2, 2), (3, 4)]),
                                  ('...ij,...jk->...ik', [(2, 3, 2, 3), (2, 3, 3, 4)]), ('ij->ji', [(3, 4)]), ('bij->bi', [(2, 3, 4)]), ('i,j->ij', [(3,), (4,)]), ('bnc,nc->bn', [(2, 3, 4), (3, 4)]),
                                  ('bhwc,hkc->bhwk', [(2, 3, 4, 5), (3, 6, 5)]), ('bc,c', [(2, 3), (3,)])]):
    case(f'einsum_{i}', 'Einsum', [(f'x{j}', r(*s)) for j, s in enumerate(shapes)], 12, equation=eq)
case('matmul_broadcast', 'MatMul', [('x', r(2, 1, 3, 4)), ('y', r(5, 4, 2))], 13)
case('matmul_vector', 'MatMul', [('x', r(2, 3, 4)), ('y', r(4))], 13)
case('matmul_vector_left', 'MatMul', [('x', r(4)), ('y', r(2, 4, 3))], 13)
case('gemm_value', 'Gemm', [('x', r(4, 3)), ('y', r(5, 4)), ('c', r(3, 1))], 13, transA=1, transB=1, alpha=.5, beta=2.)
case('where_broadcast', 'Where', [('c', r(3, 1, 5) > 0), ('x', r(4, 1)), ('y', r(3, 4, 5))], 16)
for op in ('Sub', 'Div', 'Pow', 'Max', 'Greater'):
    case(f'{op.lower()}_broadcast', op, [('x', np.abs(r(2, 1, 4)) + .1), ('y', r(3, 1))], 13)
case('mod_float', 'Mod', [('x', r(3, 4) * 5), ('y', np.abs(r(4)) + 1)], 13, fmod=1)
case('conv1d', 'Conv', [('x', r(1, 3, 9)), ('w', r(4, 3, 3)), ('b', r(4))], 11, kernel_shape=[3], pads=[1, 1], strides=[2])
case('conv1d_eca', 'Conv', [('x', r(1, 1, 9)), ('w', r(1, 1, 3))], 11, kernel_shape=[3], pads=[1, 1])
case('conv_depthwise', 'Conv', [('x', x4), ('w', r(12, 1, 3, 3)), ('b', r(12))], 11, group=6, dilations=[2, 1], pads=[2, 1, 2, 1])
case('maxpool_1d_like', 'AveragePool', [('x', r(1, 3, 9))], 11, kernel_shape=[3], strides=[2], pads=[1, 1])
case('softmax_11', 'Softmax', [('x', r(2, 3, 4))], 11, axis=1)
case('hardmaxlike_logsoftmax_11', 'LogSoftmax', [('x', r(2, 3, 4))], 11, axis=2)
case('squeeze_all', 'Squeeze', [('x', r(2, 1, 3, 1))], 13)
case('slice_reverse', 'Slice', [('x', r(5, 6)), ('s', i64(-1, 10)), ('e', i64(-100, 0)), ('a', i64(1, 0)), ('t', i64(-2, -1))], 13)
case('slice_1', 'Slice', [('x', r(5, 6))], 9, starts=[1, -3], ends=[2**62, -1], axes=[0, 1])
case('gather_scalar', 'Gather', [('x', r(3, 4, 2)), ('i', np.array(-1))], 13, axis=1)
case('gather_matrix', 'Gather', [('x', r(3, 4, 2)), ('i', i64(0, 2, 3, 1).reshape(2, 2))], 13, axis=1)
case('tile', 'Tile', [('x', r(2, 3, 1)), ('n', i64(1, 2, 3))], 13)
case('expand', 'Expand', [('x', r(3, 1)), ('s', i64(2, 1, 4))], 13)
case('range_float', 'Range', [('a', np.float32(1)), ('b', np.float32(3.3)), ('c', np.float32(.5))], 11)
case('dequantize_axis', 'DequantizeLinear', [('x', rng.integers(-128, 127, (3, 4)).astype(np.int8)), ('s', np.abs(r(4))), ('z', np.array([1, -2, 3, 0], np.int8))], 13, axis=1)
case('cumsum', 'CumSum', [('x', r(2, 4)), ('a', np.array(1, np.int64))], 14, reverse=1, exclusive=1)
case('neg', 'Neg', [('x', r(3, 4))], 13)
case('sqrt', 'Sqrt', [('x', np.abs(r(3, 4)))], 13)
case('reciprocal', 'Reciprocal', [('x', r(3, 4))], 13)
for op in ('Add', 'Sub', 'Mul', 'Div'):
    case(f'{op.lower()}_int', op, [('x', i64(-7, 8, 9)), ('y', i64(2, -3, 4).reshape(3, 1))], 14)
case('erf', 'Erf', [('x', r(3, 40) * 3)], 13)
case('swish', 'Swish', [('x', r(3, 4))], 24, alpha=1.5)
case('lrn', 'LRN', [('x', x4)], 13, size=3, alpha=.01, beta=.6, bias=1.2)
for p in (1, 2):
    case(f'lpnorm_{p}', 'LpNormalization', [('x', r(3, 4))], 1, p=p, axis=0)
case('onehot', 'OneHot', [('i', i64(1, -2, 3)), ('d', np.array(4, np.int64)), ('v', np.array([.5, 2], np.float32))], 11, axis=0)
case('equal_float', 'Equal', [('x', np.round(r(3, 4))), ('y', np.round(r(4)))], 13)
case('trilu_float', 'Trilu', [('x', r(2, 3, 4)), ('k', np.array(1, np.int64))], 14, upper=0)
case('greater_scalar', 'Greater', [('x', r(3, 4)), ('y', np.float32(.1))], 13)
case('where_float', 'Where', [('c', r(3, 4) > 0), ('x', r(4)), ('y', r(3, 1))], 16)
case('cast_bool', 'Cast', [('x', np.round(r(3, 4)))], 13, to=9)
case('instancenorm_4', 'InstanceNormalization', [('x', x4), ('s', r(6)), ('b', r(6))], 6)
q, k, v = r(1, 2, 3, 4), r(1, 2, 5, 4), r(1, 2, 5, 6)
case('attention', 'Attention', [('q', q), ('k', k), ('v', v)], 23)
case('attention_mask', 'Attention', [('q', q), ('k', k), ('v', v), ('m', r(3, 5))], 23, scale=.3)
case('attention_bool', 'Attention', [('q', q), ('k', k), ('v', v), ('m', np.tril(np.ones((3, 5))) > 0)], 23)
case('attention_causal', 'Attention', [('q', r(1, 2, 4, 4)), ('k', r(1, 2, 4, 4)), ('v', r(1, 2, 4, 4))], 23, is_causal=1)
case('attention_flat', 'Attention', [('q', r(1, 3, 8)), ('k', r(1, 5, 8)), ('v', r(1, 5, 12))], 23, q_num_heads=2, kv_num_heads=2)
case('attention_shared', 'Attention', [('q', r(1, 4, 3, 4)), ('k', k), ('v', v)], 23)
case('rmsnorm', 'RMSNormalization', [('x', r(2, 3, 4)), ('s', r(4))], 23, axis=-1)
case('rmsnorm_2', 'RMSNormalization', [('x', r(2, 3, 4)), ('s', r(3, 4))], 23, axis=1)
case('ms_fusedmatmul', 'FusedMatMul', [('x', r(2, 3, 4)), ('y', r(2, 5, 4))], 17, 'com.microsoft', alpha=.5, transB=1)
case('ms_multihead', 'MultiHeadAttention', [('q', r(1, 3, 8)), ('k', r(1, 5, 8)), ('v', r(1, 5, 8)), ('b', r(24))], 17, 'com.microsoft', num_heads=2)
case('ms_quickgelu', 'QuickGelu', [('x', r(3, 4))], 17, 'com.microsoft', alpha=1.702)
case('ms_biasgelu', 'BiasGelu', [('x', r(3, 4)), ('b', r(4))], 17, 'com.microsoft')
case('ms_fastgelu', 'FastGelu', [('x', r(3, 4)), ('b', r(4))], 17, 'com.microsoft')
case('ms_gelu', 'Gelu', [('x', r(3, 4))], 17, 'com.microsoft')
case('ms_skiplayernorm', 'SkipLayerNormalization', [('x', r(1, 3, 4)), ('y', r(1, 3, 4)), ('s', r(4)), ('b', r(4)), ('c', r(4))], 17, 'com.microsoft', epsilon=1e-5)

RUN = r'''
const fs = require('fs'), ort = require('onnxruntime-node');
(async () => {
  const list = JSON.parse(fs.readFileSync(process.argv[2])), out = {};
  for (const c of list) {
    try {
      const s = await ort.InferenceSession.create(c.model, { executionProviders: ['cpu'], graphOptimizationLevel: 'disabled', logSeverityLevel: 4 });
      const y = await s.run({});
      out[c.name] = Object.fromEntries(Object.entries(y).map(([k, t]) => [k, { type: t.type, dims: t.dims, data: Array.from(t.data, Number) }]));
    } catch (e) { out[c.name] = String(e.message || e); }
  }
  fs.writeFileSync(process.argv[3], JSON.stringify(out, (k, v) => typeof v === 'number' && !isFinite(v) ? String(v) : v));
})();
'''
KINDS = {'float32': np.float32, 'int64': np.int64, 'bool': bool, 'int32': np.int32, 'float64': np.float64}
with tempfile.TemporaryDirectory() as tmp:
    jobs, models = [], {}
    for name, op, inputs, opset, domain, outputs, attributes in mine:
        names = [f'y{i}' for i in range(outputs)]
        node = helper.make_node(op, [k for k, _ in inputs], names, domain=domain, **attributes)
        held = [(k, a) for k, a in inputs if k]
        infos = [helper.make_tensor_value_info(k, helper.np_dtype_to_tensor_dtype(a.dtype) if hasattr(helper, 'np_dtype_to_tensor_dtype') else onnx.mapping.NP_TYPE_TO_TENSOR_TYPE[a.dtype], a.shape) for k, a in held]
        ys = [helper.make_tensor_value_info(y, TensorProto.UNDEFINED, None) for y in names]
        for y in ys:
            y.ClearField('type')
        imports = [helper.make_opsetid('', opset)] + ([helper.make_opsetid(domain, 1)] if domain else [])
        m = helper.make_model(helper.make_graph([node], 'node', infos, ys), opset_imports=imports)
        m.ir_version = 8
        models[name] = m, [a for _, a in held]
        run = onnx.ModelProto()
        run.CopyFrom(m)
        del run.graph.input[:]
        for k, a in held:
            run.graph.initializer.append(numpy_helper.from_array(a, k))
        path = os.path.join(tmp, name + '.onnx')
        open(path, 'wb').write(run.SerializeToString())
        jobs.append(dict(name=name, model=path))
    open(os.path.join(tmp, 'run.js'), 'w').write(RUN)
    json.dump(jobs, open(os.path.join(tmp, 'jobs.json'), 'w'))
    subprocess.run(['node', os.path.join(tmp, 'run.js'), os.path.join(tmp, 'jobs.json'), os.path.join(tmp, 'out.json')], check=True)
    results = json.load(open(os.path.join(tmp, 'out.json')))
    for name, (m, inputs) in models.items():
        got = results[name]
        if isinstance(got, str):
            print('ONNX Runtime refuses', name, got[:200])
            continue
        keep('ort_' + name, m, inputs, [np.array([float(v) for v in got[o.name]['data']]).astype(KINDS[got[o.name]['type']]).reshape(got[o.name]['dims']) for o in m.graph.output])
out.close()
print(counted, 'tests', os.path.getsize(os.path.join(here, 'nodes.zip')), 'bytes')
