"""Makes the small files under crates/data/tests/seeds, from formulas, with other people's writers.

Run with Python 3 and numpy, pillow, tifffile, opencv-python:

    python tools/goldens/make_format_seeds.py

Exact formats hold `exact8`, `exact16` or `float32` below, which the tests compute again. Lossy ones
hold `smooth`, and what Pillow (libjpeg-turbo, libwebp) decodes them to is kept beside them as PNG.
Versions at the time of writing: Pillow 13.0.0, tifffile 2026.3.3, OpenCV 5.0.0, numpy 2.4.6.
"""

import io
import pathlib
import struct
import sys
import zlib

import cv2
import numpy as np
import tifffile
from PIL import Image

OUT = pathlib.Path(__file__).resolve().parents[2] / "crates/data/tests/seeds"
W, H = 13, 9


def grid(channels, w=W, h=H):
    y, x, c = np.meshgrid(np.arange(h), np.arange(w), np.arange(channels), indexing="ij")
    return x.astype(np.int64), y.astype(np.int64), c.astype(np.int64)


def exact8(channels):
    x, y, c = grid(channels)
    return ((x * 37 + y * 59 + c * 83 + x * y) % 256).astype(np.uint8)


def exact16(channels):
    x, y, c = grid(channels)
    return ((x * 3701 + y * 5903 + c * 8311 + x * y * 7) % 65536).astype(np.uint16)


def float32(channels):
    x, y, c = grid(channels)
    return ((x - 5) * 0.25 + y * 0.125 - c * 0.5).astype(np.float32)


def smooth(channels, w=61, h=47):
    x, y, c = grid(channels, w, h)
    v = 128 + 70 * np.sin(x / 9 + c) * np.cos(y / 7 - c) + 40 * ((x - 30) ** 2 + (y - 20) ** 2 < 150)
    return np.clip(np.rint(v), 0, 255).astype(np.uint8)


def squeeze(a):
    return a[:, :, 0] if a.shape[2] == 1 else a


def save(name, data):
    (OUT / name).write_bytes(bytes(data))


# ---- PNG, chunk by chunk, for what Pillow cannot write


def png_chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_rows(a, bits):
    out = b""
    for row in a.reshape(a.shape[0], -1):
        if bits == 16:
            line = row.astype(">u2").tobytes()
        elif bits == 8:
            line = row.astype(np.uint8).tobytes()
        else:
            text = "".join(format(int(v), f"0{bits}b") for v in row)
            text += "0" * (-len(text) % 8)
            line = bytes(int(text[i : i + 8], 2) for i in range(0, len(text), 8))
        out += b"\0" + line
    return out


def png(name, a, bits, color, extra=b"", interlaced=False):
    h, w = a.shape[:2]
    head = struct.pack(">IIBBBBB", w, h, bits, color, 0, 0, int(interlaced))
    if interlaced:
        passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
        parts = [a[y::dy, x::dx] for y, x, dy, dx in passes]
        raw = b"".join(png_rows(p, bits) for p in parts if p.size)
    else:
        raw = png_rows(a, bits)
    data = b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", head) + extra
    save(name, data + png_chunk(b"IDAT", zlib.compress(raw, 9)) + png_chunk(b"IEND", b""))


