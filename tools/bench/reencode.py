"""Re-encodes real pictures as JPEGs of the usual size: reencode.py IMAGE_ROOT COUNT OUT_DIR

COUNT pictures spread over the class folders below IMAGE_ROOT become 500 x 375, 4:2:0, quality 95, in class folders
below OUT_DIR. Needs python3-pil.
"""
import glob, os, sys
from PIL import Image

root, count, out = sys.argv[1], int(sys.argv[2]), sys.argv[3]
files = sorted(glob.glob(os.path.join(root, '*', '*.jpg')))
if len(files) < count:
    sys.exit(f'{len(files)} pictures, {count} are wanted')
for i in range(count):
    f = files[i * len(files) // count]
    to = os.path.join(out, os.path.relpath(f, root))
    os.makedirs(os.path.dirname(to), exist_ok=True)
    Image.open(f).convert('RGB').resize((500, 375), Image.BICUBIC).save(to, 'JPEG', quality=95, subsampling=2)
