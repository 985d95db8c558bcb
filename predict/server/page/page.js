// The page: images, and classes with their descriptions.
import { address, ask, send } from './api.js';
import { detail } from './detail.js';
import { Editor } from './editor.js';
import { Gallery, make } from './gallery.js';
import { dropped, Images } from './images.js';

const $ = id => document.getElementById(id);
let model = {}, classes = [], shown = new Map(), pictures = {}, version = '', learns = false;

const display = c => shown.get(c) ?? c;
function say(text, bad) {
  $('said').className = bad ? 'g-bad' : '';
  $('said').textContent = text;
}

// Undo: the last step first.
const steps = [];
function undoable(text, action) {
  steps.push({ text, action });
  $('undo').disabled = false;
  $('undo').textContent = 'Undo: ' + text;
}
async function undo() {
  const step = steps.pop();
  if (!step) return;
  try {
    await step.action();
    say('undone: ' + step.text);
  } catch (e) {
    say(e.message, true);
  }
  $('undo').disabled = steps.length === 0;
  $('undo').textContent = steps.length ? 'Undo: ' + steps.at(-1).text : 'Undo';
}
$('undo').onclick = undo;
addEventListener('keydown', e => {
  if ((e.ctrlKey || e.metaKey) && e.key === 'z' && !e.target.matches('input:not([type=range], [type=checkbox]), textarea')) { e.preventDefault(); undo(); }
});

// In a narrow window, one part is shown at a time.
function part(name) {
  document.body.dataset.part = name;
  for (const a of document.querySelectorAll('nav a')) {
    if (a.hash === '#' + name) a.setAttribute('aria-current', 'true');
    else a.removeAttribute('aria-current');
  }
}
for (const a of document.querySelectorAll('nav a')) a.onclick = e => { e.preventDefault(); part(a.hash.slice(1)); scrollTo(0, 0); };
part('images');

const images = new Images(() => gallery.set(images.items), (done, total, cancelled) => {
  $('running').hidden = !total;
  $('progress').max = total;
  $('progress').value = done;
  $('status').textContent = total ? `${done} of ${total} images` : '';
  if (cancelled) say('cancelled: images not yet classified were removed');
});
const gallery = new Gallery($('gallery'), {
  shown: display,
  attribute: a => editor.labels?.[a] ?? a,
  attributes: () => editor.attributes.map(v => v.attribute),
  classes: () => classes,
  about: () => ({ model_version: `${model.run} ${version}`, classes }),
  label: (items, c) => label(items, c),
  detail: (item, box) => detail(item, box, { ...gallery.o, draft: () => (editor.editing ? editor.draft() : null) }),
});
const editor = new Editor({
  shown: display, say, undo: undoable, put,
  opened: () => part('classes'),
  classes: () => classes,
  items: () => images.items,
  inView: i => gallery.view.includes(i),
  async rank(draft) {
    const watch = Boolean(draft);
    if (watch !== watching) {
      watching = watch;
      gallery.orderBy.value = watch ? 'watched' : 'added';
    }
    const reply = await images.rank(draft);
    gallery.set(images.items);
    return reply;
  },
});
let watching = false;

async function listClasses() {
  const r = await ask('classes');
  ({ classes, pictures, version, learns } = r);
  shown = new Map(classes.map((c, i) => [c, r.shown[i]]));
  $('by-pictures').hidden = $('learning').hidden = !learns;
  const n = Object.values(pictures).reduce((a, b) => a + b, 0);
  $('learned').textContent = n ? `(${n} images of ${Object.keys(pictures).length} classes so far)` : '';
  $('count').textContent = `(${classes.length})`;
  $('kept').textContent = r.kept ? 'Changes are written to the file of --classes.' : 'Changes are lost when the server stops: export them, or start it with --classes FILE.csv.';
  gallery.limit(r.none_below, r.threshold, r.auto);
  drawClasses();
  editor.offer(classes);
  gallery.refreshClasses();
}

function drawClasses() {
  const text = $('find-class').value.toLowerCase();
  $('list').replaceChildren(...classes.filter(c => (c + ' ' + display(c)).toLowerCase().includes(text)).map(c => make('li', {},
    make('button', { type: 'button', title: 'change the description of ' + c, onclick: () => editor.begin(c) }, display(c), pictures[c] ? ` (${pictures[c]} images)` : ''),
    make('button', { type: 'button', ariaLabel: 'remove ' + c, onclick: () => remove(c) }, '\u2715'))));
}
$('find-class').oninput = drawClasses;

// changed lists the classes again and ranks the images.
async function changed() {
  await listClasses();
  images.take((await ask('labels')).labels);
  if (images.byID.size) await images.rank(editor.editing ? editor.draft() : null);
  gallery.set(images.items);
}

