"""Prints digests of what SciPy reads in MAT files, for machines without it: {file: {variable: [dims, sha256]}}, a file called by its
last three path elements. Hashed are the values as little-endian doubles, first index fastest, or the texts of a cell array, each
with a line feed behind.

    python3 digest.py ../../../../shared/data/xlsa17*/*/*.mat > real.json
"""
import hashlib
import json
import sys

import scipy.io

out = {}
for path in sys.argv[1:]:
    m = scipy.io.loadmat(path)
    of = out["/".join(path.split("/")[-3:])] = {}
    for name, v in m.items():
        if name.startswith("__"):
            continue
        if v.dtype == object:
            b = "".join("%s\n" % "".join(c) for c in v.ravel(order="F")).encode()
        else:
            b = v.astype("<f8").tobytes(order="F")
        of[name] = [list(v.shape), hashlib.sha256(b).hexdigest()]
json.dump(out, sys.stdout, indent=1, sort_keys=True)
print()
