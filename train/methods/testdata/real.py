#!/usr/bin/env python3
"""Scores of all methods with a reference here on a little of CUB (fc7 features that are not part of this repository),
real.json: of 12 seen classes 8 images each, of 4 others 3; every 128th feature; every 16th attribute. The divisors are
powers of two, so that any program makes the same numbers. The folder of the data is the argument, by default shared/data
beside the repository."""
import json, os, sys
import numpy as np
import bidilel, eszsl, gfzsl, sae, trained

here = os.path.dirname(os.path.abspath(__file__))
data = sys.argv[1] if len(sys.argv) > 1 else os.path.join(here, "../../../../shared/data")
features = np.load(data + "/cub-vgg19-fc7/features.npy", mmap_mode="r")
labels = np.load(data + "/cub-vgg19-fc7/labels.npy")
described = np.loadtxt(data + "/cub/CUB_200_2011/attributes/class_attribute_labels_continuous.txt", dtype=np.float32)
classes = np.unique(labels)[:16]
take = lambda of, n: np.concatenate([np.flatnonzero(labels == k)[:n] for k in of])
seen, unseen = take(classes[:12], 8), take(classes[12:], 3)
a = described[classes - 1][:, ::16] / 128
x = lambda rows: features[rows][:, ::128] / 4
p = trained.Problem(x(seen), np.repeat(np.arange(12), 8), a[:12], x(unseen), a[12:])

mean = p.x.mean(0)
W = sae.fit(p.x - mean, p.y, p.s, 0.5)
out = trained.scores(p)
out.update({
    "eszsl": p.z @ eszsl.fit(p.x, p.y, p.s, 0.5, 0.5) @ p.u.T,
    "sae to-features": sae.cosines(p.z - mean, p.u @ W),
    "sae to-attributes": sae.cosines((p.z - mean) @ W.T, p.u),
    "bidilel": bidilel.scores(p.x, p.y, p.s, p.z, p.u, 0.5),
})
for kernel, power in (("linear", 1), ("polynomial", 2)):
    for name, steps in (("", 0), (" em", 3)):
        out["gfzsl " + kernel + name] = gfzsl.scores(p.x, p.y, p.s, p.z, p.u, power, 0.5, 2.0, 0.5, steps)
json.dump({name: v.ravel().tolist() for name, v in out.items()}, open(os.path.join(here, "real.json"), "w"))
