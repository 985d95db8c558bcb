// What the processors of @huggingface/transformers make of pictures, by preprocessor_config.json alone; no model is needed.
//
//   npm install --ignore-scripts @huggingface/transformers@4.3.1
//   node processors.mjs
//
// writes processors.json (crops by an even number of pixels: its center_crop fails on others): for each config and picture the values (channels, rows, columns). Pictures that are not resized must
// come out the same; others come near, since sharp resizes there and PIL in the processors of Python.
import { AutoProcessor, RawImage, env } from '@huggingface/transformers'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const here = path.dirname(fileURLToPath(import.meta.url))
env.allowRemoteModels = false
env.localModelPath = fs.mkdtempSync(path.join(os.tmpdir(), 'processors-'))
const clip = { image_mean: [0.48145466, 0.4578275, 0.40821073], image_std: [0.26862954, 0.26130258, 0.27577711] }
const imageNet = { image_mean: [0.485, 0.456, 0.406], image_std: [0.229, 0.224, 0.225] }
const half = { image_mean: [0.5, 0.5, 0.5], image_std: [0.5, 0.5, 0.5] }
const common = { do_normalize: true, do_rescale: true, do_resize: true, resample: 3, rescale_factor: 0.00392156862745098 }
const configs = {
  clip: { ...common, ...clip, image_processor_type: 'CLIPImageProcessor', do_center_crop: true, do_convert_rgb: true, crop_size: { height: 25, width: 25 }, size: { shortest_edge: 31 } },
  dinov2: { ...common, ...imageNet, image_processor_type: 'BitImageProcessor', do_center_crop: true, do_convert_rgb: true, crop_size: { height: 29, width: 29 }, size: { shortest_edge: 31 } },
  siglip: { ...common, ...half, image_processor_type: 'SiglipImageProcessor', size: { height: 31, width: 45 } },
  'siglip-squash': { ...common, ...half, image_processor_type: 'SiglipImageProcessor', size: { height: 24, width: 24 } },
}
const out = []
for (const [name, config] of Object.entries(configs)) {
  const folder = path.join(env.localModelPath, name)
  fs.mkdirSync(folder)
  fs.writeFileSync(path.join(folder, 'preprocessor_config.json'), JSON.stringify(config))
  fs.writeFileSync(path.join(folder, 'config.json'), '{}')
  const processor = await AutoProcessor.from_pretrained(name)
  for (const file of ['rgb.png', 'grey.png']) {
    const { pixel_values: v } = await processor(await RawImage.read(path.join(here, 'files', file)))
    out.push({ name, config: JSON.stringify(config), file, dims: v.dims.slice(1), values: Array.from(v.data, x => Number(x.toFixed(6))) })
  }
}
fs.writeFileSync(path.join(here, 'processors.json'), JSON.stringify(out).replaceAll('},{', '},\n{') + '\n')
