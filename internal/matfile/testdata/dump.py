"""Prints what SciPy reads in a MAT file as JSON: {variable: array}. An array is {"class", "dims", "re", "im"} (numbers, first
index fastest; 64-bit integers as text, floats as hexadecimal text), {"class": "char", "dims", "text"}, {"class": "cell", "dims",
"cells"}, {"class": "struct", "dims", "fields", "cells"} or {"class": "sparse", "dims", "rows", "columns", "re", "im"}."""
import json
import sys

import numpy as np
import scipy.io
import scipy.sparse


def numbers(x):
    x = np.asarray(x).ravel(order="F")
    if x.dtype.kind in "iu":
        return [str(int(v)) for v in x]
    return [float(v).hex() if np.isfinite(v) else str(float(v)) for v in x]


def dump(x):
    if scipy.sparse.issparse(x):
        c = x.tocsc()
        c.sort_indices()
        columns = np.repeat(np.arange(c.shape[1]), np.diff(c.indptr))
        d = c.data.astype(complex if np.iscomplexobj(c.data) else float)
        out = {"class": "sparse", "dims": list(c.shape), "rows": c.indices.tolist(), "columns": columns.tolist(), "re": numbers(d.real)}
        if np.iscomplexobj(d):
            out["im"] = numbers(d.imag)
        return out
    x = np.asarray(x)
    dims = list(x.shape)
    if x.dtype.names:
        flat = x.ravel(order="F")
        return {"class": "struct", "dims": dims, "fields": list(x.dtype.names), "cells": [dump(e[n]) for e in flat for n in x.dtype.names]}
    if x.dtype == object:
        return {"class": "cell", "dims": dims, "cells": [dump(e) for e in x.ravel(order="F")]}
    if x.dtype.kind == "U":
        return {"class": "char", "dims": dims, "text": [str(e) for e in x.ravel(order="F")]}
    names = {"f8": "double", "f4": "single", "c16": "double", "c8": "single"}
    kind = "%s%d" % (x.dtype.kind, x.dtype.itemsize)
    out = {"class": names.get(kind, x.dtype.name), "dims": dims}
    if x.dtype.kind == "c":
        out["re"], out["im"] = numbers(x.real), numbers(x.imag)
    elif x.dtype.kind == "b":
        out["class"], out["re"] = "uint8", numbers(x.astype("u1"))
    else:
        out["re"] = numbers(x)
    return out


if __name__ == "__main__":
    for path in sys.argv[1:]:
        m = scipy.io.loadmat(path)
        json.dump({k: dump(v) for k, v in m.items() if not k.startswith("__")}, sys.stdout, sort_keys=True)
        print()
