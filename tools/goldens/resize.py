"""Makes goldens/resize_pillow.json: a picture made by formula, resized by Pillow in 32-bit floats.

    pip install numpy pillow==13.0.0
    python tools/goldens/resize.py > goldens/resize_pillow.json

Nobody's photograph: no license needed. Pillow cuts its kernels at the edges where restora mirrors the
picture, so only what lies a kernel away from them is kept (`margin`, in pixels of the result).
"""
import json
import sys

import numpy as np
import PIL
from PIL import Image

WIDTH, HEIGHT = 25, 22


def picture():
    """Shading, a bar and hashed noise from integer arithmetic, in [0, 1]."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.int64)
    h = (x * 7349 + y * 9151 + 17) % 65521
    values = (x * 5 + y * 3) % 97 + np.where(x // 4 % 3 == 1, 60, 0) + h * h % 65521 % 31
    return (values / 256.0).astype(np.float32)


def main():
    cases = []
    for name, factor, filter_, margin in [
        ("bicubic", 2, Image.BICUBIC, 4), ("bicubic", 3, Image.BICUBIC, 6), ("bicubic", 4, Image.BICUBIC, 8),
        ("lanczos", 2, Image.LANCZOS, 6), ("lanczos", 3, Image.LANCZOS, 9), ("lanczos", 4, Image.LANCZOS, 12),
        ("downscale", 2, Image.BICUBIC, 2), ("downscale", 3, Image.BICUBIC, 2), ("downscale", 4, Image.BICUBIC, 2),
    ]:
        image = picture()
        if name == "downscale":
            image = image[:HEIGHT // factor * factor, :WIDTH // factor * factor]
            size = (image.shape[1] // factor, image.shape[0] // factor)
        else:
            # A smaller picture is enough of these.
            image = image[:12, :13]
            size = (13 * factor, 12 * factor)
            if factor == 4:
                image, size = image[:8, :9], (9 * factor, 8 * factor)
        out = np.asarray(Image.fromarray(np.ascontiguousarray(image)).resize(size, filter_))
        inner = out[margin:-margin, margin:-margin]
        cases.append({"name": name, "factor": factor, "width": image.shape[1], "height": image.shape[0],
                      "margin": margin, "values": [round(float(v), 7) for v in inner.ravel()]})
    json.dump({"made by": "tools/goldens/resize.py",
               "versions": {"numpy": np.__version__, "pillow": PIL.__version__},
               "input": "made by formula, no license needed",
               "tolerance": "2e-6: sums of f32 on both sides, each to 6e-8 of values up to 0.8, in another order; "
                            "written to 1e-7",
               "cases": cases}, sys.stdout, separators=(",", ":"))
    sys.stdout.write("\n")


main()
