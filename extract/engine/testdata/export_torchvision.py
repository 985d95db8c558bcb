#!/usr/bin/python3
"""Exports torchvision's networks by torch's legacy exporter, with random weights: export_torchvision.py folder

Needs python3-torch and python3-torchvision. Each file gets the layer that features are taken from as a second output,
for the reference; of the newer ones the class scores are compared.
"""
import os, sys, warnings
import onnx, torch, torchvision
from onnx import helper, TensorProto

warnings.filterwarnings('ignore')
os.makedirs(sys.argv[1], exist_ok=True)
OLD = [('alexnet', 9, False), ('vgg11_bn', 11, True), ('squeezenet1_1', 13, False), ('resnet18', 16, False), ('resnet101', 12, True), ('mobilenet_v2', 14, False)]
NEW = [('vit_b_16', 16), ('swin_t', 16), ('maxvit_t', 17), ('convnext_tiny', 17), ('mobilenet_v3_large', 14), ('efficientnet_b0', 13), ('efficientnet_v2_s', 16), ('densenet121', 11),
       ('googlenet', 11), ('inception_v3', 12), ('regnet_y_400mf', 15), ('shufflenet_v2_x1_0', 13), ('mnasnet0_5', 10), ('resnext50_32x4d', 16)]
for name, opset, keep in OLD + [(n, o, False) for n, o in NEW]:
    path = os.path.join(sys.argv[1], name + '.onnx')
    if os.path.exists(path):
        continue
    torch.manual_seed(1)
    more = dict(aux_logits=False, init_weights=True) if name in ('googlenet', 'inception_v3') else {}
    m = getattr(torchvision.models, name)(**more).eval()
    for p in m.modules():
        if (name, opset) in NEW and isinstance(p, torch.nn.Linear):
            torch.nn.init.normal_(p.weight, 0, .05)
        if isinstance(getattr(p, 'layer_scale', None), torch.nn.Parameter):
            torch.nn.init.uniform_(p.layer_scale, .1, 1)
        if isinstance(p, torch.nn.BatchNorm2d):
            p.running_mean.normal_(0, .1); p.running_var.uniform_(.5, 1.5)
    t = torch.onnx.TrainingMode
    torch.onnx.export(m, torch.zeros(1, 3, *[299 if name == 'inception_v3' else 224] * 2), path + '.part', opset_version=opset, input_names=['input'], output_names=['output'],
                      training=t.PRESERVE if keep else t.EVAL, dynamic_axes={'input': {0: 'n'}, 'output': {0: 'n'}})
    m = onnx.load(path + '.part')
    linear = [n for n in m.graph.node if n.op_type == 'Gemm']
    layer = 'output'
    if (name, opset) in NEW:
        pass
    elif len(linear) == 3:  # fc7 after its ReLU
        layer = [n for n in m.graph.node if linear[1].output[0] in n.input][0].output[0]
    elif linear:
        layer = linear[0].input[0]
        before = [n for n in m.graph.node if layer in n.output][0]
        if before.op_type == 'Dropout':
            layer = before.input[0]
    if layer != 'output':
        m.graph.output.append(helper.make_tensor_value_info(layer, TensorProto.FLOAT, None))
    m.graph.doc_string = layer
    onnx.save(m, path)
    os.remove(path + '.part')
