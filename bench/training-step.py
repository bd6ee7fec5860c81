"""The Python side of training-step.mjs: images a second of one network in one memory format, the median of the steps."""
import argparse
import json
import statistics
import sys
import time
from pathlib import Path

import torch
from torch.nn import functional as F

from lib.about import about

sys.path.insert(0, str(Path(__file__).parents[1] / "test" / "parity"))
from networks import NETWORKS  # noqa: E402

parser = argparse.ArgumentParser()
parser.add_argument("--network", required=True)
parser.add_argument("--format", choices=["contiguous", "channelsLast"], required=True)
for name in ("steps", "warmup", "batch", "size"):
    parser.add_argument(f"--{name}", type=int, required=True)
options = parser.parse_args()

torch.manual_seed(1)
memory_format = torch.channels_last if options.format == "channelsLast" else torch.contiguous_format
make, _ = NETWORKS[options.network]
network = make().to(memory_format=memory_format)
classes = {"nuclei_basic": 3, "cifar_resnet20": 10}[options.network]
optimizer = torch.optim.SGD(network.parameters(), lr=0.05, momentum=0.9)
x = torch.randn(options.batch, 3, options.size, options.size).contiguous(memory_format=memory_format)
labels = torch.arange(options.batch) % classes

seconds = []
for step in range(-options.warmup, options.steps):
    start = time.perf_counter()
    optimizer.zero_grad(set_to_none=True)
    F.cross_entropy(network(x), labels).backward()
    optimizer.step()
    if step >= 0:
        seconds.append(time.perf_counter() - start)

results = {f"{options.network}, {options.format}": options.batch / statistics.median(seconds)}
print(json.dumps({**about(), "results": results}))
