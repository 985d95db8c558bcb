#!/usr/bin/python3
"""Makes small networks in the shapes that exporters give real ones, and what ONNX Runtime computes with them.

Writes networks/<name>.onnx, networks/<name>.f32 (features of the two images in images.f32, then the network's
outputs) and networks.json. Needs python3-numpy, python3-onnx, python3-torch (its legacy exporter makes the torch_*
networks) and node with onnxruntime-node (NODE_PATH). Where ONNX Runtime refuses what old files hold (operator sets
before 7, spatial=0), the reference is the same network written in today's terms.
"""
import copy, io, json, math, os, subprocess, tempfile, warnings
import numpy as np, onnx, torch
from onnx import helper, numpy_helper, TensorProto
from torch import nn

warnings.filterwarnings('ignore')
here = os.path.dirname(os.path.abspath(__file__))
out = os.path.join(here, 'networks')
os.makedirs(out, exist_ok=True)
tmp = tempfile.mkdtemp()
SIZE, IMAGES = 32, 2
rng = np.random.default_rng(7)
images = rng.uniform(-2, 2, (IMAGES, 3, SIZE, SIZE)).astype(np.float32)
images.tofile(os.path.join(here, 'images.f32'))
entries = []


def he(shape, fan):
    return (rng.standard_normal(shape) * np.sqrt(2.0 / fan)).astype(np.float32)


def bias(n):
    return (rng.standard_normal(n) * 0.1).astype(np.float32)


class G:
    """A graph being written."""

    def __init__(self, opset, ir, inputs, listed=False):
        self.opset, self.ir, self.inputs, self.listed = opset, ir, inputs, listed
        self.nodes, self.inits = [], []

    def w(self, name, a):
        a = np.ascontiguousarray(a)
        self.inits.append(numpy_helper.from_array(a, name))
        return name

    def n(self, op, ins, outs, **at):
        outs = outs if isinstance(outs, list) else [outs]
        self.nodes.append(helper.make_node(op, ins, outs, name=at.pop('name', outs[0]), **at))
        return outs[0]

    def model(self, output, dims, producer='tests'):
        ins = [helper.make_tensor_value_info(n, TensorProto.FLOAT, d) for n, d in self.inputs]
        if self.listed:
            ins += [helper.make_tensor_value_info(t.name, t.data_type, list(t.dims)) for t in self.inits]
        g = helper.make_graph(self.nodes, 'graph', ins, [helper.make_tensor_value_info(output, TensorProto.FLOAT, dims)], self.inits)
        m = helper.make_model(g, producer_name=producer, opset_imports=[helper.make_opsetid('', self.opset)])
        m.ir_version = self.ir
        return m


