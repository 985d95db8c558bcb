// Download formats for predictions and labels: CSV, JSON, Label Studio tasks, COCO-style classification.
//
// items: [{image, id, class, probability, top: [{class, probability, score}], label, error}]; label is undefined if
// there is none and '' for none of the classes. about: {model_version, classes, attributes}.

import { parquet } from './parquet.js';

// guarded returns a text as a CSV cell that spreadsheets do not interpret as a formula; vzsl removes the apostrophe
// when it reads the file.
export const guarded = text => /^'*[=+\-@\t\r]/.test(text) ? "'" + text : text;

const cell = text => /[",\n\r]/.test(text) ? '"' + text.replaceAll('"', '""') + '"' : text;
const name = text => cell(guarded(text ?? ''));
const number = x => x === undefined || x === null ? '' : String(x);

// csv has the columns of 'vzsl predict --csv'.
export function csv(items) {
  const ranks = Math.max(0, ...items.map(i => i.top?.length ?? 0)), labels = items.some(i => i.label !== undefined);
  const head = ['image', 'predicted', 'probability'];
  for (let k = 1; k <= ranks; k++) head.push(`top${k}`, `probability${k}`, `score${k}`);
  if (labels) head.push('label');
  const rows = [[...head, 'error'].join(',')];
  for (const i of items) {
    const row = [name(i.image), name(i.class), number(i.probability)];
    for (let k = 0; k < ranks; k++) row.push(name(i.top?.[k]?.class), number(i.top?.[k]?.probability), number(i.top?.[k]?.score));
    if (labels) row.push(name(i.label));
    rows.push([...row, name(i.error)].join(','));
  }
  return rows.join('\n') + '\n';
}

// labelsCSV has one row per label.
export function labelsCSV(items) {
  const rows = ['image,class,predicted'];
  for (const i of items) if (i.label !== undefined) rows.push([name(i.image), name(i.label), name(i.class)].join(','));
  return rows.join('\n') + '\n';
}

const plain = i => {
  const { image, id, class: c, probability, top, label, error } = i;
  return error ? { image, error } : { image, class: c, probability, top, label, id };
};

// predictions is the list written as JSON and Parquet.
export const predictions = items => items.map(plain);

// table has the columns of csv as a Parquet file: what is empty there is null.
export function table(items) {
  const ranks = Math.max(0, ...items.map(i => i.top?.length ?? 0)), some = v => v === undefined || v === '' ? null : v;
  const column = (name, type, of) => ({ name, type, values: items.map(i => some(of(i))) });
  const columns = [{ ...column('image', 'text', i => i.image), required: true }, column('predicted', 'text', i => i.error ? null : i.class), column('probability', 'double', i => i.probability)];
  for (let k = 0; k < ranks; k++) {
    columns.push(column(`top${k + 1}`, 'text', i => i.top?.[k]?.class), column(`probability${k + 1}`, 'double', i => i.top?.[k]?.probability), column(`score${k + 1}`, 'float', i => i.top?.[k]?.score));
  }
  if (items.some(i => i.label !== undefined)) columns.push(column('label', 'text', i => i.label));
  return new Blob([parquet([...columns, column('error', 'text', i => i.error)], items.length, 'vzsl')]);
}

export const json = (items, about) => JSON.stringify({ ...about, images: predictions(items) }, null, 1) + '\n';

// NONE is the Label Studio choice for none of the classes.
export const NONE = 'none of these';

const choice = (c, more) => ({ from_name: 'class', to_name: 'image', type: 'choices', value: { choices: [c || NONE] }, ...more });

// labelStudio returns tasks with predictions and, for labelled images, an annotation.
export function labelStudio(items, about) {
  return JSON.stringify(items.filter(i => !i.error).map((i, n) => ({
    id: n + 1,
    data: { image: i.image },
    predictions: [{
      model_version: about.model_version, score: i.probability,
      result: [choice(i.class, { id: `p${n + 1}`, score: i.probability })],
    }],
    annotations: i.label === undefined ? [] : [{ result: [choice(i.label, { id: `a${n + 1}` })], was_cancelled: false, ground_truth: false }],
  })), null, 1) + '\n';
}

const xml = text => text.replace(/[&<>"']/g, c => `&#${c.charCodeAt(0)};`);

// labelConfig returns the labelling interface for these tasks.
export function labelConfig(about) {
  const choices = [...about.classes, NONE].map(c => `    <Choice value="${xml(c)}"/>`);
  return ['<View>', '  <Image name="image" value="$image"/>', '  <Choices name="class" toName="image" choice="single" showInline="true">', ...choices, '  </Choices>', '</View>', ''].join('\n');
}

// coco returns a dataset in COCO format with one annotation per image: its category is the label, else the prediction
// with its score. Images of none of the classes have no annotation.
export function coco(items, about) {
  const ids = new Map(about.classes.map((c, i) => [c, i + 1])), annotations = [];
  const good = items.filter(i => !i.error);
  good.forEach((i, n) => {
    const labelled = i.label !== undefined, category = ids.get(labelled ? i.label : i.class);
    if (category === undefined) return;
    annotations.push({ id: annotations.length + 1, image_id: n + 1, category_id: category, ...(labelled ? { source: 'label' } : { source: 'prediction', score: i.probability }) });
  });
  return JSON.stringify({
    info: { description: 'image classification', version: about.model_version },
    licenses: [],
    images: good.map((i, n) => ({ id: n + 1, file_name: i.image, ...(i.width ? { width: i.width, height: i.height } : {}) })),
    categories: about.classes.map((c, i) => ({ id: i + 1, name: c })),
    annotations,
  }, null, 1) + '\n';
}

// save downloads a text or Blob as a file.
export function save(file, text, type = 'application/json') {
  const a = document.createElement('a');
  a.href = URL.createObjectURL(text instanceof Blob ? text : new Blob([text], { type }));
  a.download = file;
  a.click();
  setTimeout(() => URL.revokeObjectURL(a.href), 60000);
}
