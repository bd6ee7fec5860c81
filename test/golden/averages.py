"""Averages of weights against torch.optim.swa_utils.AveragedModel: /usr/bin/python3 test/golden/averages.py writes
averages.json.

A small network's parameters and buffers take on values by formula six times, in float64, and are taken into the average
each time. The averaging functions of the moving averages are written here; torch 1.13 brings the plain mean.
"""
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

from common import numbers, waves, write

UPDATES = 6
DIGITS = 14


def network():
    return nn.Sequential(nn.Conv2d(2, 3, 1), nn.BatchNorm2d(3), nn.Linear(3, 2)).double()


def fill(module, update):
    for i, (name, value) in enumerate(module.state_dict().items()):
        if name.endswith("num_batches_tracked"):
            value.fill_(10 + update)
        else:
            value.copy_(waves(value.shape, 31 * update + i).double())


def ema(decay, warm_up):
    def average(avg, new, n):
        n = int(n)
        d = min(decay, (1 + n) / (10 + n)) if warm_up else decay
        return d * avg + (1 - d) * new

    return average


def averaged(avg_fn=None):
    model = network()
    average = AveragedModel(model, avg_fn=avg_fn, use_buffers=True)
    for update in range(UPDATES):
        fill(model, update)
        average.update_parameters(model)
    # Whole-number buffers cannot be averaged: torch cuts the mean off, and we copy.
    state = average.module.state_dict()
    return {name: numbers(value, DIGITS) for name, value in state.items() if value.is_floating_point()}


if __name__ == "__main__":
    write(
        "averages",
        {
            "mean": averaged(),
            "ema": averaged(ema(0.7, False)),
            "ema warm-up": averaged(ema(0.3, True)),
        },
    )
