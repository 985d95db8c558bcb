'use strict';
// Works in the page of vzsl serve: node serve_page.js PART ADDRESS FILE, where PART is a part below and FILE has what it is given, in JSON.
const fs = require('fs');
const path = require('path');
const [part, address, given] = process.argv.slice(2);
const g = JSON.parse(fs.readFileSync(given));

require(process.env.PAGETEST)(async work => {
  const { page, say, must } = work;
  await page.goto(address, { waitUntil: 'networkidle0' });
  const quiet = () => page.waitForFunction(() => window.vzsl && !vzsl.images.running && !vzsl.editor.busy, { timeout: 120000 });
  const settle = async () => { await new Promise(done => setTimeout(done, 250)); await quiet(); };
  const upload = async files => {
    await (await page.$('#file')).uploadFile(...files);
    await page.waitForFunction(n => vzsl.images.items.length === n && !vzsl.images.running && vzsl.images.items.every(i => i.top || i.error), { timeout: 300000 }, files.length);
    await settle();
  };
  const order = () => page.evaluate(() => vzsl.gallery.view.map(i => ({ image: i.image, class: i.class, label: i.label, p: i.watched?.probability })));
  const of = c => i => i.image.startsWith(c + '--');
  const said = () => page.$eval('#said', e => e.textContent);
  const press = async (key, n = 1) => { for (let i = 0; i < n; i++) await page.keyboard.press(key); };
  // tab goes on by the keyboard alone until the focus is on what matches.
  const tab = async (selector, shift) => {
    for (let i = 0; i < 400; i++) {
      if (await page.evaluate(s => document.activeElement.matches(s), selector)) return;
      if (shift) { await page.keyboard.down('Shift'); await press('Tab'); await page.keyboard.up('Shift'); } else await press('Tab');
    }
    throw new Error('the keyboard does not lead to ' + selector);
  };
  const download = async name => {
    await page.$eval('.g-downloads', d => { d.open = true; });
    await page.evaluate(n => [...document.querySelectorAll('.g-downloads button')].find(b => b.textContent === n).click(), name);
  };

  const parts = {
    // A class that the model has never seen is described by sliders, with the keyboard alone.
    async describe() {
      await upload(g.files);
      must((await page.$eval('.g-count', e => e.textContent)).startsWith(g.files.length + ' images'), 'the images are not counted');
      const n = g.files.filter(f => path.basename(f).startsWith(g.class + '--')).length;
      await page.evaluate(() => document.body.focus());
      await tab('#new');
      await press('Enter');
      await settle();
      await page.keyboard.type(g.class);
      await page.select('#like', g.like); // another class, to start from
      await settle();
      const before = (await order()).slice(0, n).filter(of(g.class)).length;
      for (const [a, v] of Object.entries(g.attributes)) {
        await tab(`input[type=range][aria-label="${a}"]`);
        await press(v ? 'End' : 'Home');
      }
      await settle();
      const after = (await order()).slice(0, n).filter(of(g.class)).length;
      say(`images of the class among the first ${n}: ${before} as described at first, ${after} with its own attributes`);
      must(after > before && after >= 0.7 * n, `described by sliders, ${after} of the first ${n} images are of the class, ${before} before`);
      const verdict = await page.$eval('#verdict', e => e.textContent);
      must(/Most similar class: /.test(verdict) && /They differ in/.test(verdict) && !/add up/.test(verdict), 'the verdict is: ' + verdict);
      say(verdict);
      const times = await page.evaluate(() => performance.getEntriesByName('vzsl:reorder').map(e => e.duration).sort((a, b) => a - b));
      say(`slider to new order, ${g.files.length} images: median ${times[times.length >> 1].toFixed(0)} ms, most ${times.at(-1).toFixed(0)} ms, of ${times.length}`);
      await page.evaluate(() => { document.activeElement.blur(); document.getElementById('edit').scrollIntoView(); scrollTo(0, 0); });
      await new Promise(done => setTimeout(done, 300));
      await work.axe('a class being described');
      await work.shot('page-describe');
      // A slider is undone, and done again.
      const place = (await order()).map(i => i.image).join();
      const last = Object.keys(g.attributes).at(-1);
      await press('ArrowLeft', 40);
      await press('ArrowRight', 40);
      await page.$eval(`input[type=range][aria-label="${last}"]`, e => { e.value = e.value > 0.5 ? 0 : 1; e.dispatchEvent(new Event('input')); e.dispatchEvent(new Event('change')); });
      await settle();
      const moved = (await order()).map(i => i.p).join();
      await page.keyboard.down('Control'); await press('z'); await page.keyboard.up('Control');
      await settle();
      must((await order()).map(i => i.p).join() !== moved, 'undo of a slider changed nothing');
      say('order restored: ' + (place === (await order()).map(i => i.image).join()));
      // A description that another class has is pointed out, and an impossible one.
      await page.select('#like', g.like);
      await settle();
      must(/cannot be distinguished/.test(await page.$eval('#verdict', e => e.textContent)), 'a duplicate is not pointed out');
      await page.keyboard.down('Control'); await press('z'); await page.keyboard.up('Control');
      await settle();
      await page.select('#sort', 'telling');
      must((await page.$$eval('#values > .value', rows => rows.length)) === Object.keys(g.attributes).length, 'rows are missing in the order of telling');
      await page.select('#sort', 'groups');
      await page.type('#find', 'red');
      must((await page.$$eval('#values .value', rows => rows.filter(r => r.offsetHeight > 0).map(r => r.firstChild.textContent))).join() === 'red', 'the search for an attribute');
      await page.$eval('#find', e => { e.value = ''; e.dispatchEvent(new Event('input')); });
      await tab('#save');
      await press('Enter');
      await page.waitForFunction(() => document.getElementById('edit').hidden, { timeout: 20000 });
      await settle();
      must(/is saved/.test(await said()), 'saving said: ' + await said());
      const right = (await order()).filter(of(g.class)).filter(i => i.class === g.class).length;
      say(`${right} of ${n} images are predicted to be of the new class`);
      must(right >= 0.6 * n, `only ${right} of ${n} images are predicted to be of the class that was described`);
      const count = () => page.$eval('#count', e => e.textContent);
      const many = await count();
      await page.evaluate(c => [...document.querySelectorAll('#list button')].find(b => b.getAttribute('aria-label') === 'remove ' + c).click(), g.class);
      await page.waitForFunction(() => /is removed/.test(document.getElementById('said').textContent));
      must(await count() !== many, 'the class is still counted');
      await page.click('#undo');
      await page.waitForFunction(() => /undone/.test(document.getElementById('said').textContent));
      must(await count() === many, 'the class is not back');
    },
    // What was saved is there when the server has started again.
    async restarted() {
      must((await page.$$eval('#list button[title]', all => all.map(b => b.title))).some(t => t.endsWith(g.class)), 'the class is gone');
      await upload(g.files);
      const labelled = (await order()).filter(i => i.label !== undefined).length;
      say(`${labelled} labels of before; ${await page.$eval('#learned', e => e.textContent)}`);
      must(labelled === g.labels, `${labelled} labels, not ${g.labels}`);
      if (g.labels) must(/images of 1 classes/.test(await page.$eval('#learned', e => e.textContent)), 'the labels of before are not learned again');
    },
    // Of a class that is described badly five images are corrected: the others are predicted better.
    async correct() {
      await upload(g.files);
      const rest = async () => { const all = (await order()).filter(of(g.class)).filter(i => i.label === undefined); return [all.filter(i => i.class === g.class).length, all.length]; };
      const five = (await order()).filter(of(g.class)).filter(i => i.class !== g.class).slice(0, 5).map(i => i.image);
      must(five.length === 5, 'the description is not bad enough: there are no five mistakes');
      const all = (await order()).filter(of(g.class)).filter(i => !five.includes(i.image));
      const before = all.filter(i => i.class === g.class).length / all.length;
      for (const image of five) {
        const k = await page.evaluate(n => vzsl.gallery.view.findIndex(i => i.image === n), image);
        await page.evaluate(k => vzsl.gallery.focus(k), k);
        await press('Enter'); // opens the image
        await page.waitForSelector('.g-dialog[open] #g-correct');
        await tab('#g-correct');
        await page.select('#g-correct', g.class);
        await tab('.g-correct button');
        await press('Enter');
        await page.waitForFunction(() => /learned it/.test(document.querySelector('.g-correct [role=status]')?.textContent), { timeout: 20000 });
        if (image === five[0]) {
          await page.waitForSelector('.neighbours img', { timeout: 20000 });
          await page.waitForSelector('.what-if .two', { timeout: 20000 });
          const now = () => page.$eval('.what-if [role=status]', e => e.textContent);
          const was = await now();
          await page.$eval('.what-if input', e => { e.value = e.max; e.dispatchEvent(new Event('input')); });
          await page.waitForFunction(w => document.querySelector('.what-if [role=status]').textContent !== w, { timeout: 20000 }, was);
          await new Promise(done => setTimeout(done, 300));
          await work.axe('an image');
          await work.shot('page-image');
        }
        await press('Escape');
        await settle();
      }
      const [right, left] = await rest();
      say(`accuracy of the images of the class that were not corrected: ${before.toFixed(3)} before, ${(right / left).toFixed(3)} after five corrections`);
      must(right / left > before, 'the five corrections did not help');
      // Filters.
      const filter = async c => { await page.select('#g-class', c); return (await order()).length; };
      must(await filter('*labelled') === 5, 'five images are labelled');
      must(await filter(g.class) === (await page.evaluate(c => vzsl.images.items.filter(i => i.class === c).length, g.class)), 'the filter of a class');
      await filter('*');
      // None of these: below a probability that some images have, and below the threshold selected in training, on the excess of the best score.
      const limit = await page.evaluate(() => { const p = vzsl.images.items.map(i => i.top[0].probability).sort((a, b) => a - b); return 100 * p[p.length >> 2]; });
      await page.$eval('#g-none', (e, v) => { e.value = v; e.dispatchEvent(new Event('input')); }, limit);
      const none = await filter('');
      must(none > 0 && none === (await page.evaluate(p => vzsl.images.items.filter(i => i.top[0].probability < p).length, limit / 100)), `none of these below ${limit} %: ${none}`);
      await page.$eval('#g-none', e => { e.value = 0; e.dispatchEvent(new Event('input')); });
      must(await filter('') === 0, 'none of these without a limit');
      const auto = on => page.evaluate(on => { if (vzsl.gallery.auto.checked !== on) vzsl.gallery.auto.click(); }, on);
      await auto(true);
      const rejected = await filter(''), threshold = await page.evaluate(() => vzsl.gallery.threshold);
      must(Number.isFinite(threshold) && rejected === (await page.evaluate(() => vzsl.images.items.filter(i => i.excess < vzsl.gallery.threshold).length)), `none of these below the threshold ${threshold}: ${rejected}`);
      must(await page.evaluate(() => vzsl.images.items.every(i => Number.isFinite(i.excess))), 'an image has no excess');
      say(`none of these: ${none} images below ${limit.toFixed(4)} %, ${rejected} below the threshold ${threshold.toFixed(3)} selected in training`);
      await auto(false);
      await filter('*');
      await page.type('#g-search', g.class);
      must((await order()).every(of(g.class)), 'the search for a file name');
      await page.$eval('#g-search', e => { e.value = ''; e.dispatchEvent(new Event('input')); });
      await work.shot('page-gallery');
      for (const [name, file] of [['CSV', 'predictions.csv'], ['JSON', 'predictions.json'], ['Parquet', 'predictions.parquet'], ['Labels as CSV', 'labels.csv'], ['Label Studio: tasks', 'label-studio.json'], ['Label Studio: interface', 'label-studio.xml'], ['COCO', 'coco.json']]) {
        await download(name);
        fs.writeFileSync(path.join(g.to, file), await work.saved(file));
      }
      await page.$eval('.g-downloads', d => { d.open = false; });
      // A label is taken back by undo: four are left.
      await page.click('#undo');
      await page.waitForFunction(() => /undone/.test(document.getElementById('said').textContent));
      await settle();
      must(await filter('*labelled') === 4, 'a label is not undone');
    },
    // Two thousand images scroll; the list is drawn as fast as the screen.
    async many() {
      await upload(g.files);
      const scroll = mode => page.evaluate(async mode => {
        vzsl.gallery.show(mode);
        scrollTo(0, 0);
        const times = [];
        await new Promise(done => {
          const begin = performance.now();
          let last = begin;
          const step = now => {
            times.push(now - last);
            last = now;
            scrollBy(0, 60);
            if (now - begin < 4000) requestAnimationFrame(step); else done();
          };
          requestAnimationFrame(step);
        });
        times.splice(0, 2);
        times.sort((a, b) => a - b);
        return { frames: times.length / (times.reduce((a, b) => a + b, 0) / 1000), median: times[times.length >> 1], p95: times[Math.floor(times.length * 0.95)], top: scrollY, cards: document.querySelectorAll('.g-card').length };
      }, mode);
      for (const mode of ['grid', 'list']) {
        const r = await scroll(mode);
        say(`${g.files.length} images, ${mode}: ${r.frames.toFixed(0)} frames a second, median ${r.median.toFixed(1)} ms, 95 % within ${r.p95.toFixed(1)} ms; scrolled to ${r.top}, ${r.cards} cards in the page`);
        must(r.cards < 400, 'all cards are in the page at once');
        must(r.top > 3000, 'it did not scroll');
      }
    },
    // Sliders with many images and classes.
    async slide() {
      await upload(g.files);
      await page.click('#new');
      await settle();
      const sliders = await page.$$('#values input[type=range]');
      for (let n = 0; n < 20; n++) {
        await sliders[n % sliders.length].focus();
        await press(n % 2 ? 'Home' : 'End');
        await settle();
      }
      const times = await page.evaluate(() => performance.getEntriesByName('vzsl:reorder').map(e => e.duration).sort((a, b) => a - b));
      say(`slider to new order, ${g.files.length} images, ${await page.$eval('#count', e => e.textContent)} classes: median ${times[times.length >> 1].toFixed(0)} ms, least ${times[0].toFixed(0)} ms, most ${times.at(-1).toFixed(0)} ms, of ${times.length}`);
    },
    // Names that would be elements, scripts or formulas are text everywhere.
    async names() {
      await upload(g.files);
      const titles = await page.$$eval('#list button[title]', all => all.map(b => b.title));
      for (const name of g.names) must(titles.includes('change the description of ' + name), `${name} is not in the page as text`);
      must((await page.$eval('#list', e => e.textContent)).includes('<script>window.hacked=1</script>'), 'an element is not shown as text');
      await page.click('.g-open');
      await page.waitForSelector('.g-why, .g-dialog p');
      await settle();
      await press('Escape');
      await page.evaluate(c => [...document.querySelectorAll('#list button[title]')].find(b => b.title.endsWith(c)).click(), g.names[0]);
      await settle();
      must(await page.$eval('#name', e => e.value) === g.names[0], 'the name in the editor');
      must(await page.evaluate(() => window.hacked) === undefined && (await page.$$('main script, main b, main img[src="x"]')).length === 0, 'a name became an element');
      await download('CSV');
      fs.writeFileSync(path.join(g.to, 'predictions.csv'), await work.saved('predictions.csv'));
      await work.axe('odd names');
    },
  };
  await parts[part]();
});
