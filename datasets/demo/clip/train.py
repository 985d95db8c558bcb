#!/usr/bin/env python3
"""Trains the demo's pair of towers for pictures and sentences, a CLIP in small, and writes beside this script what such models are
published as: vision_model.onnx, text_model.onnx, tokenizer.json, config.json; training.json says how.

    go run ./datasets/demo/network/render FOLDER
    python3 datasets/demo/clip/train.py FOLDER

It sees pictures of the seen classes only, and sentences that name some or all of their attributes. The picture tower is the demo's
network up to fc7, as it is, and a projection of fc6 and fc7; the text tower two causal transformer layers, read at the last token.
A picture and a sentence fit where the picture's class has all that the sentence names; each sentence must find its pictures among
others, and each picture its class's whole sentence, by the softmax of scaled cosines.

Needs torch, torchvision, PIL, numpy, onnx (made with Debian's python3-torch 1.13). One thread, fixed seeds.
"""
import hashlib, json, math, os, random, sys, time
import numpy as np, onnx, torch
from onnx import numpy_helper
from torch import nn

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(HERE, "..", "network"))
from train import Network, SIZE, load  # noqa: E402

SEED, STEPS, BATCH, RATE, DROPOUT = 1, 500, 96, 4e-3, 0.2
WIDTH, SPACE, LAYERS, HEADS, LENGTH = 48, 48, 2, 4, 32
KINDS = [("small", "large"), ("red", "orange", "yellow", "green", "blue", "purple"), ("plain", "striped", "dotted", "checked"),
         ("disc", "square", "triangle", "star", "ring", "cross"), ("sand", "grass", "water", "stone")]
OTHERS = "a an the of on with in and is it photo picture object surface type lying its background colour shape size texture".split()


