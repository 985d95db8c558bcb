'use strict';
// Opens the tasks and the labelling interface of a gallery in the frontend of Label Studio (npm's label-studio, in NODE_PATH), and compares
// what it shows with what was exported: node label_studio.js. Without the package it prints "absent".
const fs = require('fs');
const path = require('path');
let root;
try { root = path.dirname(require.resolve('label-studio/package.json')); } catch { console.log('absent'); process.exit(0); }

require(process.env.PAGETEST)(async ({ page, must, say, errors }) => {
  errors.expected = /./; // its own frontend is not ours to judge: network, warnings
  const { labelStudio, labelConfig, NONE } = await import(path.join(__dirname, '..', 'exports.js'));
  const names = ['zebra', '<script>alert(1)</script>', '"quoted" & \'single\'', '=1+1', 'a, b'];
  const pixel = 'data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7';
  const about = { model_version: 'a run 0123', classes: names };
  const items = names.map((c, i) => ({ image: pixel, class: c, probability: 0.1 + i / 10, top: [{ class: c, probability: 0.1 + i / 10 }], label: i === 1 ? 'zebra' : i === 2 ? '' : undefined }));
  items.push({ image: pixel, class: '', probability: 0.05, top: [{ class: 'zebra', probability: 0.05 }] });
  const tasks = JSON.parse(labelStudio(items, about)), config = labelConfig(about);
  const dir = path.join(root, 'build', 'static', 'js'), script = fs.readdirSync(dir).find(f => /^main.*\.js$/.test(f));
  await page.setContent('<!doctype html><div id="root"></div>');
  await page.addScriptTag({ path: path.join(dir, script) });
  for (const [n, task] of tasks.entries()) {
    const got = await page.evaluate(async (config, task) => {
      document.getElementById('root').replaceChildren(Object.assign(document.createElement('div'), { id: 'label-studio' }));
      const result = await new Promise((done, failed) => {
        setTimeout(() => failed(new Error('Label Studio did not load the task')), 20000);
        new window.LabelStudio('label-studio', {
          config, interfaces: ['predictions', 'annotations'], user: { pk: 1, firstName: 'a', lastName: 'b' },
          task: { id: task.id, data: task.data, annotations: [], predictions: [] },
          onLabelStudioLoad: ls => setTimeout(() => {
            // The environment of the package leaves predictions out: they are given to the store as an application gives them.
            const store = ls.annotationStore;
            ls.initializeStore({ annotations: task.annotations.map((a, k) => ({ id: `a${k}`, ...a })), predictions: task.predictions.map((p, k) => ({ id: `p${k}`, createdBy: p.model_version, ...p })) });
            const read = all => all.map(a => a.serializeAnnotation());
            done({ predictions: read([...store.predictions]), versions: [...store.predictions].map(p => p.createdBy), annotations: read([...store.annotations].filter(a => a.serializeAnnotation().length)) });
          }),
        });
      });
      return JSON.parse(JSON.stringify(result));
    }, config, task);
    const picked = list => JSON.stringify(list.map(r => r.map(x => x.value.choices)));
    const want = [[[items[n].class || NONE]]];
    must(picked(got.predictions) === JSON.stringify(want), `task ${n + 1}: Label Studio predicts ${picked(got.predictions)}, not ${JSON.stringify(want)}`);
    if (items[n].label !== undefined) must(picked(got.annotations) === JSON.stringify([[[items[n].label || NONE]]]), `task ${n + 1}: Label Studio's annotation is ${picked(got.annotations)}`);
    if (n === 0) must(String(got.versions[0]).includes(about.model_version), 'the model version is ' + got.versions);
  }
  say(`${tasks.length} tasks`);
});
