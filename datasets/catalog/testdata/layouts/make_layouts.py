#!/usr/bin/env python3
"""Writes miniatures of SUN Attribute, of ImageNet's development kits, of Oxford Flowers and of Animals with Attributes with SciPy
and NumPy, each with its quirks, and golden.json: what the two read in them.

SUN: paths with a letter first, classes within classes, a stray blank. ImageNet: 2012's synsets with hypernyms among them, ids in
another order than the wnids, two classes of the same words; 2010's, which share some classes. Flowers: labels as bytes, in one
row. AwA: numbers before the names, "+" for blanks, columns of any width, a marked missing value, features in one text file per
image, separated by commas, blanks or line ends. Pictures are made by the tests. Run in this folder; make_layouts.m goes after."""
import json
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
    s = np.zeros((len(rows), 1), dtype=[(key, object), ("WNID", object), ("words", object), ("gloss", object), ("num_children", object), ("children", object), ("wordnet_height", object), ("num_train_images", object)])
    for i, (number, wnid, words, children) in enumerate(rows):
        s[i, 0] = (np.array([[number]], dtype="f8"), wnid, words, "a gloss", np.array([[len(children)]], dtype="u1"), np.array([children], dtype="f8"),
                   np.array([[len(children)]], dtype="u1"), np.array([[0 if children else 1300]], dtype="u2"))
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

os.makedirs("flo", exist_ok=True)
scipy.io.savemat("flo/imagelabels.mat", {"labels": np.array([[77, 77, 1, 102, 1]], dtype="u1")}, do_compression=True)

os.makedirs("awa/Features/vgg19", exist_ok=True)
classes = ["antelope", "grizzly+bear", "killer+whale", "lion"]
texts = {
    "classes.txt": "".join("%6d\t%s\n" % (i + 1, c) for i, c in enumerate(classes)),
    "predicates.txt": "     1\tblack\n     2\twhite\n     3\tbipedal\n",
    "predicate-matrix-continuous.txt": "  -1.00   -1.00  12.34\n 39.25    1.39   0.00   \n\n100.00  64.40   6.25\n  0.00  0.00 \t88.77",
    "predicate-matrix-binary.txt": "0 0 1\n1 0 0\n1 1 0\n0 0 1\n",
    "Features/vgg19/antelope/antelope_0001.txt": "0.5,0,1.25e-3,17\n",
    "Features/vgg19/antelope/antelope_0002.txt": "0\n3.5\n0\n1e2\n",
    "Features/vgg19/grizzly+bear/grizzly+bear_0001.txt": "  0.1 0.2  0.3 0.4\r\n",
    "Features/vgg19/lion/lion_0001.txt": "0, 0, 2.718281828, 0",
}
for name, text in texts.items():
    os.makedirs(os.path.dirname("awa/" + name), exist_ok=True)
    with open("awa/" + name, "w", newline="") as f:
        f.write(text)

golden = {"sun": {}, "awa": {"features": {}}}
m = scipy.io.loadmat("sun/SUNAttributeDB/images.mat")["images"]
v = scipy.io.loadmat("sun/SUNAttributeDB/attributeLabels_continuous.mat")["labels_cv"]
of = [str(p[0][0]).strip().rsplit("/", 1)[0].split("/", 1)[1] for p in m]
for c in sorted(set(of)):
    golden["sun"][c] = v[[o == c for o in of]].mean(axis=0).tolist()
for which in ["continuous", "binary"]:
    golden["awa"][which] = dict(zip(classes, np.loadtxt("awa/predicate-matrix-%s.txt" % which).tolist()))
for name in sorted(texts):
    if name.startswith("Features"):
        with open("awa/" + name) as f:
            golden["awa"]["features"][name[len("Features/vgg19/"):]] = np.loadtxt(f.read().replace(",", " ").split("\n")).ravel().tolist()
with open("golden.json", "w") as f:
    json.dump(golden, f, indent=1, sort_keys=True)
    f.write("\n")
