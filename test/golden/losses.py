"""Losses against PyTorch in float64: /usr/bin/python3 test/golden/losses.py writes losses.json."""
import torch
from torch import nn

from common import numbers, waves, write

N, K = 6, 5
CLASSES = torch.tensor([3, 0, 4, 4, 1, 2])
SOFT = torch.softmax(waves((N, K), 2, 3).double(), 1)
WEIGHTS = torch.tensor([0.5, 1, 2, 0.25, 3]).double()


def cases():
    for reduction in ("mean", "sum", "none"):
        for weights in (None, WEIGHTS):
            for smoothing in (0, 0.1):
                loss = nn.CrossEntropyLoss(weights, label_smoothing=smoothing, reduction=reduction)
                for soft in (False, True):
                    options = {"weights": weights is not None, "labelSmoothing": smoothing, "reduction": reduction}
                    yield {"loss": "crossEntropy", "soft": soft, **options}, loss, SOFT if soft else CLASSES
            loss = nn.BCEWithLogitsLoss(pos_weight=weights, reduction=reduction)
            yield {"loss": "bce", "weights": weights is not None, "reduction": reduction}, loss, SOFT
        yield {"loss": "mse", "reduction": reduction}, nn.MSELoss(reduction=reduction), SOFT


def run(options, loss, target):
    logits = waves((N, K), 1, 4).double().requires_grad_()
    value = loss(logits, target)
    (gradient,) = torch.autograd.grad(value.sum(), logits)
    return {**options, "value": numbers(value), "gradient": numbers(gradient)}


if __name__ == "__main__":
    fixed = {"classes": CLASSES.tolist(), "weights": WEIGHTS.tolist(), "soft": numbers(SOFT), "shape": [N, K]}
    write("losses", {**fixed, "cases": [run(*case) for case in cases()]})
