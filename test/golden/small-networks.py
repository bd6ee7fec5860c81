"""Networks that torchvision has not: /usr/bin/python3 test/golden/small-networks.py writes small-networks.json.

The four CIFAR-10 networks of the UvA deep-learning tutorial 5, and the shift networks of arXiv 1711.08141, written down
here once more in PyTorch. The shift is a depthwise convolution with one-hot kernels. Of every network: parameters, a
hash of its state's names and shapes, and logits and gradients in float64 in evaluation mode, with weights and images by
formula.
"""
import hashlib

import torch
from torch import nn
from torch.nn import functional as F

from common import fill_scaled, sketch, waves, write


def conv(i, o, kernel, stride=1, bias=False):
    return nn.Conv2d(i, o, kernel, stride, kernel // 2, bias=bias)


def norm_act_conv(i, o, kernel, stride=1):
    return nn.BatchNorm2d(i), nn.ReLU(), conv(i, o, kernel, stride)


def conv_norm_act(i, o, kernel, bias=False):
    return conv(i, o, kernel, bias=bias), nn.BatchNorm2d(o), nn.ReLU()


def pooled(width, classes, *before):
    return nn.Sequential(*before, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, classes))


class Tutorial(nn.Module):
    def forward(self, x):
        blocks = getattr(self, "inception_blocks", None) or self.blocks
        return self.output_net(blocks(self.input_net(x)))


class Residual(nn.Module):
    def __init__(self, net, downsample, act):
        super().__init__()
        self.net, self.downsample, self.act_fn = net, downsample, act

    def forward(self, x):
        y = self.net(x) + (self.downsample(x) if self.downsample else x)
        return self.act_fn(y) if self.act_fn else y


class ResNet(Tutorial):
    def __init__(self, pre, n=3):
        super().__init__()
        self.input_net = nn.Sequential(*([conv(3, 16, 3)] if pre else conv_norm_act(3, 16, 3)))
        self.blocks = nn.Sequential(*(self.block(pre, i, o) for i, o in zip((16,) * (n + 1) + (32,) * n + (64,) * (n - 1), (16,) * n + (32,) * n + (64,) * n)))
        self.output_net = pooled(64, 10)

    def block(self, pre, i, o):
        stride = 1 if i == o else 2
        if pre:
            net = nn.Sequential(*norm_act_conv(i, o, 3, stride), *norm_act_conv(o, o, 3))
            return Residual(net, None if i == o else nn.Sequential(*norm_act_conv(i, o, 1, 2)), None)
        net = nn.Sequential(conv(i, o, 3, stride), nn.BatchNorm2d(o), nn.ReLU(), conv(o, o, 3), nn.BatchNorm2d(o))
        return Residual(net, None if i == o else conv(i, o, 1, 2, bias=True), nn.ReLU())


class Inception(nn.Module):
    def __init__(self, i, reduce3, reduce5, out1, out3, out5, out_pool):
        super().__init__()
        branch = lambda *sizes: [layer for size in sizes for layer in conv_norm_act(*size, bias=True)]
        self.conv_1x1 = nn.Sequential(*branch((i, out1, 1)))
        self.conv_3x3 = nn.Sequential(*branch((i, reduce3, 1), (reduce3, out3, 3)))
        self.conv_5x5 = nn.Sequential(*branch((i, reduce5, 1), (reduce5, out5, 5)))
        self.max_pool = nn.Sequential(nn.MaxPool2d(3, 1, 1), *branch((i, out_pool, 1)))

    def forward(self, x):
        return torch.cat([self.conv_1x1(x), self.conv_3x3(x), self.conv_5x5(x), self.max_pool(x)], 1)


class GoogLeNet(Tutorial):
    def __init__(self):
        super().__init__()
        pool = lambda: nn.MaxPool2d(3, 2, 1)
        self.input_net = nn.Sequential(*conv_norm_act(3, 64, 3, bias=True))
        self.inception_blocks = nn.Sequential(
            Inception(64, 32, 16, 16, 32, 8, 8),
            Inception(64, 32, 16, 24, 48, 12, 12),
            pool(),
            Inception(96, 32, 16, 24, 48, 12, 12),
            Inception(96, 32, 16, 16, 48, 16, 16),
            Inception(96, 32, 16, 16, 48, 16, 16),
            Inception(96, 32, 16, 32, 48, 24, 24),
            pool(),
            Inception(128, 48, 16, 32, 64, 16, 16),
            Inception(128, 48, 16, 32, 64, 16, 16),
        )
        self.output_net = pooled(128, 10)


class Dense(nn.Module):
    def __init__(self, i):
        super().__init__()
        self.net = nn.Sequential(*norm_act_conv(i, 32, 1), *norm_act_conv(32, 16, 3))

    def forward(self, x):
        return torch.cat([self.net(x), x], 1)


