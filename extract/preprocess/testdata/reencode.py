"""Re-encodes real JPEGs in many ways and writes beside each file the pixels that PIL reads.

    python3 reencode.py IMAGE_ROOT COUNT OUT_DIR

OUT_DIR/*.jpg are the files, OUT_DIR/*.rgb their raw pixels, OUT_DIR/*.t224 the torchvision
recipe's float32 values.
"""
import glob, io, os, random, sys
import numpy as np
from PIL import Image
from torchvision import transforms as T

root, count, out = sys.argv[1], int(sys.argv[2]), sys.argv[3]
random.seed(1)
files = sorted(glob.glob(os.path.join(root, "**", "*.jpg"), recursive=True))
files = random.sample(files, min(count, len(files)))
tv = T.Compose([T.Resize(256), T.CenterCrop(224), T.ToTensor(),
                T.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])])


def put(name, data):
    im = Image.open(io.BytesIO(data)).convert("RGB")
    p = os.path.join(out, name)
    open(p + ".jpg", "wb").write(data)
    open(p + ".rgb", "wb").write(np.array(im).tobytes())
    open(p + ".t224", "wb").write(tv(im).numpy().tobytes())


for i, f in enumerate(files):
    data = open(f, "rb").read()
    put(f"{i:04d}-as-is", data)
    im = Image.open(io.BytesIO(data)).convert("RGB")
    w, h = random.choice([(500, 375), (375, 500), (333, 501), (640, 427)])
    for sub, prog, q in ((2, False, 75), (2, False, 95), (1, False, 85), (0, False, 90), (2, True, random.randint(10, 99))):
        b = io.BytesIO()
        im.resize((w, h), Image.BICUBIC).save(b, "JPEG", quality=q, subsampling=sub, progressive=prog)
        put(f"{i:04d}-{w}x{h}-s{sub}-p{int(prog)}-q{q}", b.getvalue())
