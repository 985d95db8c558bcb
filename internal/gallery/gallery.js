// A gallery of any number of classified images: grid and list, filters, stable sorting, labels, downloads; usable by
// mouse, touch and keyboard. The server's page and the file of 'vzsl predict --html' use it.
import { coco, csv, json, labelConfig, labelStudio, labelsCSV, save, table } from './exports.js';

// make creates an element with properties and children; strings become text nodes, never HTML.
export function make(tag, props, ...children) {
  const e = document.createElement(tag);
  for (const [k, v] of Object.entries(props ?? {})) {
    if (k in e && k !== 'list') e[k] = v;
    else e.setAttribute(k, v);
  }
  e.append(...children.filter(c => c !== null && c !== undefined && c !== false));
  return e;
}
export const percent = p => p === undefined ? '' : (100 * p).toFixed(1) + ' %';

const sizes = { grid: { width: 168, height: 252 }, list: { width: 0, height: 96 } };
const gap = 12, beyond = 600; // pixels between cards; pixels rendered beyond the visible part

// Gallery shows items: [{key, image, src, class, probability, top, label, error, watched, truth, explanation}].
//
// options: shown(class) returns a class's display name; classes() the candidate classes; about() the model's metadata
// for downloads; none is the probability below which an image is none of the classes; label(items, class) stores labels
// (class undefined removes them); detail(item, box) adds to the view of one image.
export class Gallery {
  constructor(root, options) {
    this.o = { shown: c => c, label: null, detail: null, none: 0, ...options };
    this.items = [];
    this.view = [];
    this.cards = new Map();
    this.at = 0; // index in view of the card that has the tab stop
    this.chosen = new Set();
    this.mode = 'grid';
    this.none = this.o.none;
    this.build(root);
    const draw = () => this.later();
    addEventListener('scroll', draw, { passive: true, capture: true });
    new ResizeObserver(draw).observe(this.list);
    for (const [when, all] of [['beforeprint', true], ['afterprint', false]]) addEventListener(when, () => this.print(all));
    matchMedia('print').addEventListener('change', e => this.print(e.matches));
  }

  build(root) {
    const id = name => 'g-' + name;
    const field = (name, label, control) => { control.id = id(name); return make('p', { className: 'g-field' }, make('label', { htmlFor: control.id }, label), control); };
    this.classFilter = make('select', { onchange: () => this.refresh() });
    this.orderBy = make('select', { onchange: () => this.refresh() },
      ...[['added', 'as added'], ['unsure', 'lowest probability first'], ['sure', 'highest probability first'], ['watched', 'by the class being described']].map(([value, text]) => make('option', { value }, text)));
    this.search = make('input', { type: 'search', autocomplete: 'off', oninput: () => this.refresh() });
    this.low = make('input', { type: 'number', min: 0, max: 100, value: 0, oninput: () => this.refresh() });
    this.high = make('input', { type: 'number', min: 0, max: 100, value: 100, oninput: () => this.refresh() });
    this.noneBelow = make('input', { type: 'number', min: 0, max: 100, step: 'any', value: +(100 * this.none).toPrecision(4), oninput: () => { this.none = (+this.noneBelow.value || 0) / 100; this.touched = true; this.set(this.items); } });
    this.threshold = null;
    this.auto = make('input', { type: 'checkbox', onchange: () => { this.touched = true; this.set(this.items); } });
    this.modes = ['grid', 'list'].map(m => make('button', { type: 'button', 'aria-pressed': String(m === this.mode), onclick: () => this.show(m) }, m === 'grid' ? 'Grid' : 'List'));
    this.count = make('p', { className: 'g-count', role: 'status' });
    this.downloads = make('details', { className: 'g-downloads' }, make('summary', {}, 'Download'), make('div', {}, ...this.formats().map(f =>
      make('button', { type: 'button', onclick: async () => { const items = this.view.length ? this.view : this.items; save(f.file, await f.make(items), f.type); } }, f.name))));
    this.downloads.addEventListener('keydown', e => { if (e.key === 'Escape') { this.downloads.open = false; this.downloads.firstChild.focus(); } });
    this.bar = make('form', { className: 'g-bar', ariaLabel: 'Filter the images', onsubmit: e => e.preventDefault() },
      field('class', 'Class', this.classFilter), field('order', 'Order', this.orderBy), field('search', 'File name', this.search),
      make('fieldset', { className: 'g-field g-range' }, make('legend', {}, 'Probability, %'), named(this.low, 'at least'), ' to ', named(this.high, 'at most')),
      field('none', '“None of these” below, %', this.noneBelow),
      make('label', { hidden: true }, this.auto, ' “none of these” below the threshold selected in training'),
      make('div', { className: 'g-field g-buttons', role: 'group', ariaLabel: 'View' }, ...this.modes), this.downloads);
    this.chosenClass = make('select', { ariaLabel: 'Class of the selected images' });
    this.chosenBar = make('form', { className: 'g-chosen', hidden: true, onsubmit: e => { e.preventDefault(); this.labelChosen(this.chosenClass.value); } },
      this.chosenText = make('span', {}), this.chosenClass, make('button', {}, 'Label'),
      make('button', { type: 'button', onclick: () => this.labelChosen(undefined) }, 'Remove labels'),
      make('button', { type: 'button', onclick: () => { this.chosen.clear(); this.choose(); } }, 'Clear selection'));
    this.list = make('ul', { className: 'g-items', role: 'list', ariaLabel: 'Images' });
    this.list.addEventListener('keydown', e => this.key(e));
    this.dialog = make('dialog', { className: 'g-dialog', ariaLabel: 'Image' });
    this.dialog.addEventListener('close', () => this.focus(this.at));
    this.dialog.addEventListener('click', e => { if (e.target === this.dialog) this.dialog.close(); });
    root.append(this.bar, this.count, this.chosenBar, this.list, this.dialog);
    this.refreshClasses();
  }

