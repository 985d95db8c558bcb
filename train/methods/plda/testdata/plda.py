"""Zero-shot PLDA by its definition, in NumPy, for plda_test.go: python3 plda.py writes plda.json.

Every step is taken the long way: the ridge regression is solved anew without each class, covariances are full matrices, log
densities are evaluated as such, and nothing is rotated.
"""
import json

import numpy as np

rng = np.random.default_rng(3)
S, U, a_dim, D, shrink, ridge, floor = 9, 4, 5, 12, 0.5, 0.3, 0.2
A = rng.standard_normal((S + U, a_dim))
A = (A / np.linalg.norm(A, axis=1, keepdims=True)).astype(np.float32).astype(float)
mix = rng.standard_normal((a_dim, D))
draw = lambda c, n: np.maximum(0, A[c] @ mix + 0.6 * rng.standard_normal((n, D))).astype(np.float32).astype(float)
sizes = [5, 7, 4, 9, 3, 6, 8, 5, 2]
labels = np.repeat(np.arange(S), sizes)
X = np.concatenate([draw(c, n) for c, n in enumerate(sizes)])
shots = {S: draw(S, 2), S + 2: draw(S + 2, 3)}
test = np.concatenate([draw(S + c, n) for c, n in enumerate([10, 3, 6, 1])])
evidence = rng.standard_normal((len(test), U))

M = np.stack([X[labels == c].mean(0) for c in range(S)])
m = M.mean(0)
R = X - M[labels]
Sw = R.T @ R / (len(X) - S)
Sw += shrink * np.trace(Sw) / D * np.eye(D)
L = np.linalg.cholesky(Sw)
white = lambda x: np.linalg.solve(L, (x - m).T).T
Y = white(M)
kernel = lambda a, b: (1 + a @ b.T) ** 2
predict = lambda a, seen, y: kernel(a, seen) @ np.linalg.solve(kernel(seen, seen) + ridge * np.eye(len(seen)), y)
p = predict(A, A[:S], Y)
loo = np.stack([predict(A[i : i + 1], np.delete(A[:S], i, 0), np.delete(Y, i, 0))[0] for i in range(S)])
E = (Y - loo).T @ (Y - loo) / S
rank = np.linalg.matrix_rank(Y)
tau = E + floor * np.trace(E) / rank * np.eye(D)


def posterior(c, n=0.0, s=0.0):
    prior = p[c]
    if c < S:
        prior, n, s = loo[c], n + sizes[c], s + sizes[c] * Y[c]
    v = np.linalg.inv(np.linalg.inv(tau) + n * np.eye(D))
    return v @ (np.linalg.solve(tau, prior) + s), v


span = np.linalg.svd(Y)[2][:rank]
beyond = np.eye(D) - span.T @ span


def inductive(y, mean, v, n):
    """log N(y; mean, I + v) - log N(y; 0, I + tau) in the span of the means, and with the one variance of n images beyond it."""
    def density(y, mu, cov):
        d = y - mu
        return -0.5 * np.einsum("ij,ij->i", d, np.linalg.solve(cov, d.T).T) - 0.5 * np.linalg.slogdet(cov)[1]
    within = lambda cov: span @ (np.eye(D) + cov) @ span.T
    ys, yb = y @ span.T, y @ beyond
    w = 1 / (1 + 1 / (1 / (floor * np.trace(E) / rank) + n))
    out = density(ys, mean @ span.T, within(v)) - density(ys, 0, within(tau))
    return out - 0.5 * w * (((yb - mean @ beyond) ** 2).sum(1) - (yb**2).sum(1))


def log_ratio(y, mean, v, log=True):
    """log N(y; mean, I + v) - log N(y; 0, I + tau), without the determinants if not log."""
    def density(mu, cov):
        d = y - mu
        q = -0.5 * np.einsum("ij,ij->i", d, np.linalg.solve(cov, d.T).T)
        return q - 0.5 * np.linalg.slogdet(cov)[1] if log else q
    return density(mean, np.eye(D) + v) - density(0, np.eye(D) + tau)


def scores(x, classes, images={}, log=True, bias=None):
    known = np.mean([n for n, _ in images.values()]) if images else 0.0
    score = (lambda *a: inductive(*a, known)) if log else (lambda *a: log_ratio(*a, False))
    out = [score(white(x), *posterior(c, *images.get(c, (0.0, 0.0)))) for c in classes]
    return np.array(out).T + (0 if bias is None else bias)


unseen = list(range(S, S + U))
weight, T, w, count = 0.3, 1.5, 0.5, 10.0
few = {c: (weight * len(x), weight * white(x).sum(0)) for c, x in shots.items()}


def deviation(s):
    return (s - s.mean(1, keepdims=True)).std()


def em(prior, start, other, rounds=4):
    images, bias = dict(start), np.zeros(U)
    L0 = scores(test, unseen, images, False)
    if other is not None:
        other = w * deviation(L0) / deviation(other) * other
    else:
        other = 0
    Lc = L0
    for _ in range(rounds):
        z = (Lc + other) / T + bias
        Q = np.exp(z - z.max(1, keepdims=True))
        Q /= Q.sum(1, keepdims=True)
        N = Q.sum(0)
        if prior == "estimated":
            bias = np.log((N + count) / (len(test) + count * U))
        images = {}
        for j, c in enumerate(unseen):
            n0, s0 = start.get(c, (0.0, 0.0))
            images[c] = (n0 + weight * N[j], s0 + weight * Q[:, j] @ white(test))
        Lc = scores(test, unseen, images, False)
    z = (Lc + other) / T + bias
    Q = np.exp(z - z.max(1, keepdims=True))
    return {"scores": (Lc + T * bias).tolist(), "q": (Q / Q.sum(1, keepdims=True)).tolist()}


json.dump({
    "attributes": A.tolist(), "seen": S, "x": X.tolist(), "labels": labels.tolist(), "test": test.tolist(),
    "shots": {str(c): x.tolist() for c, x in shots.items()}, "evidence": evidence.tolist(),
    "settings": {"shrink": shrink, "ridge": ridge, "floor": floor, "weight": weight, "temperature": T, "evidence_weight": w, "count": count, "rounds": 4},
    "zero_shot": scores(test, unseen).tolist(),
    "few_shot": scores(test, unseen, few).tolist(),
    "generalised": scores(test, range(S + U)).tolist(),
    "none": em("none", {}, None), "estimated": em("estimated", {}, evidence), "few_estimated": em("estimated", few, None),
}, open("plda.json", "w"))
