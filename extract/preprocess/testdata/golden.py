"""Makes files/ and golden.json: small rendered pictures in every format, and what
PIL and torchvision make of them. Run with Pillow, numpy, torch and torchvision; cjpeg
(libjpeg-turbo) for the JPEG variants that Pillow does not write.

    python3 golden.py
"""
import hashlib, io, json, os, struct, subprocess, sys, tempfile, zlib
import numpy as np
from PIL import Image
import torch
from torchvision import transforms as T

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


def sha(a):
    return hashlib.sha256(np.ascontiguousarray(a).tobytes()).hexdigest()


golden = {"decode": {}, "resize": [], "recipe": []}
for name in sorted(os.listdir(out)):
    rgb = Image.open(os.path.join(out, name)).convert("RGB")
    golden["decode"][name] = {"w": rgb.width, "h": rgb.height, "sha256": sha(np.array(rgb))}

# Resize: up, down, one side only, by a lot, odd sizes.
src = Image.open(os.path.join(out, "rgb.png")).convert("RGB")
for w, h in [(45, 31), (44, 31), (45, 30), (90, 62), (22, 15), (23, 16), (224, 224), (7, 100), (1, 1), (300, 3),
             (46, 32), (2, 500), (31, 45), (64, 64), (13, 29)]:
    golden["resize"].append({"w": w, "h": h, "sha256": sha(np.array(src.resize((w, h), Image.BILINEAR)))})


def caffe(im):
    a = np.array(im).astype(np.float32)[..., ::-1]
    return (a - np.array([103.939, 116.779, 123.68], np.float32)).transpose(2, 0, 1)


for name in ["rgb.png", "420.jpg", "tiny-17x1.jpg", "tiny-3x2.jpg", "beyond.gif", "grey.jpg"]:
    rgb = Image.open(os.path.join(out, name)).convert("RGB")
    for size in (224, 227, 32, 75):
        short = size * 256 // 224
        crop = T.Compose([T.Resize(short), T.CenterCrop(size)])
        norm = T.Compose([T.ToTensor(), T.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])])
        for recipe, a in (("torchvision", norm(crop(rgb)).numpy()),
                          ("caffe", caffe(rgb.resize((size, size), Image.BILINEAR))),
                          ("caffe-crop", caffe(crop(rgb)))):
            golden["recipe"].append({"file": name, "name": recipe, "size": size, "nchw": sha(a),
                                     "nhwc": sha(a.transpose(1, 2, 0))})
json.dump(golden, open(os.path.join(here, "golden.json"), "w"), indent=1)
print(len(golden["decode"]), "files", sum(os.path.getsize(os.path.join(out, f)) for f in os.listdir(out)), "bytes")
