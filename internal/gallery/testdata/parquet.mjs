// Writes the Parquet file of a few predictions to the path given: node parquet.mjs FILE.
import fs from 'node:fs';
import { table } from '../exports.js';

const items = [];
for (let n = 0; n < 300; n++) {
  items.push({ image: `Bäume/${n}.jpg`, class: n % 3 ? 'élan, "big"' : '', probability: n / 300, label: n === 7 ? 'élan, "big"' : n === 8 ? '' : undefined,
    top: [{ class: 'élan, "big"', probability: n / 300, score: n / 7 }, { class: '=1+2', probability: 1e-300, score: -n }] });
}
items.push({ image: 'not an image', error: 'unreadable' });
fs.writeFileSync(process.argv[2], Buffer.from(await table(items).arrayBuffer()));
