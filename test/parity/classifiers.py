"""The PyTorch side of classifiers.mjs: a network with seeded random weights and images, its logits and gradients, in a folder."""
import json
import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parent.parent / "golden"))
from classifiers import build  # noqa: E402


def main(folder, name, size, gradients):
    torch.manual_seed(2026)
    network = build(name)
    for key, value in network.state_dict().items():
        # As after training: statistics that are not 0 and 1, and norms that are not the identity.
        if key.endswith("running_mean"):
            value.normal_(0, 0.1)
        elif key.endswith("running_var"):
            value.uniform_(0.5, 1.5)
        elif value.dim() == 1 and value.is_floating_point():
            value.add_(torch.randn_like(value) * 0.05)
    torch.save(network.state_dict(), folder / "weights.pt")
    x = torch.randn(2, 3, size, size)
    torch.save({"input": x}, folder / "input.pt")
    result = {"torch": torch.__version__}
    with torch.no_grad():
        result["float32"] = network(x).flatten().tolist()
    network.double()
    x = x.double()
    if gradients:
        logits = network(x)
        logits.sum().backward()
        torch.save({key: value.grad for key, value in network.named_parameters()}, folder / "gradients.pt")
    else:
        with torch.no_grad():
            logits = network(x)
    result["float64"] = logits.detach().flatten().tolist()
    (folder / "result.json").write_text(json.dumps(result))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4] == "gradients")
