"""Writes pictures that are damaged or unfinished, or of rare kinds, and beside each what PIL reads.

    python3 damaged.py OUT_DIR COUNT SEED

OUT_DIR/NAME is the file; NAME.rgb holds PIL's pixels, or NAME.bad its error where it refuses the file. Needs cjpeg and jpegtran of
libjpeg-turbo. Block smoothing of vertically subsampled and of narrow channels changed with libjpeg-turbo 3.0.1; where PIL has an
older one, such JPEGs are left out, unless DJPEG names a djpeg of 3.0.1 or later, which then decodes the JPEGs that PIL reads.
"""
import io, os, random, struct, subprocess, sys, tempfile, warnings, zlib
import numpy as np
from PIL import Image, features
warnings.simplefilter("ignore")

out, count, seed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
random.seed(seed)
rng = np.random.default_rng(seed)


def picture(w, h, channels=3):
    y, x = np.mgrid[0:h, 0:w].astype(np.float64)
    a = np.empty((h, w, channels))
    for c in range(channels):
        a[..., c] = 128 + 90 * np.sin(x / (3.0 + 9 * rng.random())) * np.cos(y / (4.0 + 9 * rng.random()))
    a[(x - w * 0.6) ** 2 + (y - h * 0.4) ** 2 < (min(w, h) * 0.3) ** 2] = [250, 20, 40, 0][:channels]
    return np.clip(a + rng.normal(0, 9, a.shape), 0, 255).astype(np.uint8)


