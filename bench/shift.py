"""The Python side of shift.mjs: milliseconds of the depthwise convolution, the median of the repeats."""
import argparse
import json
import statistics
import time

import torch
from torch.nn import functional as F

from lib.about import about

parser = argparse.ArgumentParser()
for name in ("repeats", "warmup", "batch"):
    parser.add_argument(f"--{name}", type=int, required=True)
parser.add_argument("--format", required=True)
options = parser.parse_args()

GROUPS = ((48, 32), (96, 16), (192, 8))
MEMORY_FORMATS = {"contiguous": torch.contiguous_format, "channelsLast": torch.channels_last}

torch.manual_seed(1)


def forward(x, kernel):
    with torch.no_grad():
        F.conv2d(x, kernel, padding=1, groups=x.shape[1])


def both(x, kernel):
    given = x.detach().requires_grad_()
    F.conv2d(given, kernel, padding=1, groups=x.shape[1]).backward(x)


results = {}
for memory_format in options.format.split(","):
    for channels, size in GROUPS:
        x = torch.randn(options.batch, channels, size, size).contiguous(memory_format=MEMORY_FORMATS[memory_format])
        kernel = torch.randn(channels, 1, 3, 3, requires_grad=True)
        for what, run in (("forward", forward), ("forward and backward", both)):
            milliseconds = []
            for repeat in range(-options.warmup, options.repeats):
                start = time.perf_counter()
                run(x, kernel)
                if repeat >= 0:
                    milliseconds.append(1000 * (time.perf_counter() - start))
            results[f"depthwise, {size}x{size}, {what}, {memory_format}"] = statistics.median(milliseconds)
print(json.dumps({**about(), "results": results}))
