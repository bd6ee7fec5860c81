"""The Python side of training-step.mjs and scaling.mjs: milliseconds of a step of training of one network in one memory format."""
import argparse
import json
import os
from pathlib import Path

import torch
from torch.nn import functional as F

from lib.about import about
from lib.networks import create
from lib.serve import serve, warm_up

parser = argparse.ArgumentParser()
parser.add_argument("--network", required=True)
parser.add_argument("--format", choices=["contiguous", "channelsLast"], required=True)
parser.add_argument("--budget", type=float, required=True, help="seconds of a sample")
parser.add_argument("--compile", action="store_true")
for name in ("batch", "size", "classes"):
    parser.add_argument(f"--{name}", type=int, required=True)
options = parser.parse_args()

torch.manual_seed(1)
memory_format = torch.channels_last if options.format == "channelsLast" else torch.contiguous_format
network = create(options.network).to(memory_format=memory_format)
optimizer = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9)
x = torch.randn(options.batch, 3, options.size, options.size).contiguous(memory_format=memory_format)
labels = torch.arange(options.batch) % options.classes


def loss():
    return F.cross_entropy(network(x), labels)


forward = torch.compile(loss) if options.compile else loss


def step():
    optimizer.zero_grad(set_to_none=True)
    forward().backward()
    optimizer.step()


def compiling(seconds):
    """What the first step took when its code was compiled for the first time, which later processes find in a cache."""
    record = Path(os.environ["TORCHINDUCTOR_CACHE_DIR"]) / f"first-time-{torch.__version__}.json"
    if not record.exists():
        record.write_text(json.dumps({"compileSeconds": round(seconds, 1)}))
    return json.loads(record.read_text())


first = warm_up(step, options.budget)
serve({**about(), **(compiling(first) if options.compile else {})}, step, options.budget)
