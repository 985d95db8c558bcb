#!/usr/bin/env python3
"""Writes miniatures of SUN Attribute and of ImageNet's development kits with SciPy, each with its quirks: SUN's paths with a
letter first, classes within classes and a stray blank; 2012's synsets with hypernyms among them, ids in another order than the
wnids, two classes of the same words; 2010's, which share some classes. Run in this folder; pictures are made by the tests."""
import os

import numpy as np
import scipy.io


def cell(items):
    c = np.empty((len(items), 1), dtype=object)
    for i, x in enumerate(items):
        c[i, 0] = x
    return c


images = ["a/abbey/sun_a1.jpg", "a/abbey/sun_a2.jpg", "d/desert/sand/sun_b1.jpg", "d/desert/vegetation/sun_c1.jpg ", "d/desert_road/sun_d1.jpg",
          "d/desert/sand/sun_b2.jpg"]
votes = np.array([[0, 1, 1 / 3], [1, 1, 1 / 3], [2 / 3, 0, 0], [0, 0, 1], [1 / 3, 1 / 3, 1 / 3], [0, 0, 1]])
os.makedirs("sun/SUNAttributeDB", exist_ok=True)
scipy.io.savemat("sun/SUNAttributeDB/images.mat", {"images": cell(images)}, do_compression=True)
scipy.io.savemat("sun/SUNAttributeDB/attributes.mat", {"attributes": cell(["sailing/ boating", "driving", "open area "])}, do_compression=True)
scipy.io.savemat("sun/SUNAttributeDB/attributeLabels_continuous.mat", {"labels_cv": votes}, do_compression=True)


def synsets(year, rows):
    key = "ILSVRC%d_ID" % year
    s = np.zeros((len(rows), 1), dtype=[(key, object), ("WNID", object), ("words", object), ("gloss", object), ("num_children", object), ("children", object)])
    for i, (number, wnid, words, children) in enumerate(rows):
        s[i, 0] = (np.array([[number]], dtype="f8"), wnid, words, "a gloss", np.array([[len(children)]], dtype="u1"), np.array([children], dtype="f8"))
    return {"synsets": s}


os.makedirs("imagenet/ILSVRC2012_devkit_t12/data", exist_ok=True)
os.makedirs("imagenet/devkit-1.0/data", exist_ok=True)
scipy.io.savemat("imagenet/ILSVRC2012_devkit_t12/data/meta.mat", synsets(2012, [
    (1, "n02119789", "kit fox, Vulpes macrotis", []),
    (2, "n02100735", "English setter", []),
    (3, "n02012849", "crane", []),
    (4, "n03126707", "crane", []),
    (5, "n01440764", "tench, Tinca tinca", []),
    (1001, "n02083346", "canine, canid", [1, 2]),
]), do_compression=True)
scipy.io.savemat("imagenet/devkit-1.0/data/meta.mat", synsets(2010, [
    (1, "n01440764", "tench, Tinca tinca", []),
    (2, "n07730406", "garlic", []),
    (3, "n13040303", "truffle, earthnut", []),
    (1001, "n00001740", "entity", [1, 2, 3]),
]), do_compression=True)
