"""Writes goldens/perceptual.json: LPIPS and DISTS of a formula's picture under a formula's weights.

Written from the papers (arXiv:1801.03924, arXiv:2004.07728) and torchvision's layer lists, with PyTorch's own
convolution and pooling in double precision. Weights and pictures are made by `number` below, and by the same formula in
the test, so no file of weights is needed and none is stored.

    python tools/goldens/perceptual.py > goldens/perceptual.json
"""

import json
import math

import numpy as np
import torch
import torch.nn.functional as F


def number(seed, count):
    """`count` numbers in [0, 1): a mixed 32-bit hash of seed and place."""
    h = np.arange(count, dtype=np.uint64) * 0x9E3779B1 + seed * 0x85EBCA77
    h &= 0xFFFFFFFF
    for shift, factor in ((15, 0x2C1B3C6D), (12, 0x297A2D39)):
        h ^= h >> np.uint64(shift)
        h = (h * factor) & 0xFFFFFFFF
    h ^= h >> np.uint64(15)
    return h.astype(np.float64) / 2.0**32


def conv(name, inputs, outputs, kernel, stride=1, pad=0):
    return ("conv", name, inputs, outputs, kernel, stride, pad)


def fire(index, inputs, squeeze, expand):
    n = f"features.{index}."
    return ("fire", conv(n + "squeeze", inputs, squeeze, 1), conv(n + "expand1x1", squeeze, expand, 1),
            conv(n + "expand3x3", squeeze, expand, 3, 1, 1))


def vgg():
    plan, index, inputs = [], 0, 3
    for stage, (outputs, times) in enumerate(((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))):
        if stage:
            plan.append(("pool", 2, False))
            index += 1
        for _ in range(times):
            plan.append(conv(f"features.{index}", inputs, outputs, 3, 1, 1))
            inputs, index = outputs, index + 2
        plan.append(("tap",))
    return plan


POOL, CEIL, TAP = ("pool", 3, False), ("pool", 3, True), ("tap",)
PLANS = {
    "alex": [conv("features.0", 3, 64, 11, 4, 2), TAP, POOL, conv("features.3", 64, 192, 5, 1, 2), TAP, POOL,
             conv("features.6", 192, 384, 3, 1, 1), TAP, conv("features.8", 384, 256, 3, 1, 1), TAP,
             conv("features.10", 256, 256, 3, 1, 1), TAP],
    "vgg": vgg(),
    "squeeze": [conv("features.0", 3, 64, 3, 2, 0), TAP, CEIL, fire(3, 64, 16, 64), fire(4, 128, 16, 64), TAP, CEIL,
                fire(6, 128, 32, 128), fire(7, 256, 32, 128), TAP, CEIL, fire(9, 256, 48, 192), TAP,
                fire(10, 384, 48, 192), TAP, fire(11, 384, 64, 256), TAP, fire(12, 512, 64, 256), TAP],
}


def single(values, shape):
    """As single precision has them."""
    return torch.tensor(values.astype(np.float32).reshape(shape), dtype=torch.float64)


class Net:
    def __init__(self, name, l2):
        self.plan, self.l2, self.weights = PLANS[name], l2, {}
        convs = [c for layer in self.plan for c in (layer[1:] if layer[0] == "fire" else [layer]) if c[0] == "conv"]
        for i, (_, name, inputs, outputs, kernel, _, _) in enumerate(convs):
            bound = math.sqrt(6.0 / (inputs * kernel * kernel))
            w = (2 * number(2 * i, outputs * inputs * kernel * kernel) - 1) * bound
            b = (2 * number(2 * i + 1, outputs) - 1) * 0.1
            self.weights[name] = (single(w, (outputs, inputs, kernel, kernel)), single(b, (outputs,)))

    def conv(self, x, layer):
        w, b = self.weights[layer[1]]
        return F.relu(F.conv2d(x, w, b, stride=layer[5], padding=layer[6]))

    def pool(self, x, kernel, ceil):
        if not self.l2:
            return F.max_pool2d(x, kernel, 2, ceil_mode=ceil)
        a = torch.tensor(np.hanning(5)[1:-1])
        g = a[:, None] * a[None, :]
        g = (g / g.sum())[None, None].repeat(x.shape[1], 1, 1, 1)
        return torch.sqrt(F.conv2d(x**2, g, stride=2, padding=1, groups=x.shape[1]) + 1e-12)

    def taps(self, x):
        out = []
        for layer in self.plan:
            if layer[0] == "conv":
                x = self.conv(x, layer)
            elif layer[0] == "fire":
                s = self.conv(x, layer[1])
                x = torch.cat([self.conv(s, layer[2]), self.conv(s, layer[3])], 1)
            elif layer[0] == "pool":
                x = self.pool(x, layer[1], layer[2])
            else:
                out.append(x)
        return out


