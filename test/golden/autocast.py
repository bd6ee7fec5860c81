"""Mixed precision on the CPU: /usr/bin/python3 test/golden/autocast.py writes autocast.json.

A small network, its state filled by formula, two steps of forward and backward in training mode under
torch.autocast("cpu", torch.bfloat16), then its logits in evaluation mode; recorded with the same in float32.
"""
import torch
from torch import nn
from torch.nn import functional as F

from common import fill_scaled, sketch, waves, write


def network():
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1, bias=False),
        nn.BatchNorm2d(8),
        nn.SiLU(),
        nn.Conv2d(8, 8, 3, stride=2, padding=1, groups=8),
        nn.Hardswish(),
        nn.Conv2d(8, 16, 1, bias=False),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(16, 5),
    )


def run(enabled):
    module = fill_scaled(network())
    labels = torch.tensor([0, 4, 2, 1])
    for salt in (1, 2):
        module.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            loss = F.cross_entropy(module(waves((4, 3, 9, 9), salt)), labels, label_smoothing=0.1)
        loss.backward()
    assert loss.dtype == torch.float32 and all(p.grad.dtype == torch.float32 for p in module.parameters())
    module.eval()
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=enabled):
        logits = module(waves((4, 3, 9, 9), 3))
    return {
        "dtype": str(logits.dtype).removeprefix("torch."),
        "loss": loss.item(),
        "gradients": {name: sketch(p.grad) for name, p in module.named_parameters()},
        "logits": sketch(logits),
    }


if __name__ == "__main__":
    write("autocast", {"runs": {"bfloat16": run(True), "float32": run(False)}})
