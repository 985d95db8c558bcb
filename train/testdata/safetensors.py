"""Scores features against classes with exported weights, in NumPy, as docs/formats.md says.

python3 safetensors.py DIR... Each DIR holds model.safetensors, features.f32, classes.f32 and shape.json ([N, D, C, A]), raw;
scores.f32 is written beside. Reads safetensors by the format's description alone: the length of the header, uint64 little
endian, the header as JSON, the values.
"""
import json
import os
import sys

import numpy as np


def load(path):
    data = open(path, "rb").read()
    n = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + n])
    meta = header.pop("__metadata__")
    tensors = {}
    for name, h in header.items():
        a, b = h["data_offsets"]
        dtype = {"F32": "<f4", "F64": "<f8"}[h["dtype"]]
        tensors[name] = np.frombuffer(data[8 + n + a : 8 + n + b], dtype).reshape(h["shape"]).astype(np.float64)
    assert 8 + n + max(h["data_offsets"][1] for h in header.values()) == len(data)
    return tensors, meta


def unit(v):
    length = np.sqrt((v * v).sum(1, keepdims=True))
    return v / np.where(length == 0, 1, length)


def features(x, kind):
    if kind == "sqrt-l2":
        x = np.sign(x) * np.sqrt(np.abs(x))
    return x if kind == "none" else unit(x)


def classes(a, w, meta):
    kind = meta["vzsl.attribute_normalisation"]
    if "attributes.fill" in w:
        a = np.where(np.isnan(a), w["attributes.fill"], a)
    if kind == "both-centre-l2":
        return np.hstack([normalised(a, "centre-l2", w.get("attributes.mean"), w, meta),
                          normalised(a, "sqrt-centre-l2", w.get("attributes.roots"), w, meta)])
    return normalised(a, kind, w.get("attributes.mean"), w, meta)


def normalised(a, kind, mean, w, meta):
    if kind == "sqrt-centre-l2":
        a = np.sign(a) * np.sqrt(np.abs(a))
    if mean is not None:
        a = a - mean
    widths = json.loads(meta.get("vzsl.blocks", "[%d]" % a.shape[1]))
    shares = w.get("attributes.weights", np.full(len(widths), 1 / len(widths)))
    if kind == "standardise":
        s = w["attributes.scale"]
        a = np.where(s == 0, 0, a / np.where(s == 0, 1, s))
    parts = np.split(a, np.cumsum(widths)[:-1], axis=1)
    if kind in ("standardise", "none"):
        return np.hstack([p * np.sqrt(s * len(widths)) for p, s in zip(parts, shares)])
    return np.hstack([unit(p) * np.sqrt(s) for p, s in zip(parts, shares)])


def layer(w, name, x):
    return x @ w[name + ".weight"].T + w.get(name + ".bias", 0)


def closed(x, a, w, at):
    """Log scores of zero-shot PLDA, and the part of its weight that another score keeps beside them."""
    y = x @ w[at + "project"].T - w[at + "offset"]
    floor, shot_weight = w[at + "floor"]
    rank, transductive = len(w[at + "tau"]), at + "known.bias" in w
    tau = np.full(y.shape[1], floor)
    tau[:rank] = w[at + "tau"]
    prototypes = (1 + a @ w[at + "seen"].T) ** 2 @ w[at + "alpha"]
    out, seen, shots = [], False, []
    shared = 1 / (1 / floor + (w[at + "known.images"].mean() if at + "known.images" in w else 0))
    for c, vector in enumerate(a):
        same = lambda name: np.flatnonzero(np.abs(w[at + name] - vector).max(1) < 1e-6) if at + name in w else []
        n, s, bias, prior = 0, np.zeros(len(tau)), 0, np.zeros(len(tau))
        prior[:rank] = prototypes[c]
        for i in same("known"):
            n, s, bias = w[at + "known.images"][i], w[at + "known.sums"][i].copy(), w.get(at + "known.bias", np.zeros(99))[i]
        own = n
        for i in same("seen")[:1]:
            n, seen = n + w[at + "seen.images"][i], True
            s[:rank] += w[at + "seen.images"][i] * w[at + "seen.means"][i]
            prior[:rank] = w[at + "seen.prior"][i]
        if own > 0:
            shots.append(own / shot_weight)
        v = 1 / (1 / tau + n)
        m = v * (prior / tau + s)
        base = tau.copy()
        if not transductive:
            v[rank:] = base[rank:] = shared
        terms = (y - m) ** 2 / (1 + v) - y**2 / (1 + base)
        if not transductive:
            terms = terms + np.log((1 + v) / (1 + base))
        out.append(bias - terms.sum(1) / 2)
    share = 0.5 if seen or (shots and transductive) else 0.6 / (1 + np.mean(shots) / 10) if shots else 1
    return np.array(out).T, share


def score(x, a, w, meta):
    views = int(w.get("attribute_views", [1])[0])
    first, last = a[:, : a.shape[1] // views], a[:, a.shape[1] - a.shape[1] // views :]
    if meta["vzsl.method"] == "plda":
        return closed(x, a, w, "")[0]
    if "closed.project" in w:
        l, share = closed(x, last, w, "closed.")
        of_closed, of_learned, weight = w["closed.deviations"]
        kl = learned(x, first, w, meta)
        return {"joint": l / of_closed + weight * share * kl / of_learned,
                "closed": l / of_closed, "learned": kl}[meta["vzsl.score"]]
    return learned(x, first, w, meta)


def learned(x, a, w, meta):
    if "vzsl.scale" not in meta:
        return x @ w["v" if meta["vzsl.method"] == "eszsl" else "w"] @ a.T
    b = float(meta["vzsl.log_variance_bound"])
    bounded = lambda v: b * np.tanh(v / b) if b > 0 else v
    h, i = float(meta["vzsl.scale"]) * x, 0
    while f"encoder.{i}.weight" in w:
        h, i = np.maximum(layer(w, f"encoder.{i}", h), 0), i + 1
    mu, l = layer(w, "encoder.mu", h)[:, None], bounded(layer(w, "encoder.log_variance", h))[:, None]
    u, t = layer(w, "prior.mu", a), bounded(layer(w, "prior.log_variance", a))
    return -0.5 * (t - l - 1 + np.exp(l - t) + (mu - u) ** 2 * np.exp(-t)).sum(2)


for folder in sys.argv[1:]:
    at = lambda name: os.path.join(folder, name)
    n, d, c, k = json.load(open(at("shape.json")))
    w, meta = load(at("model.safetensors"))
    x = np.fromfile(at("features.f32"), "<f4").reshape(n, d).astype(np.float64)
    a = np.fromfile(at("classes.f32"), "<f4").reshape(c, k).astype(np.float64)
    y = score(features(x, meta["vzsl.feature_normalisation"]), classes(a, w, meta), w, meta)
    y.astype("<f4").tofile(at("scores.f32"))
