// Needs node with the package @huggingface/tokenizers 0.2.0, the tokenizers of transformers.js (make interop installs it; NODE_PATH).
//
//   node tokenizers.js                           trains small tokenizers of each kind on the sentences below and writes them to
//                                                clip.json, bytelevel.json, wordpiece.json, bytefallback.json; golden.json: texts
//                                                and the ids that transformers.js gives them
//   node tokenizers.js encode TOKENIZER TEXTS    prints the ids of the texts (JSON) by a tokenizer.json, as JSON
//   node tokenizers.js clip MERGES               prints a tokenizer.json, as published for CLIP, of its merges file
'use strict';
const fs = require('fs'), path = require('path'), zlib = require('zlib');
const { Tokenizer } = require('@huggingface/tokenizers');

// Bytes as characters, as GPT-2 has it.
const own = [];
for (const [a, b] of [[33, 126], [161, 172], [174, 255]]) for (let i = a; i <= b; i++) own.push(i);
const order = own.slice(), sign = {};
for (const b of own) sign[b] = String.fromCharCode(b);
for (let b = 0, n = 0; b < 256; b++) if (!own.includes(b)) { order.push(b); sign[b] = String.fromCharCode(256 + n++); }
const asBytes = s => Array.from(Buffer.from(s, 'utf8'), b => sign[b]).join('');
const signs = order.map(b => sign[b]);

function random(seed) { // mulberry32
  return () => { seed = seed + 0x6D2B79F5 | 0; let t = Math.imul(seed ^ seed >>> 15, 1 | seed); t = t + Math.imul(t ^ t >>> 7, 61 | t) ^ t; return ((t ^ t >>> 14) >>> 0) / 4294967296; };
}

function sentences() {
  const colours = ['red', 'yellow', 'bluish grey', 'olive', 'rufous', 'white-tipped', 'iridescent green'];
  const parts = ['wings', 'a long bill', 'its crown', 'the belly', 'stripes', 'feathered feet', "the hawk's tail"];
  const kinds = ['warbler', 'humpback whale', 'grizzly bear', 'sea urchin', 'café', 'steam locomotive', 'Gros-bec errant'];
  const list = [];
  for (const c of colours) for (const p of parts) for (const k of kinds)
    list.push(`a photo of a ${c} ${k}, with ${p}.`, `The ${k} doesn't have ${c} markings on ${p}; it weighs ${list.length} g!`);
  return list;
}

function pairs(words, merges, join = (a, b) => a + b) { // trains byte-pair encoding: the most frequent pair, of equals the first by code point
  const out = [];
  for (let m = 0; m < merges; m++) {
    const count = new Map();
    for (const w of words) for (let i = 0; i + 1 < w.s.length; i++) { const k = w.s[i] + ' ' + w.s[i + 1]; count.set(k, (count.get(k) ?? 0) + w.n); }
    const best = [...count].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1))[0];
    if (!best || best[1] < 2) break;
    const [a, b] = best[0].split(' ');
    out.push(best[0]);
    for (const w of words) for (let i = 0; i + 1 < w.s.length; i++) if (w.s[i] === a && w.s[i + 1] === b) w.s.splice(i, 2, join(a, b));
  }
  return out;
}
function counted(list, make) {
  const n = new Map();
  for (const w of list) n.set(w, (n.get(w) ?? 0) + 1);
  return [...n].map(([w, n]) => ({ s: make(w), n }));
}

const added = (id, content, more = {}) => ({ id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: true, ...more });
const clipPattern = "'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+";

function clip(merges) {
  const vocab = {};
  let id = 0;
  for (const s of signs) vocab[s] = id++;
  for (const s of signs) vocab[s + '</w>'] = id++;
  for (const m of merges) vocab[m.replace(' ', '')] = id++;
  const begin = id, end = id + 1;
  vocab['<|startoftext|>'] = begin;
  vocab['<|endoftext|>'] = end;
  return {
    version: '1.0', truncation: null, padding: null,
    added_tokens: [added(begin, '<|startoftext|>', { normalized: true }), added(end, '<|endoftext|>')],
    normalizer: { type: 'Sequence', normalizers: [{ type: 'NFC' }, { type: 'Replace', pattern: { Regex: '\\s+' }, content: ' ' }, { type: 'Lowercase' }] },
    pre_tokenizer: { type: 'Sequence', pretokenizers: [{ type: 'Split', pattern: { Regex: clipPattern }, behavior: 'Removed', invert: true }, { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true }] },
    post_processor: { type: 'RobertaProcessing', sep: ['<|endoftext|>', end], cls: ['<|startoftext|>', begin], trim_offsets: false, add_prefix_space: false },
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true },
    model: { type: 'BPE', dropout: null, unk_token: '<|endoftext|>', continuing_subword_prefix: '', end_of_word_suffix: '</w>', fuse_unk: false, vocab, merges },
  };
}

