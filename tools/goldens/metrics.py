"""Makes goldens/metrics_synthetic.json: full-reference scores of pairs made by formula.

    pip install numpy scipy scikit-image==0.26.0 opencv-contrib-python-headless==5.0.0.93 pillow
    python tools/goldens/metrics.py > goldens/metrics_synthetic.json

The images hold 8-bit integers from integer arithmetic alone, so any language makes the same ones.
"""
import json
import platform
from importlib.metadata import version

import cv2
import numpy as np
from PIL import Image
from scipy.ndimage import correlate1d
from skimage.metrics import mean_squared_error, peak_signal_noise_ratio, structural_similarity


def pair(width, height, amplitude):
    """Shading, bars and discs; distorted by hashed noise of +-amplitude and a shift of the red."""
    y, x = np.mgrid[0:height, 0:width].astype(np.int64)
    ref = np.zeros((height, width, 3), np.int64)
    for c in range(3):
        shade = (x * (2 + c) + y * (3 - c)) // 4 % 180
        bars = np.where((x // 11 + y // 17) % 3 == c, 40, 0)
        disc = np.where((x - 60 - 8 * c) ** 2 + (y - 70) ** 2 < 45 ** 2, 35, 0)
        ref[..., c] = shade + bars + disc
    out = np.zeros_like(ref)
    for c in range(3):
        h = (x * 7349 + y * 9151 + c * 3571 + 17) % 65521
        h = h * h % 65521
        out[..., c] = np.clip(ref[..., c] + h % (2 * amplitude + 1) - amplitude + (6 if c == 0 else 0), 0, 255)
    return ref.astype(np.uint8), out.astype(np.uint8)


def ms_ssim(x, y):
    """piq's definition for even and odd sizes, in float64: no scikit-image counterpart exists."""
    k = np.exp(-np.arange(-5, 6) ** 2 / 4.5)
    k /= k.sum()
    f = lambda a: correlate1d(correlate1d(a, k, axis=0), k, axis=1)[5:-5, 5:-5]
    c1, c2, score = (0.01 * 255) ** 2, (0.03 * 255) ** 2, 1.0
    weights = [0.0448, 0.2856, 0.3001, 0.2363, 0.1333]
    for i, w in enumerate(weights):
        if i:
            p = max(x.shape[0] % 2, x.shape[1] % 2)
            x, y = (np.pad(a, ((p, 0), (p, 0)), mode="edge") for a in (x, y))
            h, v = x.shape[0] // 2, x.shape[1] // 2
            x, y = (a[: 2 * h, : 2 * v].reshape(h, 2, v, 2).mean((1, 3)) for a in (x, y))
        mx, my = f(x), f(y)
        sx, sy, sxy = f(x * x) - mx * mx, f(y * y) - my * my, f(x * y) - mx * my
        cs = (2 * sxy + c2) / (sx + sy + c2)
        full = cs * (2 * mx * my + c1) / (mx * mx + my * my + c1)
        score *= max((full if i == 4 else cs).mean(), 0) ** w
    return score


def scores(ref, dist):
    gray = lambda a: np.asarray(Image.fromarray(a).convert("L"))
    ga, gb = gray(ref), gray(dist)
    out = {}
    for tag, a, b, axis in (("rgb", ref, dist, -1), ("gray", ga, gb, None)):
        fa, fb = a.astype(np.float64), b.astype(np.float64)
        gauss = dict(gaussian_weights=True, sigma=1.5, use_sample_covariance=False)
        out[f"mse_{tag}"] = mean_squared_error(fa, fb)
        out[f"mae_{tag}"] = np.abs(fa - fb).mean()
        out[f"psnr_{tag}"] = peak_signal_noise_ratio(fa, fb, data_range=255)
        out[f"ssim_gauss_{tag}"] = structural_similarity(fa, fb, data_range=255, channel_axis=axis, **gauss)
        out[f"ssim_uniform7_{tag}"] = structural_similarity(fa, fb, data_range=255, channel_axis=axis)
        if min(fa.shape[:2]) >= 161:
            planes = [(fa, fb)] if axis is None else [(fa[..., c], fb[..., c]) for c in range(3)]
            out[f"ms_ssim_{tag}"] = np.mean([ms_ssim(x, y) for x, y in planes])
    out["ssim_gray_cv2quality"] = cv2.quality.QualitySSIM_compute(ga, gb)[0][0]
    return {k: float(v) for k, v in out.items()}


pairs = [(192, 176, 3), (203, 181, 25), (161, 162, 60), (75, 11, 12), (33, 140, 40)]
packages = ("numpy", "scipy", "scikit-image", "opencv-contrib-python-headless", "pillow")
print(json.dumps({
    "made by": "tools/goldens/metrics.py",
    "versions": {"python": platform.python_version()} | {p: version(p) for p in packages},
    "input": "made by formula, no licence needed",
    "tolerance": "1e-6: scores are float64, pixels enter restora as float32 (relative 6e-8); "
                 "cv2quality 1e-5: OpenCV computes in float32; ms_ssim 1e-6",
    "pairs": [{"width": w, "height": h, "amplitude": a, "values": scores(*pair(w, h, a))} for w, h, a in pairs],
}, indent=1))
