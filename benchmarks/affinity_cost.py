"""What it costs to measure the affinity of tasks: CPU seconds of `motet affinity` in those of a training.

    python -m benchmarks.affinity_cost DATA_FOLDER [--sets ml100k,kuairand] [--seeds 2] [--work FOLDER]

DATA_FOLDER holds what `benchmarks.mtl` reads, and the settings are those of its joint models. Of each seed
the joint model is trained once as it is and once with the looks ahead, one after the other in one process;
both end by their own patience, at the same epoch, for a look leaves the weights as they are.
"""

import argparse
import tempfile
from pathlib import Path

from benchmarks.mtl_search import OPTIONS, chosen_for
from benchmarks.mtl_worlds import settled
from benchmarks.record import claim, record
from motet.affinity import affinity
from motet.config.read import config_folder, read_config
from motet.gather import gather
from motet.judge import variants
from motet.run import fit_all, settle
from motet.system.log import JsonLines


def ratio_of(name: str, data: Path, work: Path, seed: int) -> float:
    """The cost of one seed of a set."""
    path = settled(name, data, work)
    config = read_config(path, [*chosen_for(name).joint, f"training.seed={seed}", *OPTIONS])
    with tempfile.TemporaryDirectory() as folder, JsonLines(Path(folder) / "log.jsonl") as log:
        material = gather(settle(config, config_folder(path)), config_folder(path))
        _, models = fit_all(
            material, Path(folder), log, which=lambda held: {"joint": variants(held)["joint"]}
        )
        found = affinity(config, config_folder(path), Path(folder) / "affinity")
    return float(found["cost"]["cpu_seconds"] / models["joint"].cost["cpu_seconds"])


def main() -> None:
    """Measure every set and seed, and write the results."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--sets", default="ml100k,kuairand")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--work", type=Path, default=Path("benchmarks/scratch/affinity"))
    given = parser.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    claims = []
    for name in given.sets.split(","):
        ratios = [ratio_of(name, given.data, given.work, seed) for seed in range(given.seeds)]
        print(name, ratios, flush=True)
        peer = ("a joint training", 1.0)
        claims.append(claim(f"affinity.{name}.cost_ratio", ratios, seeds=range(given.seeds), peer=peer))
    command = f"python -m benchmarks.affinity_cost DATA_FOLDER --sets {given.sets} --seeds {given.seeds}"
    record("affinity_cost", command, claims)


if __name__ == "__main__":
    main()
