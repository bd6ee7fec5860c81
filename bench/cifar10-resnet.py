"""The Python side of cifar10-resnet.mjs: one training of the UvA tutorial's ResNet; prints the scores after every epoch.

The recipe is the tutorial's (https://github.com/phlippe/uvadlc_notebooks, tutorial 5), with its schedule shortened: SGD 0.1, momentum 0.9,
weight decay 1e-4, a tenth of the rate at two milestones, batches of 128, flips and crops, Kaiming initialisation.
"""
import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from lib.about import about

sys.path.insert(0, str(Path(__file__).parents[1] / "test" / "parity"))
from networks import CifarResNet20  # noqa: E402

MEAN = [0.49139968, 0.48215841, 0.44653091]
STD = [0.24703223, 0.24348513, 0.26158784]

parser = argparse.ArgumentParser()
parser.add_argument("--data", required=True)
parser.add_argument("--chosen", required=True, help="JSON with the numbers of the images to train on, of those in the training files")
parser.add_argument("--milestones", required=True)
for name in ("epochs", "seed", "batch"):
    parser.add_argument(f"--{name}", type=int, required=True)
options = parser.parse_args()


def read(paths):
    rows = np.concatenate([np.fromfile(path, dtype=np.uint8).reshape(-1, 3073) for path in paths])
    return rows[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1), rows[:, 0].astype(np.int64)


class Images(Dataset):
    def __init__(self, pixels, labels, transform):
        self.images = [Image.fromarray(image) for image in pixels]
        self.labels = labels
        self.transform = transform

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        return self.transform(self.images[index]), int(self.labels[index])


normalize = [transforms.ToTensor(), transforms.Normalize(MEAN, STD)]
augment = [transforms.RandomHorizontalFlip(), transforms.RandomResizedCrop((32, 32), scale=(0.8, 1.0), ratio=(0.9, 1.1))]

torch.manual_seed(options.seed)
folder = Path(options.data)
pixels, labels = read(sorted(folder.glob("data_batch_*.bin")))
chosen = json.loads(Path(options.chosen).read_text())
train = Images(pixels[chosen], labels[chosen], transforms.Compose(augment + normalize))
test = Images(*read([folder / "test_batch.bin"]), transforms.Compose(normalize))
batches = DataLoader(train, batch_size=options.batch, shuffle=True, drop_last=True)
test_batches = DataLoader(test, batch_size=options.batch)

network = CifarResNet20()
for module in network.modules():
    if isinstance(module, torch.nn.Conv2d):
        torch.nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4)
milestones = [int(epoch) for epoch in options.milestones.split(",")]
schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, milestones=milestones, gamma=0.1)

records = []
for epoch in range(1, options.epochs + 1):
    start = time.perf_counter()
    network.train()
    loss_sum, hits, seen = 0.0, 0, 0
    for x, y in batches:
        logits = network(x)
        loss = F.cross_entropy(logits, y)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        loss_sum += loss.item() * len(y)
        hits += (logits.argmax(1) == y).sum().item()
        seen += len(y)
    training = time.perf_counter() - start
    schedule.step()
    network.eval()
    right, total_loss = 0, 0.0
    with torch.inference_mode():
        for x, y in test_batches:
            logits = network(x)
            total_loss += F.cross_entropy(logits, y, reduction="sum").item()
            right += (logits.argmax(1) == y).sum().item()
    record = {
        "epoch": epoch,
        "trainLoss": loss_sum / seen,
        "trainAccuracy": hits / seen,
        "loss": total_loss / len(test),
        "accuracy": right / len(test),
        "trainingSeconds": training,
    }
    records.append(record)
    print(json.dumps(record), file=sys.stderr, flush=True)

print(json.dumps({**about(), "records": records}))
