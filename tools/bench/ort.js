// ONNX Runtime as a peer of the benchmarks: node ort.js NETWORK SHAPE IMAGES THREADS [sleep], SHAPE being channels x height x width;
// with sleep, threads that wait do not spin
// Speaks the protocol that peer.go describes.
const fs = require('fs'), ort = require('onnxruntime-node');
(async () => {
  const [net, size, images, threads, wait] = process.argv.slice(2), shape = size.split('x').map(Number), per = shape[0] * shape[1] * shape[2];
  const s = await ort.InferenceSession.create(net, {
    executionProviders: ['cpu'], intraOpNumThreads: Number(threads), interOpNumThreads: 1, logSeverityLevel: 3,
    ...(wait === 'sleep' && { extra: { session: { intra_op: { allow_spinning: '0' } } } }),
  });
  const raw = fs.readFileSync(images), all = new Float32Array(raw.buffer, raw.byteOffset, raw.length / 4);
  const run = async n => (await s.run({ [s.inputNames[0]]: new ort.Tensor('float32', all.subarray(0, n * per), [n, ...shape]) }))[s.outputNames[0]].data;
  const version = require('onnxruntime-node/package.json').version;
  console.log('ready ONNX Runtime ' + version);
  for await (const line of require('readline').createInterface({ input: process.stdin })) {
    const [what, count, last] = line.split(' ');
    if (what === 'features') {
      const v = await run(Number(count));
      fs.writeFileSync(last, Buffer.from(v.buffer, v.byteOffset, v.byteLength));
      console.log('done');
      continue;
    }
    const times = [];
    for (let i = 0; i < Number(last); i++) {
      const start = process.hrtime.bigint();
      await run(Number(count));
      times.push(Number(process.hrtime.bigint() - start) / 1e9);
    }
    console.log(times.join(' '));
  }
})().catch(e => { console.log('error ' + (e.message || e)); process.exit(1); });