def pair(w, h):
    ramp = np.tile((np.arange(w) / w)[None, None, :], (3, h, 1)).ravel()
    x = 0.5 * number(3000, 3 * w * h) + 0.5 * ramp
    y = 0.8 * x + 0.2 * number(3001, 3 * w * h)
    return single(x, (1, 3, h, w)), single(y, (1, 3, h, w))


def column(values):
    return torch.tensor(values)[None, :, None, None]


def lpips(name, version, w, h):
    net, (x, y) = Net(name, False), pair(w, h)
    shift, scale = column([-0.030, -0.088, -0.188]).double(), column([0.458, 0.448, 0.450]).double()
    ready = [2 * v - 1 for v in (x, y)]
    if version == "0.1":
        ready = [(v - shift) / scale for v in ready]
    total = 0.0
    for i, (a, b) in enumerate(zip(net.taps(ready[0]), net.taps(ready[1]))):
        unit = [v / (torch.sqrt((v**2).sum(1, keepdim=True)) + 1e-10) for v in (a, b)]
        linear = single(number(1000 + i, a.shape[1]), (1, -1, 1, 1))
        total += float(((unit[0] - unit[1]) ** 2 * linear).sum(1).mean())
    return total


def dists(w, h):
    net, (x, y) = Net("vgg", True), pair(w, h)
    mean, std = column([0.485, 0.456, 0.406]).double(), column([0.229, 0.224, 0.225]).double()
    maps = [[v] + net.taps((v - mean) / std) for v in (x, y)]
    n = sum(m.shape[1] for m in maps[0])
    alpha, beta = (single(0.1 + number(2000 + k, n), (n,)) for k in (0, 1))
    total, weight, at = 0.0, float(alpha.sum() + beta.sum()), 0
    for a, b in zip(*maps):
        c = a.shape[1]
        ma, mb = a.mean((2, 3)), b.mean((2, 3))
        va, vb = a.var((2, 3), unbiased=False), b.var((2, 3), unbiased=False)
        cov = (a * b).mean((2, 3)) - ma * mb
        s1 = (2 * ma * mb + 1e-6) / (ma**2 + mb**2 + 1e-6)
        s2 = (2 * cov + 1e-6) / (va + vb + 1e-6)
        total += float((alpha[at:at + c] * s1[0] + beta[at:at + c] * s2[0]).sum())
        at += c
    return 1 - total / weight


cases = []
for net, version, w, h in (("alex", "0.1", 67, 59), ("alex", "0.0", 67, 59), ("alex", "0.1", 31, 31),
                           ("squeeze", "0.1", 67, 59), ("squeeze", "0.1", 25, 30), ("vgg", "0.1", 40, 35)):
    cases.append({"measure": "lpips", "net": net, "version": version, "width": w, "height": h,
                  "score": lpips(net, version, w, h)})
for w, h in ((40, 35), (17, 16)):
    cases.append({"measure": "dists", "net": "vgg", "version": "", "width": w, "height": h, "score": dists(w, h)})
print(json.dumps({"tool": f"PyTorch {torch.__version__}, float64", "script": "tools/goldens/perceptual.py",
                  "cases": cases}, indent=1))
