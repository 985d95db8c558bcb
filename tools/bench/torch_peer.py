"""PyTorch as a peer of the benchmarks.

    torch_peer.py vgg DESCRIPTION NETWORK IMAGES THREADS    features, by the weights of the ONNX file
    torch_peer.py train HIDDEN,... THREADS                  a training step of VZSL

Speaks the protocol that peer.go describes. OPENBLAS_CORETYPE must be in the environment: OpenBLAS as Debian ships it
does not know newer CPUs.
"""
import json, sys, time
import numpy as np
import torch

torch.set_num_threads(int(sys.argv[-1]))


class VGG:
    def __init__(self, description, network, images):
        d = json.load(open(description))
        data = np.memmap(network, dtype=np.uint8, mode='r')

        def values(at, *shape):
            n = 4 * int(np.prod(shape))
            return torch.from_numpy(np.frombuffer(data[at:at + n].tobytes(), dtype='<f4').reshape(shape).copy())

        layers, flat = [], False
        for s in d['steps']:
            if s['op'] == 'pool':
                layers.append(torch.nn.MaxPool2d(2))
                continue
            o, i = s['shape'][:2]
            if s['op'] == 'conv':
                l = torch.nn.Conv2d(i, o, 3, padding=1)
            else:
                if not flat:
                    layers.append(torch.nn.Flatten())
                    flat = True
                l = torch.nn.utils.skip_init(torch.nn.Linear, i, o)
            with torch.no_grad():
                l.weight.data, l.bias.data = values(s['weight'], *s['shape']), values(s['bias'], o)
            layers += [l, torch.nn.ReLU(inplace=True)]
        self.net = torch.nn.Sequential(*layers).eval()
        self.x = torch.from_numpy(np.fromfile(images, dtype='<f4').reshape(-1, 3, d['size'], d['size']))

    def run(self, n):
        with torch.inference_mode():
            return self.net(self.x[:n])


class VZSL:
    """The model and the training step of train/methods/vzsl at the paper's settings."""
    latent, keep, bound, clip, samples, classes, attributes, dim = 100, .8, 5., 10., 6400, 150, 312, 4096

    def __init__(self, hidden):
        torch.manual_seed(1)
        self.hidden, L = hidden, torch.nn.Linear
        unit = lambda *s: torch.nn.functional.normalize(torch.relu(torch.randn(*s)))
        self.x, self.a = 10 * unit(self.samples, self.dim), unit(self.classes, self.attributes)
        self.y = torch.arange(self.samples) % self.classes
        ends = [self.dim] + hidden
        self.encoder = torch.nn.ModuleList(L(i, o) for i, o in zip(ends, ends[1:]))
        self.mu, self.lv = L(ends[-1], self.latent), L(ends[-1], self.latent)
        self.pmu, self.plv = L(self.attributes, self.latent, bias=False), L(self.attributes, self.latent, bias=False)
        back = [self.latent] + hidden[::-1]
        self.decoder = torch.nn.ModuleList(L(i, o) for i, o in zip(back, back[1:]))
        self.mean = L(back[-1], self.dim)
        self.parameters = [p for m in (self.encoder, self.mu, self.lv, self.pmu, self.plv, self.decoder, self.mean) for p in m.parameters()]
        self.adam = torch.optim.Adam(self.parameters, 3e-4)

    def run(self, n):
        F, rows = torch.nn.functional, torch.randint(self.samples, (n,))
        x, y = self.x[rows], self.y[rows]
        limit = lambda t: self.bound * torch.tanh(t / self.bound)
        drop = lambda h: F.dropout(torch.relu(h), 1 - self.keep)
        h = x
        for l in self.encoder:
            h = drop(l(h))
        mu, lv, pm, pl = self.mu(h), limit(self.lv(h)), self.pmu(self.a), limit(self.plv(self.a))
        # All divergences by matrix products: sum (pl - lv - 1 + (exp(lv) + (mu - pm)^2) / exp(pl)) / 2
        w = torch.exp(-pl)
        kl = .5 * ((pl + pm * pm * w).sum(1) - (lv + 1).sum(1, keepdim=True) + (torch.exp(lv) + mu * mu) @ w.T - 2 * mu @ (pm * w).T)
        loss = (kl[torch.arange(n), y] + torch.logsumexp(-kl, 1)).mean()
        h = mu + torch.exp(lv / 2) * torch.randn_like(mu)
        for l in self.decoder:
            h = drop(l(h))
        loss = loss + .5 * ((self.mean(h) - x) ** 2).sum(1).mean()
        self.adam.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.parameters, self.clip)
        self.adam.step()
        if not np.isfinite(loss.item()):
            raise ValueError('the training diverged')


try:
    side = VGG(*sys.argv[2:5]) if sys.argv[1] == 'vgg' else VZSL([int(h) for h in sys.argv[2].split(',')])
    print('ready PyTorch ' + torch.__version__.split('a')[0], flush=True)
    for line in sys.stdin:
        what, count, last = line.split()
        if what == 'features':
            side.run(int(count)).numpy().astype('<f4').tofile(last)
            print('done', flush=True)
            continue
        out = []
        for _ in range(int(last)):
            start = time.perf_counter()
            side.run(int(count))
            out.append(time.perf_counter() - start)
        print(*out, flush=True)
except Exception as e:
    print('error', str(e).replace('\n', ' '), flush=True)
    sys.exit(1)
