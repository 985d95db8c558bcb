"""Makes files/ and golden.json: small rendered pictures in every format, and what
PIL and torchvision make of them. Run with Pillow, numpy, torch and torchvision; cjpeg
(libjpeg-turbo) for the JPEG variants that Pillow does not write; DJPEG=path of a djpeg of libjpeg-turbo 3.0.1 or later, where PIL
has an older one, for two files whose values are kept otherwise.

    python3 golden.py
"""
import hashlib, io, json, os, struct, subprocess, sys, tempfile, zlib
import numpy as np
from PIL import Image, ImageOps
import recipes

here = os.path.dirname(os.path.abspath(__file__))
out = os.path.join(here, "files")
os.makedirs(out, exist_ok=True)


def picture(w, h, seed=1, channels=3):
    """Smooth waves, a hard-edged disc and some noise."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:h, 0:w].astype(np.float64)
    a = np.empty((h, w, channels))
    for c in range(channels):
        a[..., c] = 128 + 90 * np.sin(x / (3.0 + c) + seed) * np.cos(y / (4.0 + c))
    disc = (x - w * 0.6) ** 2 + (y - h * 0.4) ** 2 < (min(w, h) * 0.3) ** 2
    a[disc] = [250, 20, 40, 0][:channels]
    a += rng.normal(0, 12, a.shape)
    return np.clip(a, 0, 255).astype(np.uint8)


def put(name, data):
    with open(os.path.join(out, name), "wb") as f:
        f.write(data)


def save(name, im, **kw):
    b = io.BytesIO()
    im.save(b, **kw)
    put(name, b.getvalue())


def cjpeg(name, a, *args):
    b = io.BytesIO()
    Image.fromarray(a).save(b, "PPM")
    put(name, subprocess.run(["cjpeg", *args], input=b.getvalue(), stdout=subprocess.PIPE, check=True).stdout)


def patch(name, source, old, new):
    b = open(os.path.join(out, source), "rb").read()
    assert b.count(old) == 1, (name, b.count(old))
    put(name, b.replace(old, new))


def png(name, w, h, depth, colour, rows, extra=b""):
    def chunk(t, d):
        return struct.pack(">I", len(d)) + t + d + struct.pack(">I", zlib.crc32(t + d))
    put(name, b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", w, h, depth, colour, 0, 0, 0))
        + extra + chunk(b"IDAT", zlib.compress(b"".join(b"\0" + r for r in rows), 9)) + chunk(b"IEND", b""))


im = Image.fromarray(picture(45, 31))
# JPEG: subsamplings at even and odd sizes, qualities, progressive, restart markers.
for sub, n in ((0, "444"), (1, "422"), (2, "420")):
    save(f"{n}.jpg", im, format="JPEG", quality=85, subsampling=sub)
    save(f"{n}-even.jpg", Image.fromarray(picture(48, 32, 2)), format="JPEG", quality=60, subsampling=sub)
    save(f"{n}-progressive.jpg", im, format="JPEG", quality=80, subsampling=sub, progressive=True)
save("q100.jpg", im, format="JPEG", quality=100, subsampling=0)
save("q5.jpg", im, format="JPEG", quality=5)
save("optimized.jpg", im, format="JPEG", quality=90, optimize=True)
save("grey.jpg", im.convert("L"), format="JPEG", quality=85)
save("grey-progressive.jpg", im.convert("L"), format="JPEG", quality=85, progressive=True)
for s in ("1x1", "2x1", "3x2", "5x3", "17x1"):
    w, h = map(int, s.split("x"))
    save(f"tiny-{s}.jpg", Image.fromarray(picture(w, h)), format="JPEG", quality=90)
a = picture(45, 31, 3)
cjpeg("440.jpg", a, "-sample", "1x2")
cjpeg("441.jpg", a, "-sample", "1x4")
cjpeg("411.jpg", a, "-sample", "4x1")
cjpeg("410.jpg", a, "-sample", "4x2")
cjpeg("luma-small.jpg", a, "-sample", "1x1,2x2,2x2")
cjpeg("mixed.jpg", a, "-sample", "2x2,2x1,1x2")
cjpeg("restart.jpg", a, "-restart", "2B")
cjpeg("restart-progressive.jpg", a, "-restart", "1", "-progressive", "-sample", "2x2")
cjpeg("rgb.jpg", a, "-rgb")
cjpeg("grey-2x2.jpg", a, "-grayscale", "-sample", "2x2")
with tempfile.NamedTemporaryFile("w", suffix=".txt") as f:
    f.write("0;\n1;\n2;\n")
    f.flush()
    cjpeg("three-scans.jpg", a, "-sample", "2x2", "-scans", f.name)
cm = Image.fromarray(picture(33, 27, 4, 4), "CMYK")
save("cmyk-adobe.jpg", cm, format="JPEG", quality=90)
patch("ycck-adobe.jpg", "cmyk-adobe.jpg", b"Adobe\0\x64\0\0\0\0\0", b"Adobe\0\x64\0\0\0\0\2")
patch("cmyk-plain.jpg", "cmyk-adobe.jpg", b"Adobe\0\x64", b"Xdobe\0\x64")
b = open(os.path.join(out, "420.jpg"), "rb").read()
put("trailing.jpg", b + b"garbage behind the picture" * 3)
put("misnamed.png", b)
ex = Image.Exif()
ex[0x0112] = 6
save("exif-rotated.jpg", im, format="JPEG", exif=ex)
# PNG.
save("rgb.png", im, format="PNG")
save("grey.png", im.convert("L"), format="PNG")
save("bilevel.png", im.convert("1"), format="PNG")
save("palette.png", im.convert("P", palette=Image.ADAPTIVE, colors=37), format="PNG")
save("palette-transparent.png", im.convert("P", palette=Image.ADAPTIVE, colors=37), format="PNG", transparency=5)
save("rgba.png", Image.fromarray(picture(45, 31, 5, 4), "RGBA"), format="PNG")
save("la.png", Image.fromarray(picture(45, 31, 6, 2), "LA"), format="PNG")
save("rgb-key.png", im, format="PNG", transparency=tuple(int(v) for v in np.array(im)[3, 4]))
rng = np.random.default_rng(9)
g16 = rng.integers(0, 700, (9, 11)).astype(">u2")
png("grey16.png", 11, 9, 16, 0, [r.tobytes() for r in g16])
for colour, n, name in ((2, 3, "rgb16"), (4, 2, "la16"), (6, 4, "rgba16")):
    v = rng.integers(0, 65536, (9, 11 * n)).astype(">u2")
    png(f"{name}.png", 11, 9, 16, colour, [r.tobytes() for r in v])
png("grey2.png", 12, 5, 2, 0, [rng.bytes(3) for _ in range(5)])
png("grey4.png", 12, 5, 4, 0, [rng.bytes(6) for _ in range(5)])
# GIF.
save("plain.gif", im, format="GIF")
save("grey.gif", im.convert("L"), format="GIF", interlace=0)
save("transparent.gif", im.convert("P", palette=Image.ADAPTIVE, colors=20), format="GIF", transparency=3)
save("animated.gif", im, format="GIF", save_all=True, append_images=[Image.fromarray(picture(45, 31, 7))])


def gif(name, w, h, x, y, fw, fh, transparent=None, interlaced=False):
    b = io.BytesIO()
    f = Image.fromarray(picture(fw, fh, 8)).convert("P", palette=Image.ADAPTIVE, colors=16)
    f.save(b, "GIF", interlace=1 if interlaced else 0)
    d = bytearray(b.getvalue())
    d[6:10] = struct.pack("<HH", w, h)
    at = d.index(b"\x2c", 13 + 3 * (2 << (d[10] & 7)))
    d[at + 1:at + 5] = struct.pack("<HH", x, y)
    if transparent is not None:
        d[at:at] = b"\x21\xf9\x04\x01\0\0" + bytes([transparent]) + b"\0"
    put(name, bytes(d))


gif("offset.gif", 40, 30, 5, 7, 20, 13)
gif("offset-transparent.gif", 40, 30, 5, 7, 20, 13, transparent=2)
gif("beyond.gif", 16, 12, 5, 7, 20, 13)
gif("interlaced.gif", 20, 13, 0, 0, 20, 13, interlaced=True)
# BMP, WebP.
save("rgb.bmp", im, format="BMP")
save("grey.bmp", im.convert("L"), format="BMP")
save("palette.bmp", im.convert("P"), format="BMP")
save("bilevel.bmp", im.convert("1"), format="BMP")
save("rgba.bmp", Image.fromarray(picture(45, 31, 5, 4), "RGBA"), format="BMP")
save("lossy.webp", im, format="WEBP", quality=70)
save("lossy-even.webp", Image.fromarray(picture(48, 32, 2)), format="WEBP", quality=40)
save("lossy-1x1.webp", Image.fromarray(picture(1, 1, 2)), format="WEBP", quality=40)
save("lossless.webp", im, format="WEBP", lossless=True)
alpha = picture(45, 31, 5, 4)
alpha[..., 3] |= 1
save("lossy-alpha.webp", Image.fromarray(alpha, "RGBA"), format="WEBP", quality=70, exact=True)
save("lossless-alpha.webp", Image.fromarray(alpha, "RGBA"), format="WEBP", lossless=True, exact=True)


# Damaged, unfinished and rare.
small = picture(32, 24, 11)


def scans(name, sample, script, keep=None):
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as f:
        f.write(script)
        f.flush()
        cjpeg(name, small, "-quality", "60", "-sample", sample, "-optimize", "-scans", f.name)
    if keep:
        b = open(os.path.join(out, name), "rb").read()
        at = -1
        for _ in range(keep + 1):
            at = b.index(b"\xff\xda", at + 1)
        put(name, b[:b.rindex(b"\xff\xc4", 0, at)] + b"\xff\xd9")


steps = "0,1,2: 0-0, 0, 0;\n0: 1-5, 0, 2;\n1: 1-63, 0, 1;\n2: 1-63, 0, 1;\n0: 6-63, 0, 2;\n0: 1-63, 2, 1;\n"
scans("first-scan.jpg", "1x1", "0,1,2: 0-0, 0, 0;")
scans("dc-bits-missing.jpg", "1x1", "0,1,2: 0-0, 0, 2;")
scans("second-scan.jpg", "1x1", steps, 2)
scans("fourth-scan.jpg", "2x1", steps, 4)
scans("bits-missing.jpg", "1x1", steps)
scans("first-scan-420.jpg", "2x2", "0,1,2: 0-0, 0, 0;")
scans("bits-missing-420.jpg", "2x2", steps)
cjpeg("arithmetic.jpg", small, "-arithmetic", "-sample", "2x2")
cjpeg("arithmetic-progressive.jpg", small, "-arithmetic", "-progressive", "-restart", "1")


def damaged(name, source, at, new=b"", drop=0):
    b = open(os.path.join(out, source), "rb").read()
    i = b.index(b"\xff\xda") + at
    put(name, b[:i] + new + b[i + max(len(new), drop):])


damaged("impossible-code.jpg", "optimized.jpg", 400, b"\xff\x00\xff\x00\xfe\xff\x00")
damaged("data-missing.jpg", "420.jpg", 150, drop=80)
damaged("ends-early.jpg", "422.jpg", 300, drop=10**6)
put("ends-early.jpg", open(os.path.join(out, "ends-early.jpg"), "rb").read() + b"\xff\xd9")
b = open(os.path.join(out, "restart.jpg"), "rb").read()
i = b.index(b"\xff\xd1")
put("restart-missing.jpg", b[:i] + b[i + 2:])
put("restart-twice.jpg", b[:i] + b"\xff\xd0" + b[i + 2:])
b = open(os.path.join(out, "three-scans.jpg"), "rb").read()
b = open(os.path.join(out, "420.jpg"), "rb").read()
while b"\xff\xc4" in b:  # a frame of Motion JPEG
    i = b.index(b"\xff\xc4")
    b = b[:i] + b[i + 2 + struct.unpack(">H", b[i + 2:i + 4])[0]:]
put("no-tables.jpg", b)
b = open(os.path.join(out, "three-scans.jpg"), "rb").read()
put("channel-missing.jpg", b[:b.rindex(b"\xff\xda")] + b"\xff\xd9")
# PNG: transparency of 16-bit grey, wrong checksums, no end.
png("grey16-key.png", 11, 9, 16, 0, [r.tobytes() for r in g16], extra=struct.pack(">I", 2) + b"tRNS" + b"\0\7" + struct.pack(">I", zlib.crc32(b"tRNS\0\7")))
b = open(os.path.join(out, "rgb.png"), "rb").read()
i = b.index(b"IDAT")
n = struct.unpack(">I", b[i - 4:i])[0]
put("wrong-checksum.png", b[:i + 4 + n] + b"\1\2\3\4" + b[i + 8 + n:])
put("no-end.png", b[:i + 8 + n])
put("cut-behind.png", b[:i + 4 + n - 4])


def bmp(name, bits, rows, compression=0, masks=b"", palette=b"", size=40, down=False, w=13, h=6):
    pixels = b"".join(rows)
    head = struct.pack("<IHHHH", 12, w, h, 1, bits) if size == 12 else (
        struct.pack("<IiiHHIIiiII", size, w, -h if down else h, 1, bits, compression, len(pixels), 2835, 2835, 0, 0))
    if size > 40:
        head += masks + b"\0" * (size - 40 - len(masks))
        masks = b""
    at = 14 + len(head) + len(masks) + len(palette)
    put(name, b"BM" + struct.pack("<IHHI", at + len(pixels), 0, 0, at) + head + masks + palette + pixels)


noise = lambda n: [rng.bytes(n) for _ in range(6)]
quads = b"".join(rng.bytes(3) + b"\0" for _ in range(256))
bmp("555.bmp", 16, noise(28))
bmp("565.bmp", 16, noise(28), 3, struct.pack("<III", 0xf800, 0x7e0, 0x1f))
bmp("v4.bmp", 32, noise(52), 3, struct.pack("<IIII", 0xff, 0xff00, 0xff0000, 0xff000000), size=108)
bmp("top-down.bmp", 24, noise(40), down=True)
bmp("os2.bmp", 4, noise(8), palette=b"".join(rng.bytes(3) for _ in range(16)), size=12)
bmp("rle8.bmp", 8, [b"\x05\x07\x00\x03abc\0\x05\x09\0\0", b"\x0d\x10\0\0", b"\x04\x20\0\0", b"\x0d\x30\0\0" * 3, b"\0\1"], 1, palette=quads)
bmp("rle4.bmp", 4, [b"\x05\x27\x00\x04\x12\x34\x04\x91\0\0", b"\x0d\x1f\0\0" * 5, b"\0\1"], 2, palette=quads[:64])
# The first frame of an animation, and TIFF.
save("animated.webp", im, format="WEBP", save_all=True, append_images=[Image.fromarray(picture(45, 31, 7))], quality=60)
save("animated-alpha.webp", Image.fromarray(alpha, "RGBA"), format="WEBP", save_all=True, append_images=[Image.fromarray(alpha[::-1].copy(), "RGBA")], quality=60, exact=True)
for mode in ("1", "L", "P", "RGB", "RGBA"):
    for c in (None, "tiff_lzw", "tiff_adobe_deflate", "packbits") + (("group4",) if mode == "1" else ()):
        if mode in ("RGB", "1") or c == "packbits":
            save(f"{mode}-{c}.tif".lower(), im.convert(mode), format="TIFF", **({"compression": c} if c else {}))
save("grey16.tif", Image.fromarray(g16.astype(np.uint16)), format="TIFF")
for o in range(1, 9):
    ex = Image.Exif()
    ex[0x0112] = o
    save(f"exif-{o}.jpg", Image.fromarray(picture(17, 9, 3)), format="JPEG", exif=ex)
save("exif.png", Image.fromarray(picture(17, 9, 3)), format="PNG", exif=ex)
save("exif.webp", Image.fromarray(picture(17, 9, 3)), format="WEBP", exif=ex)


def sha(a):
    return hashlib.sha256(np.ascontiguousarray(a).tobytes()).hexdigest()


golden = {"decode": {}, "resize": [], "recipe": [], "orientation": {}}
known = json.load(open(os.path.join(here, "golden.json")))["decode"]
for name in sorted(os.listdir(out)):
    path = os.path.join(out, name)
    if name in ("first-scan-420.jpg", "bits-missing-420.jpg"):  # smoothed otherwise before libjpeg-turbo 3.0.1
        if "DJPEG" not in os.environ:
            golden["decode"][name] = known[name]
            continue
        path = io.BytesIO(subprocess.run([os.environ["DJPEG"], "-ppm", path], stdout=subprocess.PIPE, check=True).stdout)
    rgb = Image.open(path).convert("RGB")
    golden["decode"][name] = {"w": rgb.width, "h": rgb.height, "sha256": sha(np.array(rgb))}

for name in sorted(os.listdir(out)):
    if name.startswith("exif"):
        original = Image.open(os.path.join(out, name))
        turned = ImageOps.exif_transpose(original).convert("RGB")
        golden["orientation"][name] = {"w": turned.width, "h": turned.height, "sha256": sha(np.array(turned))}

# Resize: up, down, one side only, by a lot, odd sizes, by every filter.
src = Image.open(os.path.join(out, "rgb.png")).convert("RGB")
for i in list(recipes.PIL) + ["bilinear-tensor", "bicubic-tensor"]:
    for w, h in [(45, 31), (44, 31), (45, 30), (90, 62), (22, 15), (23, 16), (224, 224), (7, 100), (1, 1), (300, 3),
                 (46, 32), (2, 500), (31, 45), (64, 64), (13, 29)]:
        golden["resize"].append({"interpolation": i, "w": w, "h": h, "sha256": sha(np.array(recipes.resize(src, i, w, h)))})

for name in ["rgb.png", "420.jpg", "tiny-17x1.jpg", "tiny-3x2.jpg", "beyond.gif", "grey.jpg", "exif-rotated.jpg"]:
    for line in open(os.path.join(here, "recipes.txt")):
        if line.strip():
            a = recipes.apply(line.strip(), Image.open(os.path.join(out, name)))
            golden["recipe"].append({"file": name, "recipe": line.strip(), "nchw": sha(a), "nhwc": sha(a.transpose(1, 2, 0))})
json.dump(golden, open(os.path.join(here, "golden.json"), "w"), indent=1)
print(len(golden["decode"]), "files", sum(os.path.getsize(os.path.join(out, f)) for f in os.listdir(out)), "bytes")
