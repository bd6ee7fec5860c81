"""Writes the files of test/fixtures/torch with the PyTorch that runs it, and what they hold as torch-files.json there.

python3 test/golden/torch-files.py                 writes the files; their names end in the version, 1.13 or 2.13
python3 test/golden/torch-files.py --check FILE    opens FILE with weights_only=True; its tensors must be those of state()
python3 test/golden/torch-files.py --digest FILE   prints name, dtype, shape and SHA-256 of every tensor as JSON
"""
import argparse
import hashlib
import json
import math
import sys
import types
from collections import OrderedDict
from pathlib import Path

import torch

FOLDER = Path(__file__).parent.parent / "fixtures" / "torch"
VERSION = ".".join(torch.__version__.split(".")[:2])


def state():
    """Every type at its limits, and every way in which a tensor can lie in its storage."""
    grid = torch.arange(24, dtype=torch.float32).sub(11.5).div(3).reshape(2, 3, 4)
    return OrderedDict(
        [
            ("float32", torch.tensor([1, -0.0, 3.4e38, math.inf, math.nan, 1e-45])),
            ("float64", torch.tensor([1, -0.0, 1.7e308, -math.inf, math.nan, 5e-324], dtype=torch.float64)),
            ("float16", torch.tensor([1, -2, 65504, math.inf, 6e-8], dtype=torch.float16)),
            ("bfloat16", torch.tensor([1, -2, 3e38, -math.inf, 1e-38], dtype=torch.bfloat16)),
            ("int64", torch.tensor([1, -2, 2**63 - 1, -(2**63), 2**53 + 1])),
            ("int32", torch.tensor([1, -2, 2**31 - 1, -(2**31)], dtype=torch.int32)),
            ("uint8", torch.tensor([0, 1, 127, 128, 255], dtype=torch.uint8)),
            ("bool", torch.tensor([True, False, True])),
            ("scalar", torch.tensor(0.1)),
            ("count", torch.tensor(7)),
            ("empty", torch.empty(0, 4)),
            ("grid", grid),
            ("grid.slice", grid[1, 1:, 1:3]),
            ("grid.transposed", grid.permute(2, 0, 1)),
            ("grid.every_other", grid[:, ::2, ::3]),
            ("half.transposed", torch.arange(6, dtype=torch.float16).reshape(2, 3).t()),
            ("long.column", torch.arange(6).reshape(3, 2)[:, 1]),
            ("channels_last", torch.arange(60).float().reshape(1, 3, 4, 5).contiguous(memory_format=torch.channels_last)),
            ("parameter", torch.nn.Parameter(torch.tensor([[1.5, 2.5]]))),
            ("__proto__", torch.tensor([9], dtype=torch.uint8)),
            ('été "quoted"\n', torch.tensor([7], dtype=torch.uint8)),
        ]
    )


def lightning():
    """A Lightning checkpoint with what its versions put into one; their own classes are made up here."""
    package, module = "pytorch_lightning.utilities.parsing", types.ModuleType("pytorch_lightning.utilities.parsing")
    module.AttributeDict = type("AttributeDict", (dict,), {"__module__": package})
    callback_package = "pytorch_lightning.callbacks.model_checkpoint"
    callbacks = types.ModuleType(callback_package)
    callbacks.ModelCheckpoint = type("ModelCheckpoint", (), {"__module__": callback_package})
    sys.modules.update({package: module, callback_package: callbacks})
    for name in ("pytorch_lightning", "pytorch_lightning.utilities", "pytorch_lightning.callbacks"):
        sys.modules[name] = types.ModuleType(name)

    network = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
    fill(network)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9)
    network(torch.ones(4, 3)).sum().backward()
    optimizer.step()
    fill(network)
    options = module.AttributeDict(act="relu", sizes=(16, 32), rate=0.5, seed=2**70, deep={"on": True, "off": None})
    return {
        "epoch": 3,
        "global_step": 1404,
        "pytorch-lightning_version": "1.9.5",
        "state_dict": OrderedDict((f"model.{name}", value) for name, value in network.state_dict().items()),
        "loops": {"fit_loop": {"state_dict": {}, "epoch_progress": {"total": {"ready": 3}}}},
        "callbacks": {callbacks.ModelCheckpoint: {"best_score": torch.tensor(0.75), "best_path": "best.ckpt"}},
        "optimizer_states": [optimizer.state_dict()],
        "lr_schedulers": [],
        "hparams_name": "kwargs",
        "hyper_parameters": {
            "model_name": "Net",
            "model_hparams": options,
            "args": argparse.Namespace(lr=0.1, tags={"a"}, device=torch.device("cuda", 1), dtype=torch.float16),
            "bytes": b"\x00\xff",
            "limits": [math.inf, math.nan],
        },
    }


