"""Learning rates against torch.optim.lr_scheduler: /usr/bin/python3 test/golden/schedules.py writes schedules.json.

Rates of every step. A training has 12 epochs of 5 steps; `epochs` are schedules that are stepped once an epoch. Warm
restarts between epochs are asked for fractions of epochs, as their documentation shows.
"""
import torch
from torch import nn
from torch.optim import lr_scheduler as lr

from common import write

EPOCHS, PER_EPOCH = 12, 5
STEPS = EPOCHS * PER_EPOCH
RATE = 0.4


def rates(make, steps=STEPS, fractions=False):
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=RATE)
    schedule = make(optimizer)
    found = []
    for step in range(steps):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step((step + 1) / PER_EPOCH) if fractions else schedule.step()
    return found


def warm(optimizer, start, main, length, shape=lr.LinearLR):
    factor = {"start_factor": start} if shape is lr.LinearLR else {"factor": start}
    first = shape(optimizer, total_iters=length, **factor)
    return lr.SequentialLR(optimizer, [first, main(optimizer)], milestones=[length])


def plateau(values, **options):
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=RATE)
    schedule = lr.ReduceLROnPlateau(optimizer, **options)
    found = []
    for value in values:
        schedule.step(value)
        found.append(optimizer.param_groups[0]["lr"])
    return {"observed": values, "rates": found}


if __name__ == "__main__":
    cycle = {"max_lr": RATE, "total_steps": STEPS, "cycle_momentum": False}
    up_down = {"base_lr": RATE / 4, "max_lr": RATE, "cycle_momentum": False}
    steps = {
        "cosine": lambda o: lr.CosineAnnealingLR(o, STEPS),
        "cosine end": lambda o: lr.CosineAnnealingLR(o, STEPS, eta_min=RATE / 20),
        # Ours count the rise from the first step to the last; PyTorch's peak lies at pct_start * total_steps - 1.
        "one cycle": lambda o: lr.OneCycleLR(o, pct_start=(0.3 * (STEPS - 1) + 1) / STEPS, **cycle),
        "one cycle options": lambda o: lr.OneCycleLR(
            o, pct_start=(0.5 * (STEPS - 1) + 1) / STEPS, div_factor=10, final_div_factor=50, **cycle
        ),
        "step": lambda o: lr.StepLR(o, 3 * PER_EPOCH, 0.5),
        "step 2.4": lambda o: lr.StepLR(o, int(2.4 * PER_EPOCH), 0.97),
        "multi-step": lambda o: lr.MultiStepLR(o, [4 * PER_EPOCH, 7 * PER_EPOCH], 0.1),
        "exponential": lambda o: lr.ExponentialLR(o, 0.9 ** (1 / (2 * PER_EPOCH))),
        "polynomial": lambda o: lr.PolynomialLR(o, STEPS),
        "polynomial 2": lambda o: lr.PolynomialLR(o, STEPS, power=2),
        "cyclic": lambda o: lr.CyclicLR(o, step_size_up=2 * PER_EPOCH, **up_down),
        "cyclic options": lambda o: lr.CyclicLR(
            o, step_size_up=PER_EPOCH, step_size_down=3 * PER_EPOCH, mode="triangular2", **up_down
        ),
        "warm-up": lambda o: warm(o, 0.01, lambda o: lr.CosineAnnealingLR(o, STEPS - 10), 10),
        "warm-up constant": lambda o: warm(
            o, 0.2, lambda o: lr.StepLR(o, 3 * PER_EPOCH, 0.5), 2 * PER_EPOCH, lr.ConstantLR
        ),
    }
    epochs = {
        "cosine": lambda o: lr.CosineAnnealingLR(o, EPOCHS),
        "step": lambda o: lr.StepLR(o, 3, 0.5),
        "multi-step": lambda o: lr.MultiStepLR(o, [4, 7], 0.1),
        "exponential": lambda o: lr.ExponentialLR(o, 0.9),
        "polynomial": lambda o: lr.PolynomialLR(o, EPOCHS, power=2),
        "restarts": lambda o: lr.CosineAnnealingWarmRestarts(o, 2, 2, eta_min=RATE / 10),
        "warm-up": lambda o: warm(o, 0.1, lambda o: lr.CosineAnnealingLR(o, EPOCHS - 5), 5),
        "warm-up constant": lambda o: warm(o, 0.01, lambda o: lr.StepLR(o, 3, 0.5), 2, lr.ConstantLR),
    }
    found = {name: rates(make) for name, make in steps.items()}
    found["restarts"] = rates(lambda o: lr.CosineAnnealingWarmRestarts(o, 3), fractions=True)
    found["restarts options"] = rates(
        lambda o: lr.CosineAnnealingWarmRestarts(o, 2, 2, eta_min=RATE / 10), fractions=True
    )
    losses = [1, 0.8, 0.7, 0.71, 0.72, 0.7, 0.69999, 0.69, 0.7, 0.7, 0.7, 0.7, 0.7, 0.5, 0.6, 0.6, 0.6, 0.6, 0.6, 0.6]
    accuracies = [0.1, 0.2, 0.2005, 0.2, 0.3, 0.3, 0.3, 0.3, 0.31, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3]
    options = {"mode": "max", "factor": 0.3, "patience": 1, "threshold": 0.01, "cooldown": 2, "min_lr": 0.02}
    write(
        "schedules",
        {
            "steps": found,
            "epochs": {name: rates(make, EPOCHS) for name, make in epochs.items()},
            "plateau": {
                "default": plateau(losses + [0.6] * 12),
                "loss": plateau(losses, patience=2),
                "accuracy": plateau(accuracies, **options),
            },
        },
    )
