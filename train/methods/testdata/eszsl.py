#!/usr/bin/env python3
"""ESZSL's V on a small random problem, solved by NumPy from the paper's formula: eszsl.json."""
import json
import numpy as np


def fit(X, y, S, gamma, lam):
    """V, d x a, from samples in rows and classes in rows."""
    return np.linalg.solve(X.T @ X + gamma * np.eye(X.shape[1]), X.T @ np.eye(len(S))[y] @ S) @ np.linalg.inv(S.T @ S + lam * np.eye(S.shape[1]))


if __name__ == "__main__":
    r = np.random.RandomState(4)
    n, d, a, c = 30, 9, 5, 6
    X, S, y = r.randn(n, d).astype(np.float32), r.randn(c, a).astype(np.float32), r.randint(0, c, n)
    gamma, lam = 0.7, 0.2
    X64, S64 = X.astype(float), S.astype(float)
    V = fit(X64, y, S64, gamma, lam)
    json.dump({"x": X.tolist(), "s": S.tolist(), "y": y.tolist(), "gamma": gamma, "lambda": lam, "v": V.reshape(-1).tolist(),
               "scores": (X64 @ V @ S64.T).reshape(-1).tolist()}, open(__file__.replace(".py", ".json"), "w"))
