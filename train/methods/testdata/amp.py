#!/usr/bin/env python3
"""AMP's absorption probabilities on small random classes, by NumPy from the definition of the chain, and checked against
walking it: amp.json. The first candidate is a seen class, as in GZSL."""
import json
import numpy as np


def ends(S, U, k, width):
    """The probabilities that a walk from each seen class ends at each candidate."""
    n, c = len(S), len(U)
    among = np.linalg.norm(S[:, None] - S[None], axis=2)
    np.fill_diagonal(among, np.inf)
    to = np.linalg.norm(S[:, None] - U[None], axis=2)
    sigma = width * among.min(1).mean()
    W = np.exp(-np.hstack([among, to]) ** 2 / (2 * sigma**2))
    near = np.argsort(np.argsort(among, 1), 1) < k
    linked = np.hstack([near | near.T, (np.argsort(np.argsort(to, 1), 1) < k) | (np.argsort(np.argsort(to, 0), 0) < k)])
    W[~linked] = 0
    T = W / W.sum(1, keepdims=True)
    B = np.linalg.inv(np.eye(n) - T[:, :n]) @ T[:, n:]
    chain = np.vstack([T, np.hstack([np.zeros((c, n)), np.eye(c)])])
    assert np.allclose(np.linalg.matrix_power(chain, 1 << 14)[:n, n:], B, atol=1e-9)
    return B


if __name__ == "__main__":
    r = np.random.RandomState(3)
    n, c, a, k, width = 9, 5, 4, 3, 0.6
    seen, candidates = r.randn(n, a).astype(np.float32), r.randn(c, a).astype(np.float32)
    candidates[0] = seen[2]
    B = ends(seen.astype(float), candidates.astype(float), k, width)
    json.dump({"seen": seen.reshape(-1).tolist(), "candidates": candidates.reshape(-1).tolist(), "attributes": a, "neighbours": k,
               "width": width, "ends": B.reshape(-1).tolist()}, open(__file__.replace(".py", ".json"), "w"))
