#!/usr/bin/env python3
"""Scores of the methods that are trained by descent here, by other solvers, on a small random problem: trained.json.

Where the objective is smooth and convex (SYNC, DAP, the classifier of IAP, ConSE and AMP) its minimum is found by SciPy's
L-BFGS and Newton's method; SDL's, which has kinks, by its dual. SSE's is not convex: it goes the same way from the same
start, by PyTorch's derivatives and its Adam, all samples in each step; SDL does so too, since descent in single precision
comes no nearer than some 1e-6 to a minimum at kinks. All is of double precision. The objectives are means over samples,
and DECAY/2 |W|^2.

A problem p has samples x (n x d) of classes y with attributes s (c x a), others z to be scored for classes u."""
import json, math
import numpy as np
import torch
from scipy.optimize import minimize, nnls
from scipy.special import expit, logsumexp, softmax
import amp

DECAY = 0.05


def lowest(loss, start):
    """The minimum of a smooth convex loss, which returns its value and its derivative: L-BFGS, and Newton's last steps."""
    w = minimize(loss, start.ravel(), jac=True, method="L-BFGS-B", options={"maxiter": 20000, "maxfun": 20000}).x
    for _ in range(6):
        curvature = np.stack([(loss(w + e)[1] - loss(w - e)[1]) / 2e-5 for e in 1e-5 * np.eye(len(w))])
        w = w - np.linalg.solve(curvature, loss(w)[1])
    assert np.abs(loss(w)[1]).max() < 1e-12
    return w.reshape(start.shape)


def one(x):
    """x with a last column of ones: the bias's."""
    return np.hstack([x, np.ones((len(x), 1))])


def outputs(p, width, loss_of, mix=None):
    """V of outputs mix V (x, 1) that minimises their mean loss and L2 on their weights, without the biases."""
    x, n = one(p.x), len(p.x)
    mix = np.eye(width) if mix is None else mix

    def loss(v):
        w = mix @ v.reshape(width, -1)
        l, g = loss_of(x @ w.T)
        free = np.hstack([w[:, :-1], 0 * w[:, -1:]])
        return l.sum() / n + DECAY / 2 * (free**2).sum(), (mix.T @ (g.T @ x / n + DECAY * free)).ravel()

    return lowest(loss, np.zeros((width, x.shape[1])))


def sync(p, sigma):
    """Over the phantoms' V itself, as the original has it."""
    square = lambda a, b: ((a[:, None] - b[None]) ** 2).sum(2)
    among = square(p.s, p.s)
    width = sigma**2 * among.sum() / (len(p.s) * (len(p.s) - 1))
    similar = lambda a: softmax(-square(a, p.s) / width, axis=1)
    side = 2 * np.eye(len(p.s))[p.y] - 1

    def hinges(f):
        h = np.maximum(0, 1 - side * f)
        return h**2, -2 * side * h

    v = outputs(p, len(p.s), hinges, similar(p.s))
    return one(p.z) @ (similar(p.u) @ v).T


def binary(p):
    over = p.s.mean(0)
    b = (p.s > over).astype(float)
    prior = b.mean(0)
    prior[(prior == 0) | (prior == 1)] = 0.5
    return b, (p.u > over).astype(float), prior


def products(q, b, prior):
    """Sums of the logarithms of p(b|x) / p(b), for q = p(1|x)."""
    return sum(np.where(b[None, :, m] == 1, np.log(q[:, [m]] / prior[m]), np.log((1 - q[:, [m]]) / (1 - prior[m])))
               for m in range(len(prior)))


def dap(p):
    b, candidates, prior = binary(p)
    t = b[p.y]
    w = np.vstack([outputs(p, 1, lambda f, m=m: (np.logaddexp(0, f) - t[:, [m]] * f, expit(f) - t[:, [m]]))
                   for m in range(len(prior))])
    return products(expit(one(p.z) @ w.T), candidates, prior)


def classifier(p):
    """p(seen class | z)."""
    t = np.eye(len(p.s))[p.y]
    w = outputs(p, len(p.s), lambda f: (logsumexp(f, axis=1) - (t * f).sum(1), softmax(f, axis=1) - t))
    return softmax(one(p.z) @ w.T, axis=1)


def iap(p, q, floor):
    b, candidates, prior = binary(p)
    return products(np.clip(q @ b, floor, 1 - floor), candidates, prior)


def conse(p, q, top):
    f = np.stack([sum(row[k] * p.s[k] for k in np.argsort(-row)[:top]) for row in q])
    length = lambda v: v / np.linalg.norm(v, axis=1, keepdims=True)
    return length(f) @ length(p.u).T


def combinations(p, a, ridge):
    """psi: |a - B'alpha|^2 + ridge |alpha|^2 = alpha'Q alpha where the alphas add up to 1. The least of it has the
    direction of the least of beta'Q beta / 2 - sum beta, which is a problem of non-negative least squares."""
    to = []
    for v in a:
        shifted = p.s - v
        low = np.linalg.cholesky(shifted @ shifted.T + ridge * np.eye(len(p.s)))
        beta, _ = nnls(low.T, np.linalg.solve(low, np.ones(len(p.s))))
        to.append(beta / beta.sum())
    return np.array(to)


