"""Makes the MAT files of the tests, and beside each what SciPy reads in it (dump.py). SciPy writes little-endian files only; the
others, and what SciPy does not write, are put together by hand here."""
import json
import os
import struct

import numpy as np
import scipy.io
import scipy.sparse

from dump import dump
from hand import Hand, cell

here = os.path.dirname(os.path.abspath(__file__))


rng = np.random.default_rng(4)
everything = {
    "double": rng.standard_normal((3, 4)),
    "single": rng.standard_normal((2, 3)).astype("f4"),
    "extremes": np.array([[np.inf, -np.inf, np.nan, 5e-324, 1e308, -0.0]]),
    "threed": np.arange(24, dtype="i4").reshape(2, 3, 4),
    "complex": np.array([[1 + 2j, -3.5j]]),
    "scalar": np.array([[7.0]]),
    "none": np.zeros((0, 3)),
    "yes": np.array([[True, False, True]]),
    "text": "plain text",
    "unicode": "grüße \u4e2d\u6587",
    "rows": np.array(["one", "three", "ab"]),
    "notext": "",
    "names": cell(["grizzly+bear", "001.Black_footed_Albatross", "", np.arange(3.0)]),
    "nested": cell([cell(["a", cell([np.array([[1, 2]], dtype="u1")])])]),
    "record": {"WNID": "n01440764", "words": "tench, Tinca tinca", "ILSVRC2012_ID": np.uint16(449)},
    "records": np.array([[("n1", 1.5)], [("n2", 2.5)]], dtype=[("WNID", object), ("height", object)]),
    "sparse": scipy.sparse.csc_matrix(np.array([[0, 1.5, 0, 0], [0, 0, 0, -2], [3, 0, 0, 4]])),
    "sparsecomplex": scipy.sparse.csc_matrix(np.array([[0, 1j], [2, 0]])),
    "nosparse": scipy.sparse.csc_matrix((3, 2)),
}
for t in ["i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8"]:
    i = np.iinfo(t)
    everything[t] = np.array([[i.min, 0, 1, i.max]], dtype=t)
for name, compress in [("plain", False), ("compressed", True)]:
    scipy.io.savemat(os.path.join(here, name + ".mat"), everything, do_compression=compress, oned_as="column")


class HandFile(Hand):
    def file(self):
        v, a = self.values, self.array
        parts = [
            a(6, [2, 2], "double", v(9, "d", [1.5, -2, 3e300, 4])),
            a(6, [2, 3], "bytes", v(2, "B", [0, 1, 2, 250, 254, 255])),  # whole doubles are stored as small as they fit
            a(6, [3, 1], "shorts", v(3, "h", [-300, 0, 300])),
            a(6, [1, 2], "ushorts", v(4, "H", [0, 65535])),
            a(6, [1, 2], "ints", v(5, "i", [-(2**31), 2**31 - 1])),
            a(7, [1, 3], "single", v(7, "f", [0.5, -0.25, 1e30])),
            a(15, [1, 2], "u8", v(13, "Q", [2**63, 2**64 - 1])),
            a(14, [1, 2], "i8", v(12, "q", [-(2**63), 2**63 - 1])),
            a(9, [1, 3], "logical", v(2, "B", [1, 0, 1]), flags=0x200),
            a(6, [1, 2], "complex", v(2, "B", [1, 2]), v(9, "d", [-1.5, 3.25]), flags=0x800),
            a(4, [1, 4], "text", v(4, "H", [ord(c) for c in "bear"])),
            a(4, [1, 7], "umlaut", v(4, "H", [98, 228, 114, 32, 0x4E2D, 0xD83D, 0xDC3B])),  # SciPy cannot read this one
            a(4, [2, 3], "rows", v(2, "B", list(b"adbecf"))),
            a(1, [2, 1], "cells", a(4, [1, 3], "", v(4, "H", [97, 98, 99])), struct.pack(self.e + "II", 14, 0)),
            a(2, [1, 1], "record", v(5, "i", [8]), self.element(1, b"WNID\0\0\0\0height\0\0"),
              a(4, [1, 2], "", v(16, "B", list(b"n1"))), a(6, [1, 1], "", v(2, "B", [9]))),
            a(5, [3, 3], "sparse", v(5, "i", [0, 2, 1]), v(5, "i", [0, 2, 2, 3]), v(9, "d", [1.5, 2.5, -3]), nzmax=3),
        ]
        # every other one compressed
        return self.header() + b"".join(self.squeeze(p) if i % 2 else p for i, p in enumerate(parts))


for name, big in [("bigendian", True), ("littleendian", False)]:
    with open(os.path.join(here, name + ".mat"), "wb") as f:
        f.write(HandFile(big).file())

for name in ["plain", "compressed", "bigendian", "littleendian"]:
    m = scipy.io.loadmat(os.path.join(here, name + ".mat"))
    with open(os.path.join(here, name + ".json"), "w") as f:
        json.dump({k: dump(v) for k, v in m.items() if not k.startswith("__") and k != "umlaut"}, f, sort_keys=True, indent=None)
        f.write("\n")
