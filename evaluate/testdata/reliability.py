"""Golden figures for calibration_test.go, of the images in golden.json: python3 reliability.py > reliability.json"""
import json
import math

g = json.load(open("golden.json"))
T, BINS = 0.7, 15
seen = g["seen"]
conf, right = [], []
for truth, row in zip(g["truth"], g["scores_in_eighths"]):
    if truth < seen:
        continue
    e = [math.exp(s / 8 / T) for s in row[seen:]]
    p = [x / sum(e) for x in e]
    conf.append(max(p))
    right.append(p.index(max(p)) == truth - seen)
bins = []
for b in range(BINS):
    own = [i for i, c in enumerate(conf) if b / BINS < c <= (b + 1) / BINS]
    bins.append([len(own), sum(right[i] for i in own), sum(conf[i] for i in own) / max(len(own), 1)])
ece = sum(abs(k - n * c) for n, k, c in bins) / len(conf)
print(json.dumps({"temperature": T, "ece": ece, "bins": bins}))
