"""Runs a script that reads Parquet with pandas: python3 pandas_run.py SCRIPT ARGUMENT...

Debian's pandas comes without a reader of Parquet (pyarrow, fastparquet). Where none is installed read.js stands in for it, with
Polars; all else is the script's own and pandas'. The last line says which it was.
"""
import json
import os
import runpy
import subprocess
import sys

import numpy as np
import pandas as pd


def read_parquet(path):
    reader = os.path.join(os.path.dirname(os.path.abspath(__file__)), "read.js")
    (table,) = json.loads(subprocess.run(["node", "--single-threaded", reader, "polars", str(path)], check=True, stdout=subprocess.PIPE).stdout)
    frame = pd.DataFrame(table["rows"], columns=[name for name, _ in table["columns"]])
    for name, kind in table["columns"]:
        if "FixedSizeList" in kind:
            frame[name] = [np.array([float(x) for x in v], np.float32) for v in frame[name]]
        elif "Int32" in kind:
            frame[name] = frame[name].astype("int32")
        elif "Float32" in kind:
            frame[name] = frame[name].astype("float32")
    return frame


reader = "pandas"
try:
    pd.io.parquet.get_engine("auto")
except ImportError:
    pd.read_parquet, reader = read_parquet, "Polars"
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
print("read with", reader)
