// The images on the page: they are sent a few at a time; the server keeps their features to rank them again.
import { ask, send } from './api.js';

const atOnce = 4, thumbnail = 320; // requests in progress; pixels of the longer side

export class Images {
  // changed is called when items have changed, progress with the numbers of images done and in total.
  constructor(changed, progress) {
    this.items = [];
    this.byID = new Map(); // the items with an id: the same image may have been added under several names
    this.queue = [];
    this.changed = changed;
    this.progress = progress;
    this.labels = new Map(); // by id
  }

  // add appends files in their order.
  async add(files, classes) {
    for (const file of files) {
      const image = file.path || file.webkitRelativePath || file.name;
      const folder = image.includes('/') ? image.split('/').at(-2) : undefined;
      const item = { key: this.items.length, file, image, truth: classes.includes(folder) ? folder : undefined };
      this.items.push(item);
      this.queue.push(item);
    }
    this.total = (this.total ?? 0) + files.length;
    this.changed();
    if (!this.running) await this.run();
  }

  async run() {
    this.running = new AbortController();
    this.done = 0;
    const work = async () => {
      for (let item; !this.running.signal.aborted && (item = this.queue.shift());) {
        await Promise.all([this.send(item), this.draw(item)]);
        this.progress(++this.done, this.total);
        this.later();
      }
    };
    await Promise.all(Array.from({ length: atOnce }, work));
    const cancelled = this.running.signal.aborted;
    if (cancelled) {
      const left = new Set(this.queue.splice(0));
      this.items = this.items.filter(i => !left.has(i) && (i.top || i.error));
      for (const [id, items] of this.byID) this.byID.set(id, items.filter(i => this.items.includes(i)));
      this.items.forEach((i, n) => { i.key = n; });
    }
    this.running = null;
    this.total = 0;
    this.progress(0, 0, cancelled);
    this.changed();
  }

  cancel() { this.running?.abort(); }

  // later calls changed at most every 150 ms.
  later() {
    this.timer ??= setTimeout(() => { this.timer = null; this.changed(); }, 150);
  }

  async send(item) {
    try {
      const reply = await ask('predict?excess=1&name=' + encodeURIComponent(item.image), { method: 'POST', body: item.file, signal: this.running?.signal });
      Object.assign(item, reply.images[0], { image: item.image, error: undefined });
      this.calibrated = reply.calibrated;
      const same = this.byID.get(item.id) ?? [];
      if (!same.includes(item)) this.byID.set(item.id, [...same, item]);
      if (this.labels.has(item.id)) item.label = this.labels.get(item.id);
    } catch (e) {
      if (e.name !== 'AbortError') item.error = e.message;
    }
  }

  // draw makes a small picture of the file, so that thousands can be scrolled.
  async draw(item) {
    try {
      const whole = await createImageBitmap(item.file);
      item.width = whole.width;
      item.height = whole.height;
      const scale = Math.min(1, thumbnail / Math.max(whole.width, whole.height));
      if (scale === 1) {
        item.src = URL.createObjectURL(item.file);
      } else {
        const canvas = new OffscreenCanvas(Math.max(1, whole.width * scale), Math.max(1, whole.height * scale));
        canvas.getContext('2d').drawImage(whole, 0, 0, canvas.width, canvas.height);
        item.src = URL.createObjectURL(await canvas.convertToBlob({ type: 'image/jpeg', quality: 0.8 }));
      }
      whole.close();
    } catch {
      item.src = ''; // the browser does not support the format
    }
  }

  // rank ranks all images again; draft is a class that is being described. Images that the server no longer keeps are sent again.
  async rank(draft) {
    const pictures = [...this.byID.keys()];
    const body = { pictures, ...(draft ? { draft } : {}) };
    let reply = await send('rank?excess=1', body);
    if (reply.missing.length) {
      for (const id of reply.missing) await this.send(this.byID.get(id)[0]);
      reply = await send('rank?excess=1', body);
    }
    for (const r of reply.images) {
      for (const item of this.byID.get(r.id)) {
        item.top = r.top;
        item.watched = r.watched;
      }
    }
    return reply;
  }

  take(labels) {
    this.labels = new Map(labels.map(l => [l.id, l.class]));
    for (const [id, items] of this.byID) for (const item of items) item.label = this.labels.get(id);
  }
}

// dropped returns the dropped files, those in folders with their paths.
export async function dropped(transfer) {
  const files = [];
  const walk = async (entry, path) => {
    if (entry.isFile) {
      const file = await new Promise((done, failed) => entry.file(done, failed));
      if (path) file.path = path + file.name;
      if (/^image\//.test(file.type) || !file.type) files.push(file);
    } else {
      const reader = entry.createReader(), all = [];
      for (let some; (some = await new Promise((done, failed) => reader.readEntries(done, failed))).length;) all.push(...some);
      for (const e of all.sort((a, b) => (a.name < b.name ? -1 : 1))) await walk(e, path + entry.name + '/');
    }
  };
  for (const entry of [...transfer.items].map(i => i.webkitGetAsEntry?.()).filter(Boolean)) await walk(entry, '');
  return files.length ? files : [...transfer.files];
}
