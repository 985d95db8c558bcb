// The description of a class: sliders in groups, each in front of a histogram of the seen classes' values; while they
// move, all images are ranked again and the description is judged.
import { ask, address, known, send } from './api.js';
import { make, percent } from './gallery.js';

const $ = id => document.getElementById(id);
const exact = v => (v === null ? '' : String(+v.toPrecision(4)));

export class Editor {
  // o: rank(draft) ranks the images and returns the reply; items() returns the images; shown(class) the display
  // name; undo(text, action) adds an undo step; opened() shows the editor's part of the page.
  constructor(o) {
    this.o = o;
    this.rows = [];
    $('new').onclick = () => this.begin('');
    $('discard').onclick = () => this.end();
    $('edit').onsubmit = e => { e.preventDefault(); this.save(); };
    $('like').onchange = () => this.like($('like').value);
    $('nearest').onclick = () => this.nearest();
    $('describe').onclick = () => this.describe();
    $('find').oninput = () => this.filter();
    $('sort').onchange = () => this.arrange();
    $('name').oninput = () => this.later();
  }

  async load() {
    const a = await ask('attributes');
    this.attributes = a.values ?? a.attributes.map(name => ({ attribute: name, group: '', name, low: 0, high: 1, mean: 0.5, histogram: [] }));
    this.known = a.seen ?? [];
    this.labels = Object.fromEntries(this.attributes.map(v => [v.attribute, v.group ? v.group + ': ' + v.name : v.name]));
    this.words = Boolean(a.described_by);
    $('by-phrase').hidden = !this.words;
    // Dimensions of word vectors or text embeddings have no meaning of their own: no sliders for them.
    this.sliders = !this.words && this.attributes.length > 0;
    $('by-attributes').hidden = !this.sliders;
    if (this.sliders) {
      this.values = this.attributes.map(() => null);
      this.rows = this.attributes.map((v, k) => this.row(v, k));
      this.arrange();
    }
  }

  row(v, k) {
    const range = v.high > v.low ? v.high - v.low : 1;
    const slider = make('input', { type: 'range', min: v.low, max: v.low + range, step: range / 100, value: v.mean, ariaLabel: this.labels[v.attribute] });
    const number = make('input', { type: 'number', step: 'any', ariaLabel: this.labels[v.attribute] + ', value' });
    const clear = make('button', { type: 'button', ariaLabel: this.labels[v.attribute] + ': unknown', title: 'unknown', onclick: () => this.change(k, null, true) }, '?');
    slider.oninput = () => this.change(k, +slider.value);
    number.oninput = () => this.change(k, number.value === '' ? null : +number.value);
    for (const input of [slider, number]) input.onchange = () => this.settled();
    const row = make('div', { className: 'value' }, make('span', {}, v.name), make('span', { className: 'slide' }, histogram(v.histogram), slider), number, clear);
    Object.assign(row, { slider, number, k });
    return row;
  }

  // arrange lists the rows in groups, or the most discriminative ones first.
  arrange() {
    const telling = $('sort').value === 'telling' ? this.judgement?.telling : null;
    this.summaries = new Map();
    if (telling) {
      const rest = this.rows.map((_, k) => k).filter(k => !telling.includes(k));
      for (const k of [...telling, ...rest]) this.rows[k].firstChild.textContent = this.labels[this.attributes[k].attribute];
      $('values').replaceChildren(...[...telling, ...rest].map(k => this.rows[k]));
    } else {
      const groups = new Map();
      this.attributes.forEach((v, k) => groups.set(v.group, [...(groups.get(v.group) ?? []), k]));
      const few = groups.size <= 6;
      $('values').replaceChildren(...[...groups].map(([group, of], n) => {
        for (const k of of) this.rows[k].firstChild.textContent = this.attributes[k].name;
        const rows = of.map(k => this.rows[k]);
        if (!group) return make('div', {}, ...rows);
        const summary = make('small', {});
        this.summaries.set(group, [summary, of]);
        return make('details', { open: few || n === 0 }, make('summary', {}, group + ' ', summary), ...rows);
      }));
    }
    this.filter();
    this.summarise();
  }

