'use strict';
// For scripts that work in a page as a user does:
//
//	require(process.env.PAGETEST)(async ({ page, say, must, axe, shot, downloads }) => { ... });
//
// page is one of puppeteer; say(what) prints; must(condition, what) fails; axe(state) fails on serious and critical findings; shot(name)
// keeps a picture in the folder VZSL_SHOTS, where that is set; downloads is the folder of what the page saves. Anything on the console, a
// script's error, and a request to elsewhere fail the script, but for what errors.expected matches.
const fs = require('fs');
const os = require('os');
const path = require('path');
const puppeteer = require('puppeteer-core');
const axeSource = fs.readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

module.exports = work => (async () => {
  const downloads = fs.mkdtempSync(path.join(os.tmpdir(), 'vzsl-downloads-'));
  const browser = await puppeteer.launch({
    executablePath: process.env.CHROMIUM || 'chromium', headless: true, args: ['--no-sandbox', '--disable-background-networking'], protocolTimeout: 300000,
  });
  const wrong = [], errors = { expected: null };
  try {
    const page = await browser.newPage();
    const client = await browser.target().createCDPSession();
    await client.send('Browser.setDownloadBehavior', { behavior: 'allow', downloadPath: downloads });
    const note = text => { if (!errors.expected?.test(text)) wrong.push(text); };
    page.on('console', m => note('console: ' + m.text()));
    page.on('pageerror', e => note('script: ' + (e.stack || e.message || e)));
    page.on('dialog', d => { note('dialog: ' + d.message()); d.dismiss(); });
    page.on('request', r => {
      const here = page.url();
      if (/^https?:/.test(r.url()) && /^https?:/.test(here) && new URL(r.url()).origin !== new URL(here).origin) note('request: ' + r.url());
    });
    await page.setViewport({ width: 1440, height: 900 });
    // A smooth scroll that is still under way moves what the pointer is sent to.
    await page.emulateMediaFeatures([{ name: 'prefers-reduced-motion', value: 'reduce' }]);
    await work({
      page, downloads, errors, browser,
      say: what => console.log(what),
      must: (ok, what) => { if (!ok) throw new Error(what); },
      axe: async state => {
        await page.evaluate(axeSource);
        for (const v of await page.evaluate(() => axe.run(document, { resultTypes: ['violations'] }).then(r => r.violations))) {
          if (v.impact === 'serious' || v.impact === 'critical') wrong.push(`axe, ${state}, ${v.impact}: ${v.id} at ${v.nodes.length} places, first ${v.nodes[0].html.slice(0, 200)} (${v.nodes[0].failureSummary.replace(/\s+/g, ' ')})`);
        }
      },
      shot: async (name, options) => { if (process.env.VZSL_SHOTS) await page.screenshot({ path: path.join(process.env.VZSL_SHOTS, name + '.webp'), type: 'webp', quality: 75, ...options }); },
      // saved waits for a file that the page saves.
      saved: async name => {
        for (let n = 0; n < 100; n++) {
          const file = path.join(downloads, name);
          if (fs.existsSync(file) && !fs.existsSync(file + '.crdownload')) return fs.readFileSync(file);
          await new Promise(done => setTimeout(done, 100));
        }
        throw new Error(name + ' was not saved');
      },
    });
  } finally {
    await browser.close();
    fs.rmSync(downloads, { recursive: true, force: true });
  }
  if (wrong.length) throw new Error(wrong.join('\n'));
})().catch(e => { console.error(e.stack || e); process.exit(1); });