function trained() {
  const corpus = sentences();
  const gpt = /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+/gu;
  const small = corpus.flatMap(s => s.toLowerCase().match(new RegExp(clipPattern, 'gu')));
  const merges = pairs(counted(small, w => { const s = Array.from(asBytes(w)); s[s.length - 1] += '</w>'; return s; }), 200);
  const out = { clip: clip(merges) };

  const level = pairs(counted(corpus.flatMap(s => s.match(gpt)), w => Array.from(asBytes(w))), 200);
  let vocab = { '<s>': 0, '<pad>': 1, '</s>': 2, '<unk>': 3 }, id = 4;
  for (const s of signs) vocab[s] = id++;
  for (const m of level) vocab[m.replace(' ', '')] = id++;
  vocab['<mask>'] = id;
  out.bytelevel = {
    version: '1.0', truncation: null, padding: { strategy: 'BatchLongest', direction: 'Right', pad_id: 1, pad_type_id: 0, pad_token: '<pad>' },
    added_tokens: [added(0, '<s>'), added(1, '<pad>'), added(2, '</s>'), added(3, '<unk>'), added(id, '<mask>', { lstrip: true })],
    normalizer: null, pre_tokenizer: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true },
    post_processor: { type: 'RobertaProcessing', sep: ['</s>', 2], cls: ['<s>', 0], trim_offsets: true, add_prefix_space: false }, decoder: { type: 'ByteLevel' },
    model: { type: 'BPE', dropout: null, unk_token: null, continuing_subword_prefix: '', end_of_word_suffix: '', fuse_unk: false, vocab, merges: level.map(m => m.split(' ')) },
  };

  const plain = corpus.flatMap(s => s.toLowerCase().normalize('NFD').replace(/\p{Mn}/gu, '').match(/\p{L}+|\p{N}+|[^\s\p{L}\p{N}]/gu));
  const words = counted(plain, w => Array.from(w).map((c, i) => i ? '##' + c : c));
  const chars = [...new Set(words.flatMap(w => w.s).concat(Array.from('abcdefghijklmnopqrstuvwxyz0123456789').flatMap(c => [c, '##' + c])))].sort();
  const pieces = pairs(words, 150, (a, b) => a + b.replace('##', '')).map(m => { const [a, b] = m.split(' '); return a + b.replace('##', ''); });
  vocab = {};
  id = 0;
  for (const t of ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', ...chars, ...pieces]) if (!(t in vocab)) vocab[t] = id++;
  const special = Object.fromEntries(['[CLS]', '[SEP]'].map(t => [t, { id: t, ids: [vocab[t]], tokens: [t] }]));
  out.wordpiece = {
    version: '1.0', truncation: { direction: 'Right', max_length: 128, strategy: 'LongestFirst', stride: 0 }, padding: null,
    added_tokens: ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'].map(t => added(vocab[t], t)),
    normalizer: { type: 'BertNormalizer', clean_text: true, handle_chinese_chars: true, strip_accents: null, lowercase: true }, pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: { type: 'TemplateProcessing', single: [{ SpecialToken: { id: '[CLS]', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }, { SpecialToken: { id: '[SEP]', type_id: 0 } }], pair: [], special_tokens: special },
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
    model: { type: 'WordPiece', unk_token: '[UNK]', continuing_subword_prefix: '##', max_input_chars_per_word: 100, vocab },
  };

  // Like SigLIP 2's and Gemma's: whole texts as one word, spaces as signs, bytes for what is not in the vocabulary.
  const whole = pairs(counted(corpus.flatMap(s => s.match(/ ?[^ ]+/g)), w => Array.from(w.replaceAll(' ', '▁'))), 200);
  vocab = { '<pad>': 0, '<eos>': 1, '<bos>': 2, '<unk>': 3 };
  id = 4;
  for (let b = 0; b < 256; b++) vocab['<0x' + b.toString(16).toUpperCase().padStart(2, '0') + '>'] = id++;
  for (const c of [...new Set(Array.from(corpus.join('').replaceAll(' ', '▁')))].sort()) vocab[c] = id++;
  for (const m of whole) vocab[m.replace(' ', '')] = id++;
  out.bytefallback = {
    version: '1.0', truncation: null, padding: null, added_tokens: [added(0, '<pad>'), added(1, '<eos>'), added(2, '<bos>'), added(3, '<unk>')],
    normalizer: { type: 'Replace', pattern: { String: ' ' }, content: '▁' }, pre_tokenizer: { type: 'Split', pattern: { String: ' ' }, behavior: 'MergedWithPrevious', invert: false },
    post_processor: { type: 'TemplateProcessing', single: [{ SpecialToken: { id: '<bos>', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }], pair: [], special_tokens: { '<bos>': { id: '<bos>', ids: [2], tokens: ['<bos>'] } } },
    decoder: null, model: { type: 'BPE', dropout: null, unk_token: '<unk>', continuing_subword_prefix: null, end_of_word_suffix: null, fuse_unk: true, byte_fallback: true, vocab, merges: whole },
  };
  return out;
}

function texts() {
  const rnd = random(7), list = sentences().filter((_, i) => i % 41 === 0);
  // Not among them, where transformers.js differs from the original in Rust: a capital sigma (which it writes otherwise at a word's
  // end), U+FEFF and U+0085 (white space in JavaScript's or Unicode's sense alone), Chinese beyond U+FFFF (no words of their own there).
  const ranges = [[0x20, 0x7e], [0xa0, 0x24f], [0x3b1, 0x3c9], [0x400, 0x4ff], [0x5d0, 0x5ea], [0x620, 0x64a], [0x904, 0x939], [0x3041, 0x3096], [0x4e00, 0x9fff], [0xac00, 0xd7a3], [0x1f300, 0x1f64f], [0x300, 0x36f], [0x2010, 0x2044], [0xff21, 0xff5a], [0x1d400, 0x1d433]];
  const pick = a => a[Math.floor(rnd() * a.length)];
  for (let i = 0; i < 120; i++) {
    let s = '', r = pick(ranges);
    for (let n = 1 + Math.floor(rnd() * 24); n > 0; n--) {
      if (rnd() < 0.3) r = pick(ranges);
      s += rnd() < 0.15 ? ' ' : String.fromCodePoint(r[0] + Math.floor(rnd() * (r[1] - r[0] + 1)));
    }
    list.push(s);
  }
  return list.concat(['', ' ', '  two  spaces ', "don't we'll I'VE they're", 'tab\there\nand\r\nthere', 'naïve café cafe\u0301', '3.14 and 1234567890', 'İstanbul', '👩‍👩‍👧‍👦 a family',
    'a<|endoftext|>b <|startoftext|>', '[MASK] in [CLS] text', '<s>begins</s>  <mask> <unk>', 'x'.repeat(101), 'warbler '.repeat(60), '...!?--', '©®™ ½ ² Ⅷ', '\u0000nul\u200bzero\u00adsoft', 'ﬁne ﬂow ①']);
}

const ids = (json, list) => { const t = new Tokenizer(json, {}); return list.map(s => t.encode(s).ids); };
const [mode, a, b] = process.argv.slice(2);
if (mode === 'encode') process.stdout.write(JSON.stringify(ids(JSON.parse(fs.readFileSync(a)), JSON.parse(fs.readFileSync(b)))));
else if (mode === 'clip') process.stdout.write(JSON.stringify(clip(zlib.gunzipSync(fs.readFileSync(a)).toString('utf8').split('\n').slice(1, 1 + 49408 - 514))));
else {
  const list = texts(), golden = { texts: list };
  for (const [name, json] of Object.entries(trained())) {
    fs.writeFileSync(path.join(__dirname, name + '.json'), JSON.stringify(json) + '\n');
    golden[name] = ids(json, list);
  }
  fs.writeFileSync(path.join(__dirname, 'golden.json'), JSON.stringify(golden) + '\n');
}