  filter() {
    const text = $('find').value.toLowerCase();
    for (const row of this.rows) row.hidden = !this.labels[this.attributes[row.k].attribute].toLowerCase().includes(text);
    for (const d of $('values').querySelectorAll('details')) {
      const some = [...d.querySelectorAll('.value')].some(r => !r.hidden);
      d.hidden = !some;
      if (text && some) d.open = true;
    }
  }

  // summarise lists the highest values of each group.
  summarise() {
    for (const [summary, of] of this.summaries.values()) {
      const high = of.filter(k => this.values[k] !== null && this.values[k] > (this.attributes[k].low + this.attributes[k].high) / 2).sort((a, b) => this.values[b] - this.values[a]);
      summary.textContent = high.slice(0, 3).map(k => this.attributes[k].name).join(', ');
    }
  }

  // change sets a value while a slider is moved; settled ends the move and adds an undo step.
  change(k, value, settled) {
    performance.mark('vzsl:moved');
    this.before ??= [...this.values];
    this.values[k] = value;
    this.put(k);
    this.later();
    if (settled) this.settled();
  }

  settled() {
    const before = this.before;
    this.before = null;
    if (!before || before.every((v, k) => v === this.values[k])) return;
    this.o.undo('a value', () => this.fill(before));
    this.summarise();
  }

  put(k) {
    const row = this.rows[k], v = this.values[k];
    row.classList.toggle('missing', v === null);
    if (v !== null) row.slider.value = v;
    if (document.activeElement !== row.number) row.number.value = exact(v);
    row.slider.setAttribute('aria-valuetext', v === null ? 'unknown' : exact(v));
  }

  fill(values) {
    this.values = [...values];
    if (this.sliders) {
      this.values.forEach((_, k) => this.put(k));
      this.summarise();
    }
    this.later();
  }

  // begin opens the editor for a class, or for a new one ('').
  async begin(c) {
    this.class = c;
    this.o.opened();
    $('edit').hidden = false;
    $('h-edit').textContent = c ? 'Change ' + this.o.shown(c) : 'Describe a class';
    $('name').value = c;
    $('phrase').value = '';
    $('like').value = '';
    this.etag = null;
    let values = this.attributes.map(v => v.mean);
    if (c) {
      const r = await fetch(address(c)), d = await r.json();
      this.etag = r.headers.get('ETag');
      values = this.attributes.map(v => d.attributes[v.attribute] ?? null);
    }
    this.before = null;
    this.fill(values);
    $('name').focus();
    $('edit').scrollIntoView({ block: 'nearest' });
  }

  end() {
    $('edit').hidden = true;
    $('verdict').replaceChildren();
    $('best').replaceChildren();
    this.class = undefined;
    this.judgement = null;
    this.o.rank(null);
    $('new').focus();
  }

  get editing() { return !$('edit').hidden; }

  draft() {
    return { class: $('name').value.trim() || 'new class', values: this.values };
  }

  // later ranks and judges; if something changes meanwhile, it does so once more afterwards.
  async later() {
    if (!this.editing || !this.values) return;
    if (this.busy) { this.again = true; return; }
    this.busy = true;
    const moved = performance.getEntriesByName('vzsl:moved').at(-1)?.startTime;
    try {
      const reply = await this.o.rank(this.draft());
      this.judge(reply.draft);
      this.best();
      if (moved !== undefined) {
        await new Promise(done => requestAnimationFrame(() => setTimeout(done)));
        performance.clearMarks('vzsl:moved');
        performance.measure('vzsl:reorder', { start: moved, end: performance.now() });
      }
    } catch (e) {
      $('verdict').replaceChildren(make('p', { className: 'doubt' }, e.message));
    }
    this.busy = false;
    if (this.again) { this.again = false; this.later(); }
  }

