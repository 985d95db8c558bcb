"""Golden figures for zeroshot_test.go, by brute force in numpy: python3 golden.py > golden.json"""
import json
import numpy as np

rng = np.random.RandomState(7)
SEEN, UNSEEN, PICTURED = 12, 9, 7  # the last two unseen classes have no image
N = 90

unseen_truth = rng.choice(PICTURED, N, p=np.arange(1, PICTURED + 1) / np.arange(1, PICTURED + 1).sum())
role_seen = rng.rand(N) < 0.35
seen_truth = rng.randint(SEEN, size=N)
truth = np.where(role_seen, seen_truth, SEEN + unseen_truth)  # among seen, then unseen classes

# Eighths are exact in float32, and coarse enough for ties.
scores = rng.normal(size=(N, SEEN + UNSEEN))
scores[np.arange(N), truth] += 1.2
scores[:, :SEEN] += 0.6
scores = np.round(scores * 8) / 8


def per_class(hit, label):
    return float(np.mean([hit[label == c].mean() for c in np.unique(label)]))


def interval(v):
    return [float(x) for x in np.percentile(v, [2.5, 97.5])]


def bootstrap(hit, label, over):
    """20,000 literal resamples; [per class], [per image]"""
    r = np.random.RandomState(1)
    classes = np.unique(label)
    groups = [hit[label == c] for c in classes]
    pc, pi = [], []
    for _ in range(20000):
        if over == "images":
            pc.append(np.mean([r.choice(g, len(g)).mean() for g in groups]))
            pi.append(r.choice(hit, len(hit)).mean())
        else:
            pick = [groups[i] for i in r.randint(len(groups), size=len(groups))]
            pc.append(np.mean([g.mean() for g in pick]))
            pi.append(np.concatenate(pick).mean())
    return {"per_class": interval(pc), "per_image": interval(pi)}


zs = scores[~role_seen][:, SEEN:]
zt = truth[~role_seen] - SEEN
order = np.argsort(-zs, axis=1, kind="stable")
hit = (order[:, 0] == zt).astype(float)
confusion = np.zeros((UNSEEN, UNSEEN), int)
np.add.at(confusion, (zt, order[:, 0]), 1)
out = {
    "per_image": float(hit.mean()),
    "per_class": per_class(hit, zt),
    "ranks": [int(np.where(o == t)[0][0]) + 1 for o, t in zip(order, zt)],
    "top5": order[:, :5].tolist(),
    "confusion": confusion.tolist(),
    "ties": int(((zs == zs.max(1, keepdims=True)).sum(1) > 1).sum()),
    "hits": {
        str(k): [float((order[:, :k] == zt[:, None]).any(1).mean()),
                 per_class((order[:, :k] == zt[:, None]).any(1).astype(float), zt)]
        for k in (1, 2, 5)
    },
    "pictured_per_class": per_class((zs[:, :PICTURED].argmax(1) == zt).astype(float), zt),
    "wilson": [],
    "over_images": bootstrap(hit, zt, "images"),
    "over_classes": bootstrap(hit, zt, "classes"),
}
z2 = 1.959963984540054 ** 2
for c in range(PICTURED):  # roots of (p - k/n)^2 = z^2 p (1 - p) / n
    n, k = (zt == c).sum(), hit[zt == c].sum()
    out["wilson"].append(sorted(float(x.real) for x in np.roots([1 + z2 / n, -2 * k / n - z2 / n, (k / n) ** 2])))


def stacked(constant):
    s = scores.copy()
    s[:, :SEEN] -= constant
    h = (s.argmax(1) == truth).astype(float)
    return per_class(h[~role_seen], truth[~role_seen]), per_class(h[role_seen], truth[role_seen])


def h(u, s):
    return 2 * u * s / (u + s) if u + s else 0.0


# Every constant at which a decision can change, and the middles between them.
diff = np.unique((scores[:, :SEEN, None] - scores[:, None, SEEN:]).ravel())
grid = np.concatenate([[diff[0] - 1], diff, (diff[1:] + diff[:-1]) / 2, [diff[-1] + 1]])
pts = np.array([stacked(g) for g in np.sort(grid)])
u, s = stacked(0)
cu, cs = stacked(0.625)
out["gzsl"] = {
    "u": u, "s": s, "h": h(u, s),
    "calibrated": {"constant": 0.625, "u": cu, "s": cs, "h": h(cu, cs)},
    "ausuc": float(np.trapz(pts[:, 1], pts[:, 0])),
    "best_h": max(h(a, b) for a, b in pts),
}
json.dump({
    "seen": SEEN, "unseen": UNSEEN, "truth": truth.tolist(), "role_seen": role_seen.tolist(),
    "scores_in_eighths": (scores * 8).astype(int).tolist(), "expected": out,
}, __import__("sys").stdout)
print()
