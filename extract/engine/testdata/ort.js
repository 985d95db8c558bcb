// Runs a network in ONNX Runtime on raw float32 images: the reference of the engines' tests.
//   node ort.js network.onnx images.f32 d0,d1,d2,d3 output out.f32 [batch]
// Needs onnxruntime-node in NODE_PATH: make interop installs it.
const fs = require('fs'), ort = require('onnxruntime-node');
(async () => {
  const [net, images, shape, output, out, batch] = process.argv.slice(2);
  const dims = shape.split(',').map(Number), per = dims.slice(1).reduce((a, b) => a * b, 1);
  const raw = fs.readFileSync(images);
  const data = new Float32Array(raw.buffer, raw.byteOffset, raw.length / 4);
  const s = await ort.InferenceSession.create(net, { executionProviders: ['cpu'], intraOpNumThreads: 2, logSeverityLevel: 3 });
  const step = Number(batch || 1), fd = fs.openSync(out, 'w');
  for (let i = 0; i < dims[0]; i += step) {
    const n = Math.min(step, dims[0] - i);
    const x = new ort.Tensor('float32', data.slice(i * per, (i + n) * per), [n, ...dims.slice(1)]);
    const y = (await s.run({ [s.inputNames[0]]: x }, output ? [output] : undefined));
    const v = y[output || s.outputNames[0]].data;
    fs.writeSync(fd, Buffer.from(v.buffer, v.byteOffset, v.byteLength));
  }
  fs.closeSync(fd);
})().catch(e => { console.error(e.message || e); process.exit(1); });
