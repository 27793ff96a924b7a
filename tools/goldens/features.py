"""Makes goldens/features.json: color histograms and GIST of a picture made by formula.

    pip install numpy scikit-image==0.26.0 opencv-contrib-python-headless==5.0.0.93
    python tools/goldens/features.py > goldens/features.json

Nobody's photograph: no license needed. Histograms are OpenCV's calcHist: of 8-bit RGB, of hue,
saturation and value by their formulas, of scikit-image's rgb2lab. (OpenCV's own hue is a 32-bit float that
falls below the edges which 49 of the 4,032 hues hit exactly; all others are in the same bins.) GIST has no maintained package: it is computed here in float64 from
the formulas of the paper's program, with every filter on the whole grid of frequencies.
"""
import json

import cv2
import numpy as np
import skimage
from skimage.color import rgb2lab

WIDTH, HEIGHT = 72, 56


def picture():
    """Shading, bars and hashed noise from integer arithmetic; 8-bit RGB."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.int64)
    out = np.zeros((HEIGHT, WIDTH, 3), np.int64)
    for c in range(3):
        h = (x * 7349 + y * 9151 + c * 3571 + 17) % 65521
        bars = np.where((x // 5 + (c + 1) * (y // 7)) % 3 == c, 90, 0)
        out[..., c] = x * (1 + c) % 128 + (y * (3 - c)) // 2 % 60 + bars * (x > 20) - bars // 2 + h * h % 65521 % 23
    return np.clip(out, 0, 255).astype(np.uint8)


def histogram(planes, ranges, bins, joint, levels):
    """Levels from coarse to fine, cells row by row."""
    height, width = planes[0].shape
    out = []
    for level in range(levels + 1):
        weight = 0.5 ** (levels if level == 0 else levels - level + 1)
        n = 2**level
        rows, columns = np.arange(height) * n // height, np.arange(width) * n // width
        for i in range(n):
            for j in range(n):
                cell = [np.ascontiguousarray(p[rows == i][:, columns == j], np.float32) for p in planes]
                if joint:
                    flat = [r for pair in ranges for r in pair]
                    h = cv2.calcHist(cell, [0, 1, 2], None, [bins] * 3, flat).ravel()
                else:
                    h = np.concatenate([cv2.calcHist([c], [0], None, [bins], r).ravel() for c, r in zip(cell, ranges)])
                out.append(weight * h / (height * width * (1 if joint else 3)))
    return np.concatenate(out)


def hue_saturation_value(rgb):
    r, g, b = np.moveaxis(rgb, 2, 0)
    value = rgb.max(2)
    chroma = value - rgb.min(2)
    over = 1 / np.where(chroma > 0, chroma, 1)
    hue = np.select([value == r, value == g], [(g - b) * over % 6, 2 + (b - r) * over], 4 + (r - g) * over)
    return np.stack([hue / 6, chroma / np.where(value > 0, value, 1), value], 2)


def spaces():
    rgb = picture()
    # An edge that is hit exactly is not left to rounding.
    hsv = hue_saturation_value(rgb.astype(np.float64) / 255) + 1e-6
    lab = rgb2lab(rgb)
    split = lambda a: [a[..., c] for c in range(3)]
    top = 256 / 255
    return {
        "rgb": (split(rgb), [[0, 256]] * 3),
        "hsv": (split(hsv), [[0, 1], [0, top], [0, top]]),
        "lab": (split(lab), [[0, 100], [-128, 128], [-128, 128]]),
    }


def normalized(planes):
    planes = np.log1p(255 * (planes - planes.min()) / (planes.max() - planes.min()))
    planes = np.pad(planes, ((0, 0), (5, 5), (5, 5)), mode="symmetric")
    height, width = planes.shape[1:]
    longer = max(height, width)
    y, x = np.meshgrid(np.fft.fftfreq(height) * longer, np.fft.fftfreq(width) * longer, indexing="ij")
    low = np.exp(-(x * x + y * y) / (16 / np.log(2)))
    smooth = lambda a: np.fft.ifft2(np.fft.fft2(a) * low)
    planes = np.stack([p - smooth(p).real for p in planes])
    contrast = np.sqrt(np.abs(smooth(planes.mean(0) ** 2)))
    return (planes / (0.2 + contrast))[:, 5:-5, 5:-5]


def gist(planes, orientations=(8, 8, 8, 8), grid=4):
    height, width = planes.shape[1:]
    rows = [i * height // grid for i in range(grid + 1)]
    columns = [i * width // grid for i in range(grid + 1)]
    out = []
    for plane in normalized(planes):
        spectrum = np.fft.fft2(np.pad(plane, 32, mode="symmetric"))
        fy, fx = np.meshgrid(*[np.fft.fftfreq(n) for n in spectrum.shape], indexing="ij")
        f, t = np.hypot(fx, fy), np.angle(fx + 1j * fy)
        for s, n in enumerate(orientations):
            for o in range(n):
                turned = t + np.pi * o / n
                turned = np.where(turned > np.pi, turned - 2 * np.pi, turned)
                g = np.exp(-3.5 * (f / (0.3 / 1.85**s) - 1) ** 2 - 2 * np.pi * (n / 8) ** 2 * turned**2)
                energy = np.abs(np.fft.ifft2(spectrum * g))[32:-32, 32:-32]
                out += [energy[a:b, c:d].mean() for a, b in zip(rows, rows[1:]) for c, d in zip(columns, columns[1:])]
    return np.array(out)


def main():
    cases = []
    for space, (planes, ranges) in spaces().items():
        for bins, joint, levels in [(4, True, 0), (8, True, 0), (8, False, 2), (6, False, 1)]:
            h = histogram(planes, ranges, bins, joint, levels)
            kind = "joint" if joint else "separate"
            # Pixels rather than parts: whole numbers are short.
            pixels = h * WIDTH * HEIGHT * (1 if joint else 3) * 2**levels
            options = {"space": space, "bins": bins, "channels": kind, "levels": levels}
            cases.append({"options": options, "pixels": [int(v) for v in np.rint(pixels)]})
    rgb = picture().astype(np.float64).transpose(2, 0, 1) / 255
    luma = np.tensordot([0.299, 0.587, 0.114], rgb, 1)[None]
    gists = []
    for planes, options in [
        (luma, {}),
        (rgb, {"color": "rgb", "orientations": [8, 8, 4], "grid": 2}),
        (luma[:, :45, :51], {"orientations": [4, 6], "grid": 3}),
    ]:
        found = gist(planes, options.get("orientations", (8, 8, 8, 8)), options.get("grid", 4))
        size = [planes.shape[2], planes.shape[1]]
        gists.append({"size": size, "options": options, "values": [float(f"{v:.6g}") for v in found]})
    made_by = {"numpy": np.__version__, "opencv": cv2.__version__, "scikit-image": skimage.__version__}
    print(json.dumps({"made_by": made_by, "size": [WIDTH, HEIGHT], "histograms": cases, "gist": gists}))


if __name__ == "__main__":
    main()
