#!/usr/bin/env python3
"""Writes files of every kind of value that NumPy, SciPy and pandas give: 7 rows of 3 values, of classes ant, bee, cat. The kind
after the last dash says which values: i -4, -3, ... (row * 3 + column - 4), u the same + 4, f half of it, b whether it is odd.
Run in this folder; needs numpy, scipy, pandas."""
import numpy as np
import pandas as pd
import scipy.io
import scipy.sparse

n = np.arange(21).reshape(7, 3)
values = {"i": n - 4, "u": n, "f": (n - 4) / 2, "b": n % 2 == 1}
classes = ["ant", "bee", "cat", "ant", "bee", "cat", "ant"]
images = ["%s/%d.jpg" % (c, i) for i, c in enumerate(classes)]

for kind, dtypes in {"f": ["f2", "f4", "f8", ">f2", ">f4", ">f8"], "i": ["i1", "i2", "i4", "i8", ">i2", ">i4", ">i8"],
                     "u": ["u1", "u2", "u4", "u8", ">u4"], "b": ["?"]}.items():
    for d in dtypes:
        name = d.replace(">", "big_").replace("?", "bool")
        np.save("numpy_%s-%s.npy" % (name, kind), values[kind].astype(d))
f4 = values["f"].astype("f4")
np.save("numpy_fortran-f.npy", np.asfortranarray(f4))
np.save("numpy_n1d-f.npy", f4.reshape(7, 1, 3))
np.save("numpy_nd11-f.npy", f4.reshape(7, 3, 1, 1))
np.save("numpy_fortran_n1d-f.npy", np.asfortranarray(f4.reshape(7, 1, 3)))
np.save("numpy_maps.npy", np.zeros((7, 3, 2, 2), "f4"))
np.save("numpy_list.npy", f4[:, 0])
np.save("numpy_complex.npy", f4.astype("c8"))
np.save("numpy_longdouble.npy", f4.astype(np.longdouble))
np.save("numpy_object.npy", f4.astype(object))
np.save("numpy_dates.npy", n.astype("M8[D]"))
np.save("numpy_structured.npy", np.zeros(7, [("x", "f4", 3), ("y", "i4")]))
for name, x in {"f2-f": values["f"].astype("f2"), "f4-f": f4, "i8-i": values["i"], "bool-b": values["b"]}.items():
    np.savez("numpy_%s.npz" % name, features=x, classes=np.array(classes), files=np.array(images))
np.savez_compressed("numpy_compressed-f.npz", x=f4, y=np.array([1, 2, 3, 1, 2, 3, 1]), files=np.array(images), class_names=np.array(["ant", "bee", "cat"]))
np.savez("numpy_two.npz", a=f4, b=f4)
np.savez("numpy_object.npz", features=f4, classes=np.array(classes, object), files=np.array(images))

cell = lambda l: np.array(l, dtype=object).reshape(-1, 1)
lists = {"labels": np.array([1, 2, 3, 1, 2, 3, 1]).reshape(-1, 1), "image_files": cell(images)}
for name, x in {"double-f": values["f"], "single-f": f4, "int8-i": values["i"].astype("i1"), "int16-i": values["i"].astype("i2"), "int32-i": values["i"].astype("i4"),
                "int64-i": values["i"].astype("i8"), "uint8-u": n.astype("u1"), "uint64-u": n.astype("u8"), "logical-b": values["b"],
                "sparse-f": scipy.sparse.csc_matrix(values["f"].T).T}.items():
    scipy.io.savemat("scipy_%s.mat" % name, {"features": x.T, **lists}, do_compression=True)
scipy.io.savemat("scipy_rows-f.mat", {"fc7": f4, **lists})
scipy.io.savemat("scipy_matconvnet-f.mat", {"x": f4.T.reshape(1, 1, 3, 7), **lists})
scipy.io.savemat("scipy_struct-f.mat", {"data": {"features": f4.T, "labels": lists["labels"]}, "image_files": cell(images)})
scipy.io.savemat("scipy_complex.mat", {"features": f4.T + 1j, **lists})
scipy.io.savemat("scipy_two.mat", {"a": f4.T, "b": f4.T, **lists})

frame = lambda x, **more: pd.DataFrame({"image": images, "class": classes, **more, **{"f%d" % j: x[:, j] for j in range(3)}})
for name, x in {"floats-f": values["f"], "whole-i": values["i"], "truth-b": values["b"]}.items():
    frame(x).to_csv("pandas_%s.csv" % name, index=False)
frame(values["f"]).to_csv("pandas_index-f.csv")
frame(values["f"]).set_index("image").to_csv("pandas_image_index-f.csv")
frame(values["f"]).to_csv("pandas_semicolon-f.csv", index=False, sep=";", decimal=",")
frame(values["f"]).to_csv("pandas_tab-f.tsv", index=False, sep="\t")
frame(values["f"]).to_csv("pandas_bom-f.csv", index=False, encoding="utf-8-sig", lineterminator="\r\n")
frame(values["f"], label=[0, 1, 2, 0, 1, 2, 0], url="http").to_csv("pandas_label-f.csv", index=False)
frame(values["f"], similarity=0.5).to_csv("pandas_similarity.csv", index=False)
pd.DataFrame({"image": images, "class": classes, "feature": [list(r) for r in values["f"]]}).to_csv("pandas_lists.csv", index=False)
pd.DataFrame(values["f"]).to_csv("pandas_numbers-f.csv", index=False)
missing = frame(values["f"])
missing.loc[2, "f1"] = np.nan
missing.to_csv("pandas_missing.csv", index=False)
frame(values["f"]).to_csv("pandas_gzip.csv.gz", index=False)
np.savetxt("numpy_savetxt-f.txt", values["f"])
np.savetxt("numpy_savetxt_commas-f.csv", values["f"], delimiter=",", fmt="%g")
