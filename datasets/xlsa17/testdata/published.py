"""Reads a folder of xlsa17 as the published code of f-CLSWGAN, TF-VAEGAN and others does, trains ESZSL on it (NumPy) and prints
its mean per-class accuracy on the unseen classes. python3 published.py DIR"""
import sys

import numpy as np
import scipy.io as sio

dataroot = sys.argv[1]
matcontent = sio.loadmat(dataroot + "/res101.mat")
feature = matcontent["features"].T
label = matcontent["labels"].astype(int).squeeze() - 1
matcontent = sio.loadmat(dataroot + "/att_splits.mat")
trainval_loc = matcontent["trainval_loc"].squeeze() - 1
train_loc = matcontent["train_loc"].squeeze() - 1
val_unseen_loc = matcontent["val_loc"].squeeze() - 1
test_seen_loc = matcontent["test_seen_loc"].squeeze() - 1
test_unseen_loc = matcontent["test_unseen_loc"].squeeze() - 1
allclasses_names = matcontent["allclasses_names"]
attribute = matcontent["att"].T
for loc in (trainval_loc, train_loc, val_unseen_loc, test_seen_loc, test_unseen_loc):
    assert loc.min() >= 0 and loc.max() < len(feature)
loc = lambda x: x.astype(int)
assert np.allclose((attribute**2).sum(1), 1)
assert not set(label[loc(trainval_loc)]) & set(label[loc(test_unseen_loc)])
assert set(label[loc(test_seen_loc)]) <= set(label[loc(trainval_loc)])
assert not set(loc(test_seen_loc)) & set(loc(train_loc)) | set(loc(test_seen_loc)) & set(loc(val_unseen_loc))
names = [str(n[0][0]) for n in allclasses_names]
assert names == open(dataroot + "/allclasses.txt").read().split("\n")[:-1]
X, y = feature[loc(trainval_loc)], label[loc(trainval_loc)]
seen, unseen = np.unique(y), np.unique(label[loc(test_unseen_loc)])
Y = np.where(y[:, None] == seen, 1.0, -1.0)
S = attribute[seen]
V = np.linalg.solve(X.T @ X + np.eye(X.shape[1]), X.T @ Y @ S) @ np.linalg.inv(S.T @ S + np.eye(S.shape[1]))
predicted = unseen[np.argmax(feature[loc(test_unseen_loc)] @ V @ attribute[unseen].T, 1)]
truth = label[loc(test_unseen_loc)]
print(np.mean([np.mean(predicted[truth == c] == c) for c in unseen]))
