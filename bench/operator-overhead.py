"""The Python side of operator-overhead.mjs: nanoseconds a call, the best of some repeats."""
import json
import time

import torch

from lib.about import about

CALLS = 200_000
REPEATS = 5


def function(a, b):
    add = torch.add
    for _ in range(CALLS):
        add(a, b)


def operator(a, b):
    for _ in range(CALLS):
        a + b


def best(run, a, b):
    run(a, b)
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter_ns()
        run(a, b)
        times.append((time.perf_counter_ns() - start) / CALLS)
    return min(times)


if __name__ == "__main__":
    a, b = torch.tensor([1.0, 2, 3, 4]), torch.tensor([5.0, 6, 7, 8])
    ways = {"torch.add(a, b)": function, "a + b": operator}
    with torch.no_grad():
        results = {way: best(run, a, b) for way, run in ways.items()}
    print(json.dumps({**about(), "results": results}))
