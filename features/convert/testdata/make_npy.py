#!/usr/bin/env python3
"""Writes the small .npy files that the tests read, with NumPy itself. Run in this folder."""
import numpy as np

# value of row i, column j: exact in float32
m = np.add.outer(np.arange(7) * 100.0, np.arange(5) * 0.5) - 3
np.save("c_f4.npy", m.astype("<f4"))
np.save("c_f8.npy", m.astype("<f8"))
np.save("big_f4.npy", m.astype(">f4"))
np.save("big_f8.npy", m.astype(">f8"))
np.save("fortran_f4.npy", np.asfortranarray(m.astype("<f4")))
np.save("fortran_f8.npy", np.asfortranarray(m.astype("<f8")))
np.save("pooled_f4.npy", m.astype("<f4").reshape(7, 5, 1, 1))
for version in ((2, 0), (3, 0)):
    with open("v%d_f4.npy" % version[0], "wb") as f:
        np.lib.format.write_array(f, m.astype("<f4"), version=version)
bad = m.astype("<f8")
bad[2, 3] = np.nan
bad[5, 0] = 1e300
np.save("bad_f8.npy", bad)
np.save("half.npy", m.astype("<f2"))

labels = np.array([3, 1, 2, 2, 3, 1, 1])
for t in ("|i1", "<i2", "<i4", "<i8", "|u1", "<u2", ">u4", "<u8", "<f4", "<f8", ">i8"):
    np.save("labels_%s.npy" % t.replace("|", "").replace("<", "").replace(">", "big_"), labels.astype(t))
np.save("labels_column.npy", labels.reshape(7, 1))
np.save("labels_half.npy", labels + 0.5)
np.save("labels_text.npy", np.array(["c", "a", "b", "b", "c", "a", "a"]))
np.save("names_u.npy", np.array(["é%d.jpg" % i for i in range(7)]))
np.save("names_s.npy", np.array([b"i%d.jpg" % i for i in range(7)]))
