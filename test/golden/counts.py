"""What whole networks hold and compute, counted by hooks in PyTorch: writes counts.json.

Multiply-adds are those of convolutions and linear layers for one image, as torchvision publishes them.
"""
import sys

import torch
from torch import nn

from common import FOLDER, write

sys.path.insert(0, str(FOLDER.parent / "parity"))
from networks import NETWORKS  # noqa: E402


def describe(make, size):
    network = make().eval()
    shapes, adds = {}, {}

    def hook(name):
        def run(module, inputs, output):
            shapes[name] = list(output.shape)
            if isinstance(module, nn.Conv2d):
                # each input channel of the group, at each place of the kernel, for each output
                kernel = module.kernel_size[0] * module.kernel_size[1]
                adds[name] = output.numel() * (module.in_channels // module.groups) * kernel
            elif isinstance(module, nn.Linear):
                adds[name] = output.numel() * module.in_features

        return run

    for name, module in network.named_modules():
        module.register_forward_hook(hook(name))
    with torch.no_grad():
        network(torch.zeros(1, 3, size, size))
    state = {name: list(value.shape) for name, value in network.state_dict().items()}
    parameters = sum(value.numel() for value in network.parameters())
    return {
        "size": size,
        "parameters": parameters,
        "multiplyAdds": sum(adds.values()),
        "shapes": shapes,
        "adds": adds,
        "state": state,
    }


if __name__ == "__main__":
    write("counts", {"networks": {name: describe(*entry) for name, entry in NETWORKS.items()}})
