"""The networks that parity and benchmarks compare, written in PyTorch from their descriptions; names as in Fovea."""
import torch
from torch import nn


def conv_norm_act(i, o, kernel=3, stride=1, groups=1, act=True):
    convolution = nn.Conv2d(i, o, kernel, stride, kernel // 2, groups=groups, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(o), *([nn.SiLU()] if act else []))


class SqueezeExcitation(nn.Module):
    def __init__(self, channels, squeezed):
        super().__init__()
        self.fc1 = nn.Conv2d(channels, squeezed, 1)
        self.fc2 = nn.Conv2d(squeezed, channels, 1)

    def forward(self, x):
        scale = nn.functional.silu(self.fc1(x.mean((2, 3), keepdim=True)))
        return x * torch.sigmoid(self.fc2(scale))


class Block(nn.Module):
    """(Fused-)MBConv with expansion 4, squeeze-and-excitation of a quarter of the input's width, and dropout."""

    def __init__(self, i, o, stride, skip, fused, dropout):
        super().__init__()
        hidden = 4 * i
        if fused:
            expand = [conv_norm_act(i, hidden, 3, stride)]
        else:
            expand = [conv_norm_act(i, hidden, 1), conv_norm_act(hidden, hidden, 3, stride, hidden)]
        squeeze = SqueezeExcitation(hidden, i // 4)
        self.block = nn.Sequential(*expand, squeeze, conv_norm_act(hidden, o, 1, act=False))
        self.drop = nn.Dropout(dropout)
        self.skip = skip

    def forward(self, x):
        y = self.drop(self.block(x))
        return y + x if self.skip else y


def stage(repeats, i, o, fused=False, stride=2, dropout=0.1):
    first = Block(i, o, stride, False, fused, dropout)
    return nn.Sequential(first, *[Block(o, o, 1, True, fused, dropout) for _ in range(repeats - 1)])


class NucleiBasic(nn.Module):
    def __init__(self, classes=3, dropout=0.2, block_dropout=0.1):
        super().__init__()
        self.features = nn.Sequential(
            conv_norm_act(3, 24, stride=2),
            stage(2, 24, 32, fused=True, dropout=block_dropout),
            stage(2, 32, 64, dropout=block_dropout),
            stage(2, 64, 112, dropout=block_dropout),
            stage(1, 112, 128, stride=1, dropout=block_dropout),
            conv_norm_act(128, 256, 1),
        )
        self.classifier = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(dropout), nn.Linear(256, classes)
        )

    def forward(self, x):
        return self.classifier(self.features(x))


class ResNetBlock(nn.Module):
    def __init__(self, i, o, subsample):
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv2d(i, o, 3, 2 if subsample else 1, 1, bias=False),
            nn.BatchNorm2d(o),
            nn.ReLU(),
            nn.Conv2d(o, o, 3, 1, 1, bias=False),
            nn.BatchNorm2d(o),
        )
        self.downsample = nn.Conv2d(i, o, 1, 2) if subsample else None
        self.act_fn = nn.ReLU()

    def forward(self, x):
        y = self.net(x)
        if self.downsample is not None:
            x = self.downsample(x)
        return self.act_fn(y + x)


class CifarResNet20(nn.Module):
    def __init__(self, classes=10):
        super().__init__()
        self.input_net = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU())
        blocks = []
        for group, width in enumerate((16, 32, 64)):
            for i in range(3):
                first = i == 0 and group > 0
                blocks.append(ResNetBlock(width // 2 if first else width, width, first))
        self.blocks = nn.Sequential(*blocks)
        self.output_net = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, classes))

    def forward(self, x):
        return self.output_net(self.blocks(self.input_net(x)))


NETWORKS = {"nuclei_basic": (NucleiBasic, 90), "cifar_resnet20": (CifarResNet20, 32)}
