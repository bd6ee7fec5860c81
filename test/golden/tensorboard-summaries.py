"""Summaries of torch.utils.tensorboard (it needs the package tensorboard): python test/golden/tensorboard-summaries.py writes the .json."""
from unittest import mock

import torch
from torch.utils.tensorboard import SummaryWriter, summary

from common import wave, write

PIXELS = [[[255, 0, 0], [0, 255, 0], [0, 0, 255]], [[0, 0, 0], [128, 64, 32], [255, 255, 255]]]
# Sums of these are exact in any order.
EXACT = {
    "halves": [k / 64 for k in range(-40, 90)],
    "zeros": [0, 0, 0],
    "negative": [-0.5, -0.25, -2, -2],
    "one": [3],
    "edge": [1e-12],
    "tiny": [2.0**-45, -(2.0**-44), 0],
    "far": [2.0**60, 2.0**61],
}


def bins():
    """SummaryWriter makes them when it is made; no file is needed for that."""
    with mock.patch.object(SummaryWriter, "_get_file_writer"):
        return SummaryWriter().default_bins


def hexed(message):
    return message.SerializeToString().hex()


if __name__ == "__main__":
    histograms = {
        name: hexed(summary.histogram(f"weights/{name}", torch.tensor(values, dtype=torch.float64), bins()))
        for name, values in EXACT.items()
    }
    write(
        "tensorboard-summaries",
        {
            "scalars": {str(x): hexed(summary.scalar("loss/train", x)) for x in (0.0, 0.1, -3.5, float("nan"), float("inf"))},
            "pixels": PIXELS,
            "image": hexed(summary.image("samples", torch.tensor(PIXELS, dtype=torch.uint8), dataformats="HWC")),
            "values": EXACT,
            "histograms": histograms,
            "wave": hexed(summary.histogram("wave", wave(5000, 3, 0.7), bins())),
            "text": hexed(summary.text("notes", "# Überschrift\n\n*one* | `two`")),
            "hyperParameters": {
                "number": [hexed(x) for x in summary.hparams({"lr": 0.1}, {"hparam/accuracy": 0.9, "hparam/loss": 0.0})],
                "text": [hexed(x) for x in summary.hparams({"model": "resnet18"}, {})],
            },
        },
    )
