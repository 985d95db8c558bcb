#!/usr/bin/env python3
"""ESZSL's V on a small random problem, solved by NumPy from the paper's formula: eszsl.json."""
import json
import numpy as np

r = np.random.RandomState(4)
n, d, a, c = 30, 9, 5, 6
X, S, y = r.randn(n, d).astype(np.float32), r.randn(c, a).astype(np.float32), r.randint(0, c, n)
gamma, lam = 0.7, 0.2
X64, S64 = X.astype(float), S.astype(float)
V = np.linalg.solve(X64.T @ X64 + gamma * np.eye(d), X64.T @ np.eye(c)[y] @ S64) @ np.linalg.inv(S64.T @ S64 + lam * np.eye(a))
json.dump({"x": X.tolist(), "s": S.tolist(), "y": y.tolist(), "gamma": gamma, "lambda": lam, "v": V.reshape(-1).tolist(),
           "scores": (X64 @ V @ S64.T).reshape(-1).tolist()}, open(__file__.replace(".py", ".json"), "w"))
