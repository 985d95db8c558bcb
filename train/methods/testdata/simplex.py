#!/usr/bin/env python3
"""Convex combinations nearest to given vectors, by going through all sets of rows that may take part: simplex.json."""
import itertools, json
import numpy as np

r = np.random.RandomState(2)
S, a = 6, 4
B, A = r.randn(S, a).astype(np.float32), r.randn(5, a).astype(np.float32)
A[4] = B[2]
cases = []
for ridge in (0.01, 1.0):
    G = B.astype(float) @ B.T.astype(float) + ridge * np.eye(S)
    psi = []
    for v in A.astype(float):
        best = None
        for k in range(1, S + 1):
            for on in itertools.combinations(range(S), k):
                on = list(on)
                # The optimum on the plane sum alpha = 1 of these rows alone, by its Lagrangian.
                K = np.block([[G[np.ix_(on, on)], np.ones((k, 1))], [np.ones((1, k)), np.zeros((1, 1))]])
                x = np.linalg.solve(K, np.append(B[on].astype(float) @ v, 1))[:k]
                if (x < 0).any():
                    continue
                alpha = np.zeros(S)
                alpha[on] = x
                f = 0.5 * alpha @ G @ alpha - alpha @ (B.astype(float) @ v)
                if best is None or f < best[0]:
                    best = f, alpha
        psi.append(best[1])
    cases.append({"ridge": ridge, "b": B.tolist(), "a": A.tolist(), "psi": np.array(psi).reshape(-1).tolist()})
json.dump(cases, open(__file__.replace(".py", ".json"), "w"))
