"""Trains nuclei_basic in PyTorch from given weights on given batches.

Usage: reference.py WEIGHTS.safetensors GRADIENTS.safetensors [--double]

Writes every gradient of the first step and prints the losses of both optimisers as JSON, computed in float32 or float64. `run.mjs` calls it.
"""
import json
import math
import struct
import sys
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from networks import NucleiBasic

SETTINGS = json.loads((Path(__file__).parent / "settings.json").read_text())
DTYPES = {"F32": np.float32, "F64": np.float64, "I64": np.int64}


def read_safetensors(path):
    data = Path(path).read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    body = data[8 + length :]
    tensors = {}
    for name, entry in header.items():
        if name != "__metadata__":
            start, end = entry["data_offsets"]
            array = np.frombuffer(body[start:end], DTYPES[entry["dtype"]]).reshape(entry["shape"])
            tensors[name] = torch.from_numpy(array.copy())
    return tensors


def write_safetensors(path, tensors):
    header, body = {}, b""
    for name, tensor in tensors.items():
        data = tensor.detach().float().contiguous().numpy().tobytes()
        header[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [len(body), len(body) + len(data)]}
        body += data
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    Path(path).write_bytes(struct.pack("<Q", len(text)) + text + body)


def batch(step):
    """The same bits as `batch` of training.mjs."""
    count, size, classes = SETTINGS["batch"], SETTINGS["size"], SETTINGS["classes"]
    place = np.arange(count * 3 * size * size, dtype=np.uint64)
    mask = np.uint64(0xFFFFFFFF)
    x = (place * np.uint64(2654435761) + np.uint64(step * 40503)) & mask
    x = ((x ^ (x >> np.uint64(16))) * np.uint64(0x45D9F3B)) & mask
    x = x ^ (x >> np.uint64(16))
    images = (x.astype(np.float64) / 2**31 - 1).reshape(count, 3, size, size)
    labels = (np.arange(count) + step) % classes
    images[np.arange(count), labels] += 0.5
    return torch.from_numpy(images.astype(np.float32)), torch.from_numpy(labels)


def train(weights, make, dtype):
    network = NucleiBasic(SETTINGS["classes"], dropout=0, block_dropout=0)
    network.load_state_dict(weights)
    network.to(dtype)
    optimizer = make(network.parameters())
    losses, gradients = [], {}
    for step in range(SETTINGS["steps"]):
        images, labels = batch(step)
        optimizer.zero_grad()
        loss = F.cross_entropy(network(images.to(dtype)), labels)
        loss.backward()
        losses.append(loss.item())
        if step == 0:
            gradients = {name: value.grad.clone() for name, value in network.named_parameters()}
        optimizer.step()
    assert all(map(math.isfinite, losses))
    return losses, gradients


def main(source, target, *flags):
    dtype = torch.float64 if "--double" in flags else torch.float32
    weights = read_safetensors(source)
    sgd, adamw = SETTINGS["sgd"], SETTINGS["adamw"]
    makers = {
        "sgd": lambda p: torch.optim.SGD(
            p, sgd["learningRate"], momentum=sgd["momentum"], weight_decay=sgd["weightDecay"]
        ),
        "adamw": lambda p: torch.optim.AdamW(p, adamw["learningRate"], weight_decay=adamw["weightDecay"]),
    }
    result = {"torch": torch.__version__, "threads": torch.get_num_threads()}
    for kind, make in makers.items():
        result[kind], gradients = train(weights, make, dtype)
    write_safetensors(target, gradients)
    print(json.dumps(result))


if __name__ == "__main__":
    main(*sys.argv[1:])
