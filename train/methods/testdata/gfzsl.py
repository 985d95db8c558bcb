#!/usr/bin/env python3
"""GFZSL's scores on a small random problem for both kernels, and after EM on unlabelled samples: gfzsl.json."""
import json
import numpy as np
from scipy.special import logsumexp


def scores(X, y, S, Z, U, power, ridge_m, ridge_v, floor_share, steps=0):
    """Of samples Z for classes U by the kernel (1 + a'b)^power, after steps of EM on Z."""
    c, u = len(S), len(U)
    M = np.stack([X[y == k].mean(0) for k in range(c)])
    V = np.stack([X[y == k].var(0) for k in range(c)])
    within = V.mean()
    floor = floor_share * within
    logs = np.log(V + 1e-3 * within)
    base = logs.mean(0)
    normal = lambda x, m, v: (-0.5 * (x[:, None] - m) ** 2 / v - 0.5 * np.log(v)).sum(2)
    k = lambda p, q: (1 + p @ q.T) ** power
    mu = k(U, S) @ np.linalg.solve(k(S, S) + ridge_m * np.eye(c), M)
    v = np.exp(base + k(U, S) @ np.linalg.inv(k(S, S) + ridge_v * np.eye(c)) @ (logs - base)) + floor
    rest = normal(Z, X.mean(0)[None], X.var(0)[None] + floor)
    for _ in range(steps):
        q = normal(Z, mu, v)
        q = np.exp(q - logsumexp(q, axis=1, keepdims=True))
        w = q.sum(0)[:, None]
        mu = q.T @ Z / w
        v = np.stack([(q[:, [j]] * (Z - mu[j]) ** 2).sum(0) for j in range(u)]) / w + floor
    return normal(Z, mu, v) - rest


if __name__ == "__main__":
    r = np.random.RandomState(5)
    n, d, a, c, u = 60, 7, 5, 6, 4
    S, U = r.randn(c, a).astype(np.float32), r.randn(u, a).astype(np.float32)
    B = r.randn(a, d)
    y = np.concatenate([np.arange(c), np.arange(c), r.randint(0, c - 1, n - 2 * c)])
    X = (S[y] @ B + 0.7 * r.randn(n, d)).astype(np.float32)
    yu = np.concatenate([np.arange(u), r.randint(0, u, 36)])
    Z = (U[yu] @ B + 0.7 * r.randn(40, d)).astype(np.float32)
    X, S, U, Z = (v.astype(float) for v in (X, S, U, Z))
    ridge_m, ridge_v, floor_share = 0.3, 2.0, 0.5
    out = {"x": X.tolist(), "y": y.tolist(), "s": S.tolist(), "u": U.tolist(), "z": Z.tolist(), "mean_ridge": ridge_m,
           "variance_ridge": ridge_v, "variance_floor": floor_share}
    for name, power in (("linear", 1), ("polynomial", 2)):
        for after, steps in (("", 0), ("_em", 3)):
            out[name + after] = scores(X, y, S, Z, U, power, ridge_m, ridge_v, floor_share, steps).reshape(-1).tolist()
    json.dump(out, open(__file__.replace(".py", ".json"), "w"))
