"""What a measurement in Python says of itself."""
import re

import torch


def about():
    capability = re.search(r"CPU capability usage: (\S+)", torch.__config__.show())
    return {
        "version": torch.__version__,
        "capability": capability.group(1) if capability else "unknown",
        "threads": torch.get_num_threads(),
    }