  formats() {
    const about = () => this.o.about();
    return [
      { name: 'CSV', file: 'predictions.csv', type: 'text/csv', make: items => csv(items) },
      { name: 'JSON', file: 'predictions.json', make: items => json(items, about()) },
      { name: 'Parquet', file: 'predictions.parquet', make: items => table(items) },
      { name: 'Labels as CSV', file: 'labels.csv', type: 'text/csv', make: items => labelsCSV(items) },
      { name: 'Label Studio: tasks', file: 'label-studio.json', make: items => labelStudio(items, about()) },
      { name: 'Label Studio: interface', file: 'label-studio.xml', type: 'application/xml', make: () => labelConfig(about()) },
      { name: 'COCO', file: 'coco.json', make: items => coco(items, about()) },
    ];
  }

  // set shows items, of which some may have changed.
  set(items) {
    this.items = items;
    for (const i of items) if (i.top) { i.probability = i.top[0].probability; i.class = this.isNone(i) ? '' : i.top[0].class; }
    this.refresh();
  }

  // limit sets when an image is none of the classes, unless the user has set it: below a probability, or below the
  // threshold on the excess of the best score that was selected on validation classes (null: none was selected).
  limit(none, threshold, auto) {
    this.threshold = threshold;
    this.auto.parentNode.hidden = threshold === null;
    if (!this.touched) {
      this.none = none;
      this.noneBelow.value = +(100 * none).toPrecision(4);
      this.auto.checked = auto;
    }
    this.set(this.items);
  }

  // isNone reports whether an image is none of the classes.
  isNone(i) {
    return i.top[0].probability < this.none || this.auto.checked && this.threshold !== null && i.excess < this.threshold;
  }

  refreshClasses() {
    const classes = this.o.classes();
    const options = () => classes.map(c => make('option', { value: c }, this.o.shown(c)));
    const was = this.classFilter.value || '*';
    this.classFilter.replaceChildren(make('option', { value: '*' }, 'all'), make('option', { value: '' }, 'none of these'), make('option', { value: '*labelled' }, 'labelled'),
      make('option', { value: '*corrected' }, 'corrected'), make('option', { value: '*error' }, 'not readable'), make('optgroup', { label: 'Predicted class' }, ...options()));
    this.classFilter.value = was;
    if (this.classFilter.selectedIndex < 0) this.classFilter.value = '*';
    const chosen = this.chosenClass.value;
    this.chosenClass.replaceChildren(...options(), make('option', { value: '' }, 'none of these'));
    if (chosen) this.chosenClass.value = chosen;
  }

