"""Makes goldens/jpeg/*.png: pictures made by formula, through Pillow's JPEG encoder and decoder.

    pip install numpy pillow==13.0.0     (libjpeg-turbo, default integer DCT, triangle upsampling)
    python tools/goldens/jpeg.py goldens/jpeg

Nobody's photographs: no licence needed. The pictures are `picture` below; `crates/ops` makes the
same ones in its tests.
"""
import io
import sys
from pathlib import Path

import numpy as np
from PIL import Image, features

WIDTH, HEIGHT = 83, 61


def picture():
    """Shading, bars, discs and hashed noise, 8-bit integers from integer arithmetic."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.int64)
    out = np.zeros((HEIGHT, WIDTH, 3), np.int64)
    for c in range(3):
        shade = (x * (2 + c) + y * (3 - c)) // 4 % 180
        bars = np.where((x // 11 + y // 17) % 3 == c, 40, 0)
        disc = np.where((x - 40 - 8 * c) ** 2 + (y - 30) ** 2 < 20 ** 2, 35, 0)
        h = (x * 7349 + y * 9151 + c * 3571 + 17) % 65521
        out[..., c] = shade + bars + disc + h * h % 65521 % 13 - 6
    return np.clip(out, 0, 255).astype(np.uint8)


folder = Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
rgb = Image.fromarray(picture())
green = Image.fromarray(picture()[..., 1])
for quality in (10, 50, 75, 95):
    for name, image, options in (
        ("444", rgb, {"subsampling": 0}),
        ("420", rgb, {"subsampling": 2}),
        ("gray", green, {}),
    ):
        stream = io.BytesIO()
        image.save(stream, "JPEG", quality=quality, **options)
        Image.open(stream).save(folder / f"{name}_q{quality}.png", optimize=True)
print(f"pillow {Image.__version__}, libjpeg-turbo {features.version('libjpeg_turbo')}", file=sys.stderr)
