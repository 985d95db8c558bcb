'use strict';
const $ = id => document.getElementById(id);
// make creates an element with properties and children; strings become text nodes, never HTML.
const make = (tag, props, ...children) => { const e = Object.assign(document.createElement(tag), props); e.append(...children); return e; };
const value = v => v === null ? '?' : String(Number(v.toPrecision(4)));
const percent = p => (100 * p).toFixed(1) + ' %';

async function ask(path, options) {
  const r = await fetch(path, options);
  if (r.status === 204) return null;
  const body = await r.json();
  if (!r.ok) throw new Error(body.error || r.statusText);
  return body;
}

async function name(files) {
  for (const file of files) {
    $('status').textContent = 'Classifying ' + file.name + ' ...';
    const img = make('img', { src: URL.createObjectURL(file), alt: file.name });
    img.onload = () => URL.revokeObjectURL(img.src);
    let told;
    try {
      const a = await ask('predict?explain=5&name=' + encodeURIComponent(file.name), { method: 'POST', body: file });
      told = answer(a.images[0], a.calibrated);
    } catch (e) {
      told = make('p', { className: 'bad' }, e.message);
    }
    $('answers').prepend(make('div', { className: 'answer' }, img, told));
  }
  $('status').textContent = '';
}

function answer(x, calibrated) {
  const box = make('div', {}, make('p', {}, make('strong', {}, x.class || 'None of the classes'), x.class ? ' ' + percent(x.probability) : ''));
  const list = make('ol');
  for (const t of x.top) list.append(make('li', {}, t.class + ' ' + percent(t.probability), make('meter', { value: t.probability, max: 1, ariaLabel: t.class })));
  box.append(list);
  if (!calibrated) box.append(make('p', { className: 'why' }, 'Probabilities are not calibrated.'));
  const e = x.explanation;
  if (e) {
    const why = (what, names) => names.length && box.append(make('p', { className: 'why' }, make('strong', {}, what + ': '), names.join(', ')));
    why('Present in the image', e.seen.map(v => v.attribute));
    why('For ' + x.top[0].class, e.for.map(v => v.attribute + ' = ' + value(v.class_value)));
    why('Against', e.against.map(v => v.attribute + ' = ' + value(v.class_value)));
  }
  return box;
}

let attributes = [], words = false;

async function listClasses() {
  const { classes, pictures, learns } = await ask('classes');
  $('by-pictures').hidden = !learns;
  $('count').textContent = '(' + classes.length + ')';
  $('classes').replaceChildren(...classes.map(c => {
    const edit = make('button', { type: 'button', title: 'edit the description', onclick: () => begin(c) }, c, pictures[c] ? ' (' + pictures[c] + ' images)' : '');
    const remove = make('button', { type: 'button', ariaLabel: 'remove ' + c, onclick: () => change(c, { method: 'DELETE' }) }, '\u2715');
    return make('li', {}, edit, remove);
  }));
  const like = $('like').value;
  $('like').replaceChildren(make('option', { value: '' }, 'no class (all missing)'), ...classes.map(c => make('option', {}, c)));
  $('like').value = classes.includes(like) ? like : '';
}

const address = c => 'classes/' + c.split('/').map(encodeURIComponent).join('/');

async function change(c, options) {
  try {
    const done = await ask(address(c), options);
    const doubts = done?.doubts ?? [];
    $('edited').className = doubts.length ? 'bad' : '';
    $('edited').textContent = [options.method === 'DELETE' ? c + ' removed' : c + ' saved', ...doubts].join('; ');
    await listClasses();
  } catch (e) {
    $('edited').className = 'bad';
    $('edited').textContent = e.message;
  }
}

async function teach(c, files) {
  const form = new FormData();
  for (const f of files) form.append('pictures', f, f.name);
  try {
    const a = await ask(address(c), { method: 'POST', body: form });
    $('edited').className = '';
    $('edited').textContent = c + ': ' + a.pictures + ' example images';
    await listClasses();
  } catch (e) {
    $('edited').className = 'bad';
    $('edited').textContent = e.message;
  }
}

async function begin(c) {
  $('name').value = c;
  if (!words) await fill(c);
  $('name').focus();
}

async function fill(c) {
  const values = c ? (await ask(address(c))).attributes : {};
  for (const input of $('values').querySelectorAll('input')) input.value = values[input.name] ?? '';
}

$('file').onchange = () => { name([...$('file').files]); $('file').value = ''; };
for (const type of ['dragover', 'dragleave', 'drop']) {
  $('drop').addEventListener(type, e => {
    e.preventDefault();
    $('drop').classList.toggle('over', type === 'dragover');
    if (type === 'drop') name([...e.dataTransfer.files]);
  });
}
$('examples').onchange = () => { teach($('name').value.trim(), [...$('examples').files]); $('examples').value = ''; };
$('like').onchange = () => fill($('like').value);
$('filter').oninput = () => {
  const text = $('filter').value.toLowerCase();
  for (const l of $('values').children) l.hidden = !l.textContent.toLowerCase().includes(text);
};
$('edit').onsubmit = e => {
  e.preventDefault();
  let body = { phrase: $('phrase').value };
  if (!words) {
    body = { attributes: {} };
    for (const input of $('values').querySelectorAll('input')) body.attributes[input.name] = input.value === '' ? null : Number(input.value);
  }
  change($('name').value.trim(), { method: 'PUT', body: JSON.stringify(body) });
};

(async () => {
  const m = await ask('model');
  $('model').textContent = `Run ${m.run} (${m.method}), trained on ${m.seen_classes} classes of ${m.dataset}`;
  ({ attributes, words } = await ask('attributes'));
  $('by-phrase').hidden = !words;
  $('by-attributes').hidden = words;
  if (!words) $('values').replaceChildren(...attributes.map(a => make('label', {}, a, make('input', { name: a, type: 'number', step: 'any' }))));
  await listClasses();
})().catch(e => { $('status').className = 'bad'; $('status').textContent = e.message; });
