#!/usr/bin/env python3
"""Measures how far the demo's features carry to unseen classes, without any of vzsl's code: reads a demo folder with
PIL, computes fc7 with torch from the weights in demo.onnx, fits ESZSL (Romera-Paredes and Torr 2015) on the seen
classes' pictures and names the unseen ones.

    python3 datasets/demo/network/zeroshot.py DEMO_DATA_FOLDER
"""
import csv
import os
import sys

import numpy as np
import onnx
import torch
from PIL import Image
from onnx import numpy_helper

sys.dont_write_bytecode = True
from train import HERE, Network, preprocess  # noqa: E402 (beside this script)


def main(folder):
    torch.set_num_threads(1)
    weights = {i.name: torch.tensor(numpy_helper.to_array(i))
               for i in onnx.load(os.path.join(HERE, "demo.onnx")).graph.initializer}
    net = Network(len(weights["fc8.bias"]))
    net.load_state_dict(weights)
    net.eval()
    with open(os.path.join(folder, "classes.csv")) as f:
        rows = list(csv.reader(f))[1:]
    describe = {r[0]: np.array(r[1:], float) for r in rows}

    def lists(name):
        with open(os.path.join(folder, name)) as f:
            return f.read().split()

    def features(classes):
        x, y = [], []
        for label, c in enumerate(classes):
            for file in sorted(os.listdir(os.path.join(folder, c))):
                with Image.open(os.path.join(folder, c, file)) as img:
                    x.append(preprocess(img.convert("RGB")))
                y.append(label)
        with torch.no_grad():
            out = torch.cat([net(b, until="relu7") for b in torch.stack(x).split(256)])
        return out.numpy().astype(float), np.array(y)

    seen, unseen = lists("seen.txt"), lists("unseen.txt")
    x, y = features(seen)
    tx, ty = features(unseen)
    s = np.stack([describe[c] for c in seen])
    t = np.stack([describe[c] for c in unseen])
    for scale in ("none", "l2"):
        a, b = (x, tx) if scale == "none" else (x / np.linalg.norm(x, axis=1, keepdims=True),
                                                tx / np.linalg.norm(tx, axis=1, keepdims=True))
        for gamma in (0.01, 1, 100):
            for lam in (0.1, 1):
                d = a.shape[1]
                target = -np.ones((len(y), len(seen)))
                target[np.arange(len(y)), y] = 1
                v = np.linalg.solve(a.T @ a + gamma * np.eye(d), a.T @ target @ s) @ np.linalg.inv(s.T @ s + lam * np.eye(s.shape[1]))
                guess = (b @ v @ t.T).argmax(1)
                per = [np.mean(guess[ty == c] == c) for c in range(len(unseen))]
                print("features %-4s  gamma %-5g lambda %-4g  mean per-class top-1 of %d unseen: %.3f (%.1f x chance)"
                      % (scale, gamma, lam, len(unseen), np.mean(per), np.mean(per) * len(unseen)))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
