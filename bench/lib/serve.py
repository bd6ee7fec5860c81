"""A contender that stands ready: contender.mjs of this folder says how it is asked for samples."""
import json
import re
import statistics
import sys
import time
from pathlib import Path


def peak_megabytes():
    """The most that this process has had resident."""
    return int(re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())[1]) * 1024 / 1e6


def timed(step):
    start = time.perf_counter()
    step()
    return time.perf_counter() - start


def warm_up(step, budget):
    """Three steps, or fewer where they take long. Returns the seconds of the first, which may compile."""
    first = timed(step)
    start = time.perf_counter()
    for _ in range(2):
        if time.perf_counter() - start < budget:
            step()
    return first


def sample(step, budget):
    """The median of as many steps as the budget of seconds holds, in milliseconds. The first one finds the caches cold; it counts only if it fills the budget."""
    first = timed(step)
    times = [first] if first >= budget else []
    while sum(times) < budget:
        times.append(timed(step))
    return {"milliseconds": 1000 * statistics.median(times), "steps": len(times), "peakMB": peak_megabytes()}


def answer(about, measure):
    """Says `about`, then answers every line of the input with what `measure` gives: numbers by their row."""
    print(json.dumps(about), flush=True)
    for _ in sys.stdin:
        print(json.dumps({"results": measure()}), flush=True)


def serve(about, step, budget):
    """Samples of a step of training."""
    answer(about, lambda: sample(step, budget))
