'use strict';
// Takes the screenshots of a report and of the list of runs for the docs: node report_page.cjs REPORT ADDRESS, run by TestPagesReport.
const { pathToFileURL } = require('url');
require(process.env.PAGETEST)(async ({ page, say, must, shot }) => {
  await page.setViewport({ width: 1200, height: 700 });
  await page.goto(pathToFileURL(process.argv[2]).href);
  await page.waitForSelector('#images:not([hidden])');
  const still = () => new Promise(done => setTimeout(done, 400));
  const close = async () => { await page.keyboard.press('Escape'); await page.waitForFunction(() => !document.querySelector('dialog').open); };
  // part keeps a picture of the page from an element on.
  const part = async (selector, name) => {
    await page.$eval(selector, e => e.scrollIntoView({ block: 'start', behavior: 'instant' }));
    await still();
    await shot(name);
  };

  // The map with thumbnails, a lasso around a class.
  const map = 'svg[data-map="0"]';
  const button = text => page.evaluate(text => [...document.querySelectorAll('.maptools button')].find(b => b.textContent === text).click(), text);
  await button('Thumbnails');
  await button('Lasso');
  await page.$eval('.maptools', e => e.scrollIntoView({ block: 'start', behavior: 'instant' }));
  await still();
  const box = await (await page.$(map)).boundingBox();
  // The points of the class that is most on its own, around their middle.
  const circle = await page.evaluate(() => {
    const D = JSON.parse(document.getElementById('browse-data').textContent), places = D.maps[0];
    const of = {};
    D.points.forEach((i, k) => { if (i >= 0) (of[D.images[i][0]] ||= []).push(places[k]); });
    return Object.values(of).map(all => {
      const median = d => all.map(p => p[d]).sort((a, b) => a - b)[all.length >> 1], x = median(0), y = median(1);
      return { x, y, r: all.map(p => Math.hypot(p[0] - x, p[1] - y)).sort((a, b) => a - b)[Math.floor(all.length * 0.9)] };
    }).sort((a, b) => a.r - b.r)[0];
  });
  const at = turn => [box.x + (circle.x + 1.4 * (circle.r + 15) * Math.cos(turn)) / 1000 * box.width, box.y + (circle.y + 1.4 * (circle.r + 15) * Math.sin(turn)) / 1000 * box.height];
  await page.mouse.move(...at(0));
  await page.mouse.down();
  for (let n = 1; n < 40; n++) await page.mouse.move(...at(n / 40 * 2 * Math.PI));
  await still();
  await shot('report-map');
  await page.mouse.up();
  await page.waitForFunction(() => document.querySelector('dialog[open]'));
  say(await page.$eval('.viewer-body .key', e => e.textContent));
  await close();

  await part('#groups', 'report-groups');

  // The cell of the matrix with the most mistakes, with its images; then its two classes.
  const pair = await page.evaluate(() => {
    const D = JSON.parse(document.getElementById('browse-data').textContent), n = {};
    D.images.forEach(m => { if (m[0] !== m[3]) n[m[0] + ',' + m[3]] = (n[m[0] + ',' + m[3]] || 0) + 1; });
    return Object.entries(n).sort((a, b) => b[1] - a[1])[0];
  });
  must(pair, 'the demo has no mistakes to show');
  const [t, p] = pair[0].split(',');
  await page.$eval('#confusion .cm svg', e => e.scrollIntoView({ block: 'center', behavior: 'instant' }));
  await still();
  const cell = await page.$eval('#confusion .cm svg', (e, t, p) => {
    const r = e.getBoundingClientRect(), rows = e.dataset.rows.split(','), columns = e.dataset.columns.split(',');
    return [r.left + (columns.indexOf(p) + 0.5) / columns.length * r.width, r.top + (rows.indexOf(t) + 0.5) / rows.length * r.height];
  }, t, p);
  await page.mouse.click(...cell);
  await page.waitForFunction(() => document.querySelector('dialog[open]'));
  say(await page.$eval('#viewer-title', e => e.textContent));
  await still();
  await shot('report-confusion');
  await close();
  await page.select('#first', t);
  await page.select('#second', p);
  await page.evaluate(() => document.querySelector('#second + button').click());
  await page.waitForFunction(() => document.querySelector('dialog[open]'));
  await still();
  await shot('report-two-classes');

  await page.setViewport({ width: 1200, height: 560 });
  await page.goto(process.argv[3], { waitUntil: 'networkidle0' });
  await still();
  await shot('page-runs');
});
