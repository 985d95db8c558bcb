// A Parquet file (format version 1) of one row group: columns of text, float and double, uncompressed, with nulls.

// parquet returns the bytes of a file. columns: [{name, type: 'text' | 'float' | 'double', values, required}], null for a missing value.
export function parquet(columns, rows, createdBy) {
  const utf8 = new TextEncoder();
  const TYPES = { double: 5, float: 4, text: 6 }, OPTIONAL = 1, RLE = 3, UTF8 = 0;
  // Thrift's compact protocol. A struct is a list of [field id, wire type, bytes].
  const I32 = 5, I64 = 6, BINARY = 8, LIST = 9, STRUCT = 12;
  const varint = n => {
    const out = [];
    for (; n >= 128; n = Math.floor(n / 128)) out.push(n % 128 + 128);
    return [...out, n];
  };
  const int = n => varint(2 * n); // zigzag; none is negative
  const text = t => { const b = utf8.encode(t); return [...varint(b.length), ...b]; };
  const list = (type, items) => [...(items.length < 15 ? [items.length * 16 + type] : [240 + type, ...varint(items.length)]), ...items.flat()];
  const struct = fields => {
    let last = 0;
    const out = fields.flatMap(([id, type, bytes]) => {
      const head = (id - last) * 16 + type; // ids rise by less than 16
      last = id;
      return [head, ...bytes];
    });
    return [...out, 0];
  };

  const parts = [utf8.encode('PAR1')];
  let at = 4;
  const put = bytes => { parts.push(bytes); at += bytes.length; };
  const little = n => [n & 255, n >> 8 & 255, n >> 16 & 255, n >>> 24];

  // levels are the definition levels, in runs: 1 for a value, 0 for a null.
  const levels = values => {
    const out = [];
    for (let i = 0; i < values.length;) {
      let j = i;
      const there = values[i] !== null;
      while (j < values.length && (values[j] !== null) === there) j++;
      out.push(...varint(2 * (j - i)), Number(there));
      i = j;
    }
    return [...little(out.length), ...out];
  };
  const plain = (type, values) => {
    const there = values.filter(v => v !== null);
    if (type !== 'text') return new Uint8Array((type === 'float' ? Float32Array : Float64Array).from(there).buffer); // little-endian, as every browser's machine
    const texts = there.map(v => utf8.encode(v)), out = new Uint8Array(texts.reduce((n, t) => n + 4 + t.length, 0));
    let k = 0;
    for (const t of texts) {
      out.set(little(t.length), k);
      out.set(t, k + 4);
      k += 4 + t.length;
    }
    return out;
  };

  const chunks = columns.map(c => {
    const start = at, head = c.required ? [] : levels(c.values), data = plain(c.type, c.values), size = head.length + data.length;
    put(new Uint8Array(struct([[1, I32, int(0)], [2, I32, int(size)], [3, I32, int(size)],
      [5, STRUCT, struct([[1, I32, int(rows)], [2, I32, int(0)], [3, I32, int(RLE)], [4, I32, int(RLE)]])]])));
    put(new Uint8Array(head));
    put(data);
    return struct([[2, I64, int(start)], [3, STRUCT, struct([[1, I32, int(TYPES[c.type])], [2, LIST, list(I32, [int(0), int(RLE)])], [3, LIST, list(BINARY, [text(c.name)])],
      [4, I32, int(0)], [5, I64, int(rows)], [6, I64, int(at - start)], [7, I64, int(at - start)], [9, I64, int(start)]])]]);
  });
  const schema = [struct([[4, BINARY, text('schema')], [5, I32, int(columns.length)]]), ...columns.map(c => struct([
    [1, I32, int(TYPES[c.type])], [3, I32, int(c.required ? 0 : OPTIONAL)], [4, BINARY, text(c.name)], ...(c.type === 'text' ? [[6, I32, int(UTF8)]] : [])]))];
  const meta = new Uint8Array(struct([[1, I32, int(1)], [2, LIST, list(STRUCT, schema)], [3, I64, int(rows)],
    [4, LIST, list(STRUCT, [struct([[1, LIST, list(STRUCT, chunks)], [2, I64, int(at - 4)], [3, I64, int(rows)]])])], [6, BINARY, text(createdBy)]]));
  put(meta);
  put(new Uint8Array(little(meta.length)));
  put(utf8.encode('PAR1'));
  const out = new Uint8Array(at);
  let k = 0;
  for (const p of parts) {
    out.set(p, k);
    k += p.length;
  }
  return out;
}
