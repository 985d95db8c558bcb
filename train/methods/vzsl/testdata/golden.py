#!/usr/bin/env python3
"""Loss and gradients of the VZSL objective on a small case, by PyTorch's autograd in double precision: golden.json.

Written from the paper's formulas, with torch.distributions for the KL divergences, so that it shares nothing with the
Go code but parameter names."""
import json
import torch
from torch.distributions import Normal, kl_divergence

torch.set_default_dtype(torch.float64)
torch.manual_seed(3)
n, features, attributes, classes, latent = 5, 7, 6, 4, 3


def case(hidden, reconstruction, margin, bound, keep):
    p = {}

    def linear(name, i, o, bias=True):
        p[name + ".weight"] = torch.randn(o, i) * 0.6
        if bias:
            p[name + ".bias"] = torch.randn(o) * 0.3

    dims = [features] + hidden
    for k, (i, o) in enumerate(zip(dims, dims[1:])):
        linear(f"encoder.{k}", i, o)
    linear("encoder.mu", dims[-1], latent)
    linear("encoder.log_variance", dims[-1], latent)
    linear("prior.mu", attributes, latent, False)
    linear("prior.log_variance", attributes, latent, False)
    back = [latent] + hidden[::-1]
    if reconstruction:
        for k, (i, o) in enumerate(zip(back, back[1:])):
            linear(f"decoder.{k}", i, o)
        linear("decoder.mean", back[-1], features)
    for t in p.values():
        t.requires_grad_()
    x, a = torch.randn(n, features), torch.randn(classes, attributes)
    y = torch.tensor([0, 3, 1, 1, 2])
    noise = torch.randn(n, latent)
    layers = hidden + (hidden[::-1] if reconstruction else [])
    masks = [(torch.rand(n, h) < keep).double() / keep for h in layers] if keep < 1 else []

    f = lambda name, v: torch.nn.functional.linear(v, p[name + ".weight"], p.get(name + ".bias"))
    limit = lambda t: bound * torch.tanh(t / bound) if bound else t
    drop = lambda h, k: h * masks[k] if masks else h
    h = x
    for k in range(len(hidden)):
        h = drop(torch.relu(f(f"encoder.{k}", h)), k)
    mu, lv = f("encoder.mu", h), limit(f("encoder.log_variance", h))
    pm, pl = f("prior.mu", a), limit(f("prior.log_variance", a))
    q = Normal(mu[:, None], (lv / 2).exp()[:, None])
    kl = kl_divergence(q, Normal(pm[None], (pl / 2).exp()[None])).sum(-1)
    loss = (kl[range(n), y] + margin * torch.logsumexp(-kl, 1)).mean()
    weight = 0.7
    if reconstruction:
        h = mu + (lv / 2).exp() * noise
        for k in range(len(hidden)):
            h = drop(torch.relu(f(f"decoder.{k}", h)), len(hidden) + k)
        mean = f("decoder.mean", h)
        loss = loss + weight * 0.5 * ((mean - x) ** 2).sum(1).mean()
    loss.backward()
    flat = lambda t: t.detach().reshape(-1).tolist()
    return {
        "hidden": hidden, "latent": latent, "reconstruction": reconstruction, "weight": weight, "margin": margin, "bound": bound,
        "keep": keep, "features": features, "attributes": attributes, "classes": classes,
        "x": flat(x), "a": flat(a), "y": y.tolist(), "noise": flat(noise), "masks": [flat(m) for m in masks],
        "parameters": {k: flat(v) for k, v in p.items()}, "gradients": {k: flat(v.grad) for k, v in p.items()},
        "kl": flat(kl), "loss": loss.item(),
    }


cases = [case([4], True, 1.0, 2.0, 0.7), case([4], False, 1.0, 0.0, 1.0), case([5, 4], True, 0.4, 5.0, 1.0)]
short = lambda o: round(o, 12) if isinstance(o, float) else [short(i) for i in o] if isinstance(o, list) else {k: short(v) for k, v in o.items()} if isinstance(o, dict) else o
with open(__file__.replace("golden.py", "golden.json"), "w") as out:
    json.dump([short(c) for c in cases], out)
    out.write("\n")