class DenseNet(Tutorial):
    def __init__(self):
        super().__init__()
        named = lambda name, *layers: self.Only(name, nn.Sequential(*layers))
        self.input_net = nn.Sequential(conv(3, 32, 3, bias=True))
        blocks, width = [], 32
        for i in range(4):
            if i > 0:
                blocks.append(named("transition", *norm_act_conv(width, width // 2, 1), nn.AvgPool2d(2)))
                width //= 2
            blocks.append(named("block", *(Dense(width + 16 * j) for j in range(6))))
            width += 96
        self.blocks = nn.Sequential(*blocks)
        self.output_net = pooled(width, 10, nn.BatchNorm2d(width), nn.ReLU())

    class Only(nn.Module):
        def __init__(self, name, module):
            super().__init__()
            self.add_module(name, module)

        def forward(self, x):
            return next(self.children())(x)


class Shift(nn.Module):
    def __init__(self, kernel):
        super().__init__()
        self.kernel = kernel

    def forward(self, x):
        k, channels = self.kernel, x.shape[1]
        group = channels // k**2
        weight = x.new_zeros(channels, 1, k, k)
        for m in range(channels):
            place = m // group if group and m < group * k**2 else k**2 // 2
            # The output at a place reads what lies against the direction of the move.
            weight[m, 0, k - 1 - place // k, k - 1 - place % k] = 1
        return F.conv2d(x, weight, padding=k // 2, groups=channels)


class ShiftBlock(nn.Module):
    def __init__(self, i, o, stride):
        super().__init__()
        self.conv1, self.bn1 = conv(i, 3 * o, 1), nn.BatchNorm2d(3 * o)
        self.shift = Shift(3)
        self.conv2, self.bn2 = conv(3 * o, o, 1, stride), nn.BatchNorm2d(o)
        self.shortcut = nn.Sequential() if stride == 1 else nn.Sequential(conv(i, o, 1, stride), nn.BatchNorm2d(o))

    def forward(self, x):
        y = self.shift(self.bn1(self.conv1(x)).relu())
        return self.bn2(self.conv2(y)).relu() + self.shortcut(x)


class ShiftResNet(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.conv1, self.bn1 = conv(3, 16, 3), nn.BatchNorm2d(16)
        group = lambda i, o: nn.Sequential(ShiftBlock(i, o, o // i), *(ShiftBlock(o, o, 1) for _ in range(n - 1)))
        self.layer1, self.layer2, self.layer3 = group(16, 16), group(16, 32), group(32, 64)
        self.linear = nn.Linear(64, 10)

    def forward(self, x):
        x = self.layer3(self.layer2(self.layer1(self.bn1(self.conv1(x)).relu())))
        return self.linear(x.mean((2, 3)))


class ConvShiftConv(nn.Module):
    def __init__(self, i, o, kernel, expansion, stride, join):
        super().__init__()
        width = expansion * o
        convolution = lambda a, b, stride=1: (nn.BatchNorm2d(a), nn.ReLU(), conv(a, b, 1, stride))
        self.branch = nn.Sequential(*convolution(i, width), Shift(kernel), *convolution(width, o, stride))
        self.join = join

    def forward(self, x):
        return self.join(x, self.branch(x))


class ShiftNet(nn.Module):
    """rows: blocks, width, kernel, expansion of the first block and of the rest"""

    def __init__(self, width, rows, concat):
        super().__init__()
        self.stem = conv(3, width, 7, 2)
        stages = []
        for blocks, o, kernel, first, rest in rows:
            if concat:
                join = lambda x, y: torch.cat([F.avg_pool2d(x, 3, 2, 1), y], 1)
            else:
                join = lambda x, y: y
            begin = ConvShiftConv(width, o - width if concat else o, kernel, first, 2, join)
            stages.append(nn.Sequential(begin, *(ConvShiftConv(o, o, kernel, rest, 1, torch.add) for _ in range(blocks - 1))))
            width = o
        self.stages = nn.Sequential(*stages)
        self.head = nn.ModuleDict({"norm": nn.BatchNorm2d(width), "fc": nn.Linear(width, 1000)})

    def forward(self, x):
        x = self.head["norm"](self.stages(self.stem(x))).relu()
        return self.head["fc"](x.mean((2, 3)))


def shiftnet(half):
    rows = [(5, 64, 5, 4, 4), (6, 128, 5, 4, 3), (7, 256, 3, 3, 2), (3, 512, 3, 2, 1)]
    return ShiftNet(32 // half, [(blocks, width // half, *rest) for blocks, width, *rest in rows], True)


NETWORKS = {
    "cifar_resnet20": (lambda: ResNet(False), 32),
    "cifar_preact_resnet20": (lambda: ResNet(True), 32),
    "cifar_googlenet": (GoogLeNet, 32),
    "cifar_densenet": (DenseNet, 32),
    "shift_resnet20": (lambda: ShiftResNet(3), 32),
    "shiftnet_a": (lambda: shiftnet(1), 64),
    "shiftnet_b": (lambda: shiftnet(2), 64),
    "shiftnet_c": (lambda: ShiftNet(32, [(1, 32, 3, 1, 1), (4, 64, 3, 1, 1), (4, 128, 3, 1, 1), (3, 256, 3, 1, 1)], False), 64),
}


def describe(make, size):
    network = fill_scaled(make()).eval().double()
    state = network.state_dict()
    lines = "".join(f"{name}:{','.join(map(str, value.shape))}\n" for name, value in state.items())
    logits = network(waves((2, 3, size, size), 2).double())
    logits.sum().backward()
    norms = torch.stack([parameter.grad.norm() for parameter in network.parameters()])
    return {
        "size": size,
        "parameters": sum(value.numel() for value in network.parameters()),
        "entries": len(state),
        "state": hashlib.sha256(lines.encode()).hexdigest()[:16],
        "logits": sketch(logits, count=13),
        "gradients": sketch(norms, count=13),
    }


if __name__ == "__main__":
    write("small-networks", {"networks": {name: describe(*how) for name, how in NETWORKS.items()}})
