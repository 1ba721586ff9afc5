"""An environment of their own for the programs that Motet is compared with, and a way to run them in it.

RecTools needs an older numpy than Motet, so peers are programs of their own: plain tables in, lists or
predictions out (peers/README.md). It is made once and reused as long as the pinned versions stay.
"""

import hashlib
import json
import os
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
REQUIREMENTS = Path(__file__).parent / "peers" / "requirements.txt"
FOLDER = Path(os.environ.get("MOTET_PEERS", Path(__file__).parent / "environments" / "peers"))
STAMP = "motet-peers.sha256"
KEEP_MEMORY = {
    "MALLOC_MMAP_THRESHOLD_": str(2**33),
    "MALLOC_TRIM_THRESHOLD_": str(2**33),
    "MALLOC_TOP_PAD_": str(2**28),
}
PEERS = ("linear", "rectools_sequential", "tabular", "features", "text_neighbours", "rechub")


def peers_python(folder: Path = FOLDER, requirements: Path = REQUIREMENTS) -> Path:
    """The interpreter of the peers' environment, which is made or brought up to date first where needed.

    Args:
        folder: Where the environment lies or shall lie; ``$MOTET_PEERS`` names another place.
        requirements: The pinned versions.

    Raises:
        RuntimeError: The packages could not be installed; says how to see why.
    """
    python, stamp = folder / "bin" / "python", folder / STAMP
    wanted = hashlib.sha256(requirements.read_bytes()).hexdigest()
    if python.exists() and stamp.exists() and stamp.read_text("utf8").strip() == wanted:
        return python
    if not python.exists():
        print(f"making the peers' environment in {folder} (once, some minutes)", flush=True)
        venv.create(folder, with_pip=True)
    command = [str(python), "-m", "pip", "install", "--quiet", "--requirement", str(requirements)]
    if subprocess.run(command, check=False).returncode:
        raise RuntimeError(f"the peers' packages could not be installed; try by hand:  {' '.join(command)}")
    stamp.write_text(wanted + "\n", encoding="utf8")
    return python


def beside(name: str, folder: Path | None = None) -> Path:
    """The folder of a peer that runs on the packages of this environment; it is installed where needed.

    Args:
        name: Of its pins, ``peers/NAME_requirements.txt``; they are installed without what they ask for.
        folder: Where it lies or shall lie.

    Raises:
        RuntimeError: The packages could not be installed; says how to see why.
    """
    requirements = REQUIREMENTS.parent / f"{name}_requirements.txt"
    folder = folder or FOLDER.parent / name
    stamp, wanted = folder / STAMP, hashlib.sha256(requirements.read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text("utf8").strip() == wanted:
        return folder
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--upgrade"]
    command += ["--target", str(folder), "--requirement", str(requirements)]
    if subprocess.run(command, check=False).returncode:
        raise RuntimeError(f"{name}: its packages could not be installed; try by hand:  {' '.join(command)}")
    folder.mkdir(parents=True, exist_ok=True)
    stamp.write_text(wanted + "\n", encoding="utf8")
    return folder


@dataclass(frozen=True)
class PeerRun:
    """What a peer left behind: its output folder and its report (peers/README.md)."""

    folder: Path
    report: dict[str, Any]


def run_peer(
    peer: str,
    tables: Path,
    settings: dict[str, Any],
    output: Path,
    python: Path | None = None,
    threads: int = 1,
    keep_memory: bool = True,
) -> PeerRun:
    """Run one peer to its end in the peers' environment.

    Args:
        peer: One of ``PEERS``.
        tables: The folder with its input.
        settings: What it shall do; written to ``settings.json`` of the output.
        output: The folder for its results; what it prints goes to ``log.txt`` there.
        python: Its interpreter; None makes or finds the environment.
        threads: How many threads it may use.
        keep_memory: Spare the peer the page faults of glibc's malloc: a full softmax over 12,000 items takes
            half the time then, but freed memory stays. False runs it as it comes; measure its memory so.

    Raises:
        RuntimeError: The peer failed; the message ends with the last lines of its log.
    """
    assert peer in PEERS, f"{peer!r} is none of {', '.join(PEERS)}"
    python = python or peers_python()
    output.mkdir(parents=True, exist_ok=True)
    (output / "settings.json").write_text(
        json.dumps({"threads": threads, **settings}, indent=1), encoding="utf8"
    )
    places = [str(tables.resolve()), str((output / "settings.json").resolve()), str(output.resolve())]
    command = [str(python), "-m", f"benchmarks.peers.{peer}", *places]
    log, surroundings = output / "log.txt", _surroundings(threads, keep_memory)
    with log.open("w", encoding="utf8") as stream:
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=surroundings,
            stdout=stream,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode:
        last = "\n".join(log.read_text("utf8").splitlines()[-15:])
        raise RuntimeError(f"the peer {peer} failed with status {done.returncode}; the end of {log}:\n{last}")
    return PeerRun(output, json.loads((output / "report.json").read_text("utf8")))


def _surroundings(threads: int, keep_memory: bool) -> dict[str, str]:
    """Environment variables of a peer: this repository, a number of threads, no paths of ours."""
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
    counts = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "POLARS_MAX_THREADS")
    limits = {name: str(threads) for name in counts} | (KEEP_MEMORY if keep_memory else {})
    return {**kept, **limits, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"}


if __name__ == "__main__":
    print(peers_python(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER))
