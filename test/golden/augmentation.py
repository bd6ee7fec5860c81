"""The tables and defaults of torchvision's augmentation: /usr/bin/python3 test/golden/augmentation.py writes augmentation.json."""
import inspect

from PIL import Image
from torchvision import transforms
from torchvision.transforms import functional
from torchvision.transforms.autoaugment import AugMix, AutoAugment, AutoAugmentPolicy, RandAugment, TrivialAugmentWide

from common import digits, write

# Height and width; magnitudes of translations are in pixels of it.
SIZE = (300, 200)
SIDES = [1, 7, 24, 28, 32, 64, 90, 96, 128, 150, 171, 176, 192, 214, 224, 240, 256, 257, 299, 300, 331, 384, 480, 662]
ASPECTS = [(61, 47), (47, 61), (90, 90), (1000, 3), (3, 1000), (641, 427), (333, 500)]


def table(space):
    return {
        name: {"magnitudes": [digits(float(x), 9) for x in magnitudes.reshape(-1)] if magnitudes.ndim else None, "signed": signed}
        for name, (magnitudes, signed) in space.items()
    }


def posterize(augment, *arguments):
    return [int(x) for x in augment._augmentation_space(*arguments)["Posterize"][0]]


def pixels(augment, bins):
    """For each side, how far TranslateX moves an image of that width in each bin."""
    return {str(side): [int(float(x)) for x in augment._augmentation_space(bins, (1, side))["TranslateX"][0]] for side in SIDES}


def plain(value):
    if isinstance(value, tuple):
        return [plain(x) for x in value]
    return getattr(value, "value", value)


def defaults(transform):
    parameters = inspect.signature(transform.__init__).parameters.values()
    return {p.name: plain(p.default) for p in parameters if p.default is not inspect.Parameter.empty}


if __name__ == "__main__":
    rand, trivial, auto, mix = RandAugment(), TrivialAugmentWide(), AutoAugment(), AugMix()
    names = [
        "Resize", "Pad", "RandomCrop", "RandomResizedCrop", "RandomHorizontalFlip", "RandomVerticalFlip", "RandomRotation",
        "ColorJitter", "RandomGrayscale", "GaussianBlur", "RandAugment", "AutoAugment", "TrivialAugmentWide", "AugMix",
        "RandomErasing",
    ]
    write(
        "augmentation",
        {
            "size": {"height": SIZE[0], "width": SIZE[1]},
            "randAugment": table(rand._augmentation_space(31, SIZE)),
            "trivialAugmentWide": table(trivial._augmentation_space(31)),
            "autoAugment": table(auto._augmentation_space(10, SIZE)),
            "augMix": table(mix._augmentation_space(10, SIZE)),
            # Numbers of bins where halves are rounded.
            "posterize": {
                "rand9": posterize(rand, 9, SIZE),
                "rand25": posterize(rand, 25, SIZE),
                "trivial13": posterize(trivial, 13),
                "trivial37": posterize(trivial, 37),
            },
            "policies": {p.value: auto._get_policies(p) for p in (AutoAugmentPolicy.IMAGENET, AutoAugmentPolicy.CIFAR10)},
            "pixelsRand31": pixels(rand, 31),
            "pixelsAuto10": pixels(auto, 10),
            "pixelsMix10": pixels(mix, 10),
            "resized": [
                {"width": w, "height": h, "size": size, "to": functional.resize(Image.new("RGB", (w, h)), size).size}
                for w, h in ASPECTS
                for size in (32, 224)
            ],
            "defaults": {name: defaults(getattr(transforms, name)) for name in names},
        },
    )
