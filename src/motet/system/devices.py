"""Devices: which one to use, and what is chosen by a short measurement rather than by habit.

A measured choice differs from day to day on a busy machine. Make it once, write it into the run's
configuration, and read it from there afterwards.
"""

import os
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Literal

from motet.errors import ConfigError
from motet.system.machine import cores, cpu_seconds, machine, peak_rss_mb

if TYPE_CHECKING:
    import torch

__all__ = [
    "choose_device",
    "cores",
    "cpu_seconds",
    "give_back_memory",
    "machine",
    "measure_precision",
    "measure_threads",
    "peak_rss_mb",
    "tune_memory",
]

WORTH_BF16 = 1.3  # bf16 rounds harder, so it must pay
WORTH_A_THREAD = 1.1  # another core must pay too


def choose_device(wanted: str = "auto") -> "torch.device":
    """The device to compute on: CUDA, else Apple's MPS, else the CPU; or the one that was asked for.

    Raises:
        ConfigError: The device that was asked for is not there.
    """
    import torch

    here = [name for name, found in _devices().items() if found]
    if wanted == "auto":
        return torch.device(here[0])
    if wanted.split(":")[0] not in here:
        raise ConfigError(f"Device {wanted!r} is not on this machine. It has {', '.join(here)}.")
    return torch.device(wanted)


def _devices() -> dict[str, bool]:
    import torch

    return {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}


def tune_memory() -> None:
    """Let big tensors lie on huge pages, and keep fewer prepared products; call it before the first tensor.

    The logits over a catalogue are freed and allocated again in every step. With pages of 4 kB the kernel
    then hands out tens of thousands of them each time, which took a third of a step; with pages of 2 MB it
    took next to nothing, and no more memory. Works on Linux only, and elsewhere does no harm.

    oneDNN keeps code and buffers for 1,024 shapes of products, and the batches of a training have more: that
    took a tenth of its memory and saved no time. A value that is set already stays.
    """
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "128")


def give_back_memory() -> None:
    """Give freed memory back to the system.

    Tensors of many sizes leave gaps that no later one fits into: a training on Amazon Beauty grew from 1.0 to
    1.6 GB in its first epoch, and to 1.3 GB when it gave them back every few steps.
    Does nothing where the C library has no ``malloc_trim``.
    """
    import ctypes

    with suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)


def measure_threads(most: int | None = None) -> int:
    """How many threads multiply matrices fastest here; a further core has to gain a tenth.

    Takes about a tenth of a second. The number of threads that torch uses is left as it was.
    """
    import torch

    before = torch.get_num_threads()
    left, right = torch.randn(1024, 256), torch.randn(256, 1024)
    best, best_seconds = 1, float("inf")
    try:
        for threads in _candidates(most or cores()):
            torch.set_num_threads(threads)
            seconds = _seconds(lambda: left @ right)
            if seconds * WORTH_A_THREAD < best_seconds:
                best, best_seconds = threads, seconds
    finally:
        torch.set_num_threads(before)
    return best


def measure_precision(width: int, device: "torch.device | None" = None) -> Literal["fp32", "bf16"]:
    """Whether bf16 is at least 1.3 times as fast as fp32 for layers of this width, forward and backward.

    Args:
        width: Width of the layers in question.
        device: Where; the CPU if not said.
    """
    import torch

    device = device or torch.device("cpu")
    if device.type == "mps" or (device.type == "cuda" and not torch.cuda.is_bf16_supported()):
        return "fp32"
    batch_BD = torch.randn(1024, width, device=device)
    layers = torch.nn.Sequential(
        torch.nn.Linear(width, 4 * width), torch.nn.GELU(), torch.nn.Linear(4 * width, width)
    ).to(device)

    def step(enabled: bool) -> None:
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=enabled):
            loss = layers(batch_BD).float().square().mean()
        loss.backward()
        layers.zero_grad()
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    return "bf16" if _seconds(lambda: step(False)) >= WORTH_BF16 * _seconds(lambda: step(True)) else "fp32"


def _candidates(most: int) -> list[int]:
    """Powers of two up to the number of cores, and that number.

    >>> _candidates(6)
    [1, 2, 4, 6]
    """
    return sorted({most, *(2**power for power in range(most.bit_length()) if 2**power <= most)})


def _seconds(work: Callable[[], object], budget: float = 0.05, least: int = 3) -> float:
    """The best time of several tries within `budget` seconds, after one try that warms up."""
    work()
    best, start, tries = float("inf"), time.perf_counter(), 0
    while tries < least or time.perf_counter() - start < budget:
        before = time.perf_counter()
        work()
        best, tries = min(best, time.perf_counter() - before), tries + 1
    return best
