"""Draws scratches and cracks, specks of dust, or text on photographs, for fitting and testing the detectors.

    python draw.py scratches|dust|text PHOTOGRAPHS OUT [EVERY]

Needs numpy, OpenCV and Pillow. Writes NAME.clean.png, NAME.damaged.png and NAME.mask.png (white = drawn on) for every
EVERYth file of the folder. Curves are Bezier arcs, straight lines (one in five upright, as on film) or wandering
ragged cracks, 1 to 4 pixels wide; specks are irregular and 1 to 8 pixels wide. Tones are the outer 15 % of the range
(for one curve in five the outer 35 %), three in five opaque, the rest 60 or 80 %. Text is a date stamp or a caption of
one to three lines, 10 to 28 pixels high, of one color, now and then with an outline; half of it is saved as JPEG.
"""

import pathlib
import sys

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

SCALE = 4


def curve(rng, kind, h, w):
    length = np.hypot(h, w) * rng.uniform(0.08, 0.6)
    at, angle = rng.uniform((0, 0), (w, h)), rng.uniform(0, 2 * np.pi)
    if kind == "crack":
        points = [at]
        for _ in range(int(length / 4)):
            angle += rng.normal(0, 0.25)
            at = at + 4 * np.array([np.cos(angle), np.sin(angle)]) + rng.normal(0, 0.4, 2)
            points.append(at)
        return np.array(points)
    if rng.random() < 0.2:
        angle, length = np.pi / 2 + rng.normal(0, 0.02), h * rng.uniform(0.5, 1.5)
    end = at + length * np.array([np.cos(angle), np.sin(angle)])
    bend = 0.25 * length * rng.uniform(-1, 1) if kind == "arc" else 0
    middle = (at + end) / 2 + bend * np.array([-np.sin(angle), np.cos(angle)])
    t = np.linspace(0, 1, 60)[:, None]
    return (1 - t) ** 2 * at + 2 * t * (1 - t) * middle + t**2 * end


def tone(rng):
    light = rng.random() < 0.6
    off = (0.15 if rng.random() < 0.8 else 0.35) * rng.random()
    return 255 * (1 - off if light else off)


def opacity(rng):
    return rng.choice([1, 1, 1, 0.8, 0.6])


def over(out, cover, value, alpha):
    a = (cover * alpha)[:, :, None]
    return out + a * (value - out)


def smooth(rng, h, w, sigma):
    field = cv2.GaussianBlur(rng.normal(size=(h, w)).astype(np.float32), (0, 0), sigma)
    return field / field.std()


def scratches(image, rng):
    h, w = image.shape[:2]
    out, mask = image.astype(np.float32), np.zeros((h, w), bool)
    kind = rng.choice(["arc", "line", "crack"])
    for _ in range(rng.integers(2, 9)):
        points = np.round(curve(rng, kind, h, w) * SCALE).astype(np.int32)
        width = rng.choice([1, 1.5, 1.5, 2, 3, 4])
        fine = np.zeros((h * SCALE, w * SCALE), np.uint8)
        cv2.polylines(fine, [points], False, 255, max(1, round(width * SCALE)))
        cover = cv2.resize(fine, (w, h), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
        value = tone(rng)
        if kind == "crack":
            cover = np.clip(cover * (1 + 0.25 * smooth(rng, h, w, 3)), 0, 1)
            value = value + rng.normal(0, 4, (h, w, 1))
        out = over(out, cover, value, opacity(rng))
        mask |= cover > 0.05
    return out, mask


def dust(image, rng):
    h, w = image.shape[:2]
    out, mask = image.astype(np.float32), np.zeros((h, w), bool)
    value, alpha = tone(rng), opacity(rng)
    for _ in range(rng.integers(10, 60)):
        radius = np.exp(rng.uniform(np.log(0.6), np.log(4)))
        center, angles = rng.uniform((0, 0), (w, h)), np.linspace(0, 2 * np.pi, 24, endpoint=False)
        stretch, turn = rng.uniform(1, 1.8), rng.uniform(0, np.pi)
        reach = radius * (1 + 0.2 * np.convolve(rng.normal(size=26), [0.5, 1, 0.5], "valid")[:24])
        x, y = reach * np.cos(angles) * stretch**0.5, reach * np.sin(angles) / stretch**0.5
        outline = np.stack([x * np.cos(turn) - y * np.sin(turn), x * np.sin(turn) + y * np.cos(turn)], 1) + center
        fine = np.zeros((h * SCALE, w * SCALE), np.uint8)
        cv2.fillPoly(fine, [np.round(outline * SCALE).astype(np.int32)], 255)
        cover = cv2.resize(fine, (w, h), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
        out = over(out, cover, np.clip(value + rng.normal(0, 8), 0, 255), alpha)
        mask |= cover > 0.05
    return out, mask


def text(image, rng):
    h, w = image.shape[:2]
    words = "the quick brown fox jumps over a lazy dog while five wizards box Restored 1987 No. 42".split()
    stamp = rng.random() < 0.5
    lines = 1 if stamp else rng.integers(1, 4)
    size = int(rng.integers(10, 29))
    font = ImageFont.load_default(size)
    colors = [(255, 140, 0), (255, 200, 40), (255, 255, 255), (250, 250, 0), (230, 40, 30), (10, 10, 10), (0, 200, 60)]
    color = colors[rng.integers(len(colors))]
    outline = 2 if rng.random() < 0.2 else 0
    shape = Image.new("L", (w, h), 0)
    inner = Image.new("L", (w, h), 0)
    y = h - 6 - int(1.4 * size) * lines if rng.random() < 0.6 else int(rng.uniform(4, max(5, h - 50)))
    for _ in range(lines):
        year = rng.integers(1970, 2024)
        day = rng.integers(10, 29)
        line = f"{day}.{rng.integers(10, 13)}.{year}" if stamp else " ".join(rng.choice(words, 4))
        x = int(rng.uniform(4, w / 3))
        ImageDraw.Draw(shape).text((x, y), line, 255, font, stroke_width=outline)
        ImageDraw.Draw(inner).text((x, y), line, 255, font)
        y += int(1.4 * size)
    cover, core = (np.asarray(m, np.float32) / 255 for m in (shape, inner))
    out = over(image.astype(np.float32), cover, np.zeros(3), 1) if outline else image.astype(np.float32)
    out = over(out, core, np.array(color[::-1], np.float32), 1)
    if rng.random() < 0.5:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(80, 97))]
        out = cv2.imdecode(cv2.imencode(".jpg", np.clip(np.round(out), 0, 255).astype(np.uint8), quality)[1], 1)
    return out, np.maximum(cover, core) > 0.05


def main():
    draw = {"scratches": scratches, "dust": dust, "text": text}[sys.argv[1]]
    folder, out = pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
    out.mkdir(parents=True, exist_ok=True)
    every = int(sys.argv[4]) if len(sys.argv) > 4 else 1
    for i, path in list(enumerate(sorted(folder.iterdir())))[::every]:
        image = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if image is None:
            continue
        damaged, mask = draw(image, np.random.default_rng(i))
        fast = [cv2.IMWRITE_PNG_COMPRESSION, 1]
        cv2.imwrite(str(out / f"{path.stem}.clean.png"), image, fast)
        cv2.imwrite(str(out / f"{path.stem}.damaged.png"), np.clip(np.round(damaged), 0, 255).astype(np.uint8), fast)
        cv2.imwrite(str(out / f"{path.stem}.mask.png"), mask.astype(np.uint8) * 255, fast)


main()