def fill(network):
    with torch.no_grad():
        for i, value in enumerate(network.state_dict().values()):
            value.copy_(torch.arange(value.numel()).reshape(value.shape) + i)


def wrapped():
    """As torchvision's training scripts save: the network of several GPUs, and its moving average."""
    weights = OrderedDict([("module.weight", torch.tensor([1.0, 2.0])), ("module.bias", torch.tensor([3.0]))])
    average = OrderedDict([("n_averaged", torch.tensor(5))])
    average.update((name, value * 10) for name, value in weights.items())
    return {"model": weights, "model_ema": average, "epoch": 9, "args": argparse.Namespace(lr=0.5)}


def describe(tensors):
    rows = {}
    for name, value in tensors.items():
        value = value.detach().contiguous()
        data = bytes(value.reshape(-1).view(torch.uint8).tolist()) if value.numel() else b""
        rows[name] = {"dtype": str(value.dtype)[6:], "shape": list(value.shape), "data": data.hex()}
    return rows


def write():
    FOLDER.mkdir(parents=True, exist_ok=True)

    def save(name, value, **options):
        torch.save(value, FOLDER / f"{name}-{VERSION}.pt", **options)

    save("state", state())
    save("legacy", state(), _use_new_zipfile_serialization=False)
    save("protocol4", state(), pickle_protocol=4)
    save("lightning", lightning())
    save("lightning-legacy", lightning(), _use_new_zipfile_serialization=False)
    save("wrapped", wrapped())
    save("int8", {"weight": torch.ones(2, dtype=torch.int8)})
    save("expanded", {"weight": torch.ones(1).expand(1000)})
    save("module", torch.nn.Linear(1, 1))
    save("list", [torch.ones(1)])
    save("sparse", {"weight": torch.ones(2, 2).to_sparse()})
    torch.jit.save(torch.jit.script(torch.nn.Identity()), FOLDER / f"script-{VERSION}.pt")
    if hasattr(torch.serialization, "set_crc32_options"):
        torch.serialization.set_crc32_options(False)
        save("unchecked", state())
    expected = json.dumps(describe(state()), indent=1, ensure_ascii=True)
    (FOLDER / "torch-files.json").write_text(expected + "\n")


def check(path):
    found = torch.load(path, map_location="cpu", weights_only=True)
    assert type(found) is OrderedDict, type(found)
    assert describe(found) == describe(state()), "the tensors differ"
    assert all(value.is_contiguous() for value in found.values())
    print(f"{len(found)} tensors equal, PyTorch {torch.__version__}")


def digest(path):
    found = torch.load(path, map_location="cpu", weights_only=True)
    rows = describe(found.get("state_dict", found))
    print(json.dumps({name: [row["dtype"], row["shape"], hashlib.sha256(bytes.fromhex(row["data"])).hexdigest()] for name, row in rows.items()}))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--check")
    parser.add_argument("--digest")
    arguments = parser.parse_args()
    if arguments.check:
        check(arguments.check)
    elif arguments.digest:
        digest(arguments.digest)
    else:
        write()
