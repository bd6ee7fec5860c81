"""
The Python side of data-loading.mjs: images a second that torchvision and PyTorch's DataLoader bring of one set, after a first epoch,
in which the workers start. With --trial the same for several numbers of workers, in one process.
"""
import argparse
import json
import os
import time
from pathlib import Path

import numpy
import PIL
import torch
import torchvision
from PIL import features
from torch.utils.data import DataLoader
from torchvision import datasets
from torchvision.transforms import (
    Compose,
    InterpolationMode,
    Normalize,
    RandomHorizontalFlip,
    RandomResizedCrop,
    RandomVerticalFlip,
    Resize,
    ToTensor,
)

from lib.about import about

parser = argparse.ArgumentParser()
parser.add_argument("--set", choices=["cifar", "nuclei", "photos"], required=True)
parser.add_argument("--path", type=Path, required=True)
parser.add_argument("--batch", type=int, required=True)
parser.add_argument("--seconds", type=float, required=True)
choice = parser.add_mutually_exclusive_group(required=True)
choice.add_argument("--workers", type=int)
choice.add_argument("--trial", help="numbers of workers: 0,1,2,4")
options = parser.parse_args()


class Cifar10(datasets.CIFAR10):
    """torchvision's dataset, arrays and all, from a file of the binary version: [label, 3 x 32 x 32 values] a record."""

    def __init__(self, path, transform):
        datasets.VisionDataset.__init__(self, str(path.parent), transform=transform)
        records = numpy.fromfile(path, numpy.uint8).reshape(-1, 1 + 3 * 32 * 32)
        self.targets = records[:, 0].tolist()
        self.data = numpy.ascontiguousarray(records[:, 1:]).reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)


def dataset():
    if options.set == "cifar":
        changes = [RandomHorizontalFlip(), RandomResizedCrop((32, 32), scale=(0.8, 1.0), ratio=(0.9, 1.1))]
        mean, std = (0.49139968, 0.48215841, 0.44653091), (0.24703223, 0.24348513, 0.26158784)
    else:
        mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    if options.set == "nuclei":
        changes = [Resize((90, 90), InterpolationMode.BICUBIC), RandomHorizontalFlip(), RandomVerticalFlip()]
    if options.set == "photos":
        changes = [RandomResizedCrop(224), RandomHorizontalFlip()]
    transform = Compose([*changes, ToTensor(), Normalize(mean, std)])
    return (Cifar10 if options.set == "cifar" else datasets.ImageFolder)(options.path, transform)


def processor_seconds(loader):
    """Of this process and of the workers; /proc counts theirs while they live, in ticks."""
    total = time.process_time()
    for worker in getattr(loader._iterator, "_workers", []):
        # What follows the name, in brackets: the state, and from the 12th on the time in user and in system mode.
        fields = Path(f"/proc/{worker.pid}/stat").read_text().rpartition(")")[2].split()
        total += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return total


def measure(workers):
    """Images a second and microseconds of processor time an image."""
    loader = DataLoader(
        images,
        batch_size=options.batch,
        shuffle=True,
        drop_last=True,
        num_workers=workers,
        persistent_workers=workers > 0,
    )
    for _ in loader:
        pass
    count, start, used = 0, time.perf_counter(), processor_seconds(loader)
    while (seconds := time.perf_counter() - start) < options.seconds:
        for batch, _ in loader:
            count += len(batch)
    return count / seconds, (processor_seconds(loader) - used) / count * 1e6


torch.manual_seed(1)
images = dataset()
if options.trial is not None:
    print(json.dumps({workers: measure(int(workers))[0] for workers in options.trial.split(",")}))
else:
    speed, effort = measure(options.workers)
    said = {
        **about(),
        "torchvision": torchvision.__version__,
        "pillow": PIL.__version__,
        "libjpegTurbo": features.version_feature("libjpeg_turbo") or False,
        "workers": options.workers,
    }
    print(json.dumps({**said, "results": {"images a second": speed, "microseconds an image": effort}}))