  // refresh applies the filters and the order again.
  refresh() {
    const c = this.classFilter.value, text = this.search.value.toLowerCase(), low = this.low.value / 100, high = (this.high.value === '' ? 100 : this.high.value) / 100;
    const whole = low <= 0 && high >= 1;
    this.view = this.items.filter(i => {
      if (text && !i.image.toLowerCase().includes(text)) return false;
      if (!whole && !(i.probability >= low && i.probability <= high)) return false;
      switch (c) {
        case '*': return true;
        case '*labelled': return i.label !== undefined;
        case '*corrected': return i.label !== undefined && i.label !== i.class;
        case '*error': return Boolean(i.error);
      }
      return Boolean(i.top) && i.class === c;
    });
    const by = { unsure: i => i.probability ?? 2, sure: i => -(i.probability ?? -1), watched: i => -(i.watched?.probability ?? -1) }[this.orderBy.value];
    if (by) this.view = this.view.map((i, n) => [by(i), n, i]).sort((a, b) => a[0] - b[0] || a[1] - b[1]).map(x => x[2]);
    this.at = Math.min(this.at, Math.max(0, this.view.length - 1));
    const named = this.view.filter(i => i.truth !== undefined && i.top && i.label === undefined), right = named.filter(i => i.class === i.truth).length;
    const said = this.view.length === this.items.length ? `${this.items.length} images` : `${this.view.length} of ${this.items.length} images`;
    this.count.textContent = said + (named.length ? `; ${right} of ${named.length} (${percent(right / named.length)}) are in a folder named like their predicted class` : '');
    this.draw();
  }

  show(mode) {
    this.mode = mode;
    this.modes.forEach((b, k) => b.setAttribute('aria-pressed', String((k === 0) === (mode === 'grid'))));
    this.list.classList.toggle('g-list', mode === 'list');
    this.draw();
  }

  print(all) {
    this.all = all;
    this.list.classList.toggle('g-whole', all);
    this.draw();
  }

  later() {
    if (!this.frame) this.frame = requestAnimationFrame(() => { this.frame = 0; this.draw(); });
  }

  layout() {
    const width = this.list.clientWidth || 1, s = sizes[this.mode];
    const columns = this.mode === 'list' ? 1 : Math.max(1, Math.floor((width + gap) / (s.width + gap)));
    return { columns, width: (width - gap * (columns - 1)) / columns, height: s.height + gap };
  }

  // draw renders the visible cards and some beyond.
  draw() {
    const { columns, width, height } = this.layout();
    const rows = Math.ceil(this.view.length / columns);
    this.columns = columns;
    this.list.style.height = this.all ? 'auto' : rows * height + 'px';
    const top = this.list.getBoundingClientRect().top;
    const first = this.all ? 0 : Math.max(0, Math.floor((-top - beyond) / height)) * columns;
    const last = this.all ? this.view.length : Math.min(this.view.length, Math.ceil((innerHeight - top + beyond) / height) * columns);
    const need = new Set();
    for (let k = first; k < last; k++) need.add(this.view[k].key);
    if (this.view[this.at]) need.add(this.view[this.at].key); // keeps the tab stop
    for (const [key, card] of this.cards) if (!need.has(key)) { card.remove(); this.cards.delete(key); }
    const place = k => {
      const item = this.view[k];
      let card = this.cards.get(item.key);
      if (!card) this.cards.set(item.key, card = this.card(item));
      this.fill(card, item, k);
      card.style.width = width + 'px';
      card.style.height = height - gap + 'px';
      card.style.transform = `translate(${(k % columns) * (width + gap)}px, ${Math.floor(k / columns) * height}px)`;
      if (card.parentNode !== this.list) this.list.append(card);
    };
    for (let k = first; k < last; k++) place(k);
    if (this.view[this.at] && (this.at < first || this.at >= last)) place(this.at);
  }

