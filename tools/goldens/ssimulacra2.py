"""Prints SSIMULACRA 2 of the shared pairs, from its published formulas in double precision.

    python tools/goldens/ssimulacra2.py SHARED
"""

import re
import sys
from pathlib import Path

import numpy as np
from PIL import Image

HERE = Path(__file__).resolve()
TEXT = (HERE.parents[2] / "crates/metrics/src/full_reference/ssimulacra2.rs").read_text()
WEIGHTS = np.array([float(v) for row in re.search(r"WEIGHTS.*?= \[(.*?)\n\];", TEXT, re.S)[1].split("\n")
                    if not row.strip().startswith("//") for v in re.findall(r"[\d.e-]+", row)])
assert len(WEIGHTS) == 108


def taps(sigma=1.5):
    n = round(3.2795 * sigma + 0.2546)
    w = np.array([1, 3, 5]) * np.pi / (2 * n)
    p = np.array([1, -1, 1]) / np.tan(w / 2)
    r = np.array([1, -1, 1]) * p * p / np.sin(w)
    rho = np.exp(-sigma * sigma * w * w / 2) / n
    cross = lambda i, j: p[i] * r[j] - r[i] * p[j]
    z = [cross(1, 2) / cross(0, 1), cross(2, 0) / cross(0, 1)]
    b = np.linalg.solve([p, r, [*z, 1]], [1, n * n - sigma * sigma, z[0] * rho[0] + z[1] * rho[1] + rho[2]])
    return (b[:, None] * np.cos(w[:, None] * np.arange(-4, 5))).sum(0)


TAPS = taps()


def blur(a):
    for _ in range(2):
        a = np.pad(a.T, ((0, 0), (4, 4)))
        a = sum(t * a[:, k:k + a.shape[1] - 8] for k, t in enumerate(TAPS))
    return a


def half(a):
    a = np.pad(a, ((0, a.shape[0] % 2), (0, a.shape[1] % 2), (0, 0)), mode="edge")
    return (a[::2, ::2] + a[1::2, ::2] + a[::2, 1::2] + a[1::2, 1::2]) / 4


def xyb(a):
    m = np.array([[0.3, 0.622, 0.078], [0.23, 0.692, 0.078], [0.24342269, 0.20476745, 1 - 0.24342269 - 0.20476745]])
    bias = 0.0037930734
    lms = np.cbrt(np.maximum(a @ m.T + bias, 0)) - np.cbrt(bias)
    x, y, b = (lms[..., 0] - lms[..., 1]) / 2, (lms[..., 0] + lms[..., 1]) / 2, lms[..., 2]
    return 14 * x + 0.42, y + 0.01, b - y + 0.55


def score(a, b):
    a, b = (np.where(v <= 0.04045, v / 12.92, ((v + 0.055) / 1.055) ** 2.4) for v in (a, b))
    norms = []
    for scale in range(6):
        if min(a.shape[:2]) < 8:
            break
        if scale:
            a, b = half(a), half(b)
        channels = []
        for x, y in zip(xyb(a), xyb(b)):
            mx, my = blur(x), blur(y)
            s = (2 * (blur(x * y) - mx * my) + 9e-4) / (blur(x * x) - mx * mx + blur(y * y) - my * my + 9e-4)
            d = 1 - (1 - (mx - my) ** 2) * s
            e = (1 + abs(y - my)) / (1 + abs(x - mx)) - 1
            maps = [np.maximum(v, 0) for v in (d, e, -e)]
            channels.append([v.mean() for v in maps] + [(v**4).mean() ** 0.25 for v in maps])
        norms.append(channels)
    e = 0.9562382616834844 * (np.array(norms).transpose(1, 0, 2).ravel() * WEIGHTS[:18 * len(norms)]).sum()
    e = 6.248496625763138e-5 * e**3 - 0.020884521182843837 * e * e + 2.326765642916932 * e
    return 100 - 10 * e**0.6276336467831387 if e > 0 else 100


folder = Path(sys.argv[1]) / "data/metric_pairs"
for path in sorted(folder.glob("*_ref.png")):
    pair = [np.asarray(Image.open(p).convert("RGB")) / 255 for p in (path, Path(str(path).replace("_ref", "_dist")))]
    print(f'    ("{path.name[:-8]}", {score(*pair):.6f}),')
