"""Optimisers and gradient clipping against PyTorch: /usr/bin/python3 test/golden/optimizers.py writes optimizers.json.

The problem: a two-layer network by formula, mean squared error, 50 steps in float64, whose learning rate falls from step to
step; recorded are the loss before every step and the weights after the last. What PyTorch 1.13 does not have is written
here for one tensor at a time, by the papers and by the formulae that timm documents.
"""
import torch
from torch import nn
from torch.nn.utils import clip_grad_norm_, clip_grad_value_

from common import digits, fill, numbers, waves, write

STEPS = 50
DIGITS = 12


class Plain(torch.optim.Optimizer):
    """Calls `change` with every parameter, its gradient, its state and its options."""

    first = {}

    def __init__(self, params, **options):
        super().__init__(params, {**self.first, **options})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                state = self.state[p]
                state["t"] = state.get("t", 0) + 1
                p.copy_(self.change(p.clone(), p.grad.clone(), state, **{k: group[k] for k in self.first}))


class RMSpropTF(Plain):
    """As TensorFlow 1's RMSPropOptimizer."""

    first = {"lr": 1e-2, "alpha": 0.9, "eps": 1e-10, "momentum": 0, "weight_decay": 0}

    def change(self, p, g, state, lr, alpha, eps, momentum, weight_decay):
        g = g + weight_decay * p
        ms = state.get("ms", torch.ones_like(p))
        state["ms"] = ms + (1 - alpha) * (g * g - ms)
        state["mom"] = momentum * state.get("mom", 0) + lr * g / (state["ms"] + eps).sqrt()
        return p - state["mom"]


class LAMB(Plain):
    """Algorithm 2 of arXiv 1904.00962 with phi the identity; without weight decay Adam's step, as NVIDIA's and timm's."""

    first = {"lr": 1e-3, "betas": (0.9, 0.999), "eps": 1e-6, "weight_decay": 0.01}

    def change(self, p, g, state, lr, betas, eps, weight_decay):
        state["m"] = betas[0] * state.get("m", 0) + (1 - betas[0]) * g
        state["v"] = betas[1] * state.get("v", 0) + (1 - betas[1]) * g * g
        m, v = state["m"] / (1 - betas[0] ** state["t"]), state["v"] / (1 - betas[1] ** state["t"])
        r = m / (v.sqrt() + eps) + weight_decay * p
        length, step = (p * p).sum().sqrt().item(), (r * r).sum().sqrt().item()
        trust = length / step if weight_decay and length and step else 1
        return p - lr * trust * r


class Lion(Plain):
    """Algorithm 2 of arXiv 2302.06675."""

    first = {"lr": 1e-4, "betas": (0.9, 0.99), "weight_decay": 0}

    def change(self, p, g, state, lr, betas, weight_decay):
        m = state.get("m", torch.zeros_like(p))
        state["m"] = betas[1] * m + (1 - betas[1]) * g
        return p - lr * ((betas[0] * m + (1 - betas[0]) * g).sign() + weight_decay * p)


OPTIMIZERS = {
    "sgd": (torch.optim.SGD, {"lr": 0.05}),
    "sgd decay": (torch.optim.SGD, {"lr": 0.05, "weight_decay": 0.1}),
    "sgd momentum": (torch.optim.SGD, {"lr": 0.05, "momentum": 0.9}),
    "sgd nesterov": (torch.optim.SGD, {"lr": 0.05, "momentum": 0.8, "nesterov": True, "weight_decay": 0.02}),
    "sgd groups": (torch.optim.SGD, {"lr": 0.05, "momentum": 0.9, "weight_decay": 0.1, "grouped": True}),
    "adam": (torch.optim.Adam, {}),
    "adam options": (torch.optim.Adam, {"lr": 0.03, "betas": (0.8, 0.95), "eps": 1e-3, "weight_decay": 0.2}),
    "adamw": (torch.optim.AdamW, {}),
    "adamw options": (torch.optim.AdamW, {"lr": 0.03, "betas": (0.8, 0.95), "eps": 1e-3, "weight_decay": 0.2}),
    "adamw no decay": (torch.optim.AdamW, {"lr": 0.01, "weight_decay": 0}),
    "adamw groups": (torch.optim.AdamW, {"lr": 0.03, "weight_decay": 0.2, "grouped": True}),
    "rmsprop": (torch.optim.RMSprop, {}),
    "rmsprop options": (
        torch.optim.RMSprop,
        {"lr": 0.003, "alpha": 0.9, "eps": 0.0316, "momentum": 0.9, "weight_decay": 0.1},
    ),
    "rmsprop tensorflow": (RMSpropTF, {}),
    "rmsprop tensorflow options": (
        RMSpropTF,
        {"lr": 0.003, "alpha": 0.8, "eps": 0.001, "momentum": 0.9, "weight_decay": 0.1},
    ),
    "lamb": (LAMB, {}),
    "lamb options": (LAMB, {"lr": 0.02, "betas": (0.8, 0.95), "eps": 1e-3, "weight_decay": 0.2}),
    "lamb groups": (LAMB, {"lr": 0.02, "weight_decay": 0.2, "grouped": True}),
    "lion": (Lion, {}),
    "lion options": (Lion, {"lr": 0.003, "betas": (0.8, 0.95), "weight_decay": 0.5}),
}


def problem():
    network = fill(nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 2))).double()
    x, y = waves((8, 4), 11).double(), waves((8, 2), 12).double()
    return network, lambda: nn.functional.mse_loss(network(x), y)


def train(make, options):
    network, loss_of = problem()
    options = {"lr": 1e-2 if "RMS" in make.__name__ else 1e-4 if make is Lion else 1e-3, **options}
    lr = options["lr"]
    groups = [{"params": network.parameters()}]
    if options.pop("grouped", False):
        # The first layer learns at a tenth of the rate, and biases do not decay.
        groups = [
            {"params": [p], "lr": lr * (0.1 if name.startswith("0.") else 1), **({"weight_decay": 0} if p.dim() == 1 else {})}
            for name, p in network.named_parameters()
        ]
    optimizer = make(groups, **options)
    first = [group["lr"] for group in optimizer.param_groups]
    losses = []
    for step in range(STEPS):
        for group, rate in zip(optimizer.param_groups, first):
            group["lr"] = rate * (1 - step / 100)
        optimizer.zero_grad()
        loss = loss_of()
        losses.append(digits(loss.item(), DIGITS))
        loss.backward()
        optimizer.step()
    return {"losses": losses, "weights": weights(network.state_dict().items())}


def weights(named):
    return {name: numbers(value, DIGITS) for name, value in named}


def clipped(clip):
    network, loss_of = problem()
    loss_of().backward()
    norm = clip(list(network.parameters()))
    gradients = weights((name, p.grad) for name, p in network.named_parameters())
    return {"gradients": gradients, **({} if norm is None else {"norm": digits(norm.item(), DIGITS)})}


if __name__ == "__main__":
    clips = {
        "norm 0.5": clipped(lambda p: clip_grad_norm_(p, 0.5)),
        "norm 100": clipped(lambda p: clip_grad_norm_(p, 100)),
        "value 0.1": clipped(lambda p: clip_grad_value_(p, 0.1)),
    }
    write("optimizers", {"optimizers": {k: train(*v) for k, v in OPTIMIZERS.items()}, "clips": clips})