def prepared(p, ridge, code_ridge):
    """The codes of p.x and p.z, and of p.s and p.u."""
    m = p.x.mean(0)
    atoms = np.stack([p.x[p.y == k].mean(0) for k in range(len(p.s))]) - m
    r = code_ridge * (atoms**2).sum(1).mean()
    stacked = np.vstack([atoms.T, math.sqrt(r) * np.eye(len(atoms))])
    codes = lambda x: one(np.linalg.lstsq(stacked, np.vstack([(x - m).T, np.zeros((len(atoms), len(x)))]), rcond=None)[0].T)
    return codes(p.x), codes(p.z), combinations(p, p.s, ridge), combinations(p, p.u, ridge)


def sides(p):
    return 2 * np.eye(len(p.s))[p.y] - 1


def sdl_minimum(p, ridge, code_ridge):
    """With phi = y (z, 1) psi' of each sample and class, W = sum of alpha phi / DECAY, 0 <= alpha <= 1/n, maximises
    sum alpha - DECAY/2 |W|^2: coordinate by coordinate, until it meets the conditions of a maximum."""
    x, z, seen, unseen = prepared(p, ridge, code_ridge)
    side = sides(p).ravel()
    phi = np.einsum("ij,ck->icjk", x, seen).reshape(len(side), -1) * side[:, None]
    length, alpha, w, most = (phi**2).sum(1), np.zeros(len(phi)), np.zeros(phi.shape[1]), 1 / len(x)
    r = np.random.RandomState(1)
    for _ in range(20000):
        moved = 0
        for i in r.permutation(len(phi)):
            to = min(max(alpha[i] + DECAY * (1 - phi[i] @ w) / length[i], 0), most)
            if to != alpha[i]:
                w += (to - alpha[i]) / DECAY * phi[i]
                moved = max(moved, abs(to - alpha[i]))
                alpha[i] = to
        if moved < 1e-13 * most:
            break
    w = phi.T @ alpha / DECAY
    wrong = 1 - phi @ w
    assert max(wrong[alpha < most].max(), -wrong[alpha > 0].min()) < 1e-10
    return z @ w.reshape(x.shape[1], -1) @ unseen.T


def descended(parameters, loss, rate, steps):
    """steps of Adam, whose rate falls along a cosine."""
    adam = torch.optim.Adam(parameters, lr=rate, betas=(0.9, 0.999), eps=1e-8, weight_decay=DECAY)
    for step in range(steps):
        adam.param_groups[0]["lr"] = rate * (1 + math.cos(math.pi * step / steps)) / 2
        adam.zero_grad()
        loss().sum(1).mean().backward()
        adam.step()


def tensors(*v):
    return [torch.tensor(x, dtype=torch.float64) for x in v]


def sdl(p, ridge, code_ridge, rate, steps):
    x, z, seen, unseen, side = tensors(*prepared(p, ridge, code_ridge), sides(p))
    w = torch.zeros((x.shape[1], len(p.s)), dtype=torch.float64, requires_grad=True)
    descended([w], lambda: torch.relu(1 - side * (x @ w @ seen.T)), rate, steps)
    return (z @ w @ unseen.T).detach().numpy()


def sse(p, ridge, margin, rate, steps):
    x, z, seen, unseen = tensors(p.x, p.z, combinations(p, p.s, ridge), combinations(p, p.u, ridge))
    v, = tensors(np.stack([p.x[p.y == k].mean(0) for k in range(len(p.s))]))
    w = torch.full((p.x.shape[1],), -1.0, dtype=torch.float64, requires_grad=True)
    away = torch.zeros_like(v, requires_grad=True)
    others, = tensors(1 - np.eye(len(p.s))[p.y])
    f = lambda x, psi: torch.relu(x[:, None] - (v + away)[None]) @ w @ psi.T
    descended([w, away], lambda: others * torch.relu(margin + f(x, seen) - f(x, seen).gather(1, torch.tensor(p.y)[:, None])), rate, steps)
    return f(z, unseen).detach().numpy()


def scores(p):
    q = classifier(p)
    return {"sync": sync(p, 0.5), "dap": dap(p), "iap": iap(p, q, 0.01), "conse": conse(p, q, 3), "amp": q @ amp.ends(p.s, p.u, 3, 0.6),
            "sdl": sdl(p, 0.1, 0.5, 0.01, 60), "sse": sse(p, 0.01, 0.5, 0.01, 60)}


class Problem:
    def __init__(self, x, y, s, z, u):
        self.x, self.s, self.z, self.u = (v.astype(np.float32).astype(float) for v in (x, s, z, u))
        self.y = y


if __name__ == "__main__":
    r = np.random.RandomState(9)
    n, d, a, c, u = 42, 8, 7, 6, 4
    s, candidates, mix = r.rand(c, a), r.rand(u, a), r.randn(a, d)
    y = np.concatenate([np.arange(c), np.arange(c), r.randint(0, c, n - 2 * c)])
    p = Problem(s[y] @ mix + 0.3 * r.randn(n, d), y, s, candidates[np.arange(10) % u] @ mix + 0.3 * r.randn(10, d), candidates)
    json.dump({"x": p.x.tolist(), "y": y.tolist(), "s": p.s.tolist(), "z": p.z.tolist(), "u": p.u.tolist(),
               "sdl_minimum": sdl_minimum(p, 0.1, 0.5).ravel().tolist(),
               "scores": {name: v.ravel().tolist() for name, v in scores(p).items()}}, open(__file__.replace(".py", ".json"), "w"))
