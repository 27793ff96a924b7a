"""The peers' side of `cargo xtask bench --against`.

Usage: bench.py THREADS FOLDER. FOLDER/inputs.json names raw pixel files; each becomes a variable of
its name in the calls below (height x width (x 3), u8, or f32 in nominal range [0, 1]; `*_255` are the
f32 ones times 255). Then one request a line on standard input, one answer a line on standard output:

    -> {"case": "opencv/median-5-u8", "runs": 30, "save": "out.f32"}
    <- {"cpu_ms": 0.23, "wall_ms": 0.23, "planes": 1}         an image, saved planar in nominal range
    <- {"cpu_ms": 4.0, "wall_ms": 4.1, "score": 0.73}         a number

A vector comes as an image of one row.

Times are the least of the runs; CPU time is that of the whole process, all threads.
"""
import json
import os
import sys

THREADS = int(sys.argv[1])
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = str(THREADS)

import io
import platform
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np

PACKAGES = {
    "opencv": "opencv-contrib-python-headless",
    "skimage": "scikit-image",
    "bm3d": "bm3d",
    "pillow": "pillow",
    "piq": "piq",
    "msssim": "pytorch-msssim",
}
SIGMA = 25 / 255
FOLDER = Path(sys.argv[2])

# Case: (call, value of white in what it returns). None: the call returns a number or bytes.
CALLS = {
    "opencv/median-3-u8": ("cv2.medianBlur(gray_u8, 3)", 255),
    "opencv/median-5-u8": ("cv2.medianBlur(gray_u8, 5)", 255),
    "opencv/median-7-u8": ("cv2.medianBlur(gray_u8, 7)", 255),
    "opencv/median-9-u8": ("cv2.medianBlur(gray_u8, 9)", 255),
    "opencv/median-15-u8": ("cv2.medianBlur(gray_u8, 15)", 255),
    "opencv/median-31-u8": ("cv2.medianBlur(gray_u8, 31)", 255),
    "opencv/median-63-u8": ("cv2.medianBlur(gray_u8, 63)", 255),
    "opencv/median-5-f32": ("cv2.medianBlur(gray_255, 5)", 255),
    "opencv/gaussian-2-u8": ("cv2.GaussianBlur(gray_u8, (0, 0), 2)", 255),
    "opencv/gaussian-2-f32": ("cv2.GaussianBlur(gray_255, (0, 0), 2)", 255),
    "opencv/bilateral-9-f32": ("cv2.bilateralFilter(noisy_255, 9, 2.5 * 25, 1.5)", 255),
    "opencv/bilateral-9-f32-rgb": ("cv2.bilateralFilter(noisy_rgb_255, 9, 2.5 * 25, 1.5)", 255),
    "opencv/guided-8-f32": ("cv2.ximgproc.guidedFilter(noisy_255, noisy_255, 8, 400.0)", 255),
    "opencv/clahe-u8": ("cv2.createCLAHE(2.0, (8, 8)).apply(gray_u8)", 255),
    "opencv/clahe-u8-rgb": ("clahe_lab(rgb_u8)", 255),
    "opencv/gray-world-u8-rgb": ("cv2.xphoto.createGrayworldWB().balanceWhite(rgb_u8)", 255),
    "opencv/nl-means-7-21-u8": ("cv2.fastNlMeansDenoising(noisy_u8, None, 25, 7, 21)", 255),
    "opencv/nl-means-5-21-u8": ("cv2.fastNlMeansDenoising(noisy_u8, None, 25, 5, 21)", 255),
    "opencv/nl-means-7-21-u8-rgb": (
        "cv2.fastNlMeansDenoisingColored(noisy_rgb_u8, None, 20, 20, 7, 21)", 255),
    "skimage/nl-means-5-13": (
        "restoration.denoise_nl_means(noisy, 5, 6, 0.7 * SIGMA, sigma=SIGMA, fast_mode=True)", 1),
    "skimage/tv-chambolle": (
        "restoration.denoise_tv_chambolle(noisy, 0.8 * SIGMA, eps=2e-5, max_num_iter=200)", 1),
    "skimage/tv-chambolle-default": ("restoration.denoise_tv_chambolle(noisy, 0.8 * SIGMA)", 1),
    "skimage/wavelet": (
        'restoration.denoise_wavelet(noisy, sigma=SIGMA, wavelet="sym4", method="BayesShrink")', 1),
    "skimage/wavelet-spun": (
        'restoration.cycle_spin(noisy, restoration.denoise_wavelet, 7, num_workers=1, '
        'func_kw=dict(sigma=SIGMA, wavelet="sym4", method="BayesShrink"))', 1),
    "bm3d/gray": ("bm3d.bm3d(small_noisy, SIGMA)", 1),
    "bm3d/rgb": ("bm3d.bm3d_rgb(small_noisy_rgb, SIGMA)", 1),
    "opencv/telea-half": ("cv2.inpaint(rgb_u8, half_u8, 3, cv2.INPAINT_TELEA)", 255),
    "opencv/telea-strokes": ("cv2.inpaint(rgb_u8, strokes_u8, 3, cv2.INPAINT_TELEA)", 255),
    "opencv/telea-blocks": ("cv2.inpaint(rgb_u8, blocks_u8, 3, cv2.INPAINT_TELEA)", 255),
    "opencv/navier-stokes-half": ("cv2.inpaint(rgb_u8, half_u8, 3, cv2.INPAINT_NS)", 255),
    "opencv/navier-stokes-strokes": ("cv2.inpaint(rgb_u8, strokes_u8, 3, cv2.INPAINT_NS)", 255),
    "opencv/navier-stokes-blocks": ("cv2.inpaint(rgb_u8, blocks_u8, 3, cv2.INPAINT_NS)", 255),
    "skimage/biharmonic-strokes": (
        "restoration.inpaint_biharmonic(rgb_u8 / 255, strokes_u8 > 0, channel_axis=-1)", 1),
    "skimage/biharmonic-blocks": (
        "restoration.inpaint_biharmonic(rgb_u8 / 255, blocks_u8 > 0, channel_axis=-1)", 1),
    "opencv/bicubic-2-f32": (
        "cv2.resize(gray_255, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)", 255),
    "opencv/lanczos4-2-f32": (
        "cv2.resize(gray_255, None, fx=2, fy=2, interpolation=cv2.INTER_LANCZOS4)", 255),
    "pillow/bicubic-2-f32": (
        "np.asarray(Image.fromarray(gray_255).resize((1536, 1024), Image.BICUBIC))", 255),
    "pillow/lanczos-2-f32": (
        "np.asarray(Image.fromarray(gray_255).resize((1536, 1024), Image.LANCZOS))", 255),
    "pillow/downscale-2-f32": (
        "np.asarray(Image.fromarray(gray_255).resize((384, 256), Image.BICUBIC))", 255),
    "skimage/ssim": (
        "metrics.structural_similarity(gray, noisy, data_range=1.0, gaussian_weights=True, "
        "sigma=1.5, use_sample_covariance=False)", None),
    "skimage/ssim-uniform": ("metrics.structural_similarity(gray, noisy, data_range=1.0)", None),
    "opencv/ssim": ("cv2.quality.QualitySSIM_compute(gray_u8, noisy_u8)[0][0]", None),
    "opencv/psnr": ("cv2.PSNR(gray_u8, noisy_u8)", None),
    "opencv/sift": ("len(cv2.SIFT_create().detectAndCompute(gray_u8, None)[0])", None),
    "skimage/gabor-12": (
        "gabor_energies(gray, (0.1, 0.2, 0.4), np.arange(4) * np.pi / 4)", 1),
    "skimage/hog": ('feature.hog(gray, 9, (8, 8), (2, 2), "L2-Hys")', 1),
    "skimage/lbp": (
        'np.bincount(feature.local_binary_pattern(gray_u8, 8, 1, "uniform").astype(int).ravel(), '
        "minlength=10)", 1),
    "opencv/color-histogram": (
        "cv2.calcHist([rgb_u8], [0, 1, 2], None, [8] * 3, [0, 256] * 3).ravel() / (768 * 512)", 1),
    "opencv/average-hash": ("cv2.img_hash.averageHash(bgr_u8)[0]", 1),
    "opencv/p-hash": ("cv2.img_hash.pHash(bgr_u8)[0]", 1),
    "opencv/block-mean-hash": ("cv2.img_hash.blockMeanHash(bgr_u8)[0]", 1),
    "opencv/marr-hildreth-hash": ("cv2.img_hash.marrHildrethHash(bgr_u8)[0]", 1),
    "opencv/radial-variance-hash": ("cv2.img_hash.radialVarianceHash(bgr_u8)[0]", 1),
    "opencv/k-means-16": (
        "cv2.kmeans(patches_of(gray), 16, None, (3, 100, 1e-4), 1, cv2.KMEANS_PP_CENTERS)[0]", None),
    "piq/fsim": ("piq.fsim(torch_gray, torch_noisy, chromatic=False)", None),
    "piq/sr-sim": ("piq.srsim(torch_gray, torch_noisy)", None),
    "piq/dss": ("piq.dss(torch_gray, torch_noisy)", None),
    "piq/gmsd": ("piq.gmsd(torch_gray, torch_noisy)", None),
    "piq/ms-gmsd": ("piq.multi_scale_gmsd(torch_gray, torch_noisy)", None),
    "piq/vif": ("piq.vif_p(torch_noisy, torch_gray)", None),
    "piq/haar-psi": ("piq.haarpsi(torch_gray, torch_noisy)", None),
    "msssim/ssim": ("pytorch_msssim.ssim(torch_gray, torch_noisy, data_range=1.0)", None),
    "msssim/ms-ssim": ("pytorch_msssim.ms_ssim(torch_gray, torch_noisy, data_range=1.0)", None),
    "pillow/png-decode": ("pil_decode(png)", 255),
    "opencv/png-decode": ("cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR_RGB)", 255),
    "pillow/jpeg-decode": ("pil_decode(jpeg)", 255),
    "opencv/jpeg-decode": ("cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR_RGB)", 255),
    "pillow/png-encode": ('pil_encode("PNG")', None),
    "opencv/png-encode": ('cv2.imencode(".png", rgb_u8)[1]', None),
    "pillow/jpeg-encode": ('pil_encode("JPEG", quality=90)', None),
    "opencv/jpeg-encode": (
        'cv2.imencode(".jpg", rgb_u8, [cv2.IMWRITE_JPEG_QUALITY, 90])[1]', None),
}


