"""The Python side of operator-overhead.mjs: nanoseconds a call, the best of some repeats, and those of libtorch alone."""
import sys
import time

import torch
from torch import Tensor
from torch.nn import functional as F

from lib.about import about
from lib.serve import answer

CALLS = 10_000
REPEATS = 3


def best(run):
    run()
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter_ns()
        run()
        times.append((time.perf_counter_ns() - start) / CALLS)
    return min(times)


def repeated(call):
    """The loop in which Python calls the operator."""

    def run():
        for _ in range(CALLS):
            call()

    return run


# The same loops in TorchScript, whose interpreter calls libtorch without Python. They give the last result, or the loop would be
# found to do nothing; a `for` would be written out eight times, and then seven of the calls be found to be the same.
SCRIPT = """
def loop(x, y, scale, kernel, rows, matrix, bias, one, mean, variance, training: bool, calls: int):
    last = x
    i = 0
    while i < calls:
        last = {call}
        i += 1
    return last
"""

CALLS_OF_LIBTORCH = {
    "conv2d": "torch.conv2d(x, kernel, None, [1, 1], [0, 0], [1, 1], 1)",
    "batchNorm": "torch.batch_norm(x, one, one, mean, variance, training, 0.1, 1e-5, True)",
    "relu": "torch.relu(x)",
    "silu": "torch.ops.aten.silu(x)",
    "sigmoid": "torch.sigmoid(x)",
    "add": "torch.add(x, y)",
    "mul": "torch.mul(x, scale)",
    "mean": "torch.mean(x, [2, 3], True)",
    "cat": "torch.cat([x, y], 1)",
    "maxPool2d": "torch.max_pool2d(x, [2, 2], [2, 2], [0, 0], [1, 1], False)",
    "adaptiveAvgPool2d": "torch.ops.aten.adaptive_avg_pool2d(x, [1, 1])",
    "flatten": "torch.flatten(x, 1, -1)",
    "linear": "torch.ops.aten.linear(rows, matrix, bias)",
}


def measure(name, gradients):
    def of(*shape):
        return torch.randn(*shape, requires_grad=gradients)

    x, y, scale = of(1, 1, 2, 2), of(1, 1, 2, 2), of(1, 1, 1, 1)
    kernel, rows, matrix, bias, one = of(1, 1, 1, 1), of(2, 4), of(4, 4), of(4), of(1)
    mean, variance = torch.zeros(1), torch.ones(1)
    calls = {
        "conv2d": lambda: F.conv2d(x, kernel),
        "batchNorm": lambda: F.batch_norm(x, mean, variance, one, one, gradients, 0.1, 1e-5),
        "relu": lambda: F.relu(x),
        "silu": lambda: F.silu(x),
        "sigmoid": lambda: x.sigmoid(),
        "add": lambda: x + y,
        "mul": lambda: x * scale,
        "mean": lambda: x.mean((2, 3), keepdim=True),
        "cat": lambda: torch.cat([x, y], 1),
        "maxPool2d": lambda: F.max_pool2d(x, 2),
        "adaptiveAvgPool2d": lambda: F.adaptive_avg_pool2d(x, 1),
        "flatten": lambda: x.flatten(1),
        "linear": lambda: F.linear(rows, matrix, bias),
    }
    suffix = ", with gradients" if gradients else ""
    script = torch.jit.CompilationUnit(SCRIPT.format(call=CALLS_OF_LIBTORCH[name])).loop
    alone = lambda: script(x, y, scale, kernel, rows, matrix, bias, one, mean, variance, gradients, CALLS)
    return {name + suffix: best(repeated(calls[name])), f"{name}{suffix}, libtorch alone": best(alone)}


def both(name):
    with torch.no_grad():
        results = measure(name, gradients=False)
    return {**results, **measure(name, gradients=True)}


if __name__ == "__main__":
    # As they come, not merged into kernels made for the loop.
    torch._C._jit_set_profiling_executor(False)
    torch._C._jit_override_can_fuse_on_cpu(False)
    operator = sys.argv[sys.argv.index("--operator") + 1]
    answer(about(), lambda: both(operator))
