#!/usr/bin/python3
"""CLIP's published protocol in NumPy (the notebook Prompt_Engineering_for_ImageNet of OpenAI's repository): the embeddings of a class's
prompts are brought to length 1, averaged, and brought to length 1 again; images are brought to length 1; 100 times the cosines; softmax.
Writes clip.json: embeddings, the class vectors, and the probabilities. Needs python3-numpy."""
import json, os
import numpy as np

rng = np.random.default_rng(21)
images, classes, prompts, width = 6, 5, 7, 32
centres = rng.standard_normal((classes, width))
x = (centres[rng.integers(0, classes, images)] + 1.5 * rng.standard_normal((images, width))).astype(np.float32)
t = (centres[:, None] * 3 + rng.standard_normal((classes, prompts, width)) * rng.uniform(0.5, 4, (classes, prompts, 1))).astype(np.float32)


def unit(a):
    return a / np.linalg.norm(a, axis=-1, keepdims=True)


w = unit(unit(t.astype(np.float64)).mean(1))
logits = 100.0 * unit(x.astype(np.float64)) @ w.T
e = np.exp(logits - logits.max(1, keepdims=True))
p = e / e.sum(1, keepdims=True)
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), 'clip.json'), 'w') as f:
    json.dump({'images': x.tolist(), 'texts': t.tolist(), 'classes': w.tolist(), 'logits': logits.tolist(), 'probabilities': p.tolist()}, f)
