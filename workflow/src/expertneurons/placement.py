"""Placement: a model on one device, or spread over all devices and the main memory where no device holds it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from expertneurons import checkpoints
from expertneurons.errors import StudyError

# Beside the weights a device holds activations, and fragments that serve nobody.
HEADROOM = 1.2
SLOW = ("cpu", "disk")


def open_model(
    checkpoint: Path, weights: checkpoints.Weights, seed: int, precision: checkpoints.Precision
) -> tuple[Any, Any, torch.device]:
    """Load a model for passes over sentences and place it: its tokenizer, itself, the device that takes its inputs."""
    tokenizer, network = checkpoints.load(checkpoint, weights, seed, precision)
    network, device = place(network)
    network.config.use_cache = False
    torch.set_num_threads(1)  # a batch is computed by one thread, so that results do not depend on their number
    return tokenizer, network, device


def place(model: Any) -> tuple[Any, torch.device]:
    """Put a model where it runs; returns it with the device that takes its inputs."""
    if not torch.cuda.is_available():
        return model, torch.device("cpu")
    device = torch.device("cuda", torch.cuda.current_device())
    if HEADROOM * model.get_memory_footprint() < torch.cuda.mem_get_info(device)[0]:
        return model.to(device), device
    return spread(model)


def spread(
    model: Any, memory: Mapping[int | str, int] | None = None, folder: Path | None = None
) -> tuple[Any, torch.device]:
    """Deal out the blocks of a model over devices in their order, as accelerate's automatic device map does.

    Args:
        model: Loaded into the main memory.
        memory: Bytes to use of each device (by number) and of "cpu"; by default what is free, evenly.
        folder: Where blocks go that find no room even in the main memory.

    """
    from accelerate import dispatch_model, infer_auto_device_map
    from accelerate.utils import get_balanced_memory

    whole = list(model._no_split_modules or [])
    limits = memory or get_balanced_memory(model, no_split_module_classes=whole)
    device_map = infer_auto_device_map(model, max_memory=dict(limits), no_split_module_classes=whole)
    if "disk" in device_map.values() and folder is None:
        size = model.get_memory_footprint() / 1e9
        raise StudyError(
            f"the model's {size:.0f} GB fit neither the devices nor the memory; set its `dtype` to bfloat16"
        )
    first = next((place for place in device_map.values() if place not in SLOW), "cpu")
    return dispatch_model(model, device_map, offload_dir=folder), torch.device(first)


def is_spread(model: Any) -> bool:
    """Whether blocks move between devices during a pass, so that only one pass can run at a time."""
    return hasattr(model, "hf_device_map")


def passes_at_once(model: Any, device: torch.device, threads: int) -> int:
    """How many passes may run at the same time: one on a GPU, or where blocks move, else one a thread."""
    return 1 if device.type == "cuda" or is_spread(model) else threads
