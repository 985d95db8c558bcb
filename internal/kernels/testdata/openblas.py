"""Runs OpenBLAS's cblas_sgemm or cblas_dgemm on request, for the benchmarks.

usage: openblas.py LIBRARY THREADS
Each line of standard input, "s|d transA transB m n k times", is answered with
the seconds of each of so many runs, then their seconds of CPU. OPENBLAS_CORETYPE must be in the
environment: the library as Debian ships it does not know newer CPUs.
"""
import ctypes
import sys
import time

import numpy

blas = ctypes.CDLL(sys.argv[1])
blas.openblas_set_num_threads(int(sys.argv[2]))
known = {}


def operands(kind, m, n, k):
    key = kind, m, n, k
    if key not in known:
        known.clear()
        t = numpy.float32 if kind == "s" else numpy.float64
        known[key] = [numpy.random.rand(s).astype(t) - t(0.5) for s in (m * k, k * n, m * n)]
    return known[key]


for line in sys.stdin:
    kind, *rest = line.split()
    ta, tb, m, n, k, times = map(int, rest)
    a, b, c = operands(kind, m, n, k)
    scalar = ctypes.c_float if kind == "s" else ctypes.c_double
    f = blas.cblas_sgemm if kind == "s" else blas.cblas_dgemm
    p = lambda x: x.ctypes.data_as(ctypes.c_void_p)
    out, cpu = [], time.process_time()
    for _ in range(times):
        start = time.perf_counter()
        f(101, 112 if ta else 111, 112 if tb else 111, m, n, k, scalar(1), p(a), m if ta else k, p(b), k if tb else n, scalar(0), p(c), n)
        out.append(time.perf_counter() - start)
    print(*out, time.process_time() - cpu, flush=True)
