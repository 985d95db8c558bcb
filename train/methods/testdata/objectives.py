#!/usr/bin/env python3
"""Losses of the methods trained by descent, their derivatives and their scores at random weights, by PyTorch from the
formulas of the methods' descriptions: objectives.json. Scores are of the samples for the classes trained on; what is the
same for all classes of a sample is left out."""
import json
import numpy as np
import torch

r = np.random.RandomState(12)
n, d, a, c, h, k = 5, 4, 3, 4, 6, 2
single = lambda *shape: torch.tensor(r.randn(*shape).astype(np.float32)).double()
x, y, signed = single(n, d), torch.tensor([0, 1, 2, 3, 1]), single(c, a)
positive = signed.abs()
# What the test's source of chance gives, for codes of the features and then of the attributes.
noise = torch.tensor([1.1012431639712754, 0.18877588364638598, -0.3964891022274035, -2.0269617881487774, 0.8759601069677098,
                      -0.253715704401885, -0.11843096220259142, 0.15738676634059828, -1.353801493342256, 1.584434132805228,
                      -0.7103107541976875, 0.34037416739654464, -0.5356316717606536, 0.8330074696161575, -0.5779037790799666,
                      1.7725953000964152, 1.4053563281926733, -0.18955097823809886, -0.13737160233385026, 1.6507445618575902],
                     dtype=torch.float64).reshape(2, n, k)
relu = torch.relu
others = 1 - torch.eye(c, dtype=torch.float64)[y]
own = lambda f: f.gather(1, y[:, None])
square = lambda p, q: ((p[:, None] - q[None]) ** 2).sum(2)
violations = lambda f, margin: others * relu(margin + f - own(f))


def devise(s, w):
    f = x @ w @ s.T
    return violations(f, 0.8).sum(1).mean(), f


def ale(s, w):
    f = x @ w @ s.T
    rank = (violations(f, 0.8) > 0).sum(1)
    weight = torch.tensor([sum(1 / i for i in range(1, m + 1)) / max(m, 1) for m in rank.tolist()], dtype=torch.float64)
    return (weight * violations(f, 0.8).sum(1)).mean(), f


def sje(s, w):
    f = x @ w @ s.T
    return violations(f, 0.8).max(1).values.mean(), f


def latem(s, w):
    f = torch.stack([x @ w[:, i] @ s.T for i in range(k)]).max(0).values
    return violations(f, 0.8).sum(1).mean() / (c - 1), f


def cmt(s, first, second):
    e = torch.tanh(x @ first) @ second
    return own(square(e, s)).mean(), -square(e, s)


def mlzsc(s, w, b, m, t):
    e = x @ w + b
    if (s >= 0).all():
        e = relu(e)
    far = square(e @ m, s @ m)
    pairs = relu(1 - t + own(far)).mean() + (others * relu(1 + t - far)).sum(1).mean() / (c - 1)
    return pairs + 0.6 * own(square(e, s)).mean(), -far


def jfa(s, w):
    alpha, beta = 2.0, 1.5
    system = torch.cat([torch.cat([alpha * torch.eye(d), -w], 1), torch.cat([-w.T, beta * torch.eye(a)], 1)])
    f = []
    for p in x:
        for q in s:
            moves = torch.linalg.solve(system, torch.cat([w @ q, w.T @ p]))
            u, v = moves[:d], moves[d:]
            f.append((p + u) @ w @ (q + v) - alpha / 2 * u @ u - beta / 2 * v @ v)
    f = torch.stack(f).reshape(n, c)
    return violations(f, 0.8).max(1).values.mean(), f


def ssvoc(s, w):
    e = x @ w
    near = square(e, s) / 2
    regression = relu((e - s[y]).abs() - 0.3 * (s**2).mean().sqrt()) ** 2
    rank = (others * relu(0.8 + own(near) - near)) ** 2
    return (regression.sum(1) / 2 + 0.7 * rank.sum(1) / 2).mean(), -2 * near


def cadavae(s, *weights):
    inputs, q, decode = (3 * x, s[y]), [], []
    code = lambda at, v: [relu(v @ at[0] + at[1]) @ at[i] + at[i + 1] for i in (2, 4)]
    for i, v in enumerate(inputs):
        at = weights[10 * i : 10 * i + 10]
        q.append(code(at, v))
        decode.append(lambda z, at=at: relu(z @ at[6] + at[7]) @ at[8] + at[9])
    z = [mu + (l / 2).exp() * noise[i] for i, (mu, l) in enumerate(q)]
    loss = sum((1.0 if i == j else 2.37) * (inputs[i] - decode[i](z[j])).abs().sum(1) for i in (0, 1) for j in (0, 1))
    loss = loss + 0.25 * sum((mu**2 + l.exp() - 1 - l).sum(1) / 2 for mu, l in q)
    far = sum(((p - q) ** 2).sum(1) for p, q in ((q[0][0], q[1][0]), ((q[0][1] / 2).exp(), (q[1][1] / 2).exp())))
    mu, l = code(weights[10:], s)
    return (loss + 8.13 * far.sqrt()).mean(), -((q[0][0][:, None] - mu[None]) ** 2 / l.exp().mean(0)).sum(2)


layers = lambda name, dim: [(f"{name}.{part}.{kind}", shape) for part, i, o in (
    ("encoder", dim, h), ("mu", h, k), ("log_variance", h, k), ("decoder", k, h), ("mean", h, dim))
    for kind, shape in (("weight", (i, o)), ("bias", (o,)))]
bilinear = [("w", (d, a))]
metric = [("w", (d, a)), ("b", (a,)), ("m", (a, a)), ("t", (1,))]
cases = []
for name, of, s, shapes in [
    ("devise", devise, signed, bilinear), ("ale", ale, signed, bilinear), ("sje", sje, signed, bilinear),
    ("latem", latem, signed, [("w", (d, k, a))]), ("cmt", cmt, signed, [("a", (d, h)), ("b", (h, a))]),
    ("mlzsc", mlzsc, signed, metric), ("mlzsc", mlzsc, positive, metric), ("jfa", jfa, signed, bilinear),
    ("ss-voc", ssvoc, signed, bilinear), ("cada-vae", cadavae, positive, layers("feature", d) + layers("attribute", a)),
]:
    weights = [(0.4 * single(*shape)).float().double().requires_grad_() for _, shape in shapes]
    loss, f = of(s, *weights)
    loss.backward()
    cases.append({"name": name, "s": s.ravel().tolist(), "loss": loss.item(), "scores": f.ravel().tolist(), "weights": {
        at: {"values": w.ravel().tolist(), "gradient": w.grad.ravel().tolist()} for (at, _), w in zip(shapes, weights)}})
json.dump({"x": x.ravel().tolist(), "y": y.tolist(), "features": d, "attributes": a, "cases": cases},
          open(__file__.replace(".py", ".json"), "w"))
