'use strict';
// Opens pages in headless Chromium at the widths of a phone, a tablet and a desktop, light and dark, and as printed:
//
//	node check.js [--shots FOLDER] PAGE...      PAGE: a file or an http address
//
// Standard output is a JSON list of what is wrong: something wider than the page, a console message, a request to anywhere,
// a serious or critical finding of axe, a file over 5 MB. With --shots a picture of every state and a PDF are kept, and axe's
// other findings go to standard error. CHROMIUM names the browser where it is not chromium in the PATH.
const fs = require('fs');
const path = require('path');
const { pathToFileURL } = require('url');
const puppeteer = require('puppeteer-core');
const axe = fs.readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

const widths = [360, 768, 1440];
const paper = 673; // A4 less margins of 16 mm, in CSS pixels
const most = 5e6;

const args = process.argv.slice(2);
let shots = '';
if (args[0] === '--shots') [, shots] = args.splice(0, 2);

const wrong = [];

async function check(browser, address, name) {
  let state = `${name}, opening`;
  const say = what => wrong.push(`${state}: ${what}`);
  const page = await browser.newPage();
  page.on('console', m => say('console: ' + m.text()));
  page.on('pageerror', e => say('script: ' + e.message));
  page.on('requestfailed', r => say('failed: ' + r.url().slice(0, 200)));
  // A file asks for nothing; a served page for its own server's answers.
  const own = address.startsWith('file:') ? address : new URL(address).origin + '/';
  page.on('request', r => {
    if (!r.url().startsWith(own) && !/^(data|blob):/.test(r.url())) say('request: ' + r.url().slice(0, 200));
  });
  await page.goto(address, { waitUntil: 'networkidle0' });
  await page.evaluate(axe);

  for (const width of widths) {
    for (const scheme of ['light', 'dark']) {
      state = `${name}, ${width} px, ${scheme}`;
      await page.setViewport({ width, height: width < 600 ? 740 : 900 });
      await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }]);
      await page.evaluate(() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done))));
      await overflow(page, say);
      for (const v of await page.evaluate(() => axe.run(document, { resultTypes: ['violations'] }).then(r => r.violations))) {
        const what = `axe, ${v.impact}: ${v.id} at ${v.nodes.length} places, first ${v.nodes[0].html.slice(0, 200)} (${v.nodes[0].failureSummary.replace(/\s+/g, ' ')})`;
        if (v.impact === 'serious' || v.impact === 'critical') say(what);
        else if (shots) console.error(`${state}: ${what}`);
      }
      if (shots) await page.screenshot({ path: file(name, `${width}-${scheme}.png`), fullPage: true });
    }
  }

  state = `${name}, printed`;
  await page.emulateMediaFeatures([]);
  await page.emulateMediaType('print');
  await page.setViewport({ width: paper, height: 970 });
  await overflow(page, say);
  if (shots) await page.pdf({ path: file(name, 'print.pdf'), preferCSSPageSize: true, printBackground: false });
  await page.close();
}

const file = (name, end) => path.join(shots, `${name.replace(/[^\w.-]+/g, '_')}-${end}`);

// overflow finds what makes the page as a whole scroll sideways.
async function overflow(page, say) {
  const wide = await page.evaluate(() => {
    const room = document.documentElement.clientWidth, whole = document.documentElement.scrollWidth;
    if (whole <= room) return null;
    const out = [...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > room + 0.5).slice(0, 3);
    return `${whole} of ${room} px: ` + out.map(e => e.outerHTML.slice(0, 100)).join(', ');
  });
  if (wide) say('wider than the page, ' + wide);
}

(async () => {
  const browser = await puppeteer.launch({
    executablePath: process.env.CHROMIUM || 'chromium', headless: true,
    args: ['--no-sandbox', '--disable-background-networking'], protocolTimeout: 300000,
  });
  try {
    for (const arg of args) {
      if (/^https?:/.test(arg)) {
        await check(browser, arg, arg.replace(/^https?:\/\//, ''));
        continue;
      }
      const full = path.resolve(arg), name = path.join(path.basename(path.dirname(full)), path.basename(full));
      const { size } = fs.statSync(full);
      if (size > most) wrong.push(`${name}: ${size} bytes, ${most} at most`);
      await check(browser, pathToFileURL(full).href, name);
    }
  } finally {
    await browser.close();
  }
  console.log(JSON.stringify(wrong));
})().catch(e => { console.error(e); process.exit(1); });
