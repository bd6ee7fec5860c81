"""What Pillow and torchvision make of small images: /usr/bin/python3 test/golden/images.py writes the folder images/.

Needs Pillow 9.4, torchvision 0.14 and CIFAR-10 (its binary form; the folder is the argument, ../shared/data/cifar10 if
there is none). A case holds the operations as src/data/transforms/image-op.ts has them, and the SHA-256 of the RGB bytes
that must come out. Two operations have a tolerance of 1 instead, and the bytes themselves: `gaussianBlur`, since torch
leaves open in which order a convolution adds, and `stain`, whose logarithms and powers are made in 32 bits here but in 64
there. Where a sum lies near a half, the rounded bytes then differ.
"""
import base64
import hashlib
import json
import math
import sys
from pathlib import Path

import numpy
import torch
from PIL import Image, ImageEnhance, ImageOps
from torchvision import transforms
from torchvision.transforms import InterpolationMode
from torchvision.transforms import functional as F
from torchvision.transforms.autoaugment import AutoAugment, AutoAugmentPolicy, RandAugment, TrivialAugmentWide, _apply_op

FOLDER = Path(__file__).parent / "images"
MODES = {mode.value: mode for mode in (InterpolationMode.NEAREST, InterpolationMode.BILINEAR, InterpolationMode.BICUBIC)}
GREY = [128, 128, 128]
ORANGE = [200, 100, 3]
IMAGENET = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])


def cifar(folder):
    files = sorted(Path(folder).rglob("test_batch.bin"))
    data = numpy.fromfile(files[0], numpy.uint8).reshape(-1, 3073)[:, 1:]
    return [numpy.ascontiguousarray(image.reshape(3, 32, 32).transpose(1, 2, 0)) for image in data[:8]]


