"""Exports a network for the benchmarks: networks.py NAME SIZE FILE

The shapes are torchvision's (legacy exporter, opset 17, batch axis open), the weights random, as torchvision
begins a training: neither speed nor memory depends on what they are. What torchvision has not - DINOv2's ViT-S/14, CLIP's two towers - is
written here of the same parts.
"""
import math, sys, warnings

import torch
import torchvision
from torch import nn
from torchvision.models import vision_transformer

warnings.filterwarnings('ignore')
name, size, path = sys.argv[1], int(sys.argv[2]), sys.argv[3]
torch.manual_seed(1)


class Block(nn.Module):
    """A pre-norm transformer block with an attention of matrix products, CLIP's QuickGELU or GELU."""

    def __init__(self, width, heads, quick, causal=0):
        super().__init__()
        self.heads, self.quick = heads, quick
        self.ln1, self.ln2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        if causal:
            self.register_buffer('mask', torch.full((causal, causal), -1e9).triu(1))
        self.causal = causal

    def forward(self, x):
        b, n, w = x.shape
        q, k, v = (t.reshape(b, n, self.heads, w // self.heads).transpose(1, 2) for t in self.qkv(self.ln1(x)).split(w, 2))
        s = q @ k.transpose(2, 3) * (1 / math.sqrt(w // self.heads))
        if self.causal:
            s = s + self.mask
        x = x + self.out((s.softmax(-1) @ v).transpose(1, 2).reshape(b, n, w))
        h = self.up(self.ln2(x))
        h = h * torch.sigmoid(1.702 * h) if self.quick else nn.functional.gelu(h)
        return x + self.down(h)


class ClipImage(nn.Module):
    """The image tower of CLIP ViT-B/32."""

    def __init__(self, width=768, patch=32, layers=12, heads=12, out=512):
        super().__init__()
        self.conv = nn.Conv2d(3, width, patch, patch, bias=False)
        self.token = nn.Parameter(torch.randn(width) * 0.02)
        self.position = nn.Parameter(torch.randn((size // patch) ** 2 + 1, width) * 0.02)
        self.pre, self.post = nn.LayerNorm(width), nn.LayerNorm(width)
        self.blocks = nn.Sequential(*[Block(width, heads, True) for _ in range(layers)])
        self.proj = nn.Linear(width, out, bias=False)

    def forward(self, x):
        x = self.conv(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(x.shape[0], 1, -1), x], 1) + self.position
        return self.proj(self.post(self.blocks(self.pre(x))[:, 0]))


class ClipText(nn.Module):
    """The text tower of CLIP ViT-B/32 from embedded tokens on: an image of 1 x 77 x 512 values."""

    def __init__(self, width=512, layers=12, heads=8, out=512, tokens=77):
        super().__init__()
        self.position = nn.Parameter(torch.randn(tokens, width) * 0.02)
        self.blocks = nn.Sequential(*[Block(width, heads, True, tokens) for _ in range(layers)])
        self.post = nn.LayerNorm(width)
        self.proj = nn.Linear(width, out, bias=False)

    def forward(self, x):
        x = self.blocks(x.squeeze(1) + self.position)
        return self.proj(self.post(x[:, -1]))


class After(nn.Module):
    """A post-norm transformer block, as BERT has them."""

    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.ln1, self.ln2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.q, self.k, self.v, self.out = (nn.Linear(width, width) for _ in range(4))
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x):
        b, n, w = x.shape
        q, k, v = (f(x).reshape(b, n, self.heads, w // self.heads).transpose(1, 2) for f in (self.q, self.k, self.v))
        s = q @ k.transpose(2, 3) * (1 / math.sqrt(w // self.heads))
        x = self.ln1(x + self.out((s.softmax(-1) @ v).transpose(1, 2).reshape(b, n, w)))
        return self.ln2(x + self.down(nn.functional.gelu(self.up(x))))


class MiniLM(nn.Module):
    """all-MiniLM-L6-v2 from embedded tokens on, mean pooling with it: an image of 1 x 32 x 384 values, a text of 32 tokens."""

    def __init__(self, width=384, layers=6, heads=12, tokens=32):
        super().__init__()
        self.position, self.ln = nn.Parameter(torch.randn(tokens, width) * 0.02), nn.LayerNorm(width)
        self.blocks = nn.Sequential(*[After(width, heads) for _ in range(layers)])

    def forward(self, x):
        return self.blocks(self.ln(x.squeeze(1) + self.position)).mean(1)


channels, height, width = 3, size, size
models = torchvision.models
if name == 'dinov2_vits14':
    net = vision_transformer.VisionTransformer(size, 14, 12, 6, 384, 1536)
elif name == 'clip_image':
    net = ClipImage()
elif name == 'clip_text':
    net, channels, height, width = ClipText(), 1, 77, 512
elif name == 'minilm':
    net, channels, height, width = MiniLM(), 1, 32, 384
elif name in ('googlenet', 'inception_v3'):
    net = getattr(models, name)(weights=None, aux_logits=False, init_weights=False)
else:
    net = getattr(models, name)(weights=None)
# Without the layer of class scores: what vzsl takes for features is what comes before it.
for head in ('fc', 'classifier', 'head', 'heads'):
    layer = getattr(net, head, None)
    if isinstance(layer, nn.Linear):
        setattr(net, head, nn.Identity())
    elif isinstance(layer, nn.Sequential):
        layer[-1] = nn.Identity()
net.eval()
# (Without no_grad: under it, PyTorch takes a way through attention that the exporter does not know.)
torch.onnx.export(net, torch.randn(1, channels, height, width), path, opset_version=17, input_names=['input'],
                  output_names=['output'], dynamic_axes={'input': {0: 'batch'}, 'output': {0: 'batch'}})
