#!/usr/bin/env python3
"""SAE's W on small random problems, by SciPy's Bartels-Stewart solver as the original has it: sae.json. The second has
fewer samples than dimensions."""
import json
import numpy as np
from scipy.linalg import solve_sylvester


def fit(Xc, y, S, lam):
    """W, a x d, from centred samples in rows and classes in rows."""
    Xc, Sy = Xc.T, S[y].T
    # S S' is singular where there are more attributes than classes, X X' where there are more dimensions than samples;
    # W's part in the null space of either is then free. The minimiser of least length is that of a vanishing ridge on both.
    Qa, Qb = np.linalg.svd(Sy, full_matrices=False), np.linalg.svd(Xc, full_matrices=False)
    U, V = Qa[0][:, Qa[1] > 1e-9], Qb[0][:, Qb[1] > 1e-9]
    return U @ solve_sylvester(U.T @ Sy @ Sy.T @ U, lam * V.T @ Xc @ Xc.T @ V, (1 + lam) * U.T @ Sy @ Xc.T @ V) @ V.T


def cosines(p, q):
    return (p / np.linalg.norm(p, axis=1, keepdims=True)) @ (q / np.linalg.norm(q, axis=1, keepdims=True)).T


if __name__ == "__main__":
    r = np.random.RandomState(3)
    cases = []
    for n, d, a, c, lam, ridge in [(40, 9, 5, 6, 0.7, 0), (12, 20, 5, 6, 0.05, 0), (40, 9, 8, 6, 3.0, 0), (40, 9, 5, 6, 0.7, 0.5), (12, 20, 8, 6, 2.0, 0.1)]:
        X, S = r.randn(n, d).astype(np.float32) + np.float32(0.5), r.randn(c, a).astype(np.float32)
        y = np.concatenate([np.arange(c), r.randint(0, c, n - c)])
        X64, S64 = X.astype(float), S.astype(float)
        Xc = X64 - X64.mean(0)
        if ridge > 0:  # one value for each class, by a ridge regression to their indicators
            r2 = ridge * (X64 * X64).sum() / n
            Xc = X64 @ np.linalg.solve(X64.T @ X64 + r2 * np.eye(d), X64.T @ np.eye(c)[y])
        W = fit(Xc, y, S64, lam)
        cases.append({"x": X.tolist(), "s": S.tolist(), "y": y.tolist(), "lambda": lam, "reduction": ridge, "w": W.reshape(-1).tolist(),
                      "to-features": cosines(Xc, S64 @ W).reshape(-1).tolist(), "to-attributes": cosines(Xc @ W.T, S64).reshape(-1).tolist()})
    json.dump(cases, open(__file__.replace(".py", ".json"), "w"))