def add(name, m, layer, what, recipe='', ref=None, nhwc=False, batch=0, external=False, pool=None):
    """Saves m and computes the golden with ref (m itself if None), which gets layer as an output. pool names a pooling and
    computes it."""
    path = os.path.join(out, name + '.onnx')
    if external:
        for f in (path, path + '.data'):
            if os.path.exists(f):
                os.remove(f)
        onnx.save(copy.deepcopy(m), path, save_as_external_data=True, all_tensors_to_one_file=True, location=name + '.onnx.data', size_threshold=0)
    else:
        onnx.save(m, path)
    r = copy.deepcopy(ref or m)
    final = r.graph.output[0].name
    if layer != final:
        r.graph.output.append(helper.make_tensor_value_info(layer, TensorProto.FLOAT, None))
    rp = os.path.join(tmp, name + '.onnx')
    onnx.save(r, rp)
    x = images.transpose(0, 2, 3, 1) if nhwc else images
    xp = os.path.join(tmp, 'x.f32')
    np.ascontiguousarray(x).tofile(xp)
    got = []
    for tensor in (layer, final):
        yp = os.path.join(tmp, 'y.f32')
        subprocess.run(['node', os.path.join(here, 'ort.js'), rp, xp, ','.join(map(str, x.shape)), tensor, yp, str(batch or IMAGES)], check=True)
        got.append(np.fromfile(yp, dtype=np.float32))
    if pool:
        got[0] = pool[1](got[0].reshape(IMAGES, -1, pool[2])).astype(np.float32).ravel()
        layer += ' pool=' + pool[0]
    np.concatenate(got).tofile(os.path.join(out, name + '.f32'))
    entries.append(dict(name=name, layer=layer, what=what, dim=len(got[0]) // IMAGES, output=final, outputs=len(got[1]) // IMAGES, nhwc=nhwc, recipe=recipe))
    print(name, len(got[0]) // IMAGES, len(got[1]) // IMAGES, float(np.abs(got[0]).max()), float((got[0] > 0).mean()), os.path.getsize(path))


CFG = [(3, 4), 'M', (4, 6), (6, 6), 'M', (6, 8), (8, 8), 'M']  # 32 -> 4 x 4 x 8
FC = [(128, 24), (24, 20), (20, 10)]
MAX2 = dict(kernel_shape=[2, 2], strides=[2, 2])


def mxnet(bn, old):
    """onnx/models vgg19-7 and vgg19-bn-7: MXNet Gluon's names, weights among the inputs, dynamic batch."""
    global rng
    rng = np.random.default_rng(19 + bn)
    g = G(7, 3, [('data', ['N', 3, SIZE, SIZE])], listed=True)
    x, c, p, b = 'data', 0, 0, 0
    for l in CFG:
        if l == 'M':
            x = g.n('MaxPool', [x], f'vgg0_pool{p}_fwd', pads=[0, 0, 0, 0], **MAX2); p += 1
            continue
        i, o = l
        x = g.n('Conv', [x, g.w(f'vgg0_conv{c}_weight', he((o, i, 3, 3), 9 * i)), g.w(f'vgg0_conv{c}_bias', bias(o))], f'vgg0_conv{c}_fwd',
                kernel_shape=[3, 3], pads=[1, 1, 1, 1], strides=[1, 1], dilations=[1, 1], group=1)
        if bn:
            at = dict(spatial=0) if old else {}
            ps = [g.w(f'vgg0_batchnorm{b}_gamma', 1 + bias(o)), g.w(f'vgg0_batchnorm{b}_beta', bias(o)),
                  g.w(f'vgg0_batchnorm{b}_running_mean', bias(o)), g.w(f'vgg0_batchnorm{b}_running_var', 1 + np.abs(bias(o)))]
            x = g.n('BatchNormalization', [x] + ps, f'vgg0_batchnorm{b}_fwd', epsilon=1e-5, momentum=0.9, **at); b += 1
        x = g.n('Relu', [x], f'vgg0_relu{c}_fwd'); c += 1
    for k, (i, o) in enumerate(FC):
        x = g.n('Flatten', [x], f'flatten_{60 + 5 * k}', axis=1)
        x = g.n('Gemm', [x, g.w(f'vgg0_dense{k}_weight', he((o, i), i)), g.w(f'vgg0_dense{k}_bias', bias(o))], f'vgg0_dense{k}_fwd', alpha=1.0, beta=1.0, transA=0, transB=1)
        if k < 2:
            x = g.n('Relu', [x], f'vgg0_dense{k}_relu_fwd')
            x = g.n('Dropout', [x], f'vgg0_dropout{k}_fwd', ratio=0.5)
    return g.model(x, ['N', 10])


def caffe2(opset):
    """onnx/models vgg19 of Caffe2: fixed batch of one, Softmax inside; operator sets 3 and 6 with their old attributes."""
    global rng
    rng = np.random.default_rng(23)
    g = G(opset, 3, [('data_0', [1, 3, SIZE, SIZE])], listed=True)
    x, blk, j = 'data_0', 1, 1
    for l in CFG:
        if l == 'M':
            x = g.n('MaxPool', [x], f'pool{blk}_1', pads=[0, 0, 0, 0], **MAX2); blk += 1; j = 1
            continue
        i, o = l
        nm = f'conv{blk}_{j}'; j += 1
        x = g.n('Conv', [x, g.w(nm + '_w_0', he((o, i, 3, 3), 9 * i)), g.w(nm + '_b_0', bias(o))], nm + '_1', kernel_shape=[3, 3], pads=[1, 1, 1, 1], strides=[1, 1], auto_pad='NOTSET')
        x = g.n('Relu', [x], nm + '_2', **(dict(consumed_inputs=[0]) if opset < 6 else {}))
    for k, (i, o) in enumerate(FC):
        nm = f'fc{6 + k}'
        if opset < 5:
            x = g.n('Reshape', [x], f'OC2_DUMMY_{2 * k}', shape=[1, i])
        else:
            x = g.n('Reshape', [x, g.w(f'OC2_DUMMY_{2 * k + 1}', np.array([1, i], dtype=np.int64))], f'OC2_DUMMY_{2 * k}')
        x = g.n('Gemm', [x, g.w(nm + '_w_0', he((o, i), i)), g.w(nm + '_b_0', bias(o))], nm + '_1', alpha=1.0, beta=1.0, transB=1, **(dict(broadcast=1) if opset < 7 else {}))
        if k < 2:
            x = g.n('Relu', [x], nm + '_2')
            x = g.n('Dropout', [x], [nm + '_3', f'_{nm}_mask'], ratio=0.5, **(dict(is_test=1) if opset < 7 else {}))
    return g.model(g.n('Softmax', [x], 'prob_1', **(dict(axis=1) if opset < 9 else {})), [1, 10])


def dynamo():
    """torch's dynamo exporter: operator set 18, IR 10, weights in a file beside, some linear layers as Transpose and MatMul."""
    global rng
    rng = np.random.default_rng(29)
    g = G(18, 10, [('x', ['s0', 3, SIZE, SIZE])])
    x, c = 'x', 0
    for l in CFG:
        if l == 'M':
            x = g.n('MaxPool', [x], f'max_pool2d_{c}', ceil_mode=0, dilations=[1, 1], pads=[0, 0, 0, 0], storage_order=0, **MAX2)
            continue
        i, o = l
        x = g.n('Conv', [x, g.w(f'features.{c}.weight', he((o, i, 3, 3), 9 * i)), g.w(f'features.{c}.bias', bias(o))], f'conv2d_{c}', pads=[1, 1, 1, 1], strides=[1, 1], dilations=[1, 1], group=1, auto_pad='NOTSET')
        x = g.n('Relu', [x], f'relu_{c}'); c += 1
    x = g.n('Reshape', [x, g.w('val_3', np.array([-1, 128], dtype=np.int64))], 'view', allowzero=1)
    for k, (i, o) in enumerate(FC):
        wn, bn = g.w(f'classifier.{3 * k}.weight', he((o, i), i)), g.w(f'classifier.{3 * k}.bias', bias(o))
        if k == 1:
            t = g.n('Transpose', [wn], f't_{k}', perm=[1, 0])
            x = g.n('Add', [g.n('MatMul', [x, t], f'mm_{k}'), bn], f'linear_{k}')
        else:
            x = g.n('Gemm', [x, wn, bn], f'linear_{k}', alpha=1.0, beta=1.0, transA=0, transB=1)
        if k < 2:
            x = g.n('Relu', [x], f'relu_fc{k}')
            x = g.n('Identity', [x], f'clone_{k}')
    return g.model(x, ['s0', 10], producer='pytorch')


def keras():
    """Keras by tf2onnx: channels last, transposes around the maps, SAME_UPPER, bias by Add, flattened in H, W, C order."""
    global rng
    rng = np.random.default_rng(31)
    g = G(13, 7, [('input_1', ['unk__1', SIZE, SIZE, 3])])
    x = g.n('Transpose', ['input_1'], 'block1_conv1__6:0', perm=[0, 3, 1, 2])
    c = 0
    for l in CFG:
        if l == 'M':
            x = g.n('MaxPool', [x], f'pool_{c}:0', auto_pad='VALID', **MAX2)
            continue
        i, o = l
        nm = f'model/block_conv{c}/'
        wt = g.w(nm + 'Conv2D/ReadVariableOp:0', he((o, i, 3, 3), 9 * i))
        if c % 2:
            x = g.n('Conv', [x, wt, g.w(nm + 'BiasAdd/ReadVariableOp:0', bias(o))], nm + 'BiasAdd:0', auto_pad='SAME_UPPER', strides=[1, 1], kernel_shape=[3, 3])
        else:
            x = g.n('Conv', [x, wt], nm + 'Conv2D:0', auto_pad='SAME_UPPER', strides=[1, 1], kernel_shape=[3, 3])
            x = g.n('Add', [x, g.w(nm + 'bias', bias(o).reshape(1, o, 1, 1))], nm + 'BiasAdd:0')
        x = g.n('Relu', [x], nm + 'Relu:0'); c += 1
    x = g.n('Transpose', [x], 'block3_pool__20:0', perm=[0, 2, 3, 1])
    x = g.n('Reshape', [x, g.w('const_fold_opt__60', np.array([-1, 128], dtype=np.int64))], 'model/flatten/Reshape:0')
    for k, (i, o) in enumerate(FC):
        nm = f'model/{["fc1", "fc2", "predictions"][k]}/'
        x = g.n('MatMul', [x, g.w(nm + 'MatMul/ReadVariableOp:0', he((i, o), i))], nm + 'MatMul:0')
        x = g.n('Add', [x, g.w(nm + 'BiasAdd/ReadVariableOp:0', bias(o))], nm + 'BiasAdd:0')
        x = g.n('Relu', [x], nm + 'Relu:0') if k < 2 else g.n('Softmax', [x], 'predictions', axis=1)
    return g.model(x, ['unk__1', 10], producer='tf2onnx')


def alexnet():
    """The first of the kind: groups, LRN, overlapping pooling."""
    global rng
    rng = np.random.default_rng(37)
    g = G(9, 4, [('data', [1, 3, SIZE, SIZE])])
    x = g.n('Conv', ['data', g.w('conv1_w', he((8, 3, 5, 5), 75)), g.w('conv1_b', bias(8))], 'conv1', kernel_shape=[5, 5], strides=[2, 2])
    x = g.n('Relu', [x], 'conv1_relu')
    x = g.n('LRN', [x], 'norm1', size=5, alpha=1e-1, beta=0.75, bias=1.0)
    x = g.n('MaxPool', [x], 'pool1', kernel_shape=[3, 3], strides=[2, 2])
    x = g.n('Conv', [x, g.w('conv2_w', he((6, 4, 3, 3), 36)), g.w('conv2_b', bias(6))], 'conv2', kernel_shape=[3, 3], pads=[1, 1, 1, 1], group=2)
    x = g.n('Relu', [x], 'conv2_relu')
    x = g.n('MaxPool', [x], 'pool2', kernel_shape=[3, 3], strides=[2, 2])
    x = g.n('Flatten', [x], 'flat')
    for k, (i, o) in enumerate([(24, 16), (16, 12), (12, 5)]):
        x = g.n('Gemm', [x, g.w(f'fc{6 + k}_w', he((i, o), i)), g.w(f'fc{6 + k}_b', bias(o).reshape(1, o))], f'fc{6 + k}', alpha=0.5, beta=2.0)
        if k < 2:
            x = g.n('Relu', [x], f'fc{6 + k}_relu')
    return g.model(x, [1, 5])


def preact():
    """Residual blocks with BatchNormalization before the convolution, as MXNet's resnetv2; global pooling by ReduceMean with its axes as input."""
    global rng
    rng = np.random.default_rng(41)
    g = G(18, 8, [('data', ['N', 3, SIZE, SIZE])])

    def bn(x, c, nm):
        return g.n('BatchNormalization', [x, g.w(nm + '_g', 1 + bias(c)), g.w(nm + '_b', bias(c)), g.w(nm + '_m', bias(c)), g.w(nm + '_v', 1 + np.abs(bias(c)))], nm, epsilon=2e-5)

    x = bn('data', 3, 'bn_data')
    x = g.n('Conv', [x, g.w('c0_w', he((8, 3, 3, 3), 27))], 'c0', kernel_shape=[3, 3], pads=[1, 1, 1, 1], strides=[2, 2])
    for k in range(2):
        a = g.n('Relu', [bn(x, 8, f's{k}_bn1')], f's{k}_relu1')
        y = g.n('Conv', [a, g.w(f's{k}_c1', he((8, 8, 1, 1), 8))], f's{k}_conv1', kernel_shape=[1, 1])
        y = g.n('Relu', [bn(y, 8, f's{k}_bn2')], f's{k}_relu2')
        y = g.n('Conv', [y, g.w(f's{k}_c2', he((8, 8, 3, 3), 72))], f's{k}_conv2', kernel_shape=[3, 3], pads=[1, 1, 1, 1])
        x = g.n('Add', [y, x], f's{k}_plus')
    x = g.n('Relu', [bn(x, 8, 'bn1')], 'relu1')
    x = g.n('ReduceMean', [x, g.w('axes', np.array([2, 3], dtype=np.int64))], 'pooled', keepdims=0)
    x = g.n('Gemm', [x, g.w('fc_w', he((7, 8), 8)), g.w('fc_b', bias(7))], 'logits', transB=1)
    return g.model(x, ['N', 7])


def mixed():
    """What else exporters write: depthwise and dilated convolution, Clip, squeeze and excitation, Pad, odd pooling."""
    global rng
    rng = np.random.default_rng(43)
    g = G(13, 7, [('image', ['N', 3, SIZE, SIZE])])
    x = g.n('Sub', ['image', g.w('mean', np.array([.1, .2, .3], dtype=np.float32).reshape(3, 1, 1))], 'centred')
    x = g.n('Div', [x, g.w('std', np.array([.5, .6, .7], dtype=np.float32).reshape(1, 3, 1, 1))], 'scaled')
    x = g.n('Mul', [x, g.w('window', rng.uniform(.5, 1, (SIZE, SIZE)).astype(np.float32))], 'windowed')
    x = g.n('Pad', [x, g.w('pads', np.array([0, 0, 0, 1, 0, 0, 1, 1], dtype=np.int64))], 'padded')
    x = g.n('Conv', [x, g.w('w0', he((8, 3, 3, 3), 27)), g.w('b0', bias(8))], 'conv0', strides=[2, 2], kernel_shape=[3, 3])
    x = g.n('Clip', [x, g.w('lo', np.float32(0)), g.w('hi', np.float32(1.5))], 'relu6')
    x = g.n('Conv', [x, g.w('w1', he((8, 1, 3, 3), 9))], 'depthwise', group=8, auto_pad='SAME_LOWER', strides=[2, 2], kernel_shape=[3, 3])
    x = g.n('LeakyRelu', [x], 'leaky', alpha=0.1)
    s = g.n('GlobalAveragePool', [x], 'squeeze')
    s = g.n('Conv', [s, g.w('w2', he((4, 8, 1, 1), 8)), g.w('b2', bias(4))], 'se1')
    s = g.n('Relu', [s], 'se1_relu')
    s = g.n('Conv', [s, g.w('w3', he((8, 4, 1, 1), 4)), g.w('b3', bias(8))], 'se2')
    s = g.n('Sigmoid', [s], 'gate')
    x = g.n('Mul', [g.n('Identity', [s], 'gate_id'), x], 'excited')
    y = g.n('Conv', [x, g.w('w4', he((6, 8, 3, 3), 72)), g.w('b4', bias(6))], 'dilated', dilations=[2, 2], pads=[2, 1, 2, 3], kernel_shape=[3, 3])
    z = g.n('AveragePool', [x], 'avg', kernel_shape=[3, 3], pads=[1, 1, 1, 1], count_include_pad=1)
    z = g.n('Tanh', [z], 'tanh')
    z = g.n('Concat', [y, z, y], 'cat', axis=1)
    z = g.n('Pad', [z, g.w('pads2', np.array([0, 0, 1, 1, 0, 0, 0, 0], dtype=np.int64)), g.w('pv', np.float32(0.25))], 'pad_value')
    z = g.n('AveragePool', [z], 'avg2', kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1)
    z = g.n('MaxPool', [z], 'max2', kernel_shape=[3, 2], strides=[1, 1], pads=[1, 0, 1, 1])
    z = g.n('Add', [z, z], 'twice')
    z = g.n('ReduceMean', [z], 'rows', axes=[3], keepdims=0)
    z = g.n('Transpose', [z], 'turned', perm=[0, 2, 1])
    z = g.n('MatMul', [z, g.w('w5', he((20, 9), 20))], 'mm')
    z = g.n('Softmax', [z], 'soft', axis=1)
    z = g.n('Concat', [z, z], 'cat2', axis=2)
    z = g.n('Unsqueeze', [z, g.w('ax', np.array([1], dtype=np.int64))], 'un')
    z = g.n('Squeeze', [z, 'ax'], 'sq')
    return g.model(g.n('Flatten', [z], 'flat'), ['N', None])


class TorchVGG(nn.Module):
    def __init__(self, view):
        super().__init__()
        layers = []
        for l in CFG:
            layers += [nn.MaxPool2d(2, 2)] if l == 'M' else [nn.Conv2d(l[0], l[1], 3, padding=1), nn.ReLU(True)]
        self.features, self.avgpool, self.view = nn.Sequential(*layers), nn.AdaptiveAvgPool2d((4, 4)), view
        self.classifier = nn.Sequential(nn.Linear(128, 24), nn.ReLU(True), nn.Dropout(), nn.Linear(24, 20), nn.ReLU(True), nn.Dropout(), nn.Linear(20, 10))

    def forward(self, x):
        x = self.avgpool(self.features(x))
        return self.classifier(x.view(x.size(0), -1) if self.view else torch.flatten(x, 1))


class Fire(nn.Module):
    def __init__(self, i, s, e):
        super().__init__()
        self.squeeze, self.expand1x1, self.expand3x3, self.act = nn.Conv2d(i, s, 1), nn.Conv2d(s, e, 1), nn.Conv2d(s, e, 3, padding=1), nn.ReLU(True)

    def forward(self, x):
        x = self.act(self.squeeze(x))
        return torch.cat([self.act(self.expand1x1(x)), self.act(self.expand3x3(x))], 1)


class TorchSqueeze(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2), nn.ReLU(True), nn.MaxPool2d(3, 2, ceil_mode=True), Fire(8, 4, 6), Fire(12, 4, 6), nn.MaxPool2d(3, 2, ceil_mode=True), Fire(12, 4, 8))
        self.classifier = nn.Sequential(nn.Dropout(), nn.Conv2d(16, 10, 1), nn.ReLU(True), nn.AdaptiveAvgPool2d((1, 1)))

    def forward(self, x):
        return torch.flatten(self.classifier(self.features(x)), 1)


class Block(nn.Module):
    def __init__(self, i, m, o, s):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(i, m, 1, bias=False), nn.BatchNorm2d(m), nn.ReLU(True), nn.Conv2d(m, m, 3, s, 1, bias=False), nn.BatchNorm2d(m), nn.ReLU(True), nn.Conv2d(m, o, 1, bias=False), nn.BatchNorm2d(o))
        self.down = nn.Sequential(nn.Conv2d(i, o, 1, s, bias=False), nn.BatchNorm2d(o)) if i != o or s != 1 else nn.Identity()

    def forward(self, x):
        return torch.relu(self.body(x) + self.down(x))


class TorchRes(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 8, 7, 2, 3, bias=False), nn.BatchNorm2d(8), nn.ReLU(True), nn.MaxPool2d(3, 2, 1), Block(8, 4, 16, 1), Block(16, 4, 16, 1), Block(16, 6, 20, 2))
        self.pool, self.fc = nn.AdaptiveAvgPool2d(1), nn.Linear(20, 10)

    def forward(self, x):
        return self.fc(torch.flatten(self.pool(self.body(x)), 1))


