"""What the scripts in this folder share: inputs by a formula that TypeScript repeats exactly, and compact JSON."""
import json
import math
from pathlib import Path

import torch

FOLDER = Path(__file__).parent


def wave(count, salt, scale=1.0):
    """Numbers in (-1, 1) times scale, float32: whole-number arithmetic, so that every language gives the same bits."""
    i = torch.arange(count, dtype=torch.float64)
    return (((i * 7919 + salt * 104729) % 2003) / 1001.5 - 1).mul(scale).float()


def waves(shape, salt, scale=1.0):
    return wave(math.prod(shape), salt, scale).reshape(shape)


def fill(module):
    """Gives every entry of a state dict values by its place in it."""
    for i, (name, value) in enumerate(module.state_dict().items()):
        if name.endswith("num_batches_tracked"):
            value.zero_()
        elif name.endswith("running_var"):
            value.copy_(1 + waves(value.shape, i, 0.5))
        else:
            value.copy_(waves(value.shape, i, 0.5))
    return module


def fill_scaled(module):
    """As fill, with weights that keep the activations' size through many layers."""
    for i, (name, value) in enumerate(module.state_dict().items()):
        if name.endswith("num_batches_tracked"):
            value.zero_()
        elif name.endswith("running_var"):
            value.copy_(1 + waves(value.shape, i, 0.5))
        elif value.dim() > 1:
            value.copy_(waves(value.shape, i, math.sqrt(3 / math.prod(value.shape[1:]))))
        elif name.endswith("weight"):
            value.copy_(1 + waves(value.shape, i, 0.2))
        else:
            value.copy_(waves(value.shape, i, 0.1))
    return module


def digits(x, count=8):
    """Eight significant digits are more than float32 holds."""
    return float(f"{x:.{count}g}")


def numbers(tensor, count=8):
    return [digits(x, count) for x in tensor.detach().double().flatten().tolist()]


def sketch(tensor, most=48, count=8):
    """The Euclidean norm, and every so manieth element so that `most` are enough."""
    values = tensor.detach().double().flatten()
    every = math.ceil(len(values) / most)
    return {"every": every, "norm": digits(values.norm().item(), count), "values": numbers(values[::every], count)}


def write(name, content):
    content = {"made": f"test/golden/{name}.py with PyTorch {torch.__version__}", **content}
    lines = ",\n".join(f"{json.dumps(key)}: {dump(value)}" for key, value in content.items())
    (FOLDER / f"{name}.json").write_text(f"{{\n{lines}\n}}\n")


def dump(value):
    """One line per entry of a list of objects or of an object of objects."""
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return "[\n" + ",\n".join(json.dumps(item) for item in value) + "\n]"
    if isinstance(value, dict):
        return "{\n" + ",\n".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in value.items()) + "\n}"
    return json.dumps(value)
