'use strict';
// Works in a report as a reader does: node work.cjs REPORT, run by TestPagesWork.
const { pathToFileURL } = require('url');
require(process.env.PAGETEST)(async ({ page, say, must, axe, shot }) => {
  const began = Date.now();
  await page.goto(pathToFileURL(process.argv[2]).href);
  await page.waitForSelector('#images:not([hidden])');
  say(`open after ${Date.now() - began} ms`);
  const title = () => page.$eval('#viewer-title', e => e.textContent);
  const tiles = () => page.$$eval('dialog .tiles .tile', e => e.length);
  const close = async () => { await page.keyboard.press('Escape'); await page.waitForFunction(() => !document.querySelector('dialog').open); };

  // A class's row, by keys alone.
  await page.focus('[data-class="3"] .open');
  await page.keyboard.press('Enter');
  must(await page.$eval('dialog', d => d.open) && await title() === 'class 3' && await tiles() === 20, 'the row of class 3 opens its 20 images: ' + await title() + ', ' + await tiles());
  await axe('grid');
  await shot('report-grid');
  // The first image, the next one by an arrow key, and back.
  await page.focus('dialog .tile');
  await page.keyboard.press('Enter');
  const first = await title();
  await page.keyboard.press('ArrowRight');
  must(await title() !== first, 'the right arrow goes on');
  await page.keyboard.press('ArrowLeft');
  must(await title() === first, 'the left arrow goes back');
  await axe('image');
  await page.evaluate(() => [...document.querySelectorAll('dialog button')].find(b => b.textContent === 'Back to the list').click());
  must(await title() === 'class 3', 'back to the list');
  await close();
  must(await page.evaluate(() => document.activeElement.closest('[data-class="3"]') !== null), 'the focus is where it was');

  // A confusion's count, and the same one by the matrix and by the menus: equal numbers.
  const pair = await page.$eval('td[data-pair]', e => ({ pair: e.dataset.pair, count: Number(e.querySelector('.open').textContent) }));
  await page.click('td[data-pair] .open');
  must(await tiles() === pair.count, `the count ${pair.count} opens as many images: ${await tiles()}`);
  const text = await title();
  await close();
  const [t, p] = pair.pair.split(',');
  const classes = '#confusion .cm svg', groups = '#groups .cm svg';
  // cell gives the place of a cell on the screen.
  const cell = async (matrix, t, p) => {
    await page.$eval(matrix, e => e.scrollIntoView({ block: 'center', behavior: 'instant' }));
    return page.$eval(matrix, (e, t, p) => {
      const r = e.getBoundingClientRect(), rows = e.dataset.rows.split(','), columns = e.dataset.columns.split(',');
      return [r.left + (columns.indexOf(p) + 0.5) / columns.length * r.width, r.top + (rows.indexOf(t) + 0.5) / rows.length * r.height];
    }, t, p);
  };
  await page.mouse.click(...await cell(classes, t, p));
  must(await title() === text && await tiles() === pair.count, 'the cell opens the same: ' + await title());
  await close();
  // The same cell by keys: from the first row down, then along the cells with images.
  await page.$eval(classes, e => e.focus());
  const counts = section => page.$eval(section + ' .counts', e => e.textContent);
  await page.keyboard.press('ArrowRight'); // from where the pointer was
  for (let n = 0; n < 30; n++) await page.keyboard.press('ArrowUp');
  for (let n = await page.$eval(classes, (e, t) => e.dataset.rows.split(',').indexOf(t), t); n > 0; n--) await page.keyboard.press('ArrowDown');
  for (let n = 0; n < 30; n++) await page.keyboard.press('ArrowLeft');
  for (let n = 0; n < 30 && !(await counts('#confusion')).startsWith(text + ':'); n++) await page.keyboard.press('ArrowRight');
  must(await counts('#confusion') === `${text}: ${pair.count} images`, 'the cell is said: ' + await counts('#confusion'));
  await page.keyboard.press('Enter');
  must(await title() === text && await tiles() === pair.count, 'Enter opens the same');
  await close();
  // Groups: what a cell holds is what the table says of the group.
  await page.mouse.click(...await cell(groups, '0', '0'));
  const first0 = await page.$eval('#groups tbody tr', e => [...e.cells].map(c => c.firstChild.textContent));
  must((await title()).endsWith('classified correctly') && await tiles() > 20, 'a cell of groups opens its images: ' + await title());
  const inGroup = await tiles(), named = (await title()).replace(' classified correctly', '');
  await close();
  const row = await page.$$eval('#groups tbody tr', (all, named) => [...all.find(r => r.cells[0].textContent === named).cells].map(c => c.firstChild.textContent), named);
  must(Math.abs(inGroup / Number(row[2]) * 100 - Number(row[4])) < 0.06, `${inGroup} of ${row[2]} are ${row[4]} %, ${first0}`);
  await page.select('#true', t);
  await page.select('#predicted', p);
  await page.focus('#predicted + button');
  await page.keyboard.press('Enter');
  must(await title() === text && await tiles() === pair.count, 'the menus open the same');
  await close();

  // Two classes with their attributes.
  await page.select('#first', t);
  await page.select('#second', p);
  await page.focus('#second + button');
  await page.keyboard.press('Enter');
  const rows = await page.$$eval('dialog tbody tr', r => r.map(e => e.children.length));
  must(rows.length === 2 && rows[0] === 5, 'two attributes with values and what was seen: ' + rows);
  await axe('two classes');
  await shot('report-two-classes');
  await close();

  // A mistake.
  await page.click('.shot .open');
  must((await page.$eval('dialog .one', e => e.textContent)).includes('predicted as'), 'a mistake opens');
  await close();

  // The map: zoom by keys, thumbnails, lasso to grid, what is in view.
  const map = 'svg[data-map="0"]';
  await page.$eval(map, e => e.focus());
  await page.keyboard.press('+');
  must((await page.$eval(map, e => e.getAttribute('viewBox'))) !== '0 0 1000 1000', '+ zooms');
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('0');
  must((await page.$eval(map, e => e.getAttribute('viewBox'))) === '0 0 1000 1000', '0 shows the whole map');
  const button = text => page.evaluate(text => [...document.querySelectorAll('.maptools button')].find(b => b.textContent === text).click(), text);
  await button('Thumbnails');
  await page.waitForFunction(() => {
    const c = document.querySelector('.mapbox canvas');
    return c.width > 0 && new Uint32Array(c.getContext('2d').getImageData(0, 0, c.width, c.height).data.buffer).some(v => v !== 0);
  });
  await page.$eval(map, e => e.scrollIntoView({ block: 'center' }));
  await shot('report-map');
  await button('Lasso');
  await page.$eval(map, e => e.scrollIntoView({ block: 'center' }));
  const box = await (await page.$(map)).boundingBox();
  const at = (x, y) => [box.x + x * box.width, box.y + y * box.height];
  await page.mouse.move(...at(0.02, 0.02));
  await page.mouse.down();
  for (const q of [[0.98, 0.02], [0.98, 0.98], [0.02, 0.98], [0.02, 0.03]]) await page.mouse.move(...at(...q), { steps: 8 });
  await page.mouse.up();
  await page.waitForFunction(() => document.querySelector('dialog[open]'));
  must(await title() === 'Selected on the map', 'the lasso opens a grid: ' + await title());
  const all = await tiles();
  must(all > 230 && all <= 240, `nearly all of 240 points are in the lasso: ${all}`);
  await close();
  await page.$eval(map, e => e.focus());
  await page.keyboard.press('Enter');
  must(await title() === 'In view on the map' && await tiles() === 240, 'Enter opens what is in view: ' + await tiles());
  await close();
  await axe('whole page');
  for (const width of [360, 768]) {
    await page.setViewport({ width, height: 800 });
    await page.evaluate(() => document.querySelector('[data-class="1"] .open').click());
    must(await page.evaluate(() => document.documentElement.scrollWidth <= document.documentElement.clientWidth), `at ${width} px nothing is wider than the page`);
    await axe(`grid at ${width} px`);
    await close();
  }
});
