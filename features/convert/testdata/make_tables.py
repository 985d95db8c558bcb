#!/usr/bin/env python3
"""Writes the small .mat and .npz files that the tests of import read, with SciPy and NumPy: the matrix of
make_npy.py as other tools write it. Run in this folder."""
import numpy as np
import scipy.io
import scipy.sparse

m = np.add.outer(np.arange(7) * 100.0, np.arange(5) * 0.5) - 3
images = ["i%d.jpg" % i for i in range(7)]
labels = [3, 1, 2, 2, 3, 1, 1]


names = np.array(images, dtype=object).reshape(7, 1)
for compressed in (False, True):
    save = np.savez_compressed if compressed else np.savez
    save("features%s.npz" % ("_compressed" if compressed else ""), x=m.astype("f4"), y=np.array(labels), files=np.array(images))
scipy.io.savemat("columns.mat", {"features": m.T, "labels": np.array(labels, dtype="u1").reshape(7, 1), "image_files": names}, do_compression=True)
scipy.io.savemat("rows.mat", {"fc7": m.astype("f4"), "y": np.array(labels), "names": names}, do_compression=True)
scipy.io.savemat("matconvnet.mat", {"x": m.T.reshape(1, 1, 5, 7).astype("f4"), "y": np.array(labels), "names": names})
scipy.io.savemat("sparse.mat", {"features": scipy.sparse.csc_matrix(m.T), "labels": np.array(labels), "image_files": names})