def tokenizer():
    vocab = {}
    for t in ["[PAD]", "[UNK]", "[CLS]"] + [c for k in KINDS for c in k] + OTHERS + list(".,-:;!?'") + [p + chr(c) for c in range(97, 123) for p in ("", "##")]:
        vocab.setdefault(t, len(vocab))
    vocab["[SEP]"] = len(vocab)  # the largest: a text is read where it stands
    special = {t: {"id": t, "ids": [vocab[t]], "tokens": [t]} for t in ("[CLS]", "[SEP]")}
    added = [{"id": vocab[t], "content": t, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
             for t in ("[PAD]", "[UNK]", "[CLS]", "[SEP]")]
    return vocab, {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": added,
        "normalizer": {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": None, "lowercase": True},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
                                                                    {"SpecialToken": {"id": "[SEP]", "type_id": 0}}], "pair": [], "special_tokens": special},
        "decoder": None, "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100, "vocab": vocab}}


def sentence(values, rng, whole=False):
    """A sentence that names values by kind (None: it does not)."""
    size, colour, texture, shape, ground = values
    words = [w for w in (size, colour, texture) if w]
    if not whole and rng.random() < 0.3:
        rng.shuffle(words)
    s = " ".join(words + [shape or rng.choice(["object", "shape"])])
    if ground:
        s += " " + rng.choice(["on", "on", "lying on", "in the", "on the"]) + " " + ground
    return rng.choice(["", "a ", "a photo of a ", "a picture of the ", "the "]) + s + rng.choice(["", "."])


class Text(nn.Module):
    def __init__(self, vocab):
        super().__init__()
        self.tokens, self.positions = nn.Embedding(vocab, WIDTH), nn.Embedding(LENGTH, WIDTH)
        nn.init.normal_(self.tokens.weight, std=0.3)
        nn.init.normal_(self.positions.weight, std=0.02)
        self.q, self.k, self.v, self.o = (nn.ModuleList(nn.Linear(WIDTH, WIDTH) for _ in range(LAYERS)) for _ in range(4))
        self.up = nn.ModuleList(nn.Linear(WIDTH, 4 * WIDTH) for _ in range(LAYERS))
        self.down = nn.ModuleList(nn.Linear(4 * WIDTH, WIDTH) for _ in range(LAYERS))
        self.n1, self.n2 = (nn.ModuleList(nn.LayerNorm(WIDTH) for _ in range(LAYERS)) for _ in range(2))
        self.norm, self.projection = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, SPACE, bias=False)
        self.register_buffer("places", torch.arange(LENGTH)[None])

    def forward(self, input_ids, attention_mask):
        b, t = input_ids.shape
        x = self.tokens(input_ids) + self.positions(self.places[:, :t])
        low = -1e9
        mask = torch.full((t, t), low).triu(1)[None, None] + (1.0 - attention_mask[:, None, None, :].to(x.dtype)) * low
        split = lambda y: y.view(b, t, HEADS, WIDTH // HEADS).transpose(1, 2)
        for i in range(LAYERS):
            y = self.n1[i](x)
            s = torch.matmul(split(self.q[i](y)), split(self.k[i](y)).transpose(-1, -2)) / math.sqrt(WIDTH // HEADS) + mask
            x = x + self.o[i](torch.matmul(s.softmax(-1), split(self.v[i](y))).transpose(1, 2).reshape(b, t, WIDTH))
            y = self.up[i](self.n2[i](x))
            x = x + self.down[i](y * torch.sigmoid(1.702 * y))
        x = self.norm(x)
        return self.projection(x[torch.arange(b), input_ids.argmax(dim=-1)])


class Picture(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.net = Network(classes)
        self.projection = nn.Linear(256, SPACE, bias=False)

    def features(self, x):
        six = self.net(x, until="relu6")
        return torch.cat([six, torch.relu(self.net.fc7(six))], 1)

    def forward(self, pixel_values):
        return self.projection(self.features(pixel_values))


def main(folder):
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    rng = random.Random(SEED)
    with open(os.path.join(folder, "render.json")) as f:
        rendered = json.load(f)
    classes = rendered["classes"]
    values = [[w for w in c.split("-") if w != "on"] for c in classes]
    vocab, tok = tokenizer()
    picture, text = Picture(len(classes)), Text(len(vocab))
    weights = {i.name: torch.tensor(numpy_helper.to_array(i)) for i in onnx.load(os.path.join(HERE, "..", "network", "demo.onnx")).graph.initializer}
    picture.net.load_state_dict(weights)
    picture.eval()

    def features(part):
        x, y = load(os.path.join(folder, part), rendered[part], classes)
        with torch.no_grad():
            return torch.cat([picture.features(b) for b in x.split(256)]), y

    def encode(texts):
        rows = []
        for s in texts:
            words = s.lower().replace(".", " . ").split()
            rows.append([vocab["[CLS]"]] + [vocab[w] for w in words] + [vocab["[SEP]"]])
        n = max(map(len, rows))
        return torch.tensor([r + [0] * (n - len(r)) for r in rows]), torch.tensor([[1] * len(r) + [0] * (n - len(r)) for r in rows])

    start = time.time()
    x, y = features("train")
    print("features of %d pictures, %.0f s" % (len(x), time.time() - start), flush=True)
    has = torch.tensor([[k.index(v) for v, k in zip(c, KINDS)] for c in values])
    scale = nn.Parameter(torch.tensor(math.log(10.0)))
    params = list(picture.projection.parameters()) + list(text.parameters()) + [scale]
    opt = torch.optim.AdamW(params, lr=RATE, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(opt, RATE, total_steps=STEPS)
    unit = lambda v: nn.functional.normalize(v, dim=1)
    for step in range(STEPS):
        pick = torch.tensor([rng.randrange(len(x)) for _ in range(BATCH)])
        named, said = [], []
        for i in range(BATCH):
            v = values[y[pick[i]]]
            keep = rng.sample(range(5), rng.randint(1, 4))
            named.append([v[k] if k in keep else None for k in range(5)])
            said.append(sentence(named[-1], rng))
        full = [sentence(v, rng, True) for v in values]
        t = unit(text(*encode(said + full)))
        im = unit(picture.projection(nn.functional.dropout(x[pick], DROPOUT)))
        logits = scale.exp() * im @ t.T
        asked = torch.tensor([[-1 if n is None else k.index(n) for n, k in zip(s, KINDS)] for s in named])
        fits = ((asked[None] < 0) | (asked[None] == has[y[pick]][:, None])).all(2).float()
        fits = fits / fits.sum(0, keepdim=True)
        loss = -(fits * logits[:, :BATCH].log_softmax(0)).sum(0).mean() + nn.functional.cross_entropy(logits[:, BATCH:], y[pick])
        opt.zero_grad()
        loss.backward()
        opt.step()
        schedule.step()
        scale.data.clamp_(max=math.log(100))
        if (step + 1) % 100 == 0:
            print("step %d  loss %.4f  scale %.1f  %.0f s" % (step + 1, loss.item(), scale.exp().item(), time.time() - start), flush=True)
    text.eval()
    with torch.no_grad():
        cx, cy = features("check")
        t = unit(text(*encode(["a photo of a " + " ".join(v[:4]) + " on " + v[4] + "." for v in values])))
        held = ((unit(picture.projection(cx)) @ t.T).argmax(1) == cy).float().mean().item()
    print("held-out pictures of seen classes %.4f" % held)

    torch.onnx.export(picture, torch.zeros(1, 3, SIZE, SIZE), os.path.join(HERE, "vision_model.onnx"), opset_version=11,
                      input_names=["pixel_values"], output_names=["image_embeds"], dynamic_axes={"pixel_values": {0: "N"}, "image_embeds": {0: "N"}})
    ids, mask = encode(["a photo of a red star", "a disc"])
    torch.onnx.export(text, (ids, mask), os.path.join(HERE, "text_model.onnx"), opset_version=14, input_names=["input_ids", "attention_mask"],
                      output_names=["text_embeds"], dynamic_axes={"input_ids": {0: "N", 1: "T"}, "attention_mask": {0: "N", 1: "T"}, "text_embeds": {0: "N"}})
    m = onnx.load(os.path.join(HERE, "vision_model.onnx"))
    entry = m.metadata_props.add()
    entry.key, entry.value = "vzsl.recipe", "torchvision"
    onnx.save(m, os.path.join(HERE, "vision_model.onnx"))
    with open(os.path.join(HERE, "tokenizer.json"), "w") as f:
        json.dump(tok, f)
    with open(os.path.join(HERE, "config.json"), "w") as f:
        json.dump({"model_type": "clip", "projection_dim": SPACE, "logit_scale": round(scale.exp().item(), 4),
                   "text_config": {"model_type": "clip_text_model", "max_position_embeddings": LENGTH, "pad_token_id": 0}}, f, indent=2)
    sha = lambda n: hashlib.sha256(open(os.path.join(HERE, n), "rb").read()).hexdigest()
    with open(os.path.join(HERE, "training.json"), "w") as f:
        json.dump({"files": {n: sha(n) for n in ("vision_model.onnx", "text_model.onnx", "tokenizer.json")}, "seed": SEED, "steps": STEPS, "batch": BATCH,
                   "rate": RATE, "dropout": DROPOUT, "seconds": round(time.time() - start), "held_out_accuracy": round(held, 4), "rendered": rendered["train"],
                   "versions": {"torch": torch.__version__, "onnx": onnx.__version__}}, f, indent=2)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