  card(item) {
    const card = make('li', { className: 'g-card' });
    card.image = make('img', { alt: '', decoding: 'async', loading: 'eager' });
    card.open = make('button', { type: 'button', className: 'g-open', onclick: () => this.open(card.place) }, card.image,
      ' ', card.name = make('span', { className: 'g-name' }), ' ', card.meter = make('span', { className: 'g-meter' }, make('span')), card.more = make('span', { className: 'g-more' }));
    card.check = make('input', { type: 'checkbox', tabIndex: -1, onchange: () => { this.chosen[card.check.checked ? 'add' : 'delete'](card.item.key); this.choose(); } });
    if (this.o.label) card.append(card.check);
    card.append(card.open);
    return card;
  }

  fill(card, item, place) {
    card.place = place;
    card.item = item;
    card.setAttribute('aria-posinset', place + 1);
    card.setAttribute('aria-setsize', this.view.length);
    card.open.tabIndex = place === this.at ? 0 : -1;
    if (card.image.src !== item.src && item.src) card.image.src = item.src;
    const what = item.error ? 'not readable' : item.top ? (item.class === '' ? 'none of these' : this.o.shown(item.class)) : '...';
    const labelled = item.label !== undefined;
    const label = labelled ? (item.label === '' ? 'none of these' : this.o.shown(item.label)) : '';
    const watched = this.orderBy.value === 'watched' && item.watched;
    const p = watched ? item.watched.probability : item.probability;
    const state = `${what}|${p}|${label}|${watched}|${item.error}`;
    if (card.state !== state) {
      card.state = state;
      card.name.textContent = what;
      card.name.title = what;
      card.meter.firstChild.style.width = 100 * (p ?? 0) + '%';
      card.more.textContent = item.error || (watched ? `described class: ${percent(p)}` : percent(p)) + (labelled ? ` · label: ${label}` : '');
      card.more.title = card.more.textContent;
      card.classList.toggle('g-labelled', labelled);
      card.classList.toggle('g-wrong', labelled && item.label !== item.class);
      card.classList.toggle('g-error', Boolean(item.error));
      card.image.alt = item.image;
      card.check.setAttribute('aria-label', 'select ' + item.image);
    }
    card.check.checked = this.chosen.has(item.key);
  }

  choose() {
    this.chosenBar.hidden = this.chosen.size === 0;
    this.chosenText.textContent = this.chosen.size === 1 ? '1 image selected' : `${this.chosen.size} images selected`;
    this.draw();
  }

  async labelChosen(c) {
    const items = this.items.filter(i => this.chosen.has(i.key));
    this.chosen.clear();
    this.choose();
    await this.o.label(items, c);
  }

  // focus moves the tab stop, and the window to it.
  focus(k) {
    if (!this.view.length) return;
    this.at = Math.max(0, Math.min(k, this.view.length - 1));
    const { height } = this.layout(), y = Math.floor(this.at / this.columns) * height, box = this.list.getBoundingClientRect();
    if (box.top + y < 80) scrollBy(0, box.top + y - 80);
    else if (box.top + y + height > innerHeight) scrollBy(0, box.top + y + height - innerHeight + 8);
    this.draw();
    this.cards.get(this.view[this.at].key)?.open.focus({ preventScroll: true });
  }

