#!/usr/bin/env python3
"""Trains the demo's network and writes demo.onnx and training.json beside this script.

    go run ./datasets/demo/network/render FOLDER
    python3 datasets/demo/network/train.py FOLDER

The network is VGG-19's kind, only smaller: blocks of 3x3 convolutions with ReLU, each ended by a 2x2 max pool that
halves the side, down to 7 x 7, then three linear layers fc6, fc7, fc8. It learns to name the seen classes by softmax
over them. It is given no unseen class and no attribute.

Needs torch, torchvision, PIL, numpy, onnx (made with Debian's python3-torch 1.13). One thread, fixed seeds.
"""
import hashlib
import json
import os
import platform
import sys
import time

import numpy as np
import onnx
import PIL
import torch
import torchvision
from PIL import Image
from torch import nn
from torchvision import transforms

SIZE = 56  # recipe torchvision at this size: shorter side to SIZE*256/224, centre crop SIZE, mean and deviation
SEED = 1
EPOCHS = 16
BATCH = 64
RATE = 2e-3
DECAY = 5e-4
DROPOUT = 0.4
HERE = os.path.dirname(os.path.abspath(__file__))

preprocess = transforms.Compose([
    transforms.Resize(SIZE * 256 // 224),
    transforms.CenterCrop(SIZE),
    transforms.ToTensor(),
    transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
])


class Network(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.layers = []  # in order of use; names as in VGG
        channels = 3
        for block, widths in enumerate([(16,), (32, 32), (64, 64)], 1):
            for i, width in enumerate(widths, 1):
                self.add("conv%d_%d" % (block, i), nn.Conv2d(channels, width, 3, padding=1))
                self.add("relu%d_%d" % (block, i), nn.ReLU())
                channels = width
            self.add("pool%d" % block, nn.MaxPool2d(2))
        self.add("flatten", nn.Flatten())
        self.add("fc6", nn.Linear(channels * (SIZE // 8) ** 2, 128))
        self.add("relu6", nn.ReLU())
        self.add("drop6", nn.Dropout(DROPOUT))
        self.add("fc7", nn.Linear(128, 128))
        self.add("relu7", nn.ReLU())
        self.add("drop7", nn.Dropout(DROPOUT))
        self.add("fc8", nn.Linear(128, classes))
        for m in self.modules():
            if isinstance(m, (nn.Conv2d, nn.Linear)):
                nn.init.kaiming_normal_(m.weight, nonlinearity="relu")
                nn.init.zeros_(m.bias)

    def add(self, name, module):
        setattr(self, name, module)
        self.layers.append(name)

    def forward(self, x, until=None):
        for name in self.layers:
            x = getattr(self, name)(x)
            if name == until:
                break
        return x


def load(folder, part, classes):
    """Pictures as the network sees them, labels; checks the hash over the raw pixels that render wrote down."""
    x, y, digest = [], [], hashlib.sha256()
    seed = part["first_seed"]
    for label, name in enumerate(classes):
        for _ in range(part["per_class"]):
            with Image.open(os.path.join(folder, name, "%d.png" % seed)) as img:
                img = img.convert("RGB")
            digest.update(img.tobytes())
            x.append(preprocess(img))
            y.append(label)
            seed += 1
    if digest.hexdigest() != part["sha256"]:
        sys.exit("%s: the pictures are not those that render.json describes; render them again" % folder)
    return torch.stack(x), torch.tensor(y)


def train(net, x, y):
    rng = torch.Generator().manual_seed(SEED)
    opt = torch.optim.AdamW(net.parameters(), lr=RATE, weight_decay=DECAY)
    steps = EPOCHS * (len(x) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(opt, RATE, total_steps=steps)
    for epoch in range(EPOCHS):
        net.train()
        start, loss_sum, right = time.time(), 0.0, 0
        order = torch.randperm(len(x), generator=rng)
        for i in range(0, len(x) - BATCH + 1, BATCH):
            pick = order[i:i + BATCH]
            xb = x[pick]
            if torch.rand((), generator=rng) < 0.5:  # the objects have no left and right
                xb = xb.flip(3)
            out = net(xb)
            loss = nn.functional.cross_entropy(out, y[pick])
            opt.zero_grad()
            loss.backward()
            opt.step()
            schedule.step()
            loss_sum += loss.item() * len(pick)
            right += (out.argmax(1) == y[pick]).sum().item()
        print("epoch %2d  loss %.4f  accuracy %.4f  %.0f s"
              % (epoch + 1, loss_sum / len(x), right / len(x), time.time() - start), flush=True)


def accuracy(net, x, y):
    net.eval()
    with torch.no_grad():
        out = torch.cat([net(b) for b in x.split(256)])
    return (out.argmax(1) == y).float().mean().item()


def export(net, path):
    """Writes the network with its tensors named after its layers and the recipe in its metadata."""
    net.eval()
    torch.onnx.export(net, torch.zeros(1, 3, SIZE, SIZE), path, opset_version=11,
                      input_names=["data"], output_names=["fc8"],
                      dynamic_axes={"data": {0: "N"}, "fc8": {0: "N"}})
    model = onnx.load(path)
    names = [n for n in net.layers if not n.startswith("drop")]
    if len(names) != len(model.graph.node):
        sys.exit("the exported graph does not have one node a layer")
    tensor = "data"
    for node, name in zip(model.graph.node, names):
        node.name = name
        node.input[0], node.output[0], tensor = tensor, name, name
        # One picture after another, each undilated, rounded down: the defaults, which some readers want unsaid.
        if node.op_type == "MaxPool":
            plain = [a for a in node.attribute if a.name in ("kernel_shape", "pads", "strides")]
            del node.attribute[:]
            node.attribute.extend(plain)
    model.doc_string = "Small VGG-like network of vzsl's demo, trained on rendered pictures of its seen classes."
    entry = model.metadata_props.add()
    entry.key, entry.value = "vzsl.recipe", "torchvision"
    onnx.checker.check_model(model)
    onnx.save(model, path)


def main(folder):
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    torch.use_deterministic_algorithms(True)
    with open(os.path.join(folder, "render.json")) as f:
        rendered = json.load(f)
    classes = rendered["classes"]
    x, y = load(os.path.join(folder, "train"), rendered["train"], classes)
    net = Network(len(classes))
    start = time.time()
    train(net, x, y)
    seconds = time.time() - start
    held = accuracy(net, *load(os.path.join(folder, "check"), rendered["check"], classes))
    print("held-out accuracy %.4f" % held)

    path = os.path.join(HERE, "demo.onnx")
    export(net, path)
    with open(path, "rb") as f:
        sha = hashlib.sha256(f.read()).hexdigest()
    record = {
        "network": {"file": "demo.onnx", "sha256": sha, "recipe": "torchvision", "size": SIZE, "layer": "relu7"},
        "rendered": rendered,
        "training": {"seed": SEED, "epochs": EPOCHS, "batch": BATCH, "rate": RATE, "decay": DECAY,
                     "dropout": DROPOUT, "seconds": round(seconds)},
        "held_out_accuracy": round(held, 4),
        "versions": {"python": platform.python_version(), "torch": torch.__version__,
                     "torchvision": torchvision.__version__, "pillow": PIL.__version__, "numpy": np.__version__,
                     "onnx": onnx.__version__},
    }
    with open(os.path.join(HERE, "training.json"), "w") as f:
        json.dump(record, f, indent=2)
        f.write("\n")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
