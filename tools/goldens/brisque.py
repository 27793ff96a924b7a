"""Writes goldens/brisque_features.json: OpenCV's BRISQUE features of two shared photographs.

The 18 features of a scale are those that OpenCV gives for a picture's first scale. Its second scale is the picture
halved without a low pass; the authors' (and ours) is MATLAB's imresize, so here the halved picture is given to
OpenCV as a picture of its own.

    python tools/goldens/brisque.py SHARED > goldens/brisque_features.json
"""

import json
import sys

import cv2
import numpy as np
from PIL import Image

TAPS = np.array([-0.01171875, -0.03515625, 0.11328125, 0.43359375, 0.43359375, 0.11328125, -0.03515625, -0.01171875])


def halved(a):
    for _ in range(2):
        a = np.pad(a.T, ((0, 0), (3, 3)), mode="symmetric")
        n = (a.shape[1] - 6) // 2
        a = sum(t * a[:, k:k + 2 * n:2] for k, t in enumerate(TAPS))
    return a


cases = {}
for name in ("kodim01", "kodim08"):
    path = f"{sys.argv[1]}/data/denoise/Kodak24_dev/{name}.png"
    r, g, b = np.moveaxis(np.asarray(Image.open(path).convert("RGB")).astype(np.float64), 2, 0)
    luma = 0.299 * r + 0.587 * g + 0.114 * b
    scales = [cv2.quality.QualityBRISQUE_computeFeatures(s.astype(np.float32).copy())[0][:18] for s in (luma, halved(luma))]
    cases[name] = [round(float(v), 7) for s in scales for v in s]
print(json.dumps({"tool": f"OpenCV {cv2.__version__}, quality.QualityBRISQUE_computeFeatures(luma as f32 levels)",
                  "script": "tools/goldens/brisque.py", "input": "Kodak, released for unrestricted use", "cases": cases},
                 indent=1))
