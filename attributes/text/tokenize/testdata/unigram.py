# Needs Debian's python3-sentencepiece and python3-protobuf. Trains a small Unigram model with rules of its own for characters (a charsmap), and writes it as
# tokenizer.json to unigram.json; unigram_golden.json: texts and the ids that SentencePiece itself gives them.
import base64, io, json, os, random, tempfile
import sentencepiece as spm
from sentencepiece import sentencepiece_model_pb2 as pb

here = os.path.dirname(os.path.abspath(__file__))
colours = ["red", "yellow", "bluish grey", "olive", "rufous", "white-tipped", "green"]
kinds = ["warbler", "humpback whale", "grizzly bear", "sea urchin", "café", "steam locomotive", "straße"]
corpus = [f"a photo of a {c} {k}, number {i}." for i in range(6) for c in colours for k in kinds]

rules = {"ﬁ": "fi", "ﬂ": "fl", "①": "1", "Ａ": "a", "　": " ", "\u00a0": " ", "\t": " ", "½": "1/2", "é": "e", "\u200b": "", "Ⅷ": "viii"}
rules.update({chr(c): chr(c + 32) for c in range(ord("A"), ord("Z") + 1)})
with tempfile.TemporaryDirectory() as d:
    tsv = os.path.join(d, "rules.tsv")
    with open(tsv, "w") as f:
        for a, b in rules.items():
            f.write(" ".join(f"{ord(c):X}" for c in a) + "\t" + " ".join(f"{ord(c):X}" for c in b) + "\n")
    spm.SentencePieceTrainer.train(sentence_iterator=iter(corpus), model_prefix=os.path.join(d, "m"), vocab_size=140, hard_vocab_limit=False, model_type="unigram",
        normalization_rule_tsv=tsv, character_coverage=1.0, num_threads=1, bos_id=-1, pad_id=0, eos_id=1, unk_id=2, minloglevel=2)
    raw = open(os.path.join(d, "m.model"), "rb").read()
m = pb.ModelProto()
m.ParseFromString(raw)
sp = spm.SentencePieceProcessor(model_proto=raw)

rnd = random.Random(5)
texts = [corpus[i] for i in range(0, len(corpus), 11)] + [
    "", " ", "  two   spaces ", "A ﬁne ﬂow of ① whale", "un\u00a0oiseau　et\tun ours", "½ of the CAFÉ", "straße\u200bstrasse", "鳥 と 鯨", "🦉 an owl 🦉🦉", "ＡＢＣ", "x" * 60, "Ⅷ bears"]
alphabet = list("abcdefghijklmnopqrstuvwxyz ,.éﬁ①ABC鳥🦉ß-") + [" "] * 4
texts += ["".join(rnd.choice(alphabet) for _ in range(rnd.randint(1, 30))) for _ in range(150)]
special = {"</s>": {"id": "</s>", "ids": [1], "tokens": ["</s>"]}}
added = lambda i, t: {"id": i, "content": t, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
tokenizer = {
    "version": "1.0", "truncation": None, "padding": None, "added_tokens": [added(0, "<pad>"), added(1, "</s>"), added(2, "<unk>")],
    "normalizer": {"type": "Sequence", "normalizers": [
        {"type": "Precompiled", "precompiled_charsmap": base64.b64encode(m.normalizer_spec.precompiled_charsmap).decode()},
        {"type": "Strip", "strip_left": True, "strip_right": True},
        {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "}]},
    "pre_tokenizer": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True},
    "post_processor": {"type": "TemplateProcessing", "single": [{"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "</s>", "type_id": 0}}], "pair": [], "special_tokens": special},
    "decoder": None, "model": {"type": "Unigram", "unk_id": 2, "vocab": [[p.piece, p.score] for p in m.pieces], "byte_fallback": False},
}
json.dump(tokenizer, open(os.path.join(here, "unigram.json"), "w"), ensure_ascii=False, separators=(",", ":"))
json.dump({"texts": texts, "ids": [sp.encode(t) + [1] for t in texts]}, open(os.path.join(here, "unigram_golden.json"), "w"), ensure_ascii=False, separators=(",", ":"))
