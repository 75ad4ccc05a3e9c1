#!/usr/bin/env python3
"""Writes images and what Pillow makes of them, for the tests to compare with.

A developer's tool: neither the build nor the tests need it. It needs Python 3 with numpy and Pillow.

    python3 tests/peers/make_images.py tests

writes Ulrl.Images.Tests/TestData (PNG and JPEG files, and pillow.npz with their pixels: convert("RGB"), of grey files
convert("L")) and Ulrl.Training.Tests/TestData/data/resized.npz ("image", and "WxH" for resize((W, H), BILINEAR)).
"""

import pathlib
import sys

import numpy as np
from PIL import Image, ImageFilter


def main():
    tests = pathlib.Path(sys.argv[1])
    folder = tests / "Ulrl.Images.Tests" / "TestData"
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.RandomState(5)
    noise = rng.randint(0, 256, (21, 30, 3), np.uint8)
    image = Image.fromarray(noise)
    image.save(folder / "rgb.png")
    image.convert("L").save(folder / "gray.png")
    image.quantize(16).save(folder / "palette.png")
    Image.fromarray(np.dstack([noise, noise[..., :1]])).save(folder / "alpha.png")
    image.save(folder / "profile.png", icc_profile=b"\0" * 128, dpi=(300, 300))
    Image.fromarray(noise[..., 0].astype(np.uint16) * 200).save(folder / "deep.png")
    blocks = Image.fromarray(np.kron(rng.randint(0, 256, (5, 6, 3), np.uint8), np.ones((8, 8, 1), np.uint8)))
    smooth = blocks.filter(ImageFilter.GaussianBlur(2))
    smooth.save(folder / "subsampled.jpg", quality=85)
    smooth.save(folder / "full.jpg", quality=90, subsampling=0)
    smooth.save(folder / "progressive.jpg", quality=75, progressive=True)
    smooth.convert("L").save(folder / "gray.jpg", quality=80)
    pixels = {}
    for path in sorted(folder.glob("*.*g")):
        if path.name != "deep.png":
            opened = Image.open(path)
            pixels[path.name] = np.asarray(opened.convert("L" if opened.mode == "L" else "RGB"))
    np.savez_compressed(folder / "pillow.npz", **pixels)

    source = Image.fromarray(rng.randint(0, 256, (29, 47, 3), np.uint8))
    sizes = [(32, 32), (64, 20), (9, 80), (47, 11), (100, 29), (1, 1)]
    resized = {f"{w}x{h}": np.asarray(source.resize((w, h), Image.BILINEAR)) for w, h in sizes}
    resized["gray32x32"] = np.asarray(source.convert("L").resize((32, 32), Image.BILINEAR))
    np.savez_compressed(
        tests / "Ulrl.Training.Tests" / "TestData" / "data" / "resized.npz",
        image=np.asarray(source), gray=np.asarray(source.convert("L")), **resized,
    )


if __name__ == "__main__":
    main()
