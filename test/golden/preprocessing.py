"""What torchvision makes of images: /usr/bin/python3 test/golden/preprocessing.py writes preprocessing.json.

`cases` are its ImageClassification, `pipelines` other transforms without chance.
"""
import hashlib

import numpy
import torch
from PIL import Image
from torchvision import transforms
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


def pipelines():
    """Transforms as torchvision and as src/data/transforms write them."""
    normalize = {"name": "normalize", "mean": IMAGENET[0], "std": IMAGENET[1]}
    for width, height, to in ((17, 23, (9, 31)), (23, 17, (40, 11)), (30, 30, (7, 7)), (64, 3, (3, 57))):
        yield width, height, [transforms.Resize(to, InterpolationMode.NEAREST)], [
            {"name": "resize", "size": to, "interpolation": "nearest"}
        ]
    yield 17, 23, [transforms.Resize(12, InterpolationMode.NEAREST), transforms.CenterCrop((15, 10))], [
        {"name": "resize", "size": 12, "interpolation": "nearest"},
        {"name": "centerCrop", "size": [15, 10]},
    ]
    for mode in ("constant", "edge", "reflect", "symmetric"):
        yield 9, 7, [transforms.Pad((1, 2, 3, 4), (10, 20, 30), mode)], [
            {"name": "pad", "padding": [1, 2, 3, 4], "fill": [10, 20, 30], "mode": mode}
        ]
    # Further than the image is wide.
    for mode in ("edge", "reflect", "symmetric"):
        yield 4, 5, [transforms.Pad(11, 0, mode)], [{"name": "pad", "padding": 11, "mode": mode}]
    yield 9, 7, [transforms.Pad((0, 3, 2, 0)), transforms.Grayscale(3)], [
        {"name": "pad", "padding": [0, 3, 2, 0]},
        {"name": "grayscale"},
    ]
    yield 50, 37, [transforms.Grayscale(3), transforms.Resize((20, 30)), transforms.CenterCrop((24, 13))], [
        {"name": "grayscale"},
        {"name": "resize", "size": [20, 30]},
        {"name": "centerCrop", "size": [24, 13]},
    ]
    yield 20, 20, [transforms.CenterCrop(16), transforms.ToTensor(), transforms.Normalize(*IMAGENET)], [
        {"name": "centerCrop", "size": 16},
        normalize,
    ]


def run(width, height, steps, pipeline):
    image = transforms.Compose(steps)(Image.fromarray(picture(width, height)))
    values = (image if isinstance(image, torch.Tensor) else transforms.ToTensor()(image)).numpy()
    return {
        "width": width,
        "height": height,
        "pipeline": pipeline,
        "size": {"width": values.shape[2], "height": values.shape[1]},
        "sha256": hashlib.sha256(values.astype("<f4").tobytes()).hexdigest(),
    }


if __name__ == "__main__":
    write(
        "preprocessing",
        {"cases": [describe(*case) for case in CASES], "pipelines": [run(*pipeline) for pipeline in pipelines()]},
    )
