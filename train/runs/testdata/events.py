"""Reads a TensorBoard event file with nothing but Python's own library, and prints its events as JSON lines.

python3 events.py FILE. The checksum is computed bit by bit from its polynomial, the messages by the field numbers of
tensorflow/core/util/event.proto and summary.proto.
"""
import json
import struct
import sys


def crc32c(data):
    c = 0xFFFFFFFF
    for byte in data:
        c ^= byte
        for _ in range(8):
            c = c >> 1 ^ (0x82F63B78 if c & 1 else 0)
    return c ^ 0xFFFFFFFF


def masked(data):
    c = crc32c(data)
    return ((c >> 15 | c << 17) + 0xA282EAD8) & 0xFFFFFFFF


def varint(b, at):
    v = shift = 0
    while True:
        v |= (b[at] & 127) << shift
        at, shift = at + 1, shift + 7
        if not b[at - 1] & 128:
            return v, at


def fields(b):
    at = 0
    while at < len(b):
        key, at = varint(b, at)
        kind = key & 7
        if kind == 0:
            v, at = varint(b, at)
        elif kind == 1:
            v, at = struct.unpack_from("<d", b, at)[0], at + 8
        elif kind == 5:
            v, at = struct.unpack_from("<f", b, at)[0], at + 4
        elif kind == 2:
            n, at = varint(b, at)
            v, at = b[at : at + n], at + n
        else:
            raise ValueError(f"wire type {kind}")
        yield key >> 3, v


assert crc32c(b"123456789") == 0xE3069283
data = open(sys.argv[1], "rb").read()
at = 0
while at < len(data):
    (n,) = struct.unpack_from("<Q", data, at)
    assert struct.unpack_from("<I", data, at + 8)[0] == masked(data[at : at + 8]), "checksum of the length"
    body = data[at + 12 : at + 12 + n]
    assert struct.unpack_from("<I", data, at + 12 + n)[0] == masked(body), "checksum of the event"
    at += n + 16
    event = {"values": {}}
    for number, v in fields(body):
        if number == 1:
            event["wall_time"] = v
        elif number == 2:
            event["step"] = v
        elif number == 3:
            event["file_version"] = v.decode()
        elif number == 5:
            for _, value in fields(v):
                one = dict(fields(value))
                event["values"][one[1].decode()] = one[2]
    print(json.dumps(event))