def exported(m, opset, dynamic, keep_bn=False):
    torch.manual_seed(5)
    for p in m.modules():
        if isinstance(p, nn.BatchNorm2d):
            p.running_mean.normal_(0, .1); p.running_var.uniform_(.5, 1.5); nn.init.normal_(p.weight, 1, .1); nn.init.normal_(p.bias, 0, .1)
        elif isinstance(p, (nn.Conv2d, nn.Linear)):
            nn.init.kaiming_normal_(p.weight)
            if p.bias is not None:
                nn.init.normal_(p.bias, 0, .1)
    b = io.BytesIO()
    t = torch.onnx.TrainingMode
    torch.onnx.export(m.eval(), torch.zeros(1, 3, SIZE, SIZE), b, opset_version=opset, input_names=['input'], output_names=['output'],
                      training=t.PRESERVE if keep_bn else t.EVAL, dynamic_axes={'input': {0: 'batch'}, 'output': {0: 'batch'}} if dynamic else None)
    m = onnx.load_model_from_string(b.getvalue())
    for n in m.graph.node:
        n.doc_string = ''
    return m


def relu_after(m, k):
    """The output of the ReLU after the k-th of the linear layers."""
    gemm = [n for n in m.graph.node if n.op_type in ('Gemm', 'MatMul')][k]
    name = gemm.output[0]
    while True:
        n = [n for n in m.graph.node if name in n.input][0]
        name = n.output[0]
        if n.op_type == 'Relu':
            return name