def pngs():
    for bits in (1, 2, 4):
        png(f"png-gray{bits}.png", exact8(1) >> (8 - bits), bits, 0)
    colors = {"gray": (1, 0), "graya": (2, 4), "rgb": (3, 2), "rgba": (4, 6)}
    for name, (n, color) in colors.items():
        png(f"png-{name}8.png", exact8(n), 8, color)
        png(f"png-{name}16.png", exact16(n), 16, color)
    png("png-rgb8-interlaced.png", exact8(3), 8, 2, interlaced=True)
    png("png-gray2-interlaced.png", exact8(1) >> 6, 2, 0, interlaced=True)
    # Index i has the color (i * 3, 255 - i * 5, i * 7) mod 256.
    i = np.arange(16)
    table = np.stack([i * 3, 255 - i * 5, i * 7], 1) % 256
    plte = png_chunk(b"PLTE", table.astype(np.uint8).tobytes())
    png("png-palette4.png", exact8(1) >> 4, 4, 3, plte)
    png("png-palette4-transparent.png", exact8(1) >> 4, 4, 3, plte + png_chunk(b"tRNS", bytes([0, 128])))
    # The color of pixel (0, 0), which is (0, 83, 166), is transparent.
    png("png-rgb8-transparent.png", exact8(3), 8, 2, png_chunk(b"tRNS", struct.pack(">HHH", 0, 83, 166)))
    Image.fromarray(exact8(3)).save(OUT / "png-rgb8-pillow.png", dpi=(300, 150), icc_profile=b"not a real profile" * 9)
    cv2.imwrite(str(OUT / "png-rgb16-opencv.png"), exact16(3)[:, :, ::-1])
    frames = [Image.fromarray(np.roll(exact8(3), k, 1)) for k in range(3)]
    frames[0].save(OUT / "png-animated.png", save_all=True, append_images=frames[1:])


# ---- JPEG


def exif(orientation, w, h):
    e = Image.Exif()
    e[0x010F], e[0x0110], e[0x0112] = "Maker", "Model", orientation
    e[0x0132] = "2020:02:02 20:20:20"
    sub = e.get_ifd(0x8769)
    sub[0x829A], sub[0xA002], sub[0xA003] = (1, 50), w, h
    return e.tobytes()


def with_reference(name, data):
    save(name, data)
    image = Image.open(io.BytesIO(data))
    Image.fromarray(np.asarray(image if image.mode in ("L", "RGB", "RGBA") else image.convert("RGB"))).save(
        OUT / (name + ".ref.png"), optimize=True
    )


def jpeg(name, a, **options):
    buffer = io.BytesIO()
    Image.fromarray(squeeze(a)).save(buffer, "JPEG", **options)
    with_reference(name, buffer.getvalue())


