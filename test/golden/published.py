"""torchvision's published weights: python test/golden/published.py writes src/weights/published-table.ts and
src/weights/imagenet-categories.ts. Needs torchvision 0.15 or newer, whose tables tell the size of the files.
"""
import json
import re
from pathlib import Path

import torchvision
from torchvision.models import get_model_weights, list_models

WEIGHTS = Path(__file__).parents[2] / "src" / "weights"
NOTE = f"// Written by test/golden/published.py from torchvision {torchvision.__version__.split('+')[0]}. Change the script, not this file."
PLACE = "https://download.pytorch.org/models/"
FAMILIES = ("efficientnet", "mobilenet_v3", "regnet", "resnet", "resnext", "wide_resnet", "densenet", "googlenet", "squeezenet")
IMAGENET = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
HALF = ([0.5, 0.5, 0.5], [0.5, 0.5, 0.5])


def row(weights):
    meta, presets = weights.meta, weights.transforms()
    assert weights.url.startswith(PLACE) and re.search(r"-[0-9a-f]{8}\.pth$", weights.url), weights.url
    assert presets.antialias in (True, "warn")
    [resize], [crop] = presets.resize_size, presets.crop_size
    normalization = (presets.mean, presets.std)
    # torchvision's GoogLeNet turns ImageNet's normalisation into this one inside the network.
    if "googlenet" in weights.url:
        normalization = HALF
    assert normalization in (IMAGENET, HALF), normalization
    accuracy = meta["_metrics"]["ImageNet-1K"]
    half = ", HALF" if normalization == HALF else ""
    return (
        f'{weights.name}: {{ file: "{weights.url.removeprefix(PLACE)}", mebibytes: {meta["_file_size"]}, '
        f'top1: {accuracy["acc@1"]}, top5: {accuracy["acc@5"]}, '
        f"preprocessing: {presets.interpolation.value}({resize}, {crop}{half}) }},"
    )


def table(names):
    lines = [
        NOTE,
        'import { bicubic, bilinear, HALF, type TableRow } from "./published-row.js";',
        "",
        "/** By network, then by the weights' name; the first of a network is its default. */",
        "// biome-ignore format: a row is a line.",
        "export const PUBLISHED: Readonly<Record<string, Readonly<Record<string, TableRow>>>> = {",
    ]
    for name in names:
        weights = get_model_weights(name)
        ordered = sorted(weights, key=lambda one: one is not weights.DEFAULT)
        lines += [f"  {name}: {{", *(f"    {row(one)}" for one in ordered), "  },"]
    return [*lines, "};"]


def categories(names):
    [found] = {tuple(weights.meta["categories"]) for name in names for weights in get_model_weights(name)}
    lines = [
        NOTE,
        "/** The 1000 classes of ImageNet-1k in the order of the published networks' outputs. */",
        "// biome-ignore format: a line for each would be a thousand lines.",
        "export const IMAGENET_CATEGORIES: readonly string[] = [",
    ]
    line = " "
    for text in (f" {json.dumps(name)}," for name in found):
        if len(line) + len(text) > 120:
            lines.append(line)
            line = " "
        line += text
    return [*lines, line, "];"]


if __name__ == "__main__":
    names = [name for name in list_models(torchvision.models) if name.startswith(FAMILIES)]
    for file, lines in {"published-table": table(names), "imagenet-categories": categories(names)}.items():
        (WEIGHTS / f"{file}.ts").write_text("\n".join(lines) + "\n", encoding="utf8")