def made_by(m, *ops):
    return [n for n in m.graph.node if n.op_type in ops][-1].output[0]


FC7, POOLED, OUTPUT = 'fc7 after ReLU', 'the pooled feature', "the network's output"
add('vgg_mxnet', mxnet(0, 1), 'vgg0_dense1_relu_fwd', FC7, 'torchvision')
add('vgg_bn_mxnet', mxnet(1, 1), 'vgg0_dense1_relu_fwd', FC7, 'torchvision', ref=mxnet(1, 0))
for v in (3, 6, 9):
    add(f'vgg_caffe2_{v}', caffe2(v), 'fc7_2', FC7, 'caffe', ref=caffe2(9), batch=1)
add('vgg_dynamo', dynamo(), 'relu_fc1', FC7, 'torchvision', external=True)
add('vgg_keras', keras(), 'model/fc2/Relu:0', FC7, 'caffe', nhwc=True)
add('alexnet', alexnet(), 'fc7_relu', FC7, batch=1)
add('preact', preact(), 'pooled', POOLED)
add('mixed', mixed(), 'flat', OUTPUT)
m = exported(TorchVGG(False), 9, False)
add('torch_vgg_9', m, relu_after(m, 1), FC7, 'torchvision', batch=1)
m = exported(TorchVGG(True), 16, True)
add('torch_vgg_16', m, relu_after(m, 1), FC7, 'torchvision')
m = exported(TorchSqueeze(), 11, True)
add('torch_squeezenet', m, 'output', POOLED + ', ' + OUTPUT, 'torchvision')
m = exported(TorchRes(), 13, True)
add('torch_resnet', m, made_by(m, 'Flatten', 'Reshape'), POOLED, 'torchvision')
m = exported(TorchRes(), 14, True, keep_bn=True)
add('torch_resnet_bn', m, made_by(m, 'Flatten', 'Reshape'), POOLED, 'torchvision')

