"""Writes pictures/, a folder per class, and the same pictures as tar files of WebDataset and of the folder, with Python's own modules.
make_sources.mjs, with DuckDB, writes the Parquet files after it. Needs Python 3 alone."""
import gzip
import io
import json
import os
import struct
import tarfile
import zlib

HERE = os.path.dirname(os.path.abspath(__file__))
os.chdir(HERE)


def png(seed):
    w, h = 7, 5
    rows = b"".join(b"\0" + bytes((seed * 53 + x * 31 + y * 17 + c * 101) % 256 for x in range(w) for c in range(3)) for y in range(h))
    chunk = lambda kind, data: struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", w, h, 8, 2, 0, 0, 0)) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


classes = ["ant", "bee", "éléphant"]
pictures = [(c, f"{c}/{i}.png", png(10 * k + i)) for k, c in enumerate(classes) for i in range(4)]
for c, name, data in pictures:
    os.makedirs(f"pictures/{c}", exist_ok=True)
    with open(f"pictures/{name}", "wb") as f:
        f.write(data)


def add(tar, name, data):
    info = tarfile.TarInfo(name)
    info.size, info.mtime = len(data), 1700000000
    tar.addfile(info, io.BytesIO(data))


def write(path, members, form=tarfile.PAX_FORMAT):
    out = gzip.GzipFile(path, "wb", mtime=0) if path.endswith("gz") else open(path, "wb")
    with out, tarfile.open(fileobj=out, mode="w", format=form) as tar:
        for name, data in members:
            add(tar, name, data)


def shuffled(part):  # as shards are: mixed
    return [p for i, p in enumerate(pictures) if (i * 7 % len(pictures)) % 3 == part]


for part in range(3):
    samples = {ext: [] for ext in ("cls", "txt", "json", "index")}
    for c, name, data in shuffled(part):
        key = name[: -len(".png")]
        about = {"cls": c.encode(), "txt": c.encode() + b"\n", "json": json.dumps({"width": 7, "label": c}).encode(), "index": str(classes.index(c)).encode()}
        for ext in samples:
            samples[ext] += [(name, data), (key + (".cls" if ext == "index" else "." + ext), about[ext])]
    write(f"cls-{part:03d}.tar", samples["cls"])
    write(f"txt-{part:03d}.tar", samples["txt"], tarfile.USTAR_FORMAT)
    write(f"json-{part:03d}.tar.gz", samples["json"], tarfile.GNU_FORMAT)
    write(f"index-{part:03d}.tar", samples["index"])
write("folder.tgz", [("./photos/" + name, data) for _, name, data in reversed(pictures)])
with open("names.txt", "w") as f:
    f.write("".join(c + "\n" for c in classes))
with open("list.csv", "w") as f:
    f.write("\ufefffile;species;note\n" + "".join(f"pictures/{name};{c};x\n" for c, name, _ in pictures))

# Damaged: the last picture is cut off, one is empty, one has no class, one sample no picture, one member is no sample's.
good = [(name, data) for c, name, data in pictures[:4]]
broken = io.BytesIO()
with tarfile.open(fileobj=broken, mode="w") as tar:
    for name, data in good:
        add(tar, name, data)
        if name != "ant/2.png":
            add(tar, name.replace(".png", ".cls"), b"ant")
    add(tar, "bee/9.cls", b"bee")
    add(tar, "bee/8.png", b"")
    add(tar, "bee/8.cls", b"bee")
    add(tar, "bee/7.cls", b"bee")
    add(tar, "bee/7.png", bytes(range(256)) * 20)
    end = tar.offset
with open("broken.tar", "wb") as f:
    f.write(broken.getvalue()[: end - 2048])