def jpegs():
    jpeg("jpeg-444.jpg", smooth(3), quality=90, subsampling=0)
    jpeg("jpeg-422.jpg", smooth(3), quality=85, subsampling=1)
    jpeg("jpeg-420.jpg", smooth(3), quality=80, subsampling=2, dpi=(300, 300))
    jpeg("jpeg-420-progressive.jpg", smooth(3), quality=80, subsampling=2, progressive=True)
    jpeg("jpeg-444-progressive.jpg", smooth(3), quality=95, subsampling=0, progressive=True)
    jpeg("jpeg-420-restart.jpg", smooth(3), quality=80, subsampling=2, restart_marker_blocks=3)
    jpeg("jpeg-444-restart-progressive.jpg", smooth(3), quality=80, subsampling=0, progressive=True, restart_marker_rows=1)
    jpeg("jpeg-gray.jpg", smooth(1), quality=90, optimize=True)
    jpeg("jpeg-gray-progressive.jpg", smooth(1), quality=90, progressive=True)
    jpeg("jpeg-rgb.jpg", smooth(3), quality=90, keep_rgb=True)
    for o in (6, 7):
        Image.fromarray(smooth(3)).save(OUT / f"jpeg-orientation{o}.jpg", quality=90, subsampling=0, exif=exif(o, 61, 47))
    cmyk = Image.fromarray(np.concatenate([smooth(3), smooth(1) // 2], 2), "CMYK")
    cmyk.save(OUT / "jpeg-cmyk.jpg", quality=95, subsampling=0)


# ---- WebP


def webps():
    def save_webp(name, a, **options):
        buffer = io.BytesIO()
        Image.fromarray(a).save(buffer, "WEBP", **options)
        save(name, buffer.getvalue())
        return buffer.getvalue()

    save_webp("webp-rgb.webp", exact8(3), lossless=True)
    save_webp("webp-rgba.webp", exact8(4), lossless=True, exact=True)
    save_webp("webp-meta.webp", exact8(3), lossless=True, icc_profile=b"profile" * 11, exif=exif(3, W, H))
    with_reference("webp-lossy.webp", save_webp("webp-lossy.webp", smooth(3), quality=80))
    frames = [Image.fromarray(np.roll(exact8(3), k, 1)) for k in range(3)]
    frames[0].save(OUT / "webp-animated.webp", save_all=True, append_images=frames[1:], lossless=True)


# ---- TIFF


def tiffs():
    def write(name, a, **options):
        tifffile.imwrite(OUT / f"tiff-{name}.tif", a, **options)

    for kind, make in (("8", exact8), ("16", exact16), ("f32", float32)):
        write(f"gray{kind}", squeeze(make(1)), photometric="minisblack")
        write(f"rgb{kind}", make(3), photometric="rgb")
        write(f"rgba{kind}", make(4), photometric="rgb", extrasamples=["unassalpha"])
        write(f"graya{kind}", make(2), photometric="minisblack", planarconfig="contig", extrasamples=["unassalpha"])
    write("rgb16-big-endian", exact16(3), photometric="rgb", byteorder=">")
    write("rgbf32-big-endian", float32(3), photometric="rgb", byteorder=">")
    write("rgb16-bigtiff", exact16(3), photometric="rgb", bigtiff=True)
    write("rgb8-planar", np.moveaxis(exact8(3), 2, 0), photometric="rgb", planarconfig="separate", rowsperstrip=4)
    write("rgb16-tiled", exact16(3), photometric="rgb", tile=(16, 16))
    write("rgb8-strips", exact8(3), photometric="rgb", rowsperstrip=2)
    write("rgb8-deflate", exact8(3), photometric="rgb", compression="zlib", rowsperstrip=4)
    write("rgb16-deflate", exact16(3), photometric="rgb", compression="zlib", tile=(16, 16))
    write("gray8-inverted", 255 - squeeze(exact8(1)), photometric="miniswhite")
    write("grayf16", squeeze(float32(1)).astype(np.float16), photometric="minisblack")
    write("rgbf64", float32(3).astype(np.float64), photometric="rgb")
    write("pages", np.stack([exact16(3), np.flip(exact16(3), 1), np.flip(exact16(3), 0)]), photometric="rgb")
    # libtiff, through Pillow: LZW and Deflate with predictors, PackBits, bilevel, palette, tags.
    rgb = Image.fromarray(exact8(3))
    rgb.save(OUT / "tiff-rgb8-lzw.tif", compression="tiff_lzw")
    rgb.save(OUT / "tiff-rgb8-lzw-predictor.tif", compression="tiff_lzw", tiffinfo={317: 2})
    rgb.save(OUT / "tiff-rgb8-deflate-predictor.tif", compression="tiff_adobe_deflate", tiffinfo={317: 2})
    rgb.save(OUT / "tiff-rgb8-packbits.tif", compression="packbits")
    Image.fromarray(squeeze(exact16(1))).save(OUT / "tiff-gray16-predictor.tif", compression="tiff_lzw", tiffinfo={317: 2})
    Image.fromarray(squeeze(float32(1))).save(OUT / "tiff-grayf32-predictor.tif", compression="tiff_adobe_deflate", tiffinfo={317: 3})
    Image.fromarray(squeeze(exact8(1)) >= 128).save(OUT / "tiff-gray1.tif", compression="packbits")
    palette = Image.fromarray(squeeze(exact8(1)) >> 4).convert("P")
    i = np.arange(256)
    palette.putpalette((np.stack([i * 3, 255 - i * 5, i * 7], 1) % 256).astype(np.uint8).tobytes())
    palette.save(OUT / "tiff-palette8.tif")
    info = {270: "A description", 271: "Maker", 272: "Model", 274: 6, 306: "2020:02:02 20:20:20"}
    rgb.save(OUT / "tiff-meta.tif", tiffinfo=info, dpi=(300, 150), icc_profile=b"profile" * 11)


# ---- BMP


def bmps():
    Image.fromarray(squeeze(exact8(1))).save(OUT / "bmp-gray8.bmp")
    Image.fromarray(exact8(3)).save(OUT / "bmp-rgb24.bmp", dpi=(254, 254))
    Image.fromarray(squeeze(exact8(1)) >= 128).save(OUT / "bmp-gray1.bmp")
    palette = Image.fromarray(squeeze(exact8(1)) >> 4).convert("P")
    i = np.arange(256)
    palette.putpalette((np.stack([i * 3, 255 - i * 5, i * 7], 1) % 256).astype(np.uint8).tobytes())
    palette.save(OUT / "bmp-palette8.bmp")

    def bmp(name, rows, bits, compression, header=40, masks=b"", table=b"", height=H, size=None):
        body = b"".join(rows) if size is None else size
        start = 14 + header + (len(masks) if header == 40 else 0) + len(table)
        info = struct.pack("<IiiHHIIiiII", header, W, height, 1, bits, compression, len(body), 0, 0, len(table) // 4, 0)
        info += masks + b"\0" * (header - 40 - len(masks) if header > 40 else 0)
        save(name, b"BM" + struct.pack("<IHHI", start + len(body), 0, 0, start) + info + table + body)

    a = exact8(4).astype(np.uint32)
    word = a[:, :, 0] << 16 | a[:, :, 1] << 8 | a[:, :, 2] | a[:, :, 3] << 24
    fields = struct.pack("<IIII", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    bmp("bmp-rgba32-v4.bmp", [r.astype("<u4").tobytes() for r in word[::-1]], 32, 3, 108, fields)
    bmp("bmp-rgb24-top-down.bmp", [r[:, ::-1].tobytes() + b"\0" * (-3 * W % 4) for r in exact8(3)], 24, 0, height=-H)
    a = exact8(3).astype(np.uint16)
    word = (a[:, :, 0] >> 3) << 11 | (a[:, :, 1] >> 2) << 5 | a[:, :, 2] >> 3
    rows = [r.astype("<u2").tobytes() + b"\0" * (-2 * W % 4) for r in word[::-1]]
    bmp("bmp-rgb565.bmp", rows, 16, 3, 40, struct.pack("<III", 0xF800, 0x07E0, 0x001F))
    # Run lengths: odd rows absolute, even rows in runs of one; then the end.
    table = b"".join(bytes([i, i, i, 0]) for i in range(256))
    body = b""
    for y, row in enumerate(squeeze(exact8(1))[::-1]):
        if y % 2:
            body += bytes([0, W]) + row.tobytes() + b"\0" * (W % 2)
        else:
            body += b"".join(bytes([1, v]) for v in row)
        body += b"\0\0"
    bmp("bmp-gray8-rle.bmp", [], 8, 1, table=table, size=body + b"\0\1")
    table = b"".join(bytes([17 * i, 17 * i, 17 * i, 0]) for i in range(16))
    body = b""
    for y, row in enumerate(squeeze(exact8(1) >> 4)[::-1]):
        nibbles = bytes(int(row[i]) << 4 | (int(row[i + 1]) if i + 1 < W else 0) for i in range(0, W, 2))
        if y % 2:
            body += bytes([0, W]) + nibbles + b"\0" * (len(nibbles) % 2)
        else:
            body += b"".join(bytes([min(2, W - 2 * i), n]) for i, n in enumerate(nibbles))
        body += b"\0\0"
    bmp("bmp-gray4-rle.bmp", [], 4, 2, table=table, size=body + b"\0\1")


# ---- PNM


def pnms():
    g, c = squeeze(exact8(1)), exact8(3)
    words = lambda a: "\n".join(" ".join(map(str, r)) for r in a.reshape(H, -1)) + "\n"
    size = f"{W} {H}\n"
    bits = (g < 128).astype(np.uint8)
    save("pnm-p1.pbm", ("P1\n# a comment\n" + size + "\n".join("".join(map(str, r)) for r in bits) + "\n").encode())
    save("pnm-p4.pbm", f"P4\n{size}".encode() + np.packbits(bits, axis=1).tobytes())
    save("pnm-p2.pgm", (f"P2 {size}# maximum\n255\n" + words(g)).encode())
    save("pnm-p3-16.ppm", (f"P3\n{size}65535\n" + words(exact16(3))).encode())
    save("pnm-p5.pgm", f"P5\n{size}255\n".encode() + g.tobytes())
    save("pnm-p6.ppm", f"P6\n{size}255\n".encode() + c.tobytes())
    save("pnm-p6-16.ppm", f"P6\n{size}65535\n".encode() + exact16(3).astype(">u2").tobytes())
    save("pnm-p5-10bit.pgm", f"P5\n{size}1023\n".encode() + (squeeze(exact16(1)) >> 6).astype(">u2").tobytes())
    save("pnm-p5-4bit.pgm", f"P5\n{size}15\n".encode() + (g >> 4).tobytes())
    head = f"P7\nWIDTH {W}\nHEIGHT {H}\nDEPTH 4\nMAXVAL 255\nTUPLTYPE RGB_ALPHA\nENDHDR\n"
    save("pnm-p7.pam", head.encode() + exact8(4).tobytes())
    save("pnm-pf.pfm", f"PF\n{size}-1.0\n".encode() + float32(3)[::-1].astype("<f4").tobytes())
    save("pnm-gray-big-endian.pfm", f"Pf\n{size}1.0\n".encode() + float32(1)[::-1].astype(">f4").tobytes())


# ---- QOI: an encoder after the specification, which uses every kind of chunk


def qoi(name, a):
    n = a.shape[2]
    out = b"qoif" + struct.pack(">IIBB", a.shape[1], a.shape[0], n, 0)
    seen, last, run = [(0, 0, 0, 0)] * 64, (0, 0, 0, 255), 0
    for p in a.reshape(-1, n):
        p = tuple(int(v) for v in p) + (() if n == 4 else (255,))
        if p == last:
            run += 1
            if run == 62:
                out, run = out + bytes([0xC0 | 61]), 0
            continue
        if run:
            out, run = out + bytes([0xC0 | run - 1]), 0
        i = (p[0] * 3 + p[1] * 5 + p[2] * 7 + p[3] * 11) % 64
        d = [(x - y + 128) % 256 - 128 for x, y in zip(p, last)]
        if seen[i] == p:
            out += bytes([i])
        elif d[3]:
            out += bytes([0xFF, *p])
        elif all(-2 <= v <= 1 for v in d[:3]):
            out += bytes([0x40 | d[0] + 2 << 4 | d[1] + 2 << 2 | d[2] + 2])
        elif -32 <= d[1] <= 31 and -8 <= d[0] - d[1] <= 7 and -8 <= d[2] - d[1] <= 7:
            out += bytes([0x80 | d[1] + 32, d[0] - d[1] + 8 << 4 | d[2] - d[1] + 8])
        else:
            out += bytes([0xFE, *p[:3]])
        seen[i], last = p, p
    out += bytes([0xC0 | run - 1]) if run else b""
    save(name, out + b"\0" * 7 + b"\1")


# ---- GIF


def gifs():
    g = Image.fromarray(squeeze(exact8(1)))
    g.save(OUT / "gif-gray.gif", interlace=False)
    g.save(OUT / "gif-gray-interlaced.gif", interlace=True)
    palette = Image.fromarray(squeeze(exact8(1)) >> 4).convert("P")
    i = np.arange(16)
    palette.putpalette((np.stack([i * 3, 255 - i * 5, i * 7], 1) % 256).astype(np.uint8).tobytes())
    palette.save(OUT / "gif-transparent.gif", transparency=5, optimize=False)
    frames = [Image.fromarray(squeeze(np.roll(exact8(1), k, 1))) for k in range(3)]
    frames[0].save(OUT / "gif-animated.gif", save_all=True, append_images=frames[1:])


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    for old in OUT.iterdir():
        old.unlink()
    pngs()
    jpegs()
    webps()
    tiffs()
    bmps()
    pnms()
    qoi("qoi-rgb.qoi", exact8(3))
    qoi("qoi-rgba.qoi", exact8(4))
    qoi("qoi-smooth.qoi", smooth(3) // 4)
    gifs()
    total = sum(f.stat().st_size for f in OUT.iterdir())
    print(f"{len(list(OUT.iterdir()))} files, {total} bytes", file=sys.stderr)


if __name__ == "__main__":
    main()
