#!/usr/bin/python3
"""Makes text towers of the published shapes with random weights, exported as people export them, and what ONNX Runtime computes.

    make_towers.py              small ones: <name>.onnx and golden.json beside this file
    make_towers.py FOLDER       the real sizes of CLIP ViT-B/32's text tower (12 layers of 512) and of MiniLM (6 layers of 384)

Needs Debian's python3-torch and python3-numpy, and node with onnxruntime-node (NODE_PATH).
"""
import json, math, os, subprocess, sys, warnings
import numpy as np, torch
from torch import nn

warnings.filterwarnings('ignore')
here = os.path.dirname(os.path.abspath(__file__))


class Layer(nn.Module):
    """A transformer layer as the transformers library writes it: norms before (CLIP) or after (BERT) the two parts."""

    def __init__(self, width, heads, act, before):
        super().__init__()
        self.heads, self.act, self.before = heads, act, before
        self.q, self.k, self.v, self.o = (nn.Linear(width, width) for _ in range(4))
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.n1, self.n2 = nn.LayerNorm(width), nn.LayerNorm(width)

    def attend(self, x, mask):
        b, t, c = x.shape
        split = lambda y: y.view(b, t, self.heads, c // self.heads).transpose(1, 2)
        q, k, v = split(self.q(x)), split(self.k(x)), split(self.v(x))
        s = torch.matmul(q, k.transpose(-1, -2)) / math.sqrt(c // self.heads)
        if mask is not None:
            s = s + mask
        return self.o(torch.matmul(s.softmax(-1), v).transpose(1, 2).reshape(b, t, c))

    def mlp(self, x):
        x = self.up(x)
        if self.act == 'quick':
            x = x * torch.sigmoid(1.702 * x)
        else:
            x = nn.functional.gelu(x, approximate='tanh' if self.act == 'tanh' else 'none')
        return self.down(x)

    def forward(self, x, mask):
        if self.before:
            x = x + self.attend(self.n1(x), mask)
            return x + self.mlp(self.n2(x))
        x = self.n1(x + self.attend(x, mask))
        return self.n2(x + self.mlp(x))


class Tower(nn.Module):
    def __init__(self, kind, vocab, length, width, layers, heads, out):
        super().__init__()
        self.kind = kind
        self.tokens, self.positions = nn.Embedding(vocab, width), nn.Embedding(length + (2 if kind == 'roberta' else 0), width)
        act = {'clip': 'quick', 'openai': 'quick', 'siglip': 'tanh'}.get(kind, 'erf')
        self.layers = nn.ModuleList(Layer(width, heads, act, kind in ('clip', 'openai', 'siglip')) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.types = nn.Embedding(2, width)
        self.projection = nn.Linear(width, out, bias=kind == 'siglip')
        self.register_buffer('ids', torch.arange(length)[None])
        causal = torch.full((length, length), float('-inf')).triu(1)
        self.register_buffer('causal', causal)

    def run(self, x, mask):
        for l in self.layers:
            x = l(x, mask)
        return x


class Clip(Tower):  # CLIPTextModelWithProjection
    def forward(self, input_ids, attention_mask):
        b, t = input_ids.shape
        x = self.tokens(input_ids) + self.positions(self.ids[:, :t])
        low = torch.finfo(torch.float32).min
        causal = torch.full((t, t), low).triu(1)[None, None]
        keep = attention_mask[:, None, None, :].expand(b, 1, t, t).to(x.dtype)
        drop = 1.0 - keep
        x = self.norm(self.run(x, causal + drop.masked_fill(drop.to(torch.bool), low)))
        pooled = x[torch.arange(b), input_ids.to(torch.int).argmax(dim=-1)]
        return self.projection(pooled), x


class OpenAI(Tower):  # CLIP.encode_text: every text has the full length, zeros after its end
    def forward(self, text):
        x = self.tokens(text) + self.positions.weight
        x = self.norm(self.run(x, self.causal))
        return self.projection(x[torch.arange(text.shape[0]), text.argmax(dim=-1)])


class Siglip(Tower):  # SiglipTextModel: no mask, the last token
    def forward(self, input_ids):
        x = self.tokens(input_ids) + self.positions(self.ids[:, :input_ids.shape[1]])
        x = self.norm(self.run(x, None))
        return x, self.projection(x[:, -1, :])


class Bert(Tower):  # BertModel, as of MiniLM and BGE
    def forward(self, input_ids, attention_mask, token_type_ids):
        x = self.tokens(input_ids) + self.types(token_type_ids) + self.positions(self.ids[:, :input_ids.shape[1]])
        mask = (1.0 - attention_mask[:, None, None, :].to(x.dtype)) * torch.finfo(torch.float32).min
        return self.run(self.norm(x), mask)


class Roberta(Tower):  # positions are counted over the tokens that are not padding (1), as of multilingual E5
    def forward(self, input_ids, attention_mask):
        m = input_ids.ne(1).int()
        at = (torch.cumsum(m, dim=1).type_as(m) * m).long() + 1
        x = self.tokens(input_ids) + self.positions(at)
        mask = (1.0 - attention_mask[:, None, None, :].to(x.dtype)) * torch.finfo(torch.float32).min
        x = self.run(self.norm(x), mask)
        m = attention_mask[:, :, None].expand(x.shape).float()
        mean = (x * m).sum(1) / m.sum(1).clamp(min=1e-9)
        return nn.functional.normalize(mean, p=2, dim=1)


# name: class, inputs, outputs, length, whether the length is fixed
KINDS = {
    'clip': (Clip, ['input_ids', 'attention_mask'], ['text_embeds', 'last_hidden_state'], 77, False),
    'openai': (OpenAI, ['text'], ['output'], 16, True),
    'siglip': (Siglip, ['input_ids'], ['last_hidden_state', 'pooler_output'], 12, False),
    'bert': (Bert, ['input_ids', 'attention_mask', 'token_type_ids'], ['last_hidden_state'], 32, False),
    'roberta': (Roberta, ['input_ids', 'attention_mask'], ['sentence_embedding'], 32, False),
}


def make(folder, name, vocab, width, layers, heads, out, opset=14, length=None):
    kind, inputs, outputs, usual, fixed = KINDS[name]
    length = length or usual
    torch.manual_seed(3)
    m = kind(name, vocab, length, width, layers, heads, out).eval()
    for n, p in m.named_parameters():  # not at their start, where norms and biases do nothing
        if 'n1' in n or 'n2' in n or 'norm' in n or n.endswith('bias'):
            p.data += 0.1 * torch.randn_like(p)
        elif 'tokens' in n or 'positions' in n or 'types' in n:
            p.data *= 0.3
    ids = torch.randint(5, vocab - 1, (2, length))
    args = [torch.ones_like(ids) if i == 'attention_mask' else torch.zeros_like(ids) if i == 'token_type_ids' else ids for i in inputs]
    axes = {i: {0: 'batch'} if fixed else {0: 'batch', 1: 'sequence'} for i in inputs}
    axes |= {o: {0: 'batch'} if fixed or o in ('text_embeds', 'pooler_output', 'sentence_embedding') else {0: 'batch', 1: 'sequence'} for o in outputs}
    path = os.path.join(folder, name + '.onnx')
    torch.onnx.export(m, tuple(args), path, input_names=inputs, output_names=outputs, dynamic_axes=axes, opset_version=opset)
    return path, length


def cases(name, vocab, length, count, rng):
    """Texts as ids: of several lengths, ended by the largest id, padded as the tower's own tokenizer does."""
    inputs, fixed = KINDS[name][1], KINDS[name][4]
    texts = []
    for i in range(count):
        n = [length, 3, 7, length // 2, 2][i % 5]
        ids = [int(x) for x in rng.integers(5, vocab - 1, n)]
        ids[-1] = vocab - 1
        texts.append(ids)
    full = length if fixed or name == 'siglip' else max(map(len, texts))
    pad = 1 if name in ('roberta', 'siglip') else 0
    feeds = {}
    for i in inputs:
        if i == 'attention_mask':
            feeds[i] = [[1] * len(t) + [0] * (full - len(t)) for t in texts]
        elif i == 'token_type_ids':
            feeds[i] = [[0] * full for _ in texts]
        else:
            feeds[i] = [t + [pad] * (full - len(t)) for t in texts]
    return texts, pad, feeds


def onnxruntime(path, feeds):
    script = '''const ort = require('onnxruntime-node'), fs = require('fs');
(async () => { const [path, file] = process.argv.slice(1), f = JSON.parse(fs.readFileSync(file)), feeds = {};
  const s = await ort.InferenceSession.create(path, { intraOpNumThreads: 2 });
  for (const [k, v] of Object.entries(f)) feeds[k] = new ort.Tensor('int64', BigInt64Array.from(v.flat().map(BigInt)), [v.length, v[0].length]);
  const start = process.hrtime.bigint(), r = await s.run(feeds), out = { seconds: Number(process.hrtime.bigint() - start) / 1e9 };
  for (const [k, t] of Object.entries(r)) out[k] = { dims: t.dims, data: Array.from(t.data) };
  process.stdout.write(JSON.stringify(out)); })();'''
    file = path + '.json'
    with open(file, 'w') as f:
        json.dump(feeds, f)
    try:
        return json.loads(subprocess.run(['node', '-e', script, path, file], check=True, capture_output=True).stdout)
    finally:
        os.remove(file)


def golden(folder, towers, count):
    rng = np.random.default_rng(11)
    out = {}
    for name, path, vocab, length in towers:
        texts, pad, feeds = cases(name, vocab, length, count, rng)
        r = onnxruntime(path, feeds)
        seconds = r.pop('seconds')
        output = [o for o in r if o != 'last_hidden_state' or len(r) == 1][0]
        data = np.array(r[output]['data'], np.float32).reshape(r[output]['dims'])
        if data.ndim == 3:  # of each text the first token alone, and the mean of its own
            data = np.concatenate([data[:, 0], np.stack([d[:len(t)].mean(0) for d, t in zip(data, texts)])], 1)
        out[name] = {'texts': texts, 'pad': pad, 'output': output, 'vectors': [[float(f'{x:.7g}') for x in row] for row in data]}
        if folder != here:
            out[name]['seconds'] = seconds
    with open(os.path.join(folder, 'golden.json'), 'w') as f:
        json.dump(out, f, separators=(',', ':'))


if len(sys.argv) > 1:
    folder = sys.argv[1]
    towers = [('clip', *make(folder, 'clip', 49408, 512, 12, 8, 512)), ('bert', *make(folder, 'bert', 30522, 384, 6, 12, 8, length=64))]
    sizes = {'clip': 49408, 'bert': 30522}
    count = 16
else:
    folder, count = here, 5
    towers = [(n, *make(folder, n, 60, 16, 2, 2, 8)) for n in KINDS]
    sizes = {n: 60 for n in KINDS}
golden(folder, [(n, p, sizes[n], l) for n, p, l in towers], count)
