"""
The networks of the benchmarks in plain PyTorch, for every version of it: those of test/golden and test/parity, and torchvision's written
down once more, since a torchvision that fits is not at hand for each. `python networks.py` counts their parameters, and compares with
torchvision where there is one.
"""
import importlib.util
import re
import sys
from pathlib import Path

import torch
from torch import nn

TEST = Path(__file__).parents[2] / "test"


def load(path):
    """A script as a module, whatever its name; it finds those beside it."""
    sys.path.insert(0, str(path.parent))
    try:
        spec = importlib.util.spec_from_file_location(path.stem.replace("-", "_"), path)
        module = importlib.util.module_from_spec(spec)
        # torch.compile looks a function's module up by its name.
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
        return module
    finally:
        sys.path.remove(str(path.parent))


def conv_norm(i, o, kernel=3, stride=1, groups=1, act=None, eps=1e-5, momentum=0.1):
    convolution = nn.Conv2d(i, o, kernel, stride, kernel // 2, groups=groups, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(o, eps, momentum), *([act(inplace=True)] if act else []))


class BasicBlock(nn.Module):
    def __init__(self, i, o, stride):
        super().__init__()
        self.first = conv_norm(i, o, 3, stride, act=nn.ReLU)
        self.second = conv_norm(o, o)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = None if stride == 1 else conv_norm(i, o, 1, stride)

    def forward(self, x):
        y = self.second(self.first(x))
        y += x if self.downsample is None else self.downsample(x)
        return self.relu(y)


def resnet18():
    widths = ((64, 64, 1), (64, 64, 1), (64, 128, 2), (128, 128, 1), (128, 256, 2), (256, 256, 1), (256, 512, 2), (512, 512, 1))
    return nn.Sequential(
        conv_norm(3, 64, 7, 2, act=nn.ReLU),
        nn.MaxPool2d(3, 2, 1),
        *(BasicBlock(*shape) for shape in widths),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(512, 1000),
    )


class Squeeze(nn.Module):
    def __init__(self, channels, squeezed, act, gate):
        super().__init__()
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc1, self.fc2 = nn.Conv2d(channels, squeezed, 1), nn.Conv2d(squeezed, channels, 1)
        self.act, self.gate = act(), gate()

    def forward(self, x):
        return self.gate(self.fc2(self.act(self.fc1(self.avgpool(x))))) * x


class StochasticDepth(nn.Module):
    """Leaves out whole rows of a batch."""

    def __init__(self, p):
        super().__init__()
        self.p = p

    def forward(self, x):
        if not self.training or self.p == 0:
            return x
        noise = torch.empty((x.shape[0], 1, 1, 1), dtype=x.dtype).bernoulli_(1 - self.p)
        if self.p < 1:
            noise.div_(1 - self.p)
        return x * noise


class Inverted(nn.Module):
    def __init__(self, i, hidden, o, kernel, stride, squeeze, act, drop=0, **norm):
        super().__init__()
        expand = [] if hidden == i else [conv_norm(i, hidden, 1, act=act, **norm)]
        depthwise = conv_norm(hidden, hidden, kernel, stride, hidden, act, **norm)
        self.block = nn.Sequential(*expand, depthwise, *squeeze, conv_norm(hidden, o, 1, **norm))
        self.drop = StochasticDepth(drop)
        self.skip = stride == 1 and i == o

    def forward(self, x):
        y = self.block(x)
        if not self.skip:
            return y
        y = self.drop(y)
        y += x
        return y


def eighths(value):
    rounded = max(8, int(value + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * value else rounded


def mobilenet_v3_small():
    relu, hard = nn.ReLU, nn.Hardswish
    norm = {"eps": 0.001, "momentum": 0.01}
    rows = (
        (16, 3, 16, 16, True, relu, 2),
        (16, 3, 72, 24, False, relu, 2),
        (24, 3, 88, 24, False, relu, 1),
        (24, 5, 96, 40, True, hard, 2),
        (40, 5, 240, 40, True, hard, 1),
        (40, 5, 240, 40, True, hard, 1),
        (40, 5, 120, 48, True, hard, 1),
        (48, 5, 144, 48, True, hard, 1),
        (48, 5, 288, 96, True, hard, 2),
        (96, 5, 576, 96, True, hard, 1),
        (96, 5, 576, 96, True, hard, 1),
    )
    blocks = [
        Inverted(i, hidden, o, kernel, stride, [Squeeze(hidden, eighths(hidden / 4), nn.ReLU, nn.Hardsigmoid)] if squeeze else [], act, **norm)
        for i, kernel, hidden, o, squeeze, act, stride in rows
    ]
    return nn.Sequential(
        conv_norm(3, 16, 3, 2, act=hard, **norm),
        *blocks,
        conv_norm(96, 576, 1, act=hard, **norm),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(576, 1024),
        hard(inplace=True),
        nn.Dropout(0.2, inplace=True),
        nn.Linear(1024, 1000),
    )


def efficientnet_b0():
    rows = ((1, 3, 1, 32, 16, 1), (6, 3, 2, 16, 24, 2), (6, 5, 2, 24, 40, 2), (6, 3, 2, 40, 80, 3), (6, 5, 1, 80, 112, 3), (6, 5, 2, 112, 192, 4), (6, 3, 1, 192, 320, 1))
    total = sum(repeats for *_, repeats in rows)
    blocks = []
    for expansion, kernel, stride, i, o, repeats in rows:
        for repeat in range(repeats):
            width = o if repeat else i
            squeeze = [Squeeze(expansion * width, width // 4, lambda: nn.SiLU(inplace=True), nn.Sigmoid)]
            drop = 0.2 * len(blocks) / total
            blocks.append(Inverted(width, expansion * width, o, kernel, 1 if repeat else stride, squeeze, nn.SiLU, drop))
    return nn.Sequential(
        conv_norm(3, 32, 3, 2, act=nn.SiLU),
        *blocks,
        conv_norm(320, 1280, 1, act=nn.SiLU),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Dropout(0.2, inplace=True),
        nn.Linear(1280, 1000),
    )


def tutorial(name):
    return load(TEST / "golden" / "small-networks.py").NETWORKS[name][0]()


def nuclei_basic():
    return load(TEST / "parity" / "networks.py").NucleiBasic()


# The published counts, as Fovea's own tests have them.
PARAMETERS = {
    "cifar_resnet20": 272_378,
    "cifar_preact_resnet20": 272_250,
    "cifar_googlenet": 260_650,
    "cifar_densenet": 239_146,
    "nuclei_basic": 492_681,
    "mobilenet_v3_small": 2_542_856,
    "efficientnet_b0": 5_288_548,
    "resnet18": 11_689_512,
}
OWN = {make.__name__: make for make in (mobilenet_v3_small, efficientnet_b0, resnet18, nuclei_basic)}


def create(name):
    """A network in training mode. `cifar_resnet<depth>` is the tutorial's ResNet of 6 n + 2 layers."""
    if name in OWN:
        network = OWN[name]()
    elif name not in PARAMETERS and (match := re.fullmatch(r"cifar_resnet(\d+)", name)):
        network = load(TEST / "golden" / "small-networks.py").ResNet(False, (int(match[1]) - 2) // 6)
    else:
        network = tutorial(name)
    expected = PARAMETERS.get(name)  # none for other depths
    counted = sum(parameter.numel() for parameter in network.parameters())
    if expected is not None and counted != expected:
        raise AssertionError(f"{name} has {counted} parameters here, not {expected}")
    return network


def compare_with_torchvision():
    """The same weights, in the order of the state, give the same outputs."""
    from torchvision import models

    for name in ("mobilenet_v3_small", "efficientnet_b0", "resnet18"):
        ours, theirs = create(name).eval(), getattr(models, name)(weights=None).eval()
        ours.load_state_dict(dict(zip(ours.state_dict(), theirs.state_dict().values())))
        x = torch.randn(2, 3, 224, 224)
        with torch.no_grad():
            torch.testing.assert_close(ours(x), theirs(x))
        print(f"{name}: torchvision's outputs")


if __name__ == "__main__":
    for name in PARAMETERS:
        print(name, sum(parameter.numel() for parameter in create(name).parameters()))
    try:
        import torchvision  # noqa: F401
    except Exception:  # one that does not fit its torch fails in ways of its own
        print("no torchvision here to compare with")
    else:
        compare_with_torchvision()
