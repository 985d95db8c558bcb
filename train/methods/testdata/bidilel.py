#!/usr/bin/env python3
"""BiDiLEL on small random problems, the projection by SciPy's generalised eigenvalues, the classes placed by BFGS:
bidilel.json. The second has fewer samples than dimensions."""
import json
import numpy as np
from scipy.linalg import eigh
from scipy.optimize import minimize


def scores(X, y, S, Z, U, ridge):
    """Of samples Z for classes U: 2 z'b - |b|^2 is the negative squared distance but for |z|^2."""
    m, c = X.mean(0), len(S)
    M = np.stack([X[y == k].mean(0) for k in range(c)]) - m
    N = np.bincount(y)
    w, P = eigh((M.T * N) @ M, (X - m).T @ (X - m) + ridge * np.eye(X.shape[1]))
    P = P[:, w > 1e-10 * w.max()]
    B = M @ P
    dist = lambda p, q: np.linalg.norm(p[:, None] - q[None], axis=2)
    i, j = np.triu_indices(c, 1)
    sem, lat = dist(S, S)[i, j], dist(B, B)[i, j]
    D = dist(U, S) * (sem @ lat) / (sem @ sem)
    places = []
    for row in D:
        if row.min() < 1e-9:
            places.append(B[row.argmin()])
            continue
        stress = lambda b: ((np.linalg.norm(b - B, axis=1) - row) ** 2 / row).sum()
        start = (row.min() / row) ** 4 @ B / ((row.min() / row) ** 4).sum()
        places.append(minimize(stress, start, method="BFGS", options={"gtol": 1e-9}).x)
    return 2 * (Z - m) @ P @ np.array(places).T - (np.array(places) ** 2).sum(1)


if __name__ == "__main__":
    r = np.random.RandomState(8)
    cases = []
    for n, d, a, c, u, ridge in [(60, 9, 5, 6, 4, 0.3), (14, 20, 5, 6, 4, 2.0)]:
        S, U = r.randn(c, a).astype(np.float32), r.randn(u, a).astype(np.float32)
        y = np.concatenate([np.arange(c), np.arange(c), r.randint(0, c, n - 2 * c)])
        X = (S[y] @ r.randn(a, d) + 0.5 * r.randn(n, d)).astype(np.float32)
        X6, U6 = X.astype(float), np.concatenate([U, S[2:3]]).astype(float)
        cases.append({"x": X.tolist(), "y": y.tolist(), "s": S.tolist(), "u": U6.tolist(), "ridge": ridge,
                      "scores": scores(X6, y, S.astype(float), X6, U6, ridge).reshape(-1).tolist()})
    json.dump(cases, open(__file__.replace(".py", ".json"), "w"))
