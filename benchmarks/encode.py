"""Encoding a catalogue: texts a second of Motet's TextEncoder beside sentence-transformers on the same model.

    python -m benchmarks.encode DATA [--texts 1000] [--repeats 5] [--threads 1 2]

all-MiniLM-L6-v2 on titles of MicroLens and Amazon Beauty, in fp32 and bf16, cut at 128 tokens, on one torch.
Each side is a process that stays; they take turns, and the ratio is that of the seconds of one turn. The peer
gets the batch size (8 to 64) that was fastest for it on 200 other titles, and malloc without page faults; we
are as we come. int8 is ours alone, beside our bf16.
"""

import argparse
import functools
import json
import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from benchmarks.environment import KEEP_MEMORY, ROOT, beside
from benchmarks.peers.asked import Encode, answer
from benchmarks.record import claim, record

MODEL = "all-MiniLM-L6-v2"
MAX_TOKENS = 128
SETS = {"microlens": "microlens-50k-text", "beauty": "amazon-beauty-2014"}
PRECISIONS = ("fp32", "bf16")
BATCH_SIZES = (8, 16, 32, 64)
TRIED = 200


class Side:
    """A program that encodes when it is asked.

    Args:
        command: Behind ``python -m``.
        threads: How many it may use.
        more: Environment variables of its own.
    """

    def __init__(self, command: list[str], threads: int, more: dict[str, str]) -> None:
        limits = {name: str(threads) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")}
        path = os.pathsep.join([str(ROOT / "src"), str(ROOT), more.pop("PYTHONPATH", "")])
        self.process = subprocess.Popen(
            [sys.executable, "-m", *command, str(threads)],
            cwd=ROOT,
            env={**os.environ, **limits, "HF_HUB_OFFLINE": "1", **more, "PYTHONPATH": path},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, texts: Path, precision: str, out: Path | None = None, **options: Any) -> dict[str, float]:
        """Seconds of encoding a file of texts."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        question = {"texts": str(texts), "precision": precision, "options": options, "out": out and str(out)}
        self.process.stdin.write(json.dumps(question) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.process.args} ended; what it printed above says why")
        found: dict[str, float] = json.loads(line)
        return found

    def end(self) -> None:
        """Close it."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


@dataclass
class Cell:
    """One data set in one precision with so many threads."""

    texts: int
    ours: list[dict[str, float]] = field(default_factory=list)
    peer: list[dict[str, float]] = field(default_factory=list)
    trials: dict[int, float] = field(default_factory=dict)  # batch size -> texts a second on other titles

    def ratios(self) -> list[float]:
        """Of the texts a second of both, turn by turn."""
        return [theirs["seconds"] / own["seconds"] for own, theirs in zip(self.ours, self.peer, strict=True)]

    def rate(self, turns: list[dict[str, float]]) -> list[float]:
        """Texts a second of each turn."""
        return [self.texts / turn["seconds"] for turn in turns]


def titles(data: Path, name: str, count: int, seed: int = 0) -> list[str]:
    """Different titles of a catalogue, drawn at random."""
    table = pl.read_csv(data / name / "items.tsv.gz", separator="\t", quote_char=None, infer_schema=False)
    several = table["title"].drop_nulls().unique(maintain_order=True)
    order = np.random.default_rng(seed).permutation(len(several))[:count]
    found: list[str] = several[order].to_list()
    return found


def measure(places: dict[str, Path], work: Path, threads: int, repeats: int, texts: int) -> dict[str, Cell]:
    """Let both sides take turns.

    Args:
        places: Data set -> file with its titles, those to try batch sizes on in a file beside it.
        work: Where vectors go.
        threads: Of each side.
        repeats: Turns of each.
        texts: How many a file has.

    Returns:
        ``SET.PRECISION`` -> what was measured; int8 has no peer.
    """
    from motet.language.find import find_model

    folder = str(find_model(MODEL))
    extra = {**KEEP_MEMORY, "PYTHONPATH": str(beside("encoding"))}
    ours = Side(["benchmarks.encode", "--side", folder], threads, {})
    peer = Side(["benchmarks.peers.sentences", folder, str(MAX_TOKENS)], threads, extra)
    cells: dict[str, Cell] = {}
    for name, place in places.items():
        for precision in PRECISIONS:
            cell = cells[f"{name}.{precision}"] = Cell(texts)
            few = place.with_name(f"few-{place.name}")
            for size in BATCH_SIZES:
                tried = [peer.ask(few, precision, batch_size=size)["seconds"] for _ in range(2)]
                cell.trials[size] = TRIED / min(tried)
            size = max(cell.trials, key=lambda size: cell.trials[size])
            ours.ask(few, precision)
            for _ in range(repeats):
                at = f"{name}-{precision}.npy"
                cell.ours.append(ours.ask(place, precision, work / f"ours-{at}"))
                cell.peer.append(peer.ask(place, precision, work / f"peer-{at}", batch_size=size))
        cell = cells[f"{name}.int8"] = Cell(texts)
        ours.ask(place.with_name(f"few-{place.name}"), "int8")
        for _ in range(repeats):
            cell.ours.append(ours.ask(place, "int8", work / f"ours-{name}-int8.npy"))
            cell.peer.append(ours.ask(place, "bf16"))
    for side in (ours, peer):
        side.end()
    return cells


def agreement(work: Path, name: str) -> dict[str, dict[str, float]]:
    """Cosines of both sides' vectors, and of each rounding with the peer's fp32, the least and the mean."""
    pairs = {
        "ours fp32, peer fp32": ("ours-{}-fp32", "peer-{}-fp32"),
        "ours bf16, peer bf16": ("ours-{}-bf16", "peer-{}-bf16"),
        "ours bf16, peer fp32": ("ours-{}-bf16", "peer-{}-fp32"),
        "peer bf16, peer fp32": ("peer-{}-bf16", "peer-{}-fp32"),
        "ours int8, peer fp32": ("ours-{}-int8", "peer-{}-fp32"),
    }
    found = {}
    for said, sides in pairs.items():
        one, other = (np.load(work / f"{side.format(name)}.npy") for side in sides)
        one, other = (each / np.linalg.norm(each, axis=1, keepdims=True) for each in (one, other))
        cosine_N = (one * other).sum(1)
        near = [_nearest(each) for each in (one, other)]
        shared = np.mean([len(set(a) & set(b)) / len(a) for a, b in zip(*near, strict=True)])
        found[said] = {
            "least": float(cosine_N.min()),
            "mean": float(cosine_N.mean()),
            "of ten nearest": float(shared),
        }
    return found


def _nearest(vector_ND: np.ndarray) -> list[list[int]]:
    """The ten nearest others of each text."""
    cosine_NN = vector_ND @ vector_ND.T
    np.fill_diagonal(cosine_NN, -2)
    found: list[list[int]] = np.argsort(-cosine_NN, axis=1)[:, :10].tolist()
    return found


def claims_of(cells: dict[int, dict[str, Cell]], cosines: dict[str, Any]) -> list[dict[str, Any]]:
    """The claims: the worst ratio first, then texts a second of every cell.

    Args:
        cells: Threads -> cells.
        cosines: Data set -> agreement.
    """
    flat = {f"{name}.threads_{threads}": cell for threads, of in cells.items() for name, cell in of.items()}
    beside_peer = {name: cell for name, cell in flat.items() if ".int8." not in name}
    rounded = [cell for name, cell in flat.items() if ".int8." in name]
    said = [
        _ratio("encode.throughput_ratio", list(beside_peer.values()), ("sentence-transformers", 1.0)),
        _ratio("encode.int8_ratio", rounded, ("bf16, ours", 1.0)),
    ]
    for name, cell in beside_peer.items():
        peer = ("sentence-transformers", statistics.median(cell.rate(cell.peer)))
        said.append(_median(f"encode.{name}", cell.rate(cell.ours), "texts/s", peer))
    for name, cell in flat.items():
        if ".int8." in name:
            said.append(_median(f"encode.{name}", cell.rate(cell.ours), "texts/s"))
    least = min(each["ours fp32, peer fp32"]["least"] for each in cosines.values())
    return [*said, claim("encode.least_cosine", least)]


def _ratio(name: str, cells: list[Cell], peer: tuple[str, float]) -> dict[str, Any]:
    worst = min(cells, key=lambda cell: statistics.median(cell.ratios()))
    return _median(name, worst.ratios(), "", peer)


def _median(
    name: str, values: list[float], unit: str, peer: tuple[str, float] | None = None
) -> dict[str, Any]:
    return claim(name, statistics.median(values), unit, interval=(min(values), max(values)), peer=peer)


@functools.cache
def _encoder(folder: str, precision: str) -> Any:
    from motet.language.backbone import TextEncoder

    return TextEncoder(Path(folder), MODEL, MAX_TOKENS, precision=precision)  # type: ignore[arg-type]


def _side(folder: str, threads: int) -> None:
    """Our program that is asked."""
    import torch

    from motet.system.devices import tune_memory

    tune_memory()
    torch.set_num_threads(threads)

    def open_encoder(precision: str, options: dict[str, Any]) -> Encode:
        assert not options, "ours has none"
        found: Encode = _encoder(folder, precision).encode
        return found

    answer(open_encoder)


def main() -> None:
    """Measure, and write benchmarks/results/encode.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--texts", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    given = parser.parse_args()
    cells: dict[int, dict[str, Cell]] = {}
    loads: dict[int, tuple[float, float, float]] = {}
    with tempfile.TemporaryDirectory() as name:
        work, places = Path(name), {}
        for short, long in SETS.items():
            several = titles(given.data, long, given.texts + TRIED)
            places[short] = work / f"{short}.json"
            places[short].write_text(json.dumps(several[TRIED:]), encoding="utf8")
            (work / f"few-{short}.json").write_text(json.dumps(several[:TRIED]), encoding="utf8")
        for threads in given.threads:
            cells[threads] = measure(places, work, threads, given.repeats, given.texts)
            loads[threads] = os.getloadavg()
        cosines = {short: agreement(work, short) for short in SETS}
    chosen = f"--texts {given.texts} --repeats {given.repeats} --threads {' '.join(map(str, given.threads))}"
    details = {
        "model": MODEL,
        "max_tokens": MAX_TOKENS,
        "peer": (ROOT / "benchmarks/peers/encoding_requirements.txt").read_text("utf8").splitlines()[-1],
        "cells": {
            f"{name}.threads_{threads}": vars(cell) | {"ratios": cell.ratios()}
            for threads, of in cells.items()
            for name, cell in of.items()
        },
        "agreement": cosines,
        "load of the machine": loads,
    }
    said = claims_of(cells, cosines)
    record("encode", f"python -m benchmarks.encode DATA {chosen}", said, details)
    print("\n".join(f"{each['name']}: {each['value']:.4g} ({each['peer']})" for each in said))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--side"]:
        _side(sys.argv[2], int(sys.argv[3]))
    else:
        main()
