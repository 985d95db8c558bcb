"""Makes files of sparse matrices and structs (structs.mat, structs-compressed.mat: structs.json is what SciPy reads in both) and those
of what is refused (refused.mat, v4.mat). octave.mat and octave-v6.mat are of make_octave.m, which is run first: octave.json is what
SciPy reads in both."""
import json
import os
import struct
import warnings

import numpy as np
import scipy.io
import scipy.sparse

from dump import dump
from hand import Hand, cell

here = os.path.dirname(os.path.abspath(__file__))
rng = np.random.default_rng(5)
dense = np.array([[0, 1.5, 0, 0], [0, 0, 0, -2], [3, 0, 0, 4]])
content = {
    "logical": scipy.sparse.csc_matrix(dense != 0),
    "single": scipy.sparse.csc_matrix(dense.astype("f4")),
    "whole": scipy.sparse.csc_matrix(np.eye(3)),
    "coo": scipy.sparse.coo_matrix(dense),
    "s": {
        "features": rng.standard_normal((5, 7)).astype("f4"),
        "labels": np.arange(1, 8, dtype="u1")[:, None],
        "image_files": cell(["a/%d.jpg" % i for i in range(7)]),
        "attributes": scipy.sparse.csc_matrix(dense),
        "seen": np.array([[True, False, True]]),
        "nothing": np.zeros((0, 0)),
        "text": "grüße",
        "deep": {"er": {"x": np.arange(6, dtype="i8").reshape(2, 3)}, "many": np.array([(1.0,), (2.0,)], dtype=[("y", object)])},
        "last": np.arange(3000.0).reshape(300, 10),
    },
    "after": np.arange(4, dtype="u2")[:, None],
}
for t in ["i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8"]:
    content["s"][t] = np.array([[np.iinfo(t).min, 1, np.iinfo(t).max]], dtype=t)
for name, compress in [("structs", False), ("structs-compressed", True)]:
    scipy.io.savemat(os.path.join(here, name + ".mat"), content, do_compression=compress, oned_as="column")
scipy.io.savemat(os.path.join(here, "v4.mat"), {"x": dense}, format="4")

h = Hand(False)


def opaque(name, of, system=b"MCOS"):
    inner = h.values(6, "I", [17, 0]) + h.element(1, name) + h.element(1, system) + h.element(1, of)
    inner += h.array(13, [6, 1], "", h.values(6, "I", [0xDD000000, 2, 1, 1, 1, 1]))
    return struct.pack("<II", 14, len(inner)) + inner


parts = [opaque(b"words", b"string"), opaque(b"t", b"table"), opaque(b"m", b"containers.Map"), opaque(b"other", b"mine.Class"), opaque(b"j", b"java.lang.String", b"java")]
parts.append(h.array(16, [1, 1], "f", h.array(6, [1, 1], "", h.values(9, "d", [1]))))
parts.append(h.array(3, [1, 1], "old", h.element(1, b"inline"), h.values(5, "i", [4]), h.element(1, b"abc\0"), h.array(6, [1, 1], "", h.values(9, "d", [1]))))
parts.append(h.array(2, [1, 3], "many", h.values(5, "i", [2]), h.element(1, b"x\0"), *[h.array(6, [1, 1], "", h.values(9, "d", [i])) for i in range(3)]))
parts.append(h.array(6, [1, 2], "complex", h.values(9, "d", [1, 2]), h.values(9, "d", [3, 4]), flags=0x800))
parts.append(h.array(1, [1, 2], "cells", *[h.array(6, [1, 1], "", h.values(9, "d", [i])) for i in range(2)]))
parts.append(h.array(2, [1, 1], "holder", h.values(5, "i", [6]), h.element(1, b"words\0x\0\0\0\0\0"), opaque(b"", b"string"), h.array(6, [1, 1], "", h.values(9, "d", [7]))))
with open(os.path.join(here, "refused.mat"), "wb") as f:
    f.write(h.header() + b"".join(h.squeeze(p) if i % 2 else p for i, p in enumerate(parts)))
# SciPy, too, sees objects in it: an opaque one (the last of them, as it calls each None), a function and one of an old class.
warnings.simplefilter("ignore")
m = scipy.io.loadmat(os.path.join(here, "refused.mat"))
assert [type(m[k]).__name__ for k in ("None", "f", "old")] == ["MatlabOpaque", "MatlabFunction", "MatlabObject"]

for name in ["structs", "octave"]:
    m = scipy.io.loadmat(os.path.join(here, name + ".mat"))
    with open(os.path.join(here, name + ".json"), "w") as f:
        json.dump({k: dump(v) for k, v in m.items() if not k.startswith("__")}, f, sort_keys=True, indent=None)
        f.write("\n")
