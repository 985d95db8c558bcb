// Runs exported models in ONNX Runtime: the reference of the export's tests.
//   node ort.js DIR...
// Each DIR holds model.onnx, features.f32, classes.f32 and shape.json ([N, D, C, A]); scores.f32 and probabilities.f32 are
// written beside. Needs onnxruntime-node in NODE_PATH: make interop installs it.
const fs = require('fs'), path = require('path'), ort = require('onnxruntime-node');
(async () => {
  for (const dir of process.argv.slice(2)) {
    const file = name => path.join(dir, name);
    const floats = name => { const b = fs.readFileSync(file(name)); return new Float32Array(b.buffer, b.byteOffset, b.length / 4); };
    const [n, d, c, a] = JSON.parse(fs.readFileSync(file('shape.json')));
    const s = await ort.InferenceSession.create(file('model.onnx'), { executionProviders: ['cpu'], intraOpNumThreads: 1, logSeverityLevel: 3 });
    const y = await s.run({
      features: new ort.Tensor('float32', floats('features.f32').slice(), [n, d]),
      classes: new ort.Tensor('float32', floats('classes.f32').slice(), [c, a]),
    });
    for (const name of ['scores', 'probabilities']) {
      const v = y[name].data;
      if (String(y[name].dims) !== String([n, c])) throw new Error(name + ' has the shape ' + y[name].dims);
      fs.writeFileSync(file(name + '.f32'), Buffer.from(v.buffer, v.byteOffset, v.byteLength));
    }
  }
})().catch(e => { console.error(e.message || e); process.exit(1); });