def put(name, data):
    path = os.path.join(out, name)
    open(path, "wb").write(data)
    try:
        im = Image.open(io.BytesIO(data)).convert("RGB")
    except Exception as e:
        open(path + ".bad", "w").write(repr(e))
        return
    if name.endswith(".jpg") and "DJPEG" in os.environ:
        r = subprocess.run([os.environ["DJPEG"], "-ppm"], input=data, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        im = Image.open(io.BytesIO(r.stdout)).convert("RGB")
    open(path + ".rgb", "wb").write(struct.pack("<II", im.width, im.height) + np.array(im).tobytes())


def cjpeg(a, *args, scans=None):
    b = io.BytesIO()
    Image.fromarray(a).save(b, "PPM")
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as f:
        if scans:
            f.write(scans)
            f.flush()
            args += ("-scans", f.name)
        return subprocess.run(["cjpeg", *args], input=b.getvalue(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True).stdout


def segments(b):
    """The places of the markers of a JPEG, data excluded: (marker, from, to)."""
    at, all = 2, []
    while at + 4 <= len(b):
        m = b[at + 1]
        if m == 0xd9:
            break
        n = 2 + struct.unpack(">H", b[at + 2:at + 4])[0]
        end = at + n
        if m == 0xda:
            while end + 1 < len(b) and not (b[end] == 0xff and b[end + 1] != 0 and not 0xd0 <= b[end + 1] <= 0xd7):
                end += 1
        all.append((m, at, end, at + n))
        at = end
    return all


SAMPLES = ["1x1", "2x1", "2x2", "1x2", "2x2,2x1,1x2"]
SCANS = ["0,1,2: 0-0, 0, 1;\n0: 1-5, 0, 2;\n2: 1-63, 0, 1;\n1: 1-63, 0, 1;\n0: 6-63, 0, 2;\n0: 1-63, 2, 1;\n0,1,2: 0-0, 1, 0;\n2: 1-63, 1, 0;\n1: 1-63, 1, 0;\n0: 1-63, 1, 0;\n",
         "0,1,2: 0-0, 0, 0;\n0: 1-9, 0, 0;\n1: 1-9, 0, 0;\n2: 1-9, 0, 0;\n0: 10-63, 0, 0;\n1: 10-63, 0, 0;\n2: 10-63, 0, 0;\n",
         "0: 0-0, 0, 0;\n1: 0-0, 0, 0;\n2: 0-0, 0, 0;\n0: 1-63, 0, 3;\n0: 1-63, 3, 2;\n1: 1-63, 0, 0;\n2: 1-63, 0, 0;\n0: 1-63, 2, 1;\n0: 1-63, 1, 0;\n"]


SIZES = [(40, 32), (45, 31), (64, 64), (97, 33), (8, 8), (17, 70), (1, 40), (9, 9)]
if "DJPEG" not in os.environ and tuple(map(int, features.version("libjpeg_turbo").split(".")[:3])) < (3, 0, 1):
    SAMPLES, SIZES = SAMPLES[:2], SIZES[:4]


def jpeg(i):
    w, h = random.choice(SIZES)
    args = ["-quality", str(random.choice([20, 50, 75, 90, 98])), "-sample", random.choice(SAMPLES)]
    kind = random.choice(["sequential", "optimized", "progressive", "scripted", "arithmetic", "arithmetic-progressive", "restarts", "restarts-progressive", "grey", "three-scans"])
    scans = None
    if "optimized" in kind:
        args.append("-optimize")
    if "progressive" in kind:
        args.append("-progressive")
    if "arithmetic" in kind:
        args.append("-arithmetic")
    if "restarts" in kind:
        args += ["-restart", random.choice(["1", "2B", "3B", "1B"])]
    if kind == "grey":
        args.append("-grayscale")
        args[3] = "1x1"
    if kind == "three-scans":
        scans = "0;\n1;\n2;\n"
    if kind == "scripted":
        scans = random.choice(SCANS)
    b = bytearray(cjpeg(picture(w, h), *args, scans=scans))
    segs = segments(b)
    data = [s for s in segs if s[0] == 0xda]
    damage = random.choice(["none", "byte", "bytes", "cut-ended", "cut", "scans", "zeros", "remove", "marker", "cut-scan"])
    s = random.choice(data)
    inside = list(range(s[3], s[2]))
    if damage in ("byte", "bytes", "zeros") and inside:
        for _ in range(1 if damage == "byte" else random.randint(2, 9)):
            at = random.choice(inside)
            b[at] = random.randrange(256) if damage != "zeros" else 0
    elif damage == "cut-ended" and inside:
        b = b[:random.choice(inside)] + b"\xff\xd9"
    elif damage == "cut":
        b = b[:random.randint(len(b) // 2, len(b))]
    elif damage == "scans":
        b = b[:random.choice(data)[2]] + b"\xff\xd9"
    elif damage == "remove" and inside:
        at = random.choice(inside)
        del b[at:at + random.randint(1, 12)]
    elif damage == "marker" and inside:
        at = random.choice(inside)
        b[at:at + 2] = bytes([0xff, random.choice([0xd0, 0xd1, 0xd3, 0xd5, 0xd7, 0x01, 0x02, 0xd9])])
    elif damage == "cut-scan" and inside:  # the rest of one scan is missing
        at = random.choice(inside)
        del b[at:s[2]]
    put(f"{i:05d}-{kind}-{damage}.jpg", bytes(b))


def chunk(t, d, crc=None):
    return struct.pack(">I", len(d)) + t + d + struct.pack(">I", zlib.crc32(t + d) if crc is None else crc)


def png(i):
    w, h = random.choice([(11, 9), (1, 1), (32, 7)])
    colour, n = random.choice([(0, 1), (2, 3), (3, 1), (4, 2), (6, 4)])
    depth = random.choice({0: [1, 2, 4, 8, 16], 2: [8, 16], 3: [1, 2, 4, 8], 4: [8, 16], 6: [8, 16]}[colour])
    a = rng.integers(0, 256, (h, (w * n * depth + 7) // 8)).astype(np.uint8)
    if depth == 16 and colour == 0:
        a = rng.integers(0, 700, (h, w)).astype(">u2").view(np.uint8).reshape(h, -1)
    raw = zlib.compress(b"".join(b"\0" + bytes(r) for r in a))
    damage = random.choice(["none", "crc", "end", "ancillary", "adler", "key", "header", "palette", "cut", "half", "length"])
    head = struct.pack(">IIBBBBB", w, h, depth, colour, 0, 0, 0)
    b = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head, 7 if damage == "header" else None)
    if damage == "ancillary":
        b += chunk(b"tEXt", b"a\0b", 5)
    if colour == 3:
        b += chunk(b"PLTE", bytes(rng.integers(0, 256, 3 << depth).astype(np.uint8)), 7 if damage == "palette" else None)
    if damage == "key" and colour in (0, 2):
        b += chunk(b"tRNS", b"\0\1" * n)
    if damage == "adler":
        raw = raw[:-4] + b"abcd"
    if damage == "half":
        b += chunk(b"IDAT", raw[:len(raw) // 2], 1) + chunk(b"IDAT", raw[len(raw) // 2:])
    elif damage == "length":
        b += struct.pack(">I", len(raw) + 40) + b"IDAT" + raw
    else:
        b += chunk(b"IDAT", raw, 9 if damage == "crc" else None)
    if damage == "cut":
        b = b[:-9]
    elif damage not in ("end", "length"):
        b += chunk(b"IEND", b"")
    put(f"{i:05d}-{colour}-{depth}-{damage}.png", b)


def bmp(i):
    w, h = random.choice([(11, 9), (1, 1), (32, 7), (13, 4)])
    kind = random.choice(["core", "top-down", "565", "555", "fields555", "rle8", "rle4", "bgra", "rgba-fields", "plain", "v4", "v5"])
    bits = {"565": 16, "555": 16, "fields555": 16, "rle8": 8, "rle4": 4, "bgra": 32, "rgba-fields": 32, "v4": 32, "v5": 32}.get(kind) or random.choice([1, 4, 8, 24, 32] if kind != "core" else [1, 4, 8, 24])
    stride = (w * bits + 31) // 32 * 4
    pixels = rng.integers(0, 256, stride * h).astype(np.uint8).tobytes()
    palette = b"".join(bytes(rng.integers(0, 256, 3).astype(np.uint8)) + (b"" if kind == "core" else b"\0") for _ in range(1 << bits)) if bits <= 8 else b""
    comp, masks, size = 0, b"", 40
    if kind in ("565", "fields555"):
        comp, masks = 3, struct.pack("<III", 0xf800, 0x7e0, 0x1f) if kind == "565" else struct.pack("<III", 0x7c00, 0x3e0, 0x1f)
    if kind == "rgba-fields":
        comp, masks = 3, struct.pack("<III", 0xff0000, 0xff00, 0xff)
    if kind in ("rle8", "rle4"):
        comp, pixels = (1 if kind == "rle8" else 2), b""
        for y in range(h):
            x = 0
            while x < w:
                n = random.randint(1, min(9, w - x))
                if n >= 4 and random.random() < 0.4:
                    n -= n % 2 if kind == "rle4" else 0
                    lit = bytes(rng.integers(0, 256, n if kind == "rle8" else n // 2).astype(np.uint8))
                    pixels += bytes([0, n]) + lit + b"\0" * (len(lit) % 2)
                else:
                    pixels += bytes([n, random.randrange(256)])
                x += n
                if random.random() < 0.1:
                    break
            pixels += b"\0\0"
        pixels += b"\0\1"
    hh = -h if kind == "top-down" else h
    if kind == "core":
        head = struct.pack("<IHHHH", 12, w, h, 1, bits)
    else:
        head = struct.pack("<IiiHHIIiiII", 40, w, hh, 1, bits, comp, len(pixels), 2835, 2835, 0, 0)
        if kind in ("v4", "v5"):
            size = 108 if kind == "v4" else 124
            head = struct.pack("<I", size) + head[4:16] + struct.pack("<I", 3) + head[20:] + struct.pack("<IIII", 0xff0000, 0xff00, 0xff, 0xff000000)
            head += b"\0" * (size - len(head))
    at = 14 + len(head) + len(masks) + len(palette)
    b = b"BM" + struct.pack("<IHHI", at + len(pixels), 0, 0, at) + head + masks + palette + pixels
    if random.random() < 0.1:
        b = b[:-random.randint(1, 20)]
    put(f"{i:05d}-{kind}-{bits}.bmp", b)


def tiff(i):
    w, h = random.choice([(11, 9), (1, 1), (32, 7), (130, 70)])
    mode = random.choice(["1", "L", "P", "RGB", "RGBA", "LA", "I;16"])
    if mode == "I;16":
        im = Image.fromarray(rng.integers(0, 700, (h, w)).astype(np.uint16))
    else:
        im = Image.fromarray(picture(w, h)).convert(mode)
        if mode in ("RGBA", "LA"):
            im.putalpha(Image.fromarray(rng.integers(0, 256, (h, w)).astype(np.uint8)))
    c = random.choice([None, "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg", "group3", "group4"])
    if c in ("group3", "group4") and mode != "1" or c == "jpeg" and mode not in ("L", "RGB"):
        c = None
    buf = io.BytesIO()
    im.save(buf, "TIFF", **({"compression": c} if c else {}))
    put(f"{i:05d}-{mode.replace(';', '')}-{c}.tif", buf.getvalue())


def webp(i):
    w, h = random.choice([(16, 16), (33, 21), (64, 40)])
    mode = random.choice(["RGB", "RGBA"])
    frames = [Image.fromarray(picture(w, h)).convert(mode) for _ in range(random.randint(1, 3))]
    if mode == "RGBA":
        for f in frames:
            f.putalpha(Image.fromarray(rng.integers(random.choice([0, 1]), 256, (h, w)).astype(np.uint8)))
    buf = io.BytesIO()
    frames[0].save(buf, "WEBP", save_all=True, append_images=frames[1:], duration=40, lossless=random.random() < 0.5, quality=80, exact=random.random() < 0.5)
    put(f"{i:05d}-{mode}-{len(frames)}.webp", buf.getvalue())


for i in range(count):
    random.choice([jpeg, jpeg, jpeg, png, bmp, tiff, webp])(i)
