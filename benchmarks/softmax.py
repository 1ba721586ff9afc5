"""One training step of the softmax over a catalogue: ours, torch's own, and over a sample.

Every way gets the same queries, items and targets, in turn, many times over; the best time of each counts.
On a machine where others compute, take `--threads 1 --clock cpu`. The peak memory of each is taken in a
process of its own.

    python benchmarks/softmax.py [--threads 2] [--clock wall] [--rounds 15] [--seeds 3] [--blocks]
"""

import argparse
import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from motet.nn import blockwise
from motet.nn.softmax import Sample, Softmax, catalogue_cross_entropy, sampled_cross_entropy
from motet.system.machine import machine, peak_rss_mb, versions

SIZES = ((600, 1_682, 128), (1_200, 12_101, 128), (600, 100_000, 128))  # rows, items, width
RESULTS = Path(__file__).parent / "results" / "softmax.json"
SCALE = 1 / 0.07
SLOW_MS = 3_000  # a way that takes longer is tried once
CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}
Step = Callable[[Tensor, Tensor, Tensor], Tensor]


def plain(query: Tensor, item: Tensor, target: Tensor) -> Tensor:
    """All logits at once."""
    return F.cross_entropy(SCALE * query @ item.T, target)


def plain_bf16(query: Tensor, item: Tensor, target: Tensor) -> Tensor:
    """The same under autocast."""
    with torch.autocast("cpu", dtype=torch.bfloat16):
        return F.cross_entropy(SCALE * query @ item.T, target)


def plain_onednn(query: Tensor, item: Tensor, target: Tensor) -> Tensor:
    """All logits at once, with oneDNN's products in both passes (see `timed`)."""
    return plain(query, item, target)


def chunked(query: Tensor, item: Tensor, target: Tensor) -> Tensor:
    """The chunked loss that torch has."""
    return F.linear_cross_entropy(SCALE * query, item, target, options=nn.LinearCrossEntropyOptions())


def chunked_bf16(query: Tensor, item: Tensor, target: Tensor) -> Tensor:
    """The same with rounded inputs."""
    options = nn.LinearCrossEntropyOptions()
    return F.linear_cross_entropy((SCALE * query).bfloat16(), item.bfloat16(), target, options=options)


def ours(query: Tensor, item: Tensor, target: Tensor) -> Tensor:
    """Block by block, fp32."""
    return catalogue_cross_entropy(query, item, target, scale=SCALE)


def ours_mkl(query: Tensor, item: Tensor, target: Tensor) -> Tensor:
    """The same with MKL's products (see `timed`)."""
    return ours(query, item, target)


def ours_fresh(query: Tensor, item: Tensor, target: Tensor) -> Tensor:
    """The same with fresh memory at each call."""
    blockwise._shelf.__dict__.clear()
    return ours(query, item, target)


def ours_bf16(query: Tensor, item: Tensor, target: Tensor) -> Tensor:
    """Block by block, products in bf16."""
    return catalogue_cross_entropy(query, item, target, scale=SCALE, settings=Softmax(precision="bf16"))


def sampled(draws: int, precision: str) -> Step:
    """A sample as large as this, drawn anew each time."""

    def step(query: Tensor, item: Tensor, target: Tensor) -> Tensor:
        drawn = torch.randint(len(item), (draws,))
        sample = Sample(drawn, torch.full((draws,), -math.log(len(item))))
        return sampled_cross_entropy(
            query, item, target, sample, scale=SCALE, settings=Softmax(precision=precision)
        )

    return step


WAYS: dict[str, Step] = {
    "plain": plain,
    "plain_bf16": plain_bf16,
    "plain_onednn": plain_onednn,
    "chunked": chunked,
    "chunked_bf16": chunked_bf16,
    "ours": ours,
    "ours_mkl": ours_mkl,
    "ours_fresh": ours_fresh,
    "ours_bf16": ours_bf16,
    **{f"sampled_{draws}": sampled(draws, "fp32") for draws in (1024, 4096)},
    **{f"sampled_{draws}_bf16": sampled(draws, "bf16") for draws in (1024, 4096)},
}


@contextmanager
def products_of(name: str) -> Iterator[None]:
    """Take oneDNN's or MKL's fp32 products, where a way is named after them."""
    keeps, setting = blockwise._onednn_keeps_fp32, torch.backends.mkldnn.matmul
    if name.endswith("mkl"):
        blockwise._onednn_keeps_fp32 = lambda: False
    elif name.endswith("onednn") and keeps():
        setting.fp32_precision = "bf16"
    try:
        yield
    finally:
        blockwise._onednn_keeps_fp32, setting.fp32_precision = keeps, "none"


