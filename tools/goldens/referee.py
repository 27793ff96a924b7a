"""What other programs give for one pair, for `restora compare --explain`.

    python referee.py ../../goldens/referee.json

Run with numpy, scikit-image, opencv-contrib-python-headless, Pillow; and for the rest with torch, piq, pytorch-msssim and
torchmetrics: what is not installed is left as it was in the file. The pair is made by integer arithmetic, in the same way in
`crates/restora/tests/goldens_referee.rs`. MATLAB was not run.
"""

import json
import sys
from pathlib import Path

import numpy as np

WIDTH, HEIGHT = 601, 530


def picture(distorted):
    y, x, c = np.meshgrid(np.arange(HEIGHT), np.arange(WIDTH), np.arange(3), indexing="ij")
    wave = lambda v, n: np.abs(v % (2 * n) - n)
    v = 20 + wave(3 * x + 2 * y + 40 * c, 97) + wave(x - 2 * y + 31 * c, 61) + ((x // 37 + y // 29 + c) % 3) * 25
    if distorted:
        noise = (x * 7919 + y * 104729 + c * 1299709 + x * y * 31) % 41 - 20
        v = (v + noise) // 8 * 8 + 5 * (c - 1)
    return np.clip(v, 0, 255).astype(np.uint8)


a, b = picture(False), picture(True)
scores = {}


def with_numpy():
    import cv2
    import skimage.metrics as m
    from PIL import Image
    from skimage.color import rgb2gray

    pair = lambda f: (f(a), f(b))
    gray = lambda v: cv2.cvtColor(v, cv2.COLOR_RGB2GRAY)
    pil = lambda v: np.array(Image.fromarray(v).convert("L"))
    psnr = lambda x, y, r=None: float(m.peak_signal_noise_ratio(x, y, data_range=r))
    scores["mse"] = {"scikit-image": float(m.mean_squared_error(a, b))}
    scores["psnr"] = {
        "scikit-image": psnr(a, b),
        "scikit-image rgb2gray": psnr(*pair(rgb2gray), 1),
        "OpenCV": float(cv2.PSNR(a, b)),
        "OpenCV gray": float(cv2.PSNR(*pair(gray))),
        "OpenCV QualityPSNR": float(np.mean(cv2.quality.QualityPSNR_compute(a, b)[0][:3])),
        "Pillow": psnr(*pair(pil)),
    }
    ssim = m.structural_similarity
    matlab = dict(gaussian_weights=True, sigma=1.5, use_sample_covariance=False)
    scores["ssim"] = {
        "scikit-image": float(ssim(a, b, channel_axis=-1)),
        "scikit-image gaussian": float(ssim(a, b, channel_axis=-1, **matlab)),
        "scikit-image rgb2gray": float(ssim(*pair(rgb2gray), data_range=1)),
        "OpenCV": float(np.mean(cv2.quality.QualitySSIM_compute(a, b)[0][:3])),
    }
    scores["gmsd"] = {"OpenCV": float(np.mean(cv2.quality.QualityGMSD_compute(a, b)[0][:3]))}


def with_torch():
    import piq
    import pytorch_msssim
    import torch
    import torchmetrics.functional.image as t

    x, y = (torch.from_numpy(v.transpose(2, 0, 1).copy())[None].double() for v in (a, b))
    range_ = dict(data_range=255)
    put = lambda key, name, v: scores.setdefault(key, {}).__setitem__(name, float(v))
    put("psnr", "piq", piq.psnr(y, x, **range_))
    put("psnr", "piq gray", piq.psnr(y, x, convert_to_greyscale=True, **range_))
    put("psnr", "torchmetrics", t.peak_signal_noise_ratio(y, x, **range_))
    put("ssim", "piq", piq.ssim(y, x, **range_))
    put("ssim", "piq downsample=False", piq.ssim(y, x, downsample=False, **range_))
    put("ssim", "pytorch-msssim", pytorch_msssim.ssim(y, x, **range_))
    put("ssim", "torchmetrics", t.structural_similarity_index_measure(y, x, **range_))
    put("ssim", "torchmetrics no range", t.structural_similarity_index_measure(y, x))
    put("ms-ssim", "piq", piq.multi_scale_ssim(y, x, **range_))
    put("ms-ssim", "pytorch-msssim", pytorch_msssim.ms_ssim(y, x, **range_))
    put("ms-ssim", "torchmetrics", t.multiscale_structural_similarity_index_measure(y, x, **range_))
    put("gmsd", "piq", piq.gmsd(y, x, **range_))
    put("vif", "piq (a, b)", piq.vif_p(x, y, **range_))
    put("vif", "piq (b, a)", piq.vif_p(y, x, **range_))
    put("fsim", "piq", piq.fsim(y, x, **range_))
    put("fsim", "piq chromatic=False", piq.fsim(y, x, chromatic=False, **range_))


path = Path(sys.argv[1])
if path.exists():
    scores.update(json.loads(path.read_text())["scores"])
for part in (with_numpy, with_torch):
    try:
        old = json.loads(json.dumps(scores))
        part()
        scores = {k: {**old.get(k, {}), **scores.get(k, {})} for k in {**old, **scores}}
    except ImportError as missing:
        print("left as it was:", missing)
from importlib import metadata

names = ["numpy", "scikit-image", "opencv-contrib-python-headless", "pillow", "torch", "piq", "pytorch-msssim", "torchmetrics"]
versions = json.loads(path.read_text())["versions"] if path.exists() else {}
for name in names:
    try:
        versions[name] = metadata.version(name)
    except metadata.PackageNotFoundError:
        pass
text = {"made by": "tools/goldens/referee.py", "versions": versions, "scores": scores}
path.write_text(json.dumps(text, indent=1) + "\n")