// described returns the description of a class; null: it has none.
const described = async c => (classes.includes(c) ? ask(address(c)).catch(e => { if (e.status === 404) return null; throw e; }) : null);

async function put(c, body, headers) {
  try {
    const was = await described(c);
    const { doubts } = await ask(address(c), { method: 'PUT', headers, body: JSON.stringify(body) });
    undoable(was ? 'the change of ' + c : 'the new class ' + c, async () => {
      await ask(address(c), was ? { method: 'PUT', body: JSON.stringify({ attributes: was.attributes }) } : { method: 'DELETE' });
      await changed();
    });
    await changed();
    say([display(c) + ' is saved', ...(doubts ?? [])].join('; '), doubts?.length > 0);
    return true;
  } catch (e) {
    say(e.status === 412 ? `${display(c)} was changed by someone else meanwhile: open it again` : e.message, true);
    return false;
  }
}

async function remove(c) {
  try {
    const was = await described(c), labels = (await ask('labels')).labels.filter(l => l.class === c);
    await ask(address(c), { method: 'DELETE' });
    undoable('the removal of ' + c, async () => {
      await ask(address(c), { method: 'PUT', body: JSON.stringify({ attributes: was.attributes }) });
      for (const l of labels) await send('labels/' + l.id, l, 'PUT');
      await changed();
    });
    await changed();
    say(display(c) + ' is removed');
  } catch (e) {
    say(e.message, true);
  }
}

// label stores the labels of images; undefined removes them. It returns the message shown beside the image.
async function label(items, c) {
  const was = items.map(i => [i, i.label]);
  const one = async (i, c) => (c === undefined
    ? i.label !== undefined && ask('labels/' + i.id, { method: 'DELETE' }).catch(e => { if (e.status !== 404) throw e; })
    : send('labels/' + i.id, { image: i.image, class: c, learn: $('learn').checked }, 'PUT'));
  try {
    let said = null;
    for (const i of items) said = await one(i, c) ?? said;
    undoable(items.length === 1 ? 'the label of ' + items[0].image : `the labels of ${items.length} images`, async () => {
      for (const [i, l] of was) await one(i, l);
      await changed();
    });
    await changed();
    const text = c === undefined ? 'label removed' : 'labelled' + (said?.learned ? '; the model has learned it' : said?.because && learns && c !== '' ? `; not learned: ${said.because}` : '');
    say(text);
    return text;
  } catch (e) {
    say(e.message, true);
    return e.message;
  }
}

async function take(files) {
  if (!files.length) return;
  try {
    await images.add(files, classes);
    await changed();
  } catch (e) {
    say(e.message, true);
  }
}
$('cancel').onclick = () => images.cancel();
for (const id of ['file', 'folder']) {
  $(id).onchange = () => {
    const files = [...$(id).files].filter(f => /^image\//.test(f.type) || !f.type).sort((a, b) => (a.webkitRelativePath < b.webkitRelativePath ? -1 : 1));
    $(id).value = '';
    take(files);
  };
}
for (const type of ['dragover', 'dragleave', 'drop']) {
  $('drop').addEventListener(type, async e => {
    e.preventDefault();
    $('drop').classList.toggle('over', type === 'dragover');
    if (type === 'drop') take(await dropped(e.dataTransfer));
  });
}

$('import').onchange = async () => {
  const [file] = $('import').files;
  $('import').value = '';
  if (!file) return;
  try {
    const before = await (await fetch('classes.csv')).text();
    const { added, replaced, notes } = await ask('classes.csv', { method: 'PUT', body: file });
    undoable('the import of ' + file.name, async () => { await ask('classes.csv?replace=1', { method: 'PUT', body: before }); await changed(); });
    await changed();
    say([`${added.length} classes added, ${replaced.length} replaced`, ...notes].join('; '), notes.length > 0);
  } catch (e) {
    say(e.message, true);
  }
};

$('examples').onchange = async () => {
  const files = [...$('examples').files], c = $('name').value.trim();
  $('examples').value = '';
  const form = new FormData();
  for (const f of files) form.append('pictures', f, f.name);
  try {
    const a = await ask(address(c), { method: 'POST', body: form });
    await changed();
    say(`${display(c)}: ${a.pictures} example images`);
  } catch (e) {
    say(e.message, true);
  }
};

(async () => {
  model = await ask('model');
  $('model').textContent = `Run ${model.run} (${model.method}), trained on ${model.seen_classes} classes of ${model.dataset}`
    + (model.calibrated === false ? '; its probabilities are not calibrated' : '');
  await editor.load();
  await changed();
  window.vzsl = { images, gallery, editor }; // for debugging and tests
})().catch(e => say(e.message, true));
