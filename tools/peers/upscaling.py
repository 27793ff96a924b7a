"""Peers' enlargements of the reduced standard sets: the rows of other libraries in docs/upscaling.md.

Usage: upscaling.py SHARED FACTOR. Reduction, luminance, border and rounding are those of
crates/restora/tests/figures_upscaling.rs; times are CPU milliseconds on one thread, the least of three runs.
"""
import sys
import time
from pathlib import Path

import cv2
import numpy as np
from PIL import Image
from skimage.metrics import structural_similarity

cv2.setNumThreads(1)
SHARED, FACTOR = Path(sys.argv[1]), int(sys.argv[2])


def keys(x):
    x = np.abs(x)
    return np.where(x <= 1, (1.5 * x - 2.5) * x * x + 1, np.where(x < 2, ((-0.5 * x + 2.5) * x - 4) * x + 2, 0))


def reduction(n, s):
    """MATLAB's imresize by 1/s along one side, mirrored about the edges."""
    out = np.zeros((n // s, n))
    for i in range(n // s):
        center = s * i + (s - 1) / 2
        k = np.arange(int(center - 2 * s) - 1, int(center + 2 * s) + 3)
        weights = keys((k - center) / s)
        at = k % (2 * n)
        np.add.at(out[i], np.where(at < n, at, 2 * n - 1 - at), weights / weights.sum())
    return out


def reduced(image, s):
    down = [reduction(n, s) for n in image.shape[:2]]
    planes = image.reshape(*image.shape[:2], -1).transpose(2, 0, 1)
    small = np.stack([down[0] @ p @ down[1].T for p in planes.astype(float)], -1)
    small = np.clip(np.floor(small + 0.5), 0, 255).astype(np.uint8)
    return small[..., 0] if image.ndim == 2 else small


def luminance(image):
    if image.ndim == 2:
        return image.astype(float)
    r, g, b = (image[..., c].astype(float) for c in range(3))
    return np.round(16 + (65.481 * r + 128.553 * g + 24.966 * b) / 255)


METHODS = {
    "Pillow BICUBIC": lambda y, w, h: np.asarray(Image.fromarray(y).resize((w, h), Image.BICUBIC)),
    "Pillow LANCZOS": lambda y, w, h: np.asarray(Image.fromarray(y).resize((w, h), Image.LANCZOS)),
    "OpenCV INTER_CUBIC": lambda y, w, h: cv2.resize(y, (w, h), interpolation=cv2.INTER_CUBIC),
    "OpenCV INTER_LANCZOS4": lambda y, w, h: cv2.resize(y, (w, h), interpolation=cv2.INTER_LANCZOS4),
}


def main():
    s = FACTOR
    for folder in ["denoise/Set12", "denoise/BSD68", "Kodak500"]:
        sums = {name: np.zeros(3) for name in METHODS}
        files = sorted((SHARED / "data" / folder).glob("*.png"))
        for file in files:
            clean = np.asarray(Image.open(file))
            clean = clean[:clean.shape[0] // s * s, :clean.shape[1] // s * s]
            small, (h, w) = reduced(clean, s), clean.shape[:2]
            for name, enlarge in METHODS.items():
                times = []
                for _ in range(3):
                    start = time.process_time()
                    large = enlarge(small, w, h)
                    times.append(time.process_time() - start)
                a, b = (luminance(i)[s:-s, s:-s] for i in (clean, large))
                psnr = 10 * np.log10(255**2 / np.mean((a - b)**2))
                _, ssim = structural_similarity(a, b, data_range=255, gaussian_weights=True, sigma=1.5,
                                                use_sample_covariance=False, full=True)
                sums[name] += psnr, ssim[5:-5, 5:-5].mean(), 1e3 * min(times)
        for name, total in sums.items():
            psnr, ssim, ms = total / len(files)
            print(f"{name} by {s}, {folder}: {psnr:.3f} dB, {ssim:.4f}, {ms:.2f} ms", flush=True)


main()
