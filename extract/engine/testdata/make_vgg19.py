#!/usr/bin/python3
"""Writes a VGG-19 of full size with deterministic He weights: make_vgg19.py out.onnx

Names, opset 7 and IR 3 as the onnx/models file vgg19-7 (weights among the inputs, open batch), plus fc7 after its
ReLU as a second output, for the reference. The protobuf is written by hand, weight by weight, so that the 575 MB are
never held in memory. Needs python3-numpy alone.
"""
import os, sys
import numpy as np

PLAN = [64, 64, 0, 128, 128, 0, 256, 256, 256, 256, 0, 512, 512, 512, 512, 0, 512, 512, 512, 512, 0]
FC7 = 'vgg0_dense1_relu_fwd'


def varint(v):
    b = bytearray()
    while v > 127:
        b.append(v & 127 | 128)
        v >>= 7
    b.append(v)
    return bytes(b)


def num(field, v):
    return varint(field << 3) + varint(v)


def sub(field, b):
    b = b.encode() if isinstance(b, str) else b
    return varint(field << 3 | 2) + varint(len(b)) + b


def attr(name, v):
    if isinstance(v, float):
        return sub(5, sub(1, name) + varint(2 << 3 | 5) + np.float32(v).tobytes() + num(20, 1))
    if isinstance(v, int):
        return sub(5, sub(1, name) + num(3, v) + num(20, 2))
    return sub(5, sub(1, name) + b''.join(num(8, x) for x in v) + num(20, 7))


def node(op, ins, out, **at):
    return sub(1, b''.join(sub(1, i) for i in ins) + sub(2, out) + sub(3, out) + sub(4, op) + b''.join(attr(k, v) for k, v in at.items()))


def value(field, name, dims):
    d = b''.join(sub(1, num(1, x) if isinstance(x, int) else sub(2, x)) for x in dims)
    return sub(field, sub(1, name) + sub(2, sub(1, num(1, 1) + sub(2, d))))


class Weight:
    """A weight that is drawn when it is written."""

    def __init__(self, name, dims, scale, seed):
        self.name, self.dims, self.scale, self.seed = name, dims, scale, seed
        self.bytes = 4 * int(np.prod(dims))
        self.head = b''.join(num(1, d) for d in dims) + num(2, 1) + sub(8, name) + varint(9 << 3 | 2) + varint(self.bytes)
        self.size = len(self.head) + self.bytes

    def write(self, f):
        f.write(varint(5 << 3 | 2) + varint(self.size) + self.head)
        rng, left = np.random.default_rng(self.seed), self.bytes // 4
        while left:
            n = min(left, 1 << 22)
            f.write((rng.standard_normal(n, dtype=np.float32) * np.float32(self.scale)).tobytes())
            left -= n


nodes, weights, x, c, pool, i = b'', [], 'data', 0, 0, 3


def weight(name, dims, scale):
    weights.append(Weight(name, dims, scale, 1900 + len(weights)))
    return name


for o in PLAN:
    if o == 0:
        out = f'vgg0_pool{pool}_fwd'
        nodes += node('MaxPool', [x], out, kernel_shape=[2, 2], pads=[0, 0, 0, 0], strides=[2, 2])
        pool += 1
    else:
        w, b = weight(f'vgg0_conv{c}_weight', [o, i, 3, 3], (2 / (9 * i)) ** .5), weight(f'vgg0_conv{c}_bias', [o], .05)
        nodes += node('Conv', [x, w, b], f'vgg0_conv{c}_fwd', dilations=[1, 1], group=1, kernel_shape=[3, 3], pads=[1, 1, 1, 1], strides=[1, 1])
        out = f'vgg0_relu{c}_fwd'
        nodes += node('Relu', [f'vgg0_conv{c}_fwd'], out)
        c, i = c + 1, o
    x = out
for k, (i, o) in enumerate([(25088, 4096), (4096, 4096), (4096, 1000)]):
    w, b = weight(f'vgg0_dense{k}_weight', [o, i], (2 / i) ** .5), weight(f'vgg0_dense{k}_bias', [o], .05)
    nodes += node('Flatten', [x], f'flatten_{60 + 5 * k}', axis=1)
    x = f'vgg0_dense{k}_fwd'
    nodes += node('Gemm', [f'flatten_{60 + 5 * k}', w, b], x, alpha=1.0, beta=1.0, transA=0, transB=1)
    if k < 2:
        nodes += node('Relu', [x], f'vgg0_dense{k}_relu_fwd')
        x = f'vgg0_dropout{k}_fwd'
        nodes += node('Dropout', [f'vgg0_dense{k}_relu_fwd'], x, ratio=.5)
head = sub(2, 'vgg19')
ends = value(11, 'data', ['N', 3, 224, 224]) + b''.join(value(11, w.name, w.dims) for w in weights) + value(12, x, ['N', 1000]) + value(12, FC7, ['N', 4096])
size = len(nodes) + len(head) + len(ends) + sum(1 + len(varint(w.size)) + w.size for w in weights)
part = sys.argv[1] + '.part'
with open(part, 'wb') as f:
    f.write(num(1, 3) + sub(2, 'tests') + sub(8, sub(1, '') + num(2, 7)) + varint(7 << 3 | 2) + varint(size) + nodes + head)
    for w in weights:
        w.write(f)
    f.write(ends)
os.replace(part, sys.argv[1])
