"""Optimisers and schedules against PyTorch: /usr/bin/python3 test/golden/optimizers.py writes optimizers.json.

The problem: a two-layer network by formula, mean squared error, 20 steps in float64; recorded are the loss before every step
and the weights after the last.
"""
import torch
from torch import nn
from torch.optim.lr_scheduler import CosineAnnealingLR, OneCycleLR

from common import digits, fill, numbers, waves, write

STEPS = 20
OPTIMIZERS = {
    "sgd": (torch.optim.SGD, {"lr": 0.05}),
    "sgd decay": (torch.optim.SGD, {"lr": 0.05, "weight_decay": 0.1}),
    "sgd momentum": (torch.optim.SGD, {"lr": 0.05, "momentum": 0.9}),
    "sgd nesterov": (torch.optim.SGD, {"lr": 0.05, "momentum": 0.8, "nesterov": True, "weight_decay": 0.02}),
    "adamw": (torch.optim.AdamW, {}),
    "adamw options": (torch.optim.AdamW, {"lr": 0.03, "betas": (0.8, 0.95), "eps": 1e-3, "weight_decay": 0.2}),
    "adamw no decay": (torch.optim.AdamW, {"lr": 0.01, "weight_decay": 0}),
}


def train(make, options):
    network = fill(nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 2))).double()
    x, y = waves((8, 4), 11).double(), waves((8, 2), 12).double()
    optimizer = make(network.parameters(), **{"lr": 1e-3, **options})
    losses = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(network(x), y)
        losses.append(digits(loss.item()))
        loss.backward()
        optimizer.step()
    return {"losses": losses, "weights": {name: numbers(value) for name, value in network.state_dict().items()}}


def rates(make):
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.4)
    schedule = make(optimizer)
    found = []
    for _ in range(STEPS):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return found


if __name__ == "__main__":
    options = {"max_lr": 0.4, "total_steps": STEPS + 1, "cycle_momentum": False}
    schedules = {
        "cosine": rates(lambda optimizer: CosineAnnealingLR(optimizer, STEPS - 1)),
        # The peak lies at step pct_start * total - 1, counted from 0: here 6 of 20.
        "one cycle": rates(lambda optimizer: OneCycleLR(optimizer, pct_start=7 / 21, **options)),
        "one cycle options": rates(
            lambda optimizer: OneCycleLR(optimizer, pct_start=11 / 21, div_factor=10, final_div_factor=50, **options)
        ),
    }
    write("optimizers", {"optimizers": {k: train(*v) for k, v in OPTIMIZERS.items()}, "schedules": schedules})