def sources(folder):
    """Photographs, smooth and rough images, odd sizes, and the least of all."""
    photos = cifar(folder)
    mosaic = Image.fromarray(numpy.vstack([numpy.hstack(photos[1:4]), numpy.hstack(photos[4:7])]))
    random = numpy.random.default_rng(7)
    y, x = numpy.mgrid[0:41, 0:57]
    gradient = numpy.stack([x * 255 // 56, y * 255 // 40, (x * 7 + y * 11) % 256], -1)
    return {
        "ship": photos[1],
        "frog": photos[4],
        "mosaic": numpy.array(mosaic.resize((75, 50), Image.BICUBIC)),
        "square": numpy.array(mosaic.resize((48, 48), Image.BICUBIC)),
        "gradient": gradient.astype(numpy.uint8),
        "noise": random.integers(0, 256, (31, 23, 3), dtype=numpy.uint8),
        "dull": random.integers(90, 121, (19, 26, 3), dtype=numpy.uint8),
        "flat": numpy.full((9, 12, 3), (12, 200, 90), numpy.uint8),
        "wide": random.integers(0, 256, (2, 67, 3), dtype=numpy.uint8),
        "high": random.integers(0, 256, (53, 1, 3), dtype=numpy.uint8),
        "pixel": numpy.array([[[10, 130, 250]]], numpy.uint8),
    }


class Cases:
    def __init__(self, images):
        self.images = images
        self.list = []

    def exact(self, names, ops, make):
        for name in names.split():
            expected = numpy.array(make(Image.fromarray(self.images[name])))
            digest = hashlib.sha256(expected.tobytes()).hexdigest()
            self.add(name, ops, expected, {"sha256": digest})

    def near(self, names, ops, make):
        for name in names.split():
            expected = numpy.array(make(Image.fromarray(self.images[name])))
            self.add(name, ops, expected, {"tolerance": 1, "pixels": base64.b64encode(expected.tobytes()).decode()})

    def add(self, name, ops, expected, how):
        assert expected.dtype == numpy.uint8 and expected.shape[2] == 3
        height, width = expected.shape[:2]
        self.list.append({"image": name, "ops": ops, "width": width, "height": height, **how})


def geometry(cases):
    sizes = [(32, 32), (20, 47), (75, 20), (90, 90), (1, 1), (7, 50), (64, 33)]
    for interpolation in MODES:
        for width, height in sizes:
            op = {"op": "resize", "width": width, "height": height, "interpolation": interpolation}
            cases.exact("mosaic noise", [op], lambda im: F.resize(im, [height, width], MODES[interpolation]))
        op = {"op": "resize", "width": 13, "height": 11, "interpolation": interpolation}
        cases.exact("wide high pixel", [op], lambda im: F.resize(im, [11, 13], MODES[interpolation]))
        for size in (17, 40):
            op = {"op": "resizeShorter", "size": size, "interpolation": interpolation}
            cases.exact("mosaic gradient noise", [op], lambda im: F.resize(im, size, MODES[interpolation]))
    for width, height in [(28, 28), (21, 30), (80, 31), (75, 51), (91, 90), (1, 1)]:
        op = {"op": "centerCrop", "width": width, "height": height}
        cases.exact("mosaic gradient pixel", [op], lambda im: F.center_crop(im, [height, width]))
    for mode in ("constant", "edge", "reflect", "symmetric"):
        for margins in ([4, 4, 4, 4], [0, 3, 11, 1]):
            left, top, right, bottom = margins
            op = {"op": "pad", "left": left, "top": top, "right": right, "bottom": bottom, "mode": mode, "fill": ORANGE}
            cases.exact("ship noise", [op], lambda im: F.pad(im, margins, tuple(ORANGE), mode))
    for left, top, width, height in [(0, 0, 20, 20), (43, 18, 32, 32), (12, 5, 63, 45), (0, 0, 75, 50)]:
        across, down = (left + 0.5) / (75 - width + 1), (top + 0.5) / (50 - height + 1)
        op = {"op": "cropAt", "width": width, "height": height, "across": across, "down": down}
        cases.exact("mosaic", [op], lambda im: F.crop(im, top, left, height, width))

    every = "ship mosaic noise wide high pixel"
    cases.exact(every, [{"op": "flipHorizontal"}], F.hflip)
    cases.exact(every, [{"op": "flipVertical"}], F.vflip)
    turns = {1: Image.Transpose.ROTATE_90, 2: Image.Transpose.ROTATE_180, 3: Image.Transpose.ROTATE_270}
    for quarters, turn in turns.items():
        cases.exact(every, [{"op": "turn", "quarters": quarters}], lambda im: im.transpose(turn))


def resized_crops(cases):
    def box(area, aspect, across, down):
        return {"area": area, "aspect": aspect, "across": across, "down": down}

    # One that fits; the second fits; the whole image; none fits, in a wide image, a high one and one within the bounds;
    # halves, which Python rounds to even.
    lists = [
        [box(0.3, 1.2, 0.4, 0.7)],
        [box(0.9, 1.33, 0.1, 0.1), box(0.2, 0.8, 0.99, 0.0)],
        [box(1, 75 / 50, 0.5, 0.5)],
        [box(1, 0.75, 0.2, 0.2)] * 10,
        [],
        [box(6.25 / 3750, 1, 0.5, 0.5)],
        [box(0.01, 1.1, 0, 0.999)],
    ]
    for boxes in lists:
        for interpolation in MODES:
            for ratio in ([3 / 4, 4 / 3], [0.9, 1.7]):
                op = {"op": "resizedCrop", "width": 32, "height": 30, "interpolation": interpolation, "ratio": ratio, "boxes": boxes}
                flips = [[], [{"op": "flipHorizontal"}], [{"op": "flipVertical"}, {"op": "flipHorizontal"}]][len(cases.list) % 3]

                def make(im):
                    for flip in flips:
                        im = {"flipHorizontal": F.hflip, "flipVertical": F.vflip}[flip["op"]](im)
                    left, top, width, height = crop_box(im.width, im.height, boxes, ratio)
                    return F.resized_crop(im, top, left, height, width, [30, 32], MODES[interpolation])

                cases.exact("mosaic high" if not boxes else "mosaic", [*flips, op], make)


def crop_box(width, height, boxes, ratio):
    """torchvision's RandomResizedCrop.get_params, with what it draws given."""
    for box in boxes:
        target = height * width * box["area"]
        w = int(round(math.sqrt(target * box["aspect"])))
        h = int(round(math.sqrt(target / box["aspect"])))
        if 0 < w <= width and 0 < h <= height:
            return int(box["across"] * (width - w + 1)), int(box["down"] * (height - h + 1)), w, h
    w, h = width, height
    if width / height < min(ratio):
        h = int(round(w / min(ratio)))
    elif width / height > max(ratio):
        w = int(round(h * max(ratio)))
    return (width - w) // 2, (height - h) // 2, w, h


def warps(cases):
    for interpolation in MODES:
        mode = MODES[interpolation]
        for degrees in (0, 30, -30, 90, 180, 270, -90, 360, 45, 359.5, 12.345):
            op = {"op": "rotate", "degrees": degrees, "interpolation": interpolation, "fill": ORANGE}
            cases.exact("mosaic square", [op], lambda im: F.rotate(im, degrees, mode, fill=ORANGE))
        matrices = [
            [1, 0.3, 0, 0, 1, 0],
            [1, 0, 0, -0.7, 1, 0],
            [0.5, 0, 3.25, 0, 1.7, -4],
            [-1, 0, 70, 0, 1, 0],
            [0.8, -0.6, 12, 0.6, 0.8, -9],
            [1e5, 3, 0, 2, 1, 5],
            [1, 0, 500, 0, 1, 0],
            [0, 1, 0, 1, 0, 0],
        ]
        for matrix in matrices:
            op = {"op": "affine", "matrix": matrix, "interpolation": interpolation, "fill": ORANGE}
            size_kept = lambda im: im.transform(im.size, Image.Transform.AFFINE, matrix, pillow(interpolation), fillcolor=tuple(ORANGE))
            cases.exact("mosaic noise", [op], size_kept)
        cases.exact("wide high pixel", [{"op": "affine", "matrix": [0.9, 0.2, 0, -0.1, 1.1, 0], "interpolation": interpolation, "fill": GREY}],
                    lambda im: im.transform(im.size, Image.Transform.AFFINE, [0.9, 0.2, 0, -0.1, 1.1, 0], pillow(interpolation), fillcolor=tuple(GREY)))
        for x, y in [(5, -3), (-40, 100), (0, 0), (1, 49)]:
            op = {"op": "translate", "x": x, "y": y, "unit": "pixels", "interpolation": interpolation, "fill": GREY}
            cases.exact("mosaic noise", [op], lambda im: F.affine(im, 0.0, [x, y], 1.0, [0.0, 0.0], mode, GREY))
        for x, y in [(0.25, -0.33), (-150 / 331, 0)]:
            op = {"op": "translate", "x": x, "y": y, "unit": "share", "interpolation": interpolation, "fill": GREY}
            cases.exact("mosaic noise", [op], lambda im: F.affine(im, 0.0, [int(x * im.width), int(y * im.height)], 1.0, [0.0, 0.0], mode, GREY))


def pillow(interpolation):
    return {"nearest": Image.Resampling.NEAREST, "bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}[interpolation]


def colours(cases):
    every = "ship mosaic noise dull flat wide pixel"
    enhancers = {
        "brightness": ImageEnhance.Brightness,
        "contrast": ImageEnhance.Contrast,
        "saturation": ImageEnhance.Color,
        "sharpness": ImageEnhance.Sharpness,
    }
    for op, enhancer in enhancers.items():
        for factor in (0, 0.1, 0.73, 1, 1.4, 1.9, -0.5, 10):
            cases.exact(every, [{"op": op, "factor": factor}], lambda im: enhancer(im).enhance(factor))
    for shift in (0, 0.05, -0.1, 0.5, -0.5, 0.3333):
        cases.exact(every, [{"op": "hue", "shift": shift}], lambda im: F.adjust_hue(im, shift))
    for bits in range(9):
        cases.exact("mosaic", [{"op": "posterize", "bits": bits}], lambda im: ImageOps.posterize(im, bits))
    for threshold in (0, 1, 127.5, 128, 255, 256):
        cases.exact("mosaic", [{"op": "solarize", "threshold": threshold}], lambda im: ImageOps.solarize(im, threshold))
    for amount, threshold in [(0, 128), (110, 128), (50, 0), (110, 256), (-30, 128)]:
        op = {"op": "solarizeAdd", "amount": amount, "threshold": threshold}
        cases.exact("mosaic", [op], lambda im: solarize_add(numpy.array(im), amount, threshold))
    cases.exact(every, [{"op": "autoContrast"}], ImageOps.autocontrast)
    cases.exact(every, [{"op": "equalize"}], ImageOps.equalize)
    cases.exact(every, [{"op": "invert"}], ImageOps.invert)
    cases.exact(every, [{"op": "grayscale"}], lambda im: F.to_grayscale(im, 3))
    for across, down, size in [(0, 0, 40), (0.5, 0.5, 7), (0.999, 0.3, 12), (0.4, 0.9, 0), (0.5, 0.5, 500)]:
        op = {"op": "cutout", "across": across, "down": down, "size": size, "fill": GREY}
        cases.exact("mosaic noise", [op], lambda im: cutout(numpy.array(im), across, down, size))


def solarize_add(pixels, amount, threshold):
    """The official EfficientNetV2 code."""
    added = numpy.clip(pixels.astype(numpy.int64) + amount, 0, 255).astype(numpy.uint8)
    return numpy.where(pixels < threshold, added, pixels)


def cutout(pixels, across, down, size):
    height, width = pixels.shape[:2]
    x, y, half = int(across * width), int(down * height), size // 2
    pixels[max(0, y - half) : y + half, max(0, x - half) : x + half] = GREY
    return pixels


def mixtures(cases):
    rotated = {"op": "rotate", "degrees": 9, "interpolation": "bilinear", "fill": [0, 0, 0]}
    chains = [
        ([rotated, {"op": "posterize", "bits": 3}], lambda im: F.posterize(F.rotate(im, 9, InterpolationMode.BILINEAR, fill=[0, 0, 0]), 3)),
        ([{"op": "flipHorizontal"}], F.hflip),
        ([], lambda im: im),
    ]
    for original, weights in [(0.25, [0.5, 0.125, 0.125]), (0.1, [0.6, 0.2, 0.1]), (0, [0.3, 0.3, 0.4]), (1, [0, 0, 0])]:

        def make(im):
            # torchvision's AugMix.forward, on images of Pillow.
            mix = torch.tensor(original, dtype=torch.float32) * F.pil_to_tensor(im)
            for weight, (_, chain) in zip(weights, chains):
                mix.add_(torch.tensor(weight, dtype=torch.float32) * F.pil_to_tensor(chain(im)))
            return F.to_pil_image(mix.to(torch.uint8))

        listed = [{"weight": weight, "ops": ops} for weight, (ops, _) in zip(weights, chains)]
        cases.exact("ship mosaic", [{"op": "mixChains", "original": original, "chains": listed}], make)


def approximate(cases):
    for kernel, sigma in [([3, 3], [0.5, 0.5]), ([23, 23], [2, 2]), ([5, 9], [0.1, 1.3]), ([1, 7], [1, 3.5])]:
        op = {"op": "gaussianBlur", "kernel": kernel, "sigma": sigma}
        cases.near("ship dull" if max(kernel) < 19 else "ship", [op], lambda im: F.gaussian_blur(im, kernel, sigma))
    for scale, shift in [([1, 1, 1], [0, 0, 0]), ([1.2, 0.8, 1.1], [0.01, -0.02, 0.03]), ([0, 1, 1], [0, 0, 0]), ([0.7, 1.3, 3], [0.2, 0, -0.1])]:
        op = {"op": "stain", "scale": scale, "shift": shift}
        cases.near("frog dull", [op], lambda im: stain(numpy.array(im), scale, shift))


def stain(pixels, scale, shift):
    """scikit-image's separate_stains and combine_stains, in between of which the amounts change, in 64-bit floats."""
    densities = numpy.array([[0.65, 0.70, 0.29], [0.07, 0.99, 0.11], [0.27, 0.57, 0.78]])
    base = numpy.log(1e-6)
    amounts = numpy.log(numpy.maximum(pixels / 255, 1e-6)) / base @ numpy.linalg.inv(densities)
    colours = numpy.exp((amounts * scale + shift) @ densities * base)
    return numpy.round(255 * numpy.clip(colours, 0, 1)).astype(numpy.uint8)


def policies(cases):
    """Every operation of torchvision's policies through its own `_apply_op`."""
    spaces = {
        "rand": (RandAugment()._augmentation_space(31, (50, 75)), (4, 9, 30)),
        "trivial": (TrivialAugmentWide()._augmentation_space(31), (7, 30)),
        "auto": (AutoAugment(AutoAugmentPolicy.IMAGENET)._augmentation_space(10, (50, 75)), (3, 8)),
    }
    seen = set()
    for space, bins in spaces.values():
        for name, (magnitudes, signed) in space.items():
            for bin in bins:
                magnitude = float(magnitudes[bin]) if magnitudes.ndim else 0.0
                for sign in (1, -1) if signed and magnitude else (1,):
                    for interpolation in ("nearest", "bilinear"):
                        ops = equivalent(name, sign * magnitude, interpolation)
                        key = json.dumps(ops)
                        if key in seen:
                            continue
                        seen.add(key)
                        apply = lambda im: _apply_op(im, name, sign * magnitude, MODES[interpolation], GREY)
                        cases.exact("mosaic", ops, apply)


def equivalent(name, m, interpolation):
    warp = {"interpolation": interpolation, "fill": GREY}
    if name in ("Brightness", "Color", "Contrast", "Sharpness"):
        return [{"op": {"Color": "saturation"}.get(name, name.lower()), "factor": 1 + m}]
    return {
        "Identity": lambda: [],
        "ShearX": lambda: [{"op": "affine", "matrix": [1, m, 0, 0, 1, 0], **warp}],
        "ShearY": lambda: [{"op": "affine", "matrix": [1, 0, 0, m, 1, 0], **warp}],
        "TranslateX": lambda: [{"op": "translate", "x": int(m), "y": 0, "unit": "pixels", **warp}],
        "TranslateY": lambda: [{"op": "translate", "x": 0, "y": int(m), "unit": "pixels", **warp}],
        "Rotate": lambda: [{"op": "rotate", "degrees": m, **warp}],
        "Posterize": lambda: [{"op": "posterize", "bits": int(m)}],
        "Solarize": lambda: [{"op": "solarize", "threshold": m}],
        "AutoContrast": lambda: [{"op": "autoContrast"}],
        "Equalize": lambda: [{"op": "equalize"}],
        "Invert": lambda: [{"op": "invert"}],
    }[name]()


def finished(images):
    """Normalised samples: SHA-256 of the little-endian floats, [3, H, W]."""
    mean, std = IMAGENET
    normalize = {"op": "normalize", "mean": mean, "std": std}
    samples = []

    def add(name, ops, values):
        digest = hashlib.sha256(values.numpy().astype("<f4").tobytes()).hexdigest()
        samples.append({"image": name, "ops": ops, "sha256": digest})

    for name in images:
        tensor = transforms.ToTensor()(Image.fromarray(images[name]))
        add(name, [], tensor)
        add(name, [normalize], transforms.Normalize(mean, std)(tensor))
    # RandomErasing.get_params, with what it draws given: it has height over width, and takes what is smaller on both sides.
    boxes = [
        {"area": 0.99, "aspect": 1.5, "across": 0.1, "down": 0.1},
        {"area": 0.9, "aspect": 3, "across": 0.1, "down": 0.1},
        {"area": 0.2, "aspect": 1 / 2.5, "across": 0.77, "down": 0.999},
    ]
    for name in ("mosaic", "noise", "ship"):
        values = transforms.Normalize(mean, std)(transforms.ToTensor()(Image.fromarray(images[name])))
        height, width = values.shape[1:]
        for box in boxes:
            h = int(round(math.sqrt(height * width * box["area"] / box["aspect"])))
            w = int(round(math.sqrt(height * width * box["area"] * box["aspect"])))
            if h < height and w < width:
                i, j = int(box["down"] * (height - h + 1)), int(box["across"] * (width - w + 1))
                values = F.erase(values, i, j, h, w, torch.tensor([0.5, -1.25, 2.0])[:, None, None])
                break
        add(name, [normalize, {"op": "erase", "boxes": boxes, "fill": {"kind": "values", "values": [0.5, -1.25, 2.0]}}], values)
    return samples


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    images = sources(sys.argv[1] if len(sys.argv) > 1 else FOLDER.parents[3] / "shared/data/cifar10")
    (FOLDER / "images.json").write_text(
        "{\n"
        + ",\n".join(
            json.dumps(name) + ": " + json.dumps({"width": p.shape[1], "height": p.shape[0], "pixels": base64.b64encode(p.tobytes()).decode()})
            for name, p in images.items()
        )
        + "\n}\n"
    )
    cases = Cases(images)
    for part in (geometry, resized_crops, warps, colours, mixtures, approximate, policies):
        part(cases)
    lines = lambda items: "[\n" + ",\n".join(json.dumps(item) for item in items) + "\n]"
    (FOLDER / "cases.json").write_text(
        '{\n"made": "test/golden/images.py with Pillow %s, torchvision %s",\n"pixels": %s,\n"samples": %s\n}\n'
        % (Image.__version__, __import__("torchvision").__version__, lines(cases.list), lines(finished(images)))
    )
    print(len(cases.list), "cases")
