// The gallery in one HTML file: its data is in the page. Labels are kept in the browser; downloads include them.
import { Gallery } from './gallery.js';

const data = JSON.parse(document.getElementById('data').textContent);
const shown = new Map(data.classes.map((c, i) => [c, data.shown[i]]));
const labels = new Map(Object.entries(stored() ?? {}));
const items = data.items.map((i, n) => ({ ...i, key: n, label: labels.get(i.image) }));

function stored() {
  try { return JSON.parse(localStorage.getItem('vzsl ' + data.id)); } catch { return null; }
}

const gallery = new Gallery(document.getElementById('gallery'), {
  none: data.none,
  shown: c => shown.get(c) ?? c,
  attribute: a => data.attributes[a] ?? a,
  classes: () => data.classes,
  about: () => ({ model_version: data.model_version, classes: data.classes }),
  async label(some, c) {
    for (const i of some) {
      i.label = c;
      if (c === undefined) labels.delete(i.image);
      else labels.set(i.image, c);
    }
    gallery.set(items);
    try { localStorage.setItem('vzsl ' + data.id, JSON.stringify(Object.fromEntries(labels))); } catch { return 'labelled until this page is closed: download the labels'; }
    return c === undefined ? '' : 'labelled, in this browser';
  },
});
gallery.set(items);
gallery.limit(data.none, data.threshold, data.auto);
