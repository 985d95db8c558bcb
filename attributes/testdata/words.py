"""Reads a word2vec .bin file with NumPy alone and prints what wordvectors_test.go expects of the real one.

    python3 words.py gutenberg-vectors.bin
"""
import sys
import numpy

data = open(sys.argv[1], "rb").read()
head = data.index(b"\n")
count, dim = map(int, data[:head].split())
at, words, rows = head + 1, [], []
while len(words) < count:
    end = data.index(b" ", at)
    words.append(data[at:end].lstrip(b"\n"))
    rows.append(numpy.frombuffer(data, "<f4", dim, end + 1))
    at = end + 1 + 4 * dim
m = numpy.array(rows, numpy.float64)
print(count, dim, "newlines", data[at - 4 * dim - 1 :].count(b"\n"), "rest", len(data) - at)
print("sum %.9g, sum of squares %.9g" % (m.sum(), (m * m).sum()))
print(words[:5], words[-3:])
for w in (b"the", b"king", b"man"):
    if w in words:
        i = words.index(w)
        print(w, i, rows[i][0], rows[i][-1])
