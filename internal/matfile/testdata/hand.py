"""Puts MAT files together by hand, in either byte order."""
import struct
import zlib

import numpy as np


def cell(items):
    c = np.empty((len(items), 1), dtype=object)
    for i, x in enumerate(items):
        c[i, 0] = x
    return c


class Hand:
    """Writes elements in either byte order."""

    def __init__(self, big):
        self.e = ">" if big else "<"

    def element(self, kind, data):
        if len(data) <= 4 and data:  # as MATLAB does
            word = struct.pack(self.e + "I", len(data) << 16 | kind)
            return word + data.ljust(4, b"\0")
        return struct.pack(self.e + "II", kind, len(data)) + data.ljust((len(data) + 7) & ~7, b"\0")

    def values(self, kind, codes, values):
        return self.element(kind, struct.pack(self.e + "%d%s" % (len(values), codes), *values))

    def array(self, cls, dims, name, *body, flags=0, nzmax=0):
        inner = self.values(6, "I", [cls | flags, nzmax]) + self.values(5, "i", dims) + self.element(1, name.encode())
        inner += b"".join(body)
        return struct.pack(self.e + "II", 14, len(inner)) + inner

    def squeeze(self, element):
        z = zlib.compress(element)
        return struct.pack(self.e + "II", 15, len(z)) + z

    def header(self):
        h = b"MATLAB 5.0 MAT-file, made by hand".ljust(116) + b" " * 8
        return h + struct.pack(self.e + "H", 0x0100) + (b"MI" if self.e == ">" else b"IM")