# Transformers and mobile networks, small, in the words of those who export them.
class Attention(nn.Module):
    def __init__(self, w, heads):
        super().__init__()
        self.h, self.d = heads, w // heads
        self.q, self.k, self.v, self.o = [nn.Linear(w, w) for _ in range(4)]

    def heads(self, x):
        return x.view(x.size()[:-1] + (self.h, self.d)).permute(0, 2, 1, 3)

    def forward(self, x, more=None):
        q, k, v = self.heads(self.q(x)), self.heads(self.k(x)), self.heads(self.v(x))
        a = torch.matmul(q, k.transpose(-1, -2)) / math.sqrt(self.d)
        a = more(a) if more else a
        c = torch.matmul(a.softmax(-1), v).permute(0, 2, 1, 3).contiguous()
        return self.o(c.view(c.size()[:-2] + (self.h * self.d,)))


class FusedAttention(nn.Module):
    """timm's: one matrix, the three brought to the front."""

    def __init__(self, w, heads):
        super().__init__()
        self.h, self.qkv, self.proj = heads, nn.Linear(w, 3 * w), nn.Linear(w, w)

    def forward(self, x):
        b, n, c = x.shape
        q, k, v = self.qkv(x).reshape(b, n, 3, self.h, c // self.h).permute(2, 0, 3, 1, 4).unbind(0)
        a = (q * (c // self.h) ** -0.5 @ k.transpose(-2, -1)).softmax(-1)
        return self.proj((a @ v).transpose(1, 2).reshape(b, n, c))


class Layer(nn.Module):
    def __init__(self, w, attention, act):
        super().__init__()
        self.n1, self.n2 = nn.LayerNorm(w, eps=1e-6), nn.LayerNorm(w, eps=1e-6)
        self.a, self.up, self.down, self.act = attention, nn.Linear(w, 2 * w), nn.Linear(2 * w, w), act
        self.s1, self.s2 = nn.Parameter(torch.rand(w)), nn.Parameter(torch.rand(w))

    def forward(self, x):
        x = x + self.a(self.n1(x)) * self.s1
        return x + self.down(self.act(self.up(self.n2(x)))) * self.s2


class Tokens(nn.Module):
    """DINOv2 as transformers writes it: positions for images of 16 x 16 are resized to the image; registers."""

    def __init__(self, registers=0, act=nn.GELU(), attention=Attention, w=24, patch=4, positions=4):
        super().__init__()
        self.patch, self.side = patch, positions
        self.proj = nn.Conv2d(3, w, patch, patch)
        self.cls, self.pos = nn.Parameter(torch.randn(1, 1, w)), nn.Parameter(torch.randn(1, positions ** 2 + 1, w))
        self.reg = nn.Parameter(torch.randn(1, registers, w)) if registers else None
        self.layers = nn.Sequential(*[Layer(w, attention(w, 3), act) for _ in range(2)])
        self.norm = nn.LayerNorm(w)

    def forward(self, x):
        b, _, height, width = x.shape
        x = self.proj(x).flatten(2).transpose(1, 2)
        x = torch.cat((self.cls.expand(b, -1, -1), x), dim=1)
        p = self.pos[:, 1:].reshape(1, self.side, self.side, -1).permute(0, 3, 1, 2)
        p = nn.functional.interpolate(p, size=(height // self.patch, width // self.patch), mode='bicubic', align_corners=False)
        x = x + torch.cat((self.pos[:, 0].unsqueeze(0), p.permute(0, 2, 3, 1).view(1, -1, x.shape[-1])), dim=1)
        if self.reg is not None:
            x = torch.cat((x[:, :1], self.reg.expand(b, -1, -1), x[:, 1:]), dim=1)
        return self.norm(self.layers(x))


class Pooler(nn.Module):
    def __init__(self, body):
        super().__init__()
        self.body = body

    def forward(self, x):
        x = self.body(x)
        return x, x[:, 0, :]


class Classifier(nn.Module):
    def __init__(self, body, pick, w=24):
        super().__init__()
        self.body, self.pick, self.head = body, pick, nn.Linear(w, 10)

    def forward(self, x):
        return self.head(self.pick(self.body(x)))


class QuickGelu(nn.Module):
    def forward(self, x):
        return x * torch.sigmoid(1.702 * x)


class TanhGelu(nn.Module):
    def forward(self, x):
        return 0.5 * x * (1.0 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * torch.pow(x, 3.0))))


class Swin(nn.Module):
    """Swin as transformers writes it: padding by what is left over, cyclic shift, a mask, position bias by a table, merging of patches."""

    def __init__(self, w=12, ws=3):
        super().__init__()
        self.ws, self.conv, self.norm, self.a = ws, nn.Conv2d(3, w, 4, 4), nn.LayerNorm(w), Attention(w, 3)
        self.merge, self.n2, self.last = nn.Linear(4 * w, 24, bias=False), nn.LayerNorm(4 * w), nn.LayerNorm(24)
        self.table = nn.Parameter(torch.randn((2 * ws - 1) ** 2, 3))
        c = torch.stack(torch.meshgrid([torch.arange(ws), torch.arange(ws)])).flatten(1)
        r = (c[:, :, None] - c[:, None]).permute(1, 2, 0) + ws - 1
        self.register_buffer('index', r[:, :, 0] * (2 * ws - 1) + r[:, :, 1])

    def windows(self, x):
        b, h, w, c = x.shape
        return x.view(b, h // self.ws, self.ws, w // self.ws, self.ws, c).permute(0, 1, 3, 2, 4, 5).contiguous().view(-1, self.ws, self.ws, c)

    def mask(self, h, w):
        m, k, ws = torch.zeros(1, h, w, 1), 0, self.ws
        for rows in (slice(0, -ws), slice(-ws, -(ws // 2)), slice(-(ws // 2), None)):
            for cols in (slice(0, -ws), slice(-ws, -(ws // 2)), slice(-(ws // 2), None)):
                m[:, rows, cols, :] = k
                k += 1
        m = self.windows(m).view(-1, ws * ws)
        m = m.unsqueeze(1) - m.unsqueeze(2)
        return m.masked_fill(m != 0, -100.0).masked_fill(m == 0, 0.0)

    def block(self, x, shift):
        b, h, w, c = x.shape
        ws = self.ws
        y = nn.functional.pad(self.norm(x), (0, 0, 0, (ws - w % ws) % ws, 0, (ws - h % ws) % ws))
        _, hp, wp, _ = y.shape
        if shift:
            y = torch.roll(y, shifts=(-(ws // 2), -(ws // 2)), dims=(1, 2))
        mask = self.mask(hp, wp) if shift else None

        def more(a):
            a = a + self.table[self.index.view(-1)].view(ws * ws, ws * ws, -1).permute(2, 0, 1).contiguous().unsqueeze(0)
            if mask is None:
                return a
            n = mask.shape[0]
            return (a.view(a.shape[0] // n, n, 3, ws * ws, ws * ws) + mask.unsqueeze(1).unsqueeze(0)).view(-1, 3, ws * ws, ws * ws)
        y = self.a(self.windows(y).view(-1, ws * ws, c), more).view(-1, ws, ws, c)
        y = y.view(-1, hp // ws, wp // ws, ws, ws, c).permute(0, 1, 3, 2, 4, 5).contiguous().view(-1, hp, wp, c)
        if shift:
            y = torch.roll(y, shifts=(ws // 2, ws // 2), dims=(1, 2))
        return x + y[:, :h, :w, :].contiguous()

    def forward(self, x):
        x = self.block(self.block(self.conv(x).permute(0, 2, 3, 1), False), True)
        x = torch.cat([x[:, 0::2, 0::2], x[:, 1::2, 0::2], x[:, 0::2, 1::2], x[:, 1::2, 1::2]], -1)
        return self.last(self.merge(self.n2(x)).flatten(1, 2))


class Next(nn.Module):
    """ConvNeXt: depthwise 7 x 7, LayerNorm with channels last, GELU, layer scale; downsampling behind a LayerNorm of channels."""

    def __init__(self, w=12):
        super().__init__()
        self.stem, self.dw = nn.Conv2d(3, w, 4, 4), nn.Conv2d(w, w, 7, padding=3, groups=w)
        self.n, self.up, self.down, self.scale = nn.LayerNorm(w, eps=1e-6), nn.Linear(w, 4 * w), nn.Linear(4 * w, w), nn.Parameter(torch.rand(w, 1, 1))
        self.n2, self.merge, self.n3 = nn.LayerNorm(w), nn.Conv2d(w, 24, 2, 2), nn.LayerNorm(24)

    def forward(self, x):
        x = self.stem(x)
        y = self.down(nn.functional.gelu(self.up(self.n(self.dw(x).permute(0, 2, 3, 1)))))
        x = x + self.scale * y.permute(0, 3, 1, 2)
        x = self.merge(self.n2(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2))
        return self.n3(x.mean([-2, -1], keepdim=True).permute(0, 2, 3, 1)).flatten(1)


class Mobile(nn.Module):
    """MobileNetV3 and EfficientNet: depthwise convolutions, gates, hard and soft swish."""

    def __init__(self):
        super().__init__()
        self.a, self.dw, self.g1, self.g2, self.b = nn.Conv2d(3, 12, 3, 2, 1), nn.Conv2d(12, 12, 5, 2, 2, groups=12), nn.Conv2d(12, 4, 1), nn.Conv2d(4, 12, 1), nn.Conv2d(12, 24, 1)
        self.c = nn.Conv2d(24, 24, 3, padding=1, groups=4)
        self.bn = nn.BatchNorm2d(24)

    def forward(self, x):
        x = nn.functional.hardswish(self.a(x))
        x = nn.functional.silu(self.dw(x))
        x = x * nn.functional.hardsigmoid(self.g2(torch.relu(self.g1(nn.functional.adaptive_avg_pool2d(x, 1)))))
        x = self.b(x)
        return nn.functional.adaptive_avg_pool2d(x + torch.sigmoid(self.bn(self.c(x))), 1).flatten(1)


class Pieces(nn.Module):
    """What else image networks hold: group and instance normalisation, mish, PReLU, ELU, resizing, pixel shuffle, a convolution of one
    dimension, einsum, L2 norm, maxima, other padding."""

    def __init__(self):
        super().__init__()
        self.c, self.g, self.i, self.p = nn.Conv2d(3, 8, 3, 2, 1), nn.GroupNorm(2, 8), nn.InstanceNorm2d(8, affine=True), nn.PReLU(8)
        self.eca, self.fc = nn.Conv1d(1, 1, 3, padding=1, bias=False), nn.Linear(28, 24)

    def forward(self, x):
        x = self.p(self.i(nn.functional.mish(self.g(self.c(x)))))
        y = nn.functional.pixel_shuffle(nn.functional.elu(nn.functional.interpolate(x, scale_factor=2, mode='bilinear', align_corners=False)), 2)
        z = torch.sigmoid(self.eca(y.mean((2, 3)).unsqueeze(1))).squeeze(1)
        y = y * z[:, :, None, None]
        u = nn.functional.normalize((torch.einsum('bchw,bdhw->bcd', y, y) / 1024).flatten(1), dim=1)
        r = nn.functional.avg_pool2d(nn.functional.pad(x, (1, 1, 1, 1), mode='reflect'), 3, 2).mean((2, 3))
        return self.fc(torch.cat([u, nn.functional.hardswish(x).amax((2, 3)), nn.functional.adaptive_avg_pool2d(nn.functional.silu(x), 1).flatten(1), r], 1))


def hub(m, opset, outputs=('logits',), every=False):
    """Exported with the batch axis open, or with every axis of the image."""
    torch.manual_seed(9)
    for p in m.modules():
        if isinstance(p, (nn.Linear, nn.Conv2d, nn.Conv1d)):
            nn.init.normal_(p.weight, 0, (2 / p.weight[0].numel()) ** .5)
            if p.bias is not None:
                nn.init.normal_(p.bias, 0, .1)
        elif isinstance(p, (nn.LayerNorm, nn.GroupNorm, nn.BatchNorm2d)):
            nn.init.normal_(p.weight, 1, .1); nn.init.normal_(p.bias, 0, .1)
    b = io.BytesIO()
    axes = {0: 'batch_size', 1: 'num_channels', 2: 'height', 3: 'width'} if every else {0: 'batch_size'}
    torch.onnx.export(m.eval(), torch.zeros(1, 3, SIZE, SIZE), b, opset_version=opset, input_names=['pixel_values'], output_names=list(outputs),
                      dynamic_axes={'pixel_values': axes, **{o: {0: 'batch_size'} for o in outputs}})
    m = onnx.load_model_from_string(b.getvalue())
    for n in m.graph.node:
        n.doc_string = ''
    return m


def halves(m):
    """float16 throughout, input and output included."""
    m = copy.deepcopy(m)
    for t in m.graph.initializer:
        if t.data_type == TensorProto.FLOAT:
            t.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(t).astype(np.float16), t.name))
    for n in m.graph.node:
        for a in n.attribute:
            if a.HasField('t') and a.t.data_type == TensorProto.FLOAT:
                a.t.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(a.t).astype(np.float16)))
            if n.op_type == 'Cast' and a.name == 'to' and a.i == TensorProto.FLOAT:
                a.i = TensorProto.FLOAT16
    for v in list(m.graph.input) + list(m.graph.output):
        v.type.tensor_type.elem_type = TensorProto.FLOAT16
    del m.graph.value_info[:]
    return m


def rounded(m):
    """float32 with the numbers of halves."""
    m = copy.deepcopy(m)
    for t in m.graph.initializer:
        if t.data_type == TensorProto.FLOAT:
            t.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(t).astype(np.float16).astype(np.float32), t.name))
    for n in m.graph.node:
        for a in n.attribute:
            if a.HasField('t') and a.t.data_type == TensorProto.FLOAT:
                a.t.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(a.t).astype(np.float16).astype(np.float32)))
    return m


def int8_weights(m):
    """Matrices and convolutions by DequantizeLinear, one scale for each output; and the same network with what that gives as
    float32: ONNX Runtime computes with the integers, less exactly."""
    m, r = copy.deepcopy(m), copy.deepcopy(m)
    used = {n.input[1]: n.op_type for n in m.graph.node if n.op_type in ('Conv', 'MatMul', 'Gemm') and len(n.input) > 1}
    add = []
    for t in list(m.graph.initializer):
        a = numpy_helper.to_array(t)
        if t.name not in used or a.ndim < 2:
            continue
        axis = 1 if used[t.name] == 'MatMul' else 0
        top = np.abs(a).max(axis=tuple(i for i in range(a.ndim) if i != axis), keepdims=True) / 127
        q = np.round(a / top).astype(np.int8)
        for w in r.graph.initializer:
            if w.name == t.name:
                w.CopyFrom(numpy_helper.from_array(q.astype(np.float32) * top.astype(np.float32), t.name))
        m.graph.initializer.remove(t)
        m.graph.initializer.extend([numpy_helper.from_array(q, t.name + '_q'), numpy_helper.from_array(top.ravel().astype(np.float32), t.name + '_s'),
                                    numpy_helper.from_array(np.zeros(top.size, np.int8), t.name + '_z')])
        add.append(helper.make_node('DequantizeLinear', [t.name + '_q', t.name + '_s', t.name + '_z'], [t.name], name=t.name + '_dq', axis=axis))
    nodes = add + list(m.graph.node)
    del m.graph.node[:]
    m.graph.node.extend(nodes)
    return m, r


def mixed_up(m):
    """The operators in an order in which they cannot run."""
    m = copy.deepcopy(m)
    nodes = list(m.graph.node)
    np.random.default_rng(1).shuffle(nodes)
    del m.graph.node[:]
    m.graph.node.extend(nodes)
    return m


LAST, POOLER, CLASS = 'the last hidden state', "the pooler's output", 'the class token, the input of the last matrix'
add('hub_dinov2', hub(Pooler(Tokens()), 17, ('last_hidden_state', 'pooler_output'), True), 'pooler_output', POOLER, 'torchvision')
add('hub_dinov2_registers', hub(Tokens(4), 14, ('last_hidden_state',), True), 'last_hidden_state', 'the class token of ' + LAST, 'torchvision', pool=('cls', lambda v: v[:, 0], 24))
add('hub_dinov2_11', hub(Pooler(Tokens(act=TanhGelu())), 11, ('last_hidden_state', 'pooler_output'), True), 'pooler_output', POOLER, 'torchvision')
timm = hub(Classifier(Tokens(act=QuickGelu(), attention=FusedAttention), lambda x: x[:, 0]), 16)
head = [n for n in timm.graph.node if n.op_type == 'Gemm'][-1].input[0]
add('hub_timm', timm, head, CLASS, 'torchvision')
add('hub_timm_order', mixed_up(timm), head, CLASS, 'torchvision', ref=timm)
add('hub_timm_half', halves(timm), head, CLASS, 'torchvision', ref=rounded(timm))
m, r = int8_weights(timm)
add('hub_timm_int8', m, head, CLASS, 'torchvision', ref=r)
add('hub_swin', hub(Swin(), 14, ('last_hidden_state',)), 'last_hidden_state', 'the mean of the patches of ' + LAST, 'torchvision', pool=('mean', lambda v: v.mean(1), 24))
add('hub_swin_12', hub(Swin(), 12, ('last_hidden_state',)), 'last_hidden_state', 'the mean of the patches of ' + LAST, 'torchvision', pool=('mean', lambda v: v.mean(1), 24))
m = hub(Classifier(Next(), lambda x: x), 17)
add('hub_convnext', m, [n for n in m.graph.node if n.op_type == 'Gemm'][-1].input[0], 'the pooled feature, normalised', 'torchvision')
m = hub(Classifier(Mobile(), lambda x: x), 14)
add('hub_mobile', m, [n for n in m.graph.node if n.op_type == 'Gemm'][-1].input[0], POOLED, 'torchvision')
m = hub(Classifier(Pieces(), lambda x: x), 16)
add('hub_pieces', m, [n for n in m.graph.node if n.op_type == 'Gemm'][-1].input[0], 'the input of the last matrix', 'torchvision')
json.dump(entries, open(os.path.join(here, 'networks.json'), 'w'), indent=1)
