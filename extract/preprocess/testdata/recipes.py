"""What PIL and torchvision make of a picture by a recipe's text (preprocess.Recipe.String). The parts are the originals': PIL's
resize, torchvision's Resize, CenterCrop, pad, ToTensor and Normalize. Used by golden.py; as a program it prints the SHA-256 of the
values of every recipe (a line each of the file) for every picture:

    python3 recipes.py RECIPES_FILE PICTURE...
"""
import hashlib, math, sys
import numpy as np
import torch
from PIL import Image, ImageOps
from torchvision import transforms as T
from torchvision.transforms import functional as F

PIL = {"nearest": Image.NEAREST, "box": Image.BOX, "bilinear": Image.BILINEAR, "hamming": Image.HAMMING,
       "bicubic": Image.BICUBIC, "lanczos": Image.LANCZOS}
TORCH = {"nearest": T.InterpolationMode.NEAREST, "bilinear": T.InterpolationMode.BILINEAR, "bicubic": T.InterpolationMode.BICUBIC,
         "box": T.InterpolationMode.BOX, "hamming": T.InterpolationMode.HAMMING, "lanczos": T.InterpolationMode.LANCZOS}


def number(s):
    a, _, b = s.partition("/")
    return float(a) / float(b) if b else float(a)


def size(s):
    a, _, b = s.partition("x")
    return int(a), int(b or a)


def resize(im, interpolation, w, h):
    """To w x h: PIL, or torchvision on a uint8 tensor, antialiased."""
    if interpolation.endswith("-tensor"):
        t = F.resize(F.pil_to_tensor(im), [h, w], TORCH[interpolation[:-7]], antialias=True)
        return F.to_pil_image(t)
    return im.resize((w, h), PIL[interpolation])


def keep_ratio(im, interpolation, w, h, longest):
    """ResizeKeepRatio of timm and OpenCLIP, as its source has it."""
    source = im.size[::-1]
    rh, rw = source[0] / h, source[1] / w
    ratio = max(rh, rw) * longest + min(rh, rw) * (1 - longest)
    th, tw = [round(x / ratio) for x in source]
    return resize(im, interpolation, max(tw, 1), max(th, 1))


def transformers_crop(a, height, width, fill):
    """center_crop of transformers.image_transforms for a picture a of rows, columns, channels."""
    top, left = (a.shape[0] - height) // 2, (a.shape[1] - width) // 2
    if top >= 0 and left >= 0:
        return a[top:top + height, left:left + width]
    nh, nw = max(height, a.shape[0]), max(width, a.shape[1])
    new = np.empty((nh, nw, a.shape[2]), np.uint8)
    new[:] = fill
    tp, lp = math.ceil((nh - a.shape[0]) / 2), math.ceil((nw - a.shape[1]) / 2)
    new[tp:tp + a.shape[0], lp:lp + a.shape[1]] = a
    top, left = top + tp, left + lp
    return new[max(0, top):min(nh, top + height), max(0, left):min(nw, left + width)]


def apply(text, im):
    """The float32 array of channels, rows, columns."""
    k = dict(w.split("=") for w in text.split())
    if k["exif"] == "apply":
        im = ImageOps.exif_transpose(im)
    im = im.convert("L" if k["channels"] == "grey" else "RGB")
    width, height = size(k["size"])
    how, _, to = k["resize"].partition(":")
    fill = [int(v) for v in k.get("pad", "0,0,0").split(",")]
    if how != "none":
        w, h = size(to)
        if how == "exact":
            im = resize(im, k["interpolation"], w, h)
        elif how == "shorter" and w == h:
            if k["interpolation"].endswith("-tensor"):
                t = F.resize(F.pil_to_tensor(im), w, TORCH[k["interpolation"][:-7]], antialias=True)
                im = F.to_pil_image(t)
            else:
                im = T.Resize(w, TORCH[k["interpolation"]])(im)
        else:
            im = keep_ratio(im, k["interpolation"], w, h, how == "longer")
    if k["crop"] == "floor":
        a = np.array(im)
        a = transformers_crop(a.reshape(a.shape[0], a.shape[1], -1), height, width, fill[:1] if k["channels"] == "grey" else fill)
        im = Image.fromarray(a[..., 0] if a.shape[2] == 1 else a)
    elif any(fill) and (im.width < width or im.height < height):  # CenterCropOrPad of timm
        p = [max(0, width - im.width), max(0, height - im.height)]
        im = F.pad(im, [p[0] // 2, p[1] // 2, (p[0] + 1) // 2, (p[1] + 1) // 2], fill=tuple(fill) if k["channels"] != "grey" else fill[0])
        im = F.center_crop(im, [height, width])
    else:
        im = T.CenterCrop([height, width])(im)
    mean, std = ([float(v) for v in k[n].split(",")] for n in ("mean", "std"))
    if k["rescale"] == "1/255" and k["channels"] != "bgr":
        return T.Normalize(mean, std)(T.ToTensor()(im)).numpy()
    a = np.array(im)
    a = a.reshape(a.shape[0], a.shape[1], -1)
    if k["channels"] == "bgr":
        a = a[..., ::-1]
    a = (a.astype(np.float64) * number(k["rescale"])).astype(np.float32)
    a = (a - np.array(mean, np.float32)) / np.array(std, np.float32)
    return np.ascontiguousarray(a.transpose(2, 0, 1))


if __name__ == "__main__":
    recipes = [line.strip() for line in open(sys.argv[1]) if line.strip()]
    for path in sys.argv[2:]:
        im = Image.open(path)
        for r in recipes:
            print(hashlib.sha256(np.ascontiguousarray(apply(r, im)).tobytes()).hexdigest())
