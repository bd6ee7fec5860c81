"""Layers and blocks against PyTorch, computed in float64: /usr/bin/python3 test/golden/layers.py writes layers.json.

Every case: a module, its state filled by formula, an input by formula; recorded are the names and shapes of the state,
the output, the gradient of sum(output * wave) with respect to the input, and buffers that changed.
"""
import torch
from torch import nn
from torch.nn import functional as F

from common import fill, numbers, sketch, waves, write


class SE(nn.Module):
    def __init__(self, channels, squeezed, act=nn.SiLU, gate=nn.Sigmoid):
        super().__init__()
        self.fc1 = nn.Conv2d(channels, squeezed, 1)
        self.fc2 = nn.Conv2d(squeezed, channels, 1)
        self.act, self.gate = act(), gate()

    def forward(self, x):
        return x * self.gate(self.fc2(self.act(self.fc1(x.mean((2, 3), keepdim=True)))))


def cna(i, o, k=3, s=1, g=1, act=nn.SiLU):
    layers = [nn.Conv2d(i, o, k, s, (k - 1) // 2, groups=g, bias=False), nn.BatchNorm2d(o)]
    return nn.Sequential(*layers, *([act()] if act else []))


class Block(nn.Module):
    """MBConv, or with fused its sibling, as the assignment words them."""

    def __init__(self, i, o, fused=False, e=4, k=3, stride=2, s=0.25, skip=None, act=nn.SiLU):
        super().__init__()
        h = i * e
        squeeze = [] if s is None else [SE(h if e > 1 or not fused else o, max(1, int(i * s)))]
        if fused and e == 1:
            layers = [cna(i, o, k, stride, act=act), *squeeze]
        elif fused:
            layers = [cna(i, h, k, stride, act=act), *squeeze, cna(h, o, 1, act=None)]
        else:
            expand = [] if e == 1 else [cna(i, h, 1, act=act)]
            layers = [*expand, cna(h, h, k, stride, h, act=act), *squeeze, cna(h, o, 1, act=None)]
        self.block = nn.Sequential(*layers)
        self.skip = (stride == 1 and i == o) if skip is None else skip

    def forward(self, x):
        y = self.block(x)
        return x + y if self.skip else y


def stage(n, i, o, **options):
    return nn.Sequential(Block(i, o, skip=False, **options), *[Block(o, o, **{**options, "stride": 1}) for _ in range(n - 1)])


class Same(nn.Conv2d):
    """`same` at any stride: dilation * (kernel - 1) zeros in all, the odd one right and below."""

    def forward(self, x):
        h, w = (d * (k - 1) for d, k in zip(self.dilation, self.kernel_size))
        return super().forward(F.pad(x, (w // 2, w - w // 2, h // 2, h - h // 2)))


def torchvision_mbconv(i, o, k, s, e):
    from torchvision.models.efficientnet import MBConv, MBConvConfig

    return MBConv(MBConvConfig(e, k, s, i, o, 1), 0.0, nn.BatchNorm2d)


def torchvision_fused(i, o, k, s, e):
    from torchvision.models.efficientnet import FusedMBConv, FusedMBConvConfig

    return FusedMBConv(FusedMBConvConfig(e, k, s, i, o, 1), 0.0, nn.BatchNorm2d)


IMAGE = (2, 4, 7, 6)
BLOCK = (2, 8, 5, 6)
EVAL, TRAIN = False, True
CASES = {
    "conv 3x3": (nn.Conv2d(4, 3, 3, padding=1), IMAGE),
    "conv default padding": (nn.Conv2d(4, 3, 2), IMAGE),
    "conv uneven": (nn.Conv2d(4, 3, (3, 5), (2, 1), (1, 2), bias=False), IMAGE),
    "conv groups": (nn.Conv2d(4, 6, 3, groups=2), IMAGE),
    "conv depthwise dilated": (nn.Conv2d(4, 4, 3, padding=2, dilation=2, groups=4), IMAGE),
    "conv same 3": (nn.Conv2d(4, 3, 3, padding="same"), IMAGE),
    "conv same 4": (nn.Conv2d(4, 3, 4, padding="same"), IMAGE),
    "conv same 5 dilated": (nn.Conv2d(4, 2, (5, 2), padding="same", dilation=(1, 3)), IMAGE),
    "conv same 3 stride 2": (Same(4, 3, 3, 2), IMAGE),
    "conv same 4 stride 2": (Same(4, 3, 4, 2), IMAGE),
    "conv same 5 stride 3": (Same(4, 3, 5, 3), IMAGE),
    "linear": (nn.Linear(6, 5), (3, 6)),
    "linear no bias": (nn.Linear(6, 5, bias=False), (2, 3, 6)),
    "batch norm train": (nn.BatchNorm2d(4), IMAGE, TRAIN),
    "batch norm eval": (nn.BatchNorm2d(4, eps=1e-3), IMAGE),
    "batch norm momentum": (nn.BatchNorm2d(4, momentum=0.3), IMAGE, TRAIN),
    "batch norm average": (nn.BatchNorm2d(4, momentum=None), IMAGE, TRAIN),
    "batch norm plain": (nn.BatchNorm2d(4, affine=False), IMAGE, TRAIN),
    "batch norm untracked": (nn.BatchNorm2d(4, track_running_stats=False), IMAGE),
    "group norm": (nn.GroupNorm(2, 4), IMAGE),
    "group norm plain": (nn.GroupNorm(4, 4, eps=1e-2, affine=False), IMAGE),
    "layer norm": (nn.LayerNorm(6), IMAGE),
    "layer norm image": (nn.LayerNorm((4, 7, 6), eps=1e-2), IMAGE),
    "layer norm plain": (nn.LayerNorm((7, 6), elementwise_affine=False), IMAGE),
    "max pool": (nn.MaxPool2d(3, 2, 1), IMAGE),
    "max pool default": (nn.MaxPool2d((2, 3)), IMAGE),
    "max pool ceil": (nn.MaxPool2d(2, 2, ceil_mode=True), IMAGE),
    "max pool ceil padded": (nn.MaxPool2d(3, 3, 1, ceil_mode=True), IMAGE),
    "max pool dilated": (nn.MaxPool2d(2, 1, dilation=2), IMAGE),
    "average pool": (nn.AvgPool2d(2), IMAGE),
    "average pool padded": (nn.AvgPool2d(3, 2, 1), IMAGE),
    "average pool without padding": (nn.AvgPool2d(3, 2, 1, count_include_pad=False), IMAGE),
    "average pool ceil": (nn.AvgPool2d(2, 2, ceil_mode=True), IMAGE),
    "average pool ceil padded": (nn.AvgPool2d(3, 3, 1, ceil_mode=True), IMAGE),
    "adaptive average 1": (nn.AdaptiveAvgPool2d(1), IMAGE),
    "adaptive average": (nn.AdaptiveAvgPool2d((3, 2)), IMAGE),
    "adaptive max": (nn.AdaptiveMaxPool2d((3, 4)), IMAGE),
    "flatten": (nn.Flatten(), IMAGE),
    "flatten part": (nn.Flatten(2, 3), IMAGE),
    "relu": (nn.ReLU(), (41,)),
    "relu6": (nn.ReLU6(), (41,)),
    "leakyRelu": (nn.LeakyReLU(), (41,)),
    "leakyRelu 0.2": (nn.LeakyReLU(0.2), (41,)),
    "silu": (nn.SiLU(), (41,)),
    "gelu": (nn.GELU(), (41,)),
    "gelu tanh": (nn.GELU("tanh"), (41,)),
    "sigmoid": (nn.Sigmoid(), (41,)),
    "tanh": (nn.Tanh(), (41,)),
    "hardsigmoid": (nn.Hardsigmoid(), (41,)),
    "hardswish": (nn.Hardswish(), (41,)),
    "identity": (nn.Identity(), (41,)),
    "dropout eval": (nn.Dropout(0.5), (41,)),
    "conv norm act": (cna(4, 5, 3, 2, act=nn.ReLU), IMAGE),
    "squeeze excitation": (SE(4, 1), IMAGE),
    "squeeze excitation hard": (SE(8, 3, nn.ReLU, nn.Hardsigmoid), BLOCK),
    "MBConv defaults": (Block(8, 8), BLOCK),
    "MBConv defaults train": (Block(8, 8), BLOCK, TRAIN),
    "MBConv skip": (Block(8, 8, stride=1), BLOCK),
    "MBConv k5 e6": (Block(8, 16, e=6, k=5), BLOCK),
    "MBConv e1": (Block(8, 16, e=1, stride=1), BLOCK),
    "MBConv no squeeze": (Block(8, 8, stride=1, s=None, skip=False, act=nn.ReLU6), BLOCK),
    "FusedMBConv defaults": (Block(8, 8, fused=True), BLOCK),
    "FusedMBConv defaults train": (Block(8, 8, fused=True), BLOCK, TRAIN),
    "FusedMBConv skip": (Block(8, 8, fused=True, stride=1, s=0.5), BLOCK),
    "FusedMBConv e1": (Block(8, 16, fused=True, e=1, stride=1), BLOCK),
    "stage MBConv": (stage(3, 8, 16), BLOCK),
    "stage FusedMBConv": (stage(2, 8, 8, fused=True, stride=1), BLOCK),
    "torchvision MBConv skip": (torchvision_mbconv(8, 8, 3, 1, 4), BLOCK),
    "torchvision MBConv": (torchvision_mbconv(8, 16, 5, 2, 6), BLOCK),
    "torchvision MBConv e1": (torchvision_mbconv(8, 16, 3, 1, 1), BLOCK),
    "torchvision FusedMBConv": (torchvision_fused(8, 16, 3, 2, 4), BLOCK),
    "torchvision FusedMBConv e1": (torchvision_fused(8, 8, 3, 1, 1), BLOCK),
}


def run(name, module, shape, training=False):
    module = fill(module).double().train(training)
    scale = 6.5 if len(shape) == 1 else 1
    # Two batches in training, so that running statistics have a history.
    for salt in (1, 2) if training else (2,):
        x = waves(shape, salt, scale).double().requires_grad_()
        y = module(x)
    (gradient,) = torch.autograd.grad((y * waves(y.shape, 3).double()).sum(), x)
    return {
        "name": name,
        "training": training,
        "input": list(shape),
        "scale": scale,
        "state": {key: list(value.shape) for key, value in module.state_dict().items()},
        "shape": list(y.shape),
        "output": sketch(y),
        "gradient": sketch(gradient),
        "buffers": {key: numbers(value) for key, value in module.named_buffers()} if training else {},
    }


if __name__ == "__main__":
    write("layers", {"cases": [run(name, *case) for name, case in CASES.items()]})