def clahe_lab(image):
    lab = cv2.cvtColor(image, cv2.COLOR_RGB2Lab)
    lab[..., 0] = cv2.createCLAHE(2.0, (8, 8)).apply(np.ascontiguousarray(lab[..., 0]))
    return cv2.cvtColor(lab, cv2.COLOR_Lab2RGB)


def gabor_energies(image, frequencies, orientations):
    def energy(frequency, orientation):
        real, imaginary = filters.gabor(image, frequency, theta=orientation)
        return (real ** 2 + imaginary ** 2).mean()

    return np.array([energy(f, t) for f in frequencies for t in orientations])


def patches_of(image):
    """Squares of 8 x 8 pixels, row by row."""
    h, w = image.shape
    return np.ascontiguousarray(image.reshape(h // 8, 8, w // 8, 8).swapaxes(1, 2).reshape(-1, 64))


def pil_decode(data):
    return np.asarray(Image.open(io.BytesIO(data)))


def pil_encode(kind, **options):
    out = io.BytesIO()
    Image.fromarray(rgb_u8).save(out, kind, **options)
    return out.getvalue()


def load_inputs():
    for name, (file, kind, shape) in json.loads((FOLDER / "inputs.json").read_text()).items():
        pixels = np.fromfile(FOLDER / file, kind).reshape(shape)
        globals()[name] = pixels
        if kind == "float32":
            globals()[f"{name}_255"] = pixels * np.float32(255)
    globals()["bgr_u8"] = np.ascontiguousarray(rgb_u8[..., ::-1])


def import_peers():
    """Those that are installed; a case of another fails by name."""
    found = {}
    for peer, package in PACKAGES.items():
        try:
            if peer == "opencv":
                import cv2
                cv2.setNumThreads(THREADS)
                globals()["cv2"] = cv2
            elif peer == "skimage":
                from skimage import feature, filters, metrics, restoration
                globals().update(feature=feature, filters=filters, metrics=metrics, restoration=restoration)
            elif peer == "bm3d":
                import bm3d
                globals()["bm3d"] = bm3d
            elif peer == "pillow":
                from PIL import Image
                globals()["Image"] = Image
            else:
                import torch
                torch.set_num_threads(THREADS)
                module = package.replace("-", "_")
                globals()[module] = __import__(module)
                for name, pixels in (("gray", gray_u8), ("noisy", noisy_u8)):
                    globals()[f"torch_{name}"] = torch.from_numpy(pixels / np.float32(255))[None, None]
            found[peer] = version(package)
        except ImportError as error:
            print(f"{peer}: {error}", file=sys.stderr)
    return {"python": platform.python_version(), "numpy": version("numpy"), **found}


def timed(call, runs):
    wall = cpu = float("inf")
    for _ in range(runs):
        w, c = time.perf_counter(), time.process_time()
        out = call()
        cpu = min(cpu, time.process_time() - c)
        wall = min(wall, time.perf_counter() - w)
    return out, cpu * 1e3, wall * 1e3


def planar(out, white):
    out = np.asarray(out, np.float32) / np.float32(white)
    return out if out.ndim < 3 else np.moveaxis(out, -1, 0)


def answer(request):
    text, white = CALLS[request["case"]]
    call = eval(f"lambda: {text}", globals())
    out, cpu, wall = timed(call, request["runs"])
    reply = {"cpu_ms": cpu, "wall_ms": wall}
    if white is not None:
        out = planar(out, white)
        reply["planes"] = 1 if out.ndim < 3 else len(out)
        if request.get("save"):
            np.ascontiguousarray(out).tofile(request["save"])
    elif isinstance(out, (bytes, np.ndarray)):
        reply["bytes"] = len(out)
    else:
        reply["score"] = float(out)
    return reply


def main():
    replies = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what a library prints is no reply
    if THREADS == 1 and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})  # for those without a knob
    load_inputs()
    versions = import_peers()
    if THREADS == 1 and "pillow" in versions:
        (FOLDER / "photo.png").write_bytes(pil_encode("PNG"))
        (FOLDER / "photo.jpg").write_bytes(pil_encode("JPEG", quality=90))
        globals()["png"] = (FOLDER / "photo.png").read_bytes()
        globals()["jpeg"] = (FOLDER / "photo.jpg").read_bytes()
    print(json.dumps({"versions": versions, "calls": {k: v[0] for k, v in CALLS.items()}}), file=replies)
    for line in sys.stdin:
        try:
            reply = answer(json.loads(line))
        except Exception as error:
            reply = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(reply), file=replies)


if __name__ == "__main__":
    main()