def world(size: tuple[int, int, int], seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Unit vectors for rows and items, as cosine scoring has them; targets; both learn."""
    rows, items, width = size
    random = torch.Generator().manual_seed(seed)
    query = F.normalize(torch.randn(rows, width, generator=random), dim=1).requires_grad_()
    item = F.normalize(torch.randn(items, width, generator=random), dim=1).requires_grad_()
    return query, item, torch.randint(items, (rows,), generator=random)


def timed(name: str, inputs: tuple[Tensor, Tensor, Tensor], clock: str = "wall") -> float:
    """Milliseconds of one step, forward and backward; the inputs are not leaves, as in a model."""
    with products_of(name):
        start = CLOCKS[clock]()
        WAYS[name](inputs[0] * 1.0, inputs[1] * 1.0, inputs[2]).backward()
        seconds = CLOCKS[clock]() - start
    inputs[0].grad = inputs[1].grad = None
    return 1000 * seconds


def best_times(
    size: tuple[int, int, int], rounds: int, seed: int, ways: list[str], clock: str
) -> dict[str, float]:
    """The best time of each way, which take turns."""
    inputs = world(size, seed)
    best = dict.fromkeys(ways, math.inf)
    first = {name: timed(name, inputs, clock) for name in ways}
    for _ in range(rounds):
        for name in ways:
            slow = first[name] > SLOW_MS
            best[name] = min(best[name], first[name] if slow else timed(name, inputs, clock))
    return best


def peak_memory(name: str, number: int) -> float:
    """What two steps add to the peak memory of a fresh process, in MB."""
    command = [sys.executable, __file__, "--memory", name, str(number)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ)
    return float(done.stdout)


def print_memory(name: str, number: int) -> None:
    """The body of that process."""
    inputs = world(SIZES[number], 0)
    timed(name, world((64, 64, 8), 0))
    before = peak_rss_mb()
    for _ in range(2):
        timed(name, inputs)
    print(peak_rss_mb() - before)


def try_blocks(rounds: int, clock: str) -> None:
    """Print the best time of our way for several sizes of block."""
    for size in SIZES:
        for rows in (64, 128, 256, 512, size[0]):
            blockwise.BLOCK_BYTES, blockwise.BLOCK_ROWS = 0, rows
            best = best_times(size, rounds, 0, ["ours", "ours_bf16"], clock)
            print(size, f"{rows} rows:", {k: round(v, 1) for k, v in best.items()}, flush=True)


def claims(rounds: int, seeds: int, clock: str, memory: bool) -> list[dict[str, object]]:
    """Milliseconds a step, and memory, of every way and size."""
    found: list[dict[str, object]] = []
    for number, size in enumerate(SIZES):
        runs = [best_times(size, rounds, seed, list(WAYS), clock) for seed in range(seeds)]
        peer = min(min(run["plain"], run["chunked"]) for run in runs)
        for name in WAYS:
            times = [run[name] for run in runs]
            claim = {"name": f"softmax.{size[0]}x{size[1]}.{name}.ms", "value": min(times), "low": min(times)}
            claim |= {"high": max(times), "seeds": seeds, "unit": "ms"}
            found.append(
                claim
                | {
                    "peer": {
                        "name": "torch fp32: the better of cross_entropy and chunked linear_cross_entropy",
                        "value": peer,
                    }
                }
            )
            extra = peak_memory(name, number) if memory else math.nan
            print(
                f"{claim['name']:45} {min(times):8.1f} .. {max(times):8.1f} ms  {extra:8.0f} MB", flush=True
            )
            if memory:
                claim = {
                    "name": f"softmax.{size[0]}x{size[1]}.{name}.memory_mb",
                    "value": extra,
                    "low": extra,
                }
                found.append(claim | {"high": extra, "seeds": 1, "unit": "MB", "peer": None})
    return found


def main() -> None:
    """Measure, print and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--clock", choices=CLOCKS, default="wall")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--blocks", action="store_true", help="compare sizes of blocks; nothing is written")
    parser.add_argument("--dry", action="store_true", help="print only; neither memory nor file")
    parser.add_argument("--memory", nargs=2, metavar=("WAY", "SIZE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.memory:
        return print_memory(options.memory[0], int(options.memory[1]))
    if options.blocks:
        return try_blocks(options.rounds, options.clock)
    found = claims(options.rounds, options.seeds, options.clock, not options.dry)
    if not options.dry:
        command = f"python benchmarks/softmax.py --threads {options.threads} --clock {options.clock}"
        about = {"benchmark": "softmax", "command": command, "date": datetime.now(UTC).date().isoformat()}
        RESULTS.parent.mkdir(exist_ok=True)
        result = {**about, "machine": machine(), "versions": versions(), "claims": found}
        RESULTS.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