  judge(j) {
    this.judgement = j;
    if (!j) return;
    const side = s => `${s.label} (${s.own === null ? '?' : exact(s.own)} against ${s.other === null ? '?' : exact(s.other)})`;
    const out = j.doubts.map(d => make('p', { className: 'doubt' }, d));
    if (j.rival) {
      out.push(make('p', {}, make('strong', {}, 'Most similar class: ' + this.o.shown(j.rival.class) + '. '), j.rival.separating.length ? 'They differ in ' + j.rival.separating.map(side).join(' and ') + '.' : 'The descriptions do not differ.'));
      if (j.rival.would.length) {
        out.push(make('p', {}, 'Values that would separate them more, if true: ', ...j.rival.would.flatMap((s, n) => [n ? ' ' : '',
          make('button', { type: 'button', onclick: () => this.change(this.attributes.findIndex(v => v.attribute === s.attribute), s.value, true) }, `${s.label} = ${exact(s.value)}`)])));
      }
    }
    $('verdict').replaceChildren(...out);
  }

  // best shows the images that match the description best.
  best() {
    const items = this.o.items().filter(i => i.watched).sort((a, b) => b.watched.probability - a.watched.probability).slice(0, 8);
    $('best').replaceChildren(...items.map(i => make('li', {}, make('img', { src: i.src, alt: i.image }), percent(i.watched.probability))));
  }

  async like(c) {
    if (!c) return;
    const before = [...this.values];
    try {
      const d = await ask(this.known.includes(c) && !this.o.classes().includes(c) ? known(c) : address(c));
      this.o.undo('the description of ' + c, () => this.fill(before));
      this.fill(this.attributes.map(v => d.attributes[v.attribute] ?? null));
    } catch (e) {
      this.o.say(e.message, true);
    }
  }

  // nearest starts from the seen or candidate class that the images together resemble most.
  async nearest() {
    const pictures = this.o.items().filter(i => i.id && this.o.inView(i)).map(i => i.id);
    if (!pictures.length) { this.o.say('drop images of the class first', true); return; }
    const { images } = await send('rank?top=50', { pictures, seen: true });
    const sum = new Map();
    for (const i of images) for (const t of i.top) sum.set(t.class, (sum.get(t.class) ?? 0) + t.probability);
    sum.delete($('name').value.trim());
    const [c] = [...sum].sort((a, b) => b[1] - a[1])[0] ?? [];
    if (!c) return;
    $('like').value = c;
    await this.like(c);
    this.o.say('started from ' + this.o.shown(c) + ', the most similar class', false);
  }

  async describe() {
    try {
      const d = await send('describe', { class: $('name').value.trim(), phrase: $('phrase').value });
      this.fill(this.attributes.map(v => d.attributes[v.attribute] ?? null));
    } catch (e) {
      this.o.say(e.message, true);
    }
  }

  async save() {
    const c = $('name').value.trim();
    const body = this.words && $('phrase').value ? { phrase: $('phrase').value } : { attributes: Object.fromEntries(this.attributes.map((v, k) => [v.attribute, this.values[k]])) };
    const headers = c === this.class && this.etag ? { 'If-Match': this.etag } : {};
    if (await this.o.put(c, body, headers)) this.end();
  }

  // offer lists the classes to start from.
  offer(classes) {
    const was = $('like').value;
    const group = (label, list) => list.length && make('optgroup', { label }, ...list.map(c => make('option', { value: c }, this.o.shown(c))));
    $('like').replaceChildren(...[make('option', { value: '' }, 'the mean of the seen classes'), group('Candidate classes', classes), group('Seen classes', this.known.filter(c => !classes.includes(c)))].filter(Boolean));
    $('like').value = was;
  }
}

// histogram draws the distribution of the seen classes' values.
function histogram(bins) {
  const ns = 'http://www.w3.org/2000/svg', svg = document.createElementNS(ns, 'svg'), path = document.createElementNS(ns, 'path');
  const most = Math.max(1, ...bins);
  svg.setAttribute('viewBox', `0 0 ${bins.length || 1} 1`);
  svg.setAttribute('preserveAspectRatio', 'none');
  svg.setAttribute('aria-hidden', 'true');
  path.setAttribute('d', bins.map((n, k) => `M${k} 1v${-n / most}h1v${n / most}z`).join(''));
  svg.append(path);
  return svg;
}
