"""What torchvision's ImageClassification makes of images: /usr/bin/python3 test/golden/preprocessing.py writes preprocessing.json."""
import hashlib

import numpy
from PIL import Image
from torchvision.transforms import InterpolationMode
from torchvision.transforms._presets import ImageClassification

from common import write

IMAGENET = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
HALF = ([0.5] * 3, [0.5] * 3)
# Width, height, resize, crop, interpolation, mean and deviation: shrunk and enlarged, wide and high, with odd rests (whose
# half Python rounds to even), and a crop that the image does not fill.
CASES = [
    (61, 47, 32, 28, "bilinear", IMAGENET),
    (47, 61, 32, 28, "bicubic", IMAGENET),
    (20, 31, 33, 30, "bicubic", HALF),
    (90, 41, 29, 24, "bilinear", IMAGENET),
    (41, 90, 29, 24, "bilinear", IMAGENET),
    (30, 30, 30, 30, "bilinear", HALF),
    (50, 37, 25, 40, "bilinear", IMAGENET),
    (1000, 3, 4, 4, "bicubic", IMAGENET),
]


def picture(width, height):
    """`picture` of src/data/preprocess.test.ts: smooth, with edges."""
    i = numpy.arange(width * height * 3, dtype=numpy.int64)
    return ((i * 37 + (i // 97) * (i // 97)) % 256).astype(numpy.uint8).reshape(height, width, 3)


def describe(width, height, resize, crop, interpolation, normalization):
    mean, std = normalization
    preset = ImageClassification(
        crop_size=crop, resize_size=resize, interpolation=InterpolationMode(interpolation), mean=mean, std=std
    )
    values = preset(Image.fromarray(picture(width, height))).numpy()
    assert values.shape == (3, crop, crop)
    return {
        "width": width,
        "height": height,
        "preprocessing": {"resize": resize, "crop": crop, "interpolation": interpolation, "antialias": True, "mean": mean, "std": std},
        "first": [float(value) for value in values[:, 0, 0]],
        "sha256": hashlib.sha256(values.astype("<f4").tobytes()).hexdigest(),
    }


if __name__ == "__main__":
    write("preprocessing", {"cases": [describe(*case) for case in CASES]})
