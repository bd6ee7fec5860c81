"""Networks of free design: /usr/bin/python3 test/golden/design-spaces.py writes design-spaces.json.

The networks of Dive into Deep Learning, section 8.8, and of its exercises, with the book's layer names; AnyNets with
bottlenecks, squeeze-and-excitation and plain blocks, in torchvision's RegNet class; and multi-layer perceptrons. Of each:
parameters, a hash of its state's names and shapes, and logits and gradients in float64, with weights and images by
formula; in evaluation mode, and of the perceptrons also in training mode, where batch norm sees one batch of `[N, C]`.
"""
import hashlib
from collections import OrderedDict

import torch
from torch import nn
from torchvision.models.regnet import BlockParams, RegNet

from common import fill_scaled, sketch, waves, write


class ResNeXtBlock(nn.Module):
    def __init__(self, i, o, group_width, factor, first):
        super().__init__()
        inner, stride = round(o * factor), 2 if first else 1
        self.conv1 = nn.Conv2d(i, inner, 1)
        self.conv2 = nn.Conv2d(inner, inner, 3, stride, 1, groups=inner // group_width)
        self.conv3 = nn.Conv2d(inner, o, 1)
        self.bn1, self.bn2, self.bn3 = nn.BatchNorm2d(inner), nn.BatchNorm2d(inner), nn.BatchNorm2d(o)
        self.conv4 = nn.Conv2d(i, o, 1, stride) if first else None
        if first:
            self.bn4 = nn.BatchNorm2d(o)

    def forward(self, x):
        y = self.bn2(self.conv2(self.bn1(self.conv1(x)).relu())).relu()
        shortcut = self.bn4(self.conv4(x)) if self.conv4 else x
        return (self.bn3(self.conv3(y)) + shortcut).relu()


class Residual(nn.Module):
    def __init__(self, i, o, _group_width, _factor, first):
        super().__init__()
        stride = 2 if first else 1
        self.conv1 = nn.Conv2d(i, o, 3, stride, 1)
        self.conv2 = nn.Conv2d(o, o, 3, 1, 1)
        self.conv3 = nn.Conv2d(i, o, 1, stride) if first else None
        self.bn1, self.bn2 = nn.BatchNorm2d(o), nn.BatchNorm2d(o)

    def forward(self, x):
        y = self.bn2(self.conv2(self.bn1(self.conv1(x)).relu()))
        return (y + (self.conv3(x) if self.conv3 else x)).relu()


class Book(nn.Module):
    """stages: depth, channels, group width, what the bottleneck multiplies by"""

    def __init__(self, *stages, block=ResNeXtBlock):
        super().__init__()
        self.net = nn.Sequential(nn.Sequential(nn.Conv2d(1, 32, 3, 2, 1), nn.BatchNorm2d(32), nn.ReLU()))
        width = 32
        for number, (depth, o, *rest) in enumerate(stages, 1):
            blocks = [block(width if j == 0 else o, o, *rest, j == 0) for j in range(depth)]
            self.net.add_module(f"stage{number}", nn.Sequential(*blocks))
            width = o
        self.net.add_module("head", nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 10)))

    def forward(self, x):
        return self.net(x)


