"""What torchvision's classification networks hold and compute: /usr/bin/python3 test/golden/classifiers.py writes classifiers.json.

Of every network: parameters, multiply-accumulates of convolutions and linear layers for one image of the size that its
published figure is for, and a hash of its state's names and shapes. Of one or two of each family: logits and gradients in
float64, in evaluation mode, with weights and images by formula.
"""
import hashlib

import torch
import torchvision
from torch import nn
from torchvision.models.regnet import BlockParams, RegNet

from common import fill_scaled, sketch, waves, write

# Sizes other than 224: what the published multiply-adds are for.
SIZES = {
    "efficientnet_b1": 240,
    "efficientnet_b2": 288,
    "efficientnet_b3": 300,
    "efficientnet_b4": 380,
    "efficientnet_b5": 456,
    "efficientnet_b6": 528,
    "efficientnet_b7": 600,
    "efficientnet_v2_s": 384,
    "efficientnet_v2_m": 480,
    "efficientnet_v2_l": 480,
}
FAMILIES = ("efficientnet", "mobilenet_v3", "regnet", "resnet", "resnext", "wide_resnet", "densenet", "googlenet", "squeezenet")
# Networks whose numbers are recorded, with the size of the image.
NUMBERS = {
    "efficientnet_b0": 64,
    "efficientnet_v2_s": 64,
    "mobilenet_v3_large": 64,
    "mobilenet_v3_small": 64,
    "regnet_x_400mf": 64,
    "regnet_y_400mf": 64,
    "resnet18": 64,
    "resnet50": 64,
    "resnext50_32x4d": 64,
    "densenet121": 64,
    "googlenet": 64,
    "squeezenet1_0": 64,
    "squeezenet1_1": 64,
}


# RegNets of the paper that torchvision has not, by depths, widths, group width: its class with explicit stages builds them.
PAPER = {
    "regnet_x_200mf": ([1, 1, 4, 7], [24, 56, 152, 368], 8),
    "regnet_x_600mf": ([1, 3, 5, 7], [48, 96, 240, 528], 24),
    "regnet_x_4gf": ([2, 5, 14, 2], [80, 240, 560, 1360], 40),
    "regnet_x_6_4gf": ([2, 4, 10, 1], [168, 392, 784, 1624], 56),
    "regnet_x_12gf": ([2, 5, 11, 1], [224, 448, 896, 2240], 112),
    "regnet_y_200mf": ([1, 1, 4, 7], [24, 56, 152, 368], 8),
    "regnet_y_600mf": ([1, 3, 7, 4], [48, 112, 256, 608], 16),
    "regnet_y_4gf": ([2, 6, 12, 2], [128, 192, 512, 1088], 64),
    "regnet_y_6_4gf": ([2, 7, 14, 2], [144, 288, 576, 1296], 72),
    "regnet_y_12gf": ([2, 5, 11, 1], [224, 448, 896, 2240], 112),
}


def build(name):
    if name in PAPER:
        depths, widths, group = PAPER[name]
        stages = BlockParams(depths, widths, [group] * 4, [1.0] * 4, [2] * 4, 0.25 if "_y_" in name else None)
        return RegNet(stages).eval()
    options = {"aux_logits": False, "init_weights": False} if name == "googlenet" else {}
    return torchvision.models.get_model(name, weights=None, **options).eval()


def multiply_adds(network, size):
    total = 0

    def hook(module, inputs, output):
        nonlocal total
        if isinstance(module, nn.Conv2d):
            kernel = module.kernel_size[0] * module.kernel_size[1]
            total += output.numel() * (module.in_channels // module.groups) * kernel
        else:
            total += output.numel() * module.in_features

    handles = [m.register_forward_hook(hook) for m in network.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
    with torch.no_grad():
        network(torch.zeros(1, 3, size, size))
    for handle in handles:
        handle.remove()
    return total


def fingerprint(state):
    lines = "".join(f"{name}:{','.join(map(str, value.shape))}\n" for name, value in state.items())
    return hashlib.sha256(lines.encode()).hexdigest()[:16]


def describe(name):
    network = build(name)
    size = SIZES.get(name, 224)
    state = network.state_dict()
    entry = {
        "size": size,
        "parameters": sum(value.numel() for value in network.parameters()),
        "multiplyAdds": multiply_adds(network, size),
        "entries": len(state),
        "state": fingerprint(state),
    }
    if name in NUMBERS:
        entry["numbers"] = numbers(network, NUMBERS[name])
    print(name, entry["parameters"], entry["multiplyAdds"], entry.get("numbers", {}).get("logits", {}).get("norm"), flush=True)
    return entry


def numbers(network, size):
    fill_scaled(network).double()
    x = waves((2, 3, size, size), 2).double()
    logits = network(x)
    logits.sum().backward()
    norms = torch.stack([parameter.grad.norm() for parameter in network.parameters()])
    return {"size": size, "logits": sketch(logits, count=13), "gradients": sketch(norms, count=13)}


if __name__ == "__main__":
    names = [name for name in torchvision.models.list_models(torchvision.models) if name.startswith(FAMILIES)]
    write("classifiers", {"networks": {name: describe(name) for name in [*names, *PAPER]}})
