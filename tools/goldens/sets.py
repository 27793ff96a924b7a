"""Makes goldens/sets.json: measures of sets of features made by formula.

    pip install numpy==2.4.6 scipy==1.17.1 prdc==0.2
    python tools/goldens/sets.py > goldens/sets.json

Frechet and kernel distance, Inception score and the data-copying statistic are the papers' formulas in NumPy
and SciPy; precision, recall, density and coverage are prdc's. The features are integers over 1000 from integer
arithmetic alone, so any language makes the same ones.
"""
import contextlib
import json
import platform
import sys
from importlib.metadata import version

import numpy as np
from prdc import compute_prdc
from scipy.linalg import sqrtm
from scipy.spatial.distance import cdist
from scipy.stats import mannwhitneyu


def features(rows, dims, seed, shift):
    """Sums of four hashes, nearly normal; neighboring columns are correlated; columns grow smaller."""
    i, c = np.mgrid[0:rows, 0:dims].astype(np.int64)
    total = np.zeros((rows, dims), np.int64)
    for k in range(4):
        for near in range(2):
            h = (i * 7919 + (c + near) * 104729 + k * 1299709 + seed * 15485863 + 12345) % 2147483647
            for _ in range(3):
                h = (h * 48271 + 11) % 2147483647
                h ^= h >> 13
            total += h % 2001 - 1000
    return ((total * 8 // (8 + c) + shift) / 1000).astype(np.float32).astype(np.float64)


def frechet(a, b):
    """Heusel et al. 2017, eq. (6); the root's trace is the sum of the singular values of the product of the rows."""
    x, y = ((v - v.mean(0)) / np.sqrt(len(v) - 1) for v in (a, b))
    gap = a.mean(0) - b.mean(0)
    root = np.linalg.svd(x @ y.T, compute_uv=False).sum()
    return float(gap @ gap + (x * x).sum() + (y * y).sum() - 2 * root)


def frechet_sqrtm(a, b):
    """The same as most programs compute it."""
    ca, cb = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    gap = a.mean(0) - b.mean(0)
    return float(gap @ gap + np.trace(ca) + np.trace(cb) - 2 * np.trace(sqrtm(ca @ cb)).real)


def kernel(a, b):
    """Binkowski et al. 2018, section 4: over all pairs."""
    k = lambda x, y: (x @ y.T / x.shape[1] + 1) ** 3
    n, m = len(a), len(b)
    off = lambda x: x.sum() - np.trace(x)
    return float(off(k(a, a)) / (n * (n - 1)) + off(k(b, b)) / (m * (m - 1)) - 2 * k(a, b).mean())


def copying(train, held_out, generated):
    """Meehan et al. 2020, section 3.1: over the world as one cell."""
    p, q = cdist(held_out, train).min(1), cdist(generated, train).min(1)
    m, n = len(q), len(p)
    u = mannwhitneyu(q, p).statistic
    return float((u - m * n / 2) / np.sqrt(m * n * (m + n + 1) / 12))


def inception(features):
    """Salimans et al. 2016, of softmax(features), in one part."""
    p = np.exp(features - features.max(1, keepdims=True))
    p = (p / p.sum(1, keepdims=True)).astype(np.float32).astype(np.float64)
    return float(np.exp((p * np.log(p / p.mean(0))).sum(1).mean()))


def main():
    sets = []
    for rows, other, dims, shift in [(400, 300, 6, 100), (700, 700, 40, 30), (350, 900, 24, 0), (90, 80, 64, 200), (30, 25, 50, 100)]:
        a, b = features(rows, dims, 1, 0), features(other, dims, 2, shift)
        held = features(200, dims, 3, 0)
        with contextlib.redirect_stdout(sys.stderr):
            loose, dense = compute_prdc(a, b, 3), compute_prdc(a, b, 5)
        sets.append({
            "rows": rows, "other_rows": other, "dims": dims, "shift": shift,
            "frechet": frechet(a, b), "frechet_sqrtm": frechet_sqrtm(a, b), "kernel": kernel(a, b),
            "precision": float(loose["precision"]), "recall": float(loose["recall"]),
            "density": float(dense["density"]), "coverage": float(dense["coverage"]),
            "data_copying": copying(a, held, b),
            "inception_score": inception(b[:, : min(dims, 10)]),
            "closest_pair": float(np.sort(cdist(b, b)[np.triu_indices(other, 1)])[0]),
        })
    print(json.dumps({
        "made by": "tools/goldens/sets.py",
        "versions": {"python": platform.python_version(), "numpy": version("numpy"), "scipy": version("scipy"), "prdc": version("prdc")},
        "input": "made by formula, no licence needed",
        "tolerance": "1e-9 relative: float64 on both sides; frechet_sqrtm is shown beside it: SciPy's root loses half of "
                     "the digits where rows are fewer than columns; 1e-6 for the Inception score, whose probabilities are "
                     "float32",
        "sets": sets,
    }, indent=1))


main()