class Plain(nn.Module):
    def __init__(self, i, o, stride, norm, activation, *_):
        super().__init__()
        conv = lambda a, b, kernel, stride: (nn.Conv2d(a, b, kernel, stride, kernel // 2, bias=False), norm(b))
        self.proj = nn.Sequential(*conv(i, o, 1, stride)) if stride != 1 or i != o else None
        a = nn.Sequential(*conv(i, o, 3, stride), activation())
        self.f = nn.Sequential(OrderedDict(a=a, b=nn.Sequential(*conv(o, o, 3, 1))))
        self.activation = activation()

    def forward(self, x):
        return self.activation((self.proj(x) if self.proj else x) + self.f(x))


def anynet(squeeze, multipliers, **options):
    stages = BlockParams([2, 1, 3], [32, 48, 64], [8, 16, 4], multipliers, [2] * 3, squeeze)
    return RegNet(stages, num_classes=7, stem_width=16, **options)


class Hidden(nn.Module):
    def __init__(self, i, o, norm, activation, residual):
        super().__init__()
        self.linear = nn.Linear(i, o)
        self.norm = norm(o) if norm else None
        self.activation = activation()
        self.skip = residual and i == o

    def forward(self, x):
        y = self.linear(x)
        y = self.activation(self.norm(y) if self.norm else y)
        return x + y if self.skip else y


class Perceptron(nn.Module):
    def __init__(self, inputs, widths, norm, activation, residual):
        super().__init__()
        sizes = zip([inputs, *widths], widths)
        self.hidden = nn.Sequential(*(Hidden(i, o, norm, activation, residual) for i, o in sizes))
        self.head = nn.Linear(widths[-1], 5)

    def forward(self, x):
        return self.head(self.hidden(x.flatten(1)))


NETWORKS = {
    "d2l_regnet_x32": (lambda: Book((4, 32, 16, 1), (6, 80, 16, 1)), [1, 48, 48]),
    "d2l_regnet_x32_4stage": (lambda: Book((4, 32, 16, 1), (6, 80, 16, 1), (8, 128, 16, 1), (16, 256, 16, 1)), [1, 48, 48]),
    "d2l_deresnext": (lambda: Book((5, 32, 0, 0), (6, 80, 0, 0), block=Residual), [1, 48, 48]),
    "d2l_vionet_d": (lambda: Book((6, 32, 16, 1), (4, 80, 16, 1)), [1, 48, 48]),
    "d2l_vionet_c": (lambda: Book((4, 80, 16, 1), (6, 32, 16, 1)), [1, 48, 48]),
    "d2l_vionet_g": (lambda: Book((4, 32, 16, 1), (6, 80, 32, 1)), [1, 48, 48]),
    "d2l_vionet_b": (lambda: Book((4, 32, 16, 1), (6, 80, 16, 2)), [1, 48, 48]),
    "anynet_bottlenecks": (lambda: anynet(None, [0.5, 2.0, 1.0]), [3, 40, 40]),
    "anynet_squeeze_silu": (lambda: anynet(0.25, [0.5, 2.0, 1.0], activation=nn.SiLU), [3, 40, 40]),
    "anynet_residual": (lambda: anynet(None, [1.0] * 3, block_type=Plain), [3, 40, 40]),
    "mlp_batch_relu": (lambda: Perceptron(48, [24, 12], nn.BatchNorm1d, nn.ReLU, False), [3, 4, 4]),
    "mlp_layer_tanh_residual": (lambda: Perceptron(48, [20, 20, 9, 9], nn.LayerNorm, nn.Tanh, True), [3, 4, 4]),
    "mlp_plain": (lambda: Perceptron(48, [48], None, nn.SiLU, True), [3, 4, 4]),
}


def describe(name, make, shape):
    network = fill_scaled(make()).double()
    state = network.state_dict()
    lines = "".join(f"{entry}:{','.join(map(str, value.shape))}\n" for entry, value in state.items())
    result = {
        "shape": [4, *shape],
        "parameters": sum(value.numel() for value in network.parameters()),
        "entries": len(state),
        "state": hashlib.sha256(lines.encode()).hexdigest()[:16],
    }
    for mode in ["evaluation", *(["training"] if name.startswith("mlp") else [])]:
        network.train(mode == "training").zero_grad()
        logits = network(waves((4, *shape), 2).double())
        # Not the plain sum: what batch norm hands on sums to a constant.
        (logits * logits).sum().backward()
        norms = torch.stack([parameter.grad.norm() for parameter in network.parameters()])
        result[mode] = {"logits": sketch(logits, count=13), "gradients": sketch(norms, count=13)}
    return result


if __name__ == "__main__":
    write("design-spaces", {"networks": {name: describe(name, *how) for name, how in NETWORKS.items()}})