  key(e) {
    if (e.target.type === 'checkbox') return;
    const page = Math.max(1, Math.floor(innerHeight / this.layout().height)) * this.columns;
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: this.columns, ArrowUp: -this.columns, PageDown: page, PageUp: -page, Home: -this.at, End: this.view.length - 1 - this.at }[e.key];
    if (step !== undefined) this.focus(this.at + step);
    else if (e.key === ' ' && this.o.label) { const k = this.view[this.at]?.key; this.chosen[this.chosen.has(k) ? 'delete' : 'add'](k); this.choose(); }
    else return;
    e.preventDefault();
  }

  // open shows one image with its details.
  open(k) {
    this.at = k;
    const item = this.view[k];
    if (!item) return;
    const go = by => { if (this.view[this.at + by]) this.open(this.at + by); };
    const step = (by, text) => make('button', { type: 'button', disabled: !this.view[k + by], onclick: () => go(by) }, text);
    const box = make('div', { className: 'g-detail' });
    this.dialog.replaceChildren(make('header', {}, make('h2', { tabIndex: -1 }, item.image), make('p', {}, step(-1, 'Previous'), ' ', step(1, 'Next'), ' ', make('button', { type: 'button', onclick: () => this.dialog.close() }, 'Close'))), box);
    this.dialog.onkeydown = e => {
      if (e.target.matches('input, select, textarea')) return;
      if (e.key === 'ArrowRight') go(1);
      else if (e.key === 'ArrowLeft') go(-1);
    };
    const facts = make('div', {});
    box.append(make('img', { src: item.full ?? item.src, alt: item.image }), facts);
    if (item.error) facts.append(make('p', { className: 'g-bad' }, item.error));
    if (item.damaged) facts.append(make('p', { className: 'g-bad' }, `Damaged file: ${item.damaged}; decoded as by libjpeg.`));
    if (item.top) facts.append(ranking(item.top, this.o.shown, item.class === '' ? 'None of these: the best class is below the limit.' : ''));
    if (this.o.label && !item.error) facts.append(this.correction(item));
    if (item.explanation) facts.append(explanation(item.explanation, item.top, this.o));
    this.o.detail?.(item, facts);
    if (!this.dialog.open) this.dialog.showModal();
    else this.dialog.querySelector('h2').focus();
  }

  correction(item) {
    const select = make('select', { id: 'g-correct' }, ...this.o.classes().map(c => make('option', { value: c }, this.o.shown(c))), make('option', { value: '' }, 'none of these'));
    select.value = item.label ?? item.class;
    const said = make('span', { role: 'status' }, item.label === undefined ? '' : 'labelled');
    return make('form', {
      className: 'g-correct', onsubmit: async e => {
        e.preventDefault();
        const text = (await this.o.label([item], select.value)) ?? 'labelled', k = this.view.indexOf(item);
        if (k < 0) { said.textContent = text; return; } // a filter now excludes it
        this.open(k); // the prediction may have changed
        this.dialog.querySelector('.g-correct button').focus();
        this.dialog.querySelector('.g-correct [role=status]').textContent = text;
      },
    }, make('label', { htmlFor: 'g-correct' }, 'Correct class'), select, make('button', {}, 'Save label'),
    make('button', { type: 'button', onclick: async () => { await this.o.label([item], undefined); said.textContent = ''; } }, 'Remove label'), said);
  }
}

const named = (input, name) => { input.setAttribute('aria-label', name); return input; };

// ranking lists the best classes of an image.
export function ranking(top, shown, note) {
  return make('div', {}, note ? make('p', {}, note) : null, make('ol', { className: 'g-ranking' }, ...top.map(t =>
    make('li', {}, make('span', {}, shown(t.class)), make('span', {}, percent(t.probability)), bar(t.probability)))));
}

function bar(p) {
  const b = make('span', { className: 'g-meter' }, make('span'));
  b.firstChild.style.width = 100 * p + '%';
  return b;
}

const short = v => v === null || v === undefined ? '?' : String(Number(v.toPrecision(3)));

// explanation shows the attributes that contribute for and against the best class, and those most present in the image.
export function explanation(x, top, o) {
  const label = o.attribute ?? (a => a), most = Math.max(1e-12, ...[...x.for, ...x.against].map(e => Math.abs(e.weight)));
  const rows = list => list.map(e => {
    const b = make('span', { className: e.weight < 0 ? 'g-weight g-minus' : 'g-weight' }, make('span'));
    b.firstChild.style.width = 100 * Math.abs(e.weight) / most + '%';
    return make('tr', {}, make('th', { scope: 'row' }, label(e.attribute)), make('td', {}, short(e.class_value)), make('td', {}, short(e.estimate)), make('td', {}, b, make('span', { className: 'g-hidden' }, short(e.weight))));
  });
  if (!x.for.length && !x.against.length) return make('p', {}, 'The model gives no explanation by attributes.');
  return make('section', { className: 'g-why' }, make('h3', {}, 'Why ' + o.shown(top[0].class)),
    make('div', { className: 'g-scroll' }, make('table', {}, make('thead', {}, make('tr', {}, make('th', {}, 'Attribute'), make('th', {}, 'Class'), make('th', {}, 'Image'), make('th', {}, 'For, against'))),
      make('tbody', {}, ...rows(x.for), ...rows(x.against)))),
    x.seen.length ? make('p', {}, make('strong', {}, 'Most present in the image: '), x.seen.map(s => label(s.attribute)).join(', ')) : null);
}
