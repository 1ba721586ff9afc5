"""Amazon Beauty, leave-one-out, full ranking, next-item alone: ours with and without text, RecTools SASRec.

    python -m benchmarks.beauty DATA_FOLDER [--seeds 3] [--threads 2] [--work FOLDER]

DATA_FOLDER holds `amazon-beauty-2014`. Settings and grids were chosen on validation rows. The minutes are
those of training, validation included; the encoding of texts is done once and kept.
"""

import argparse
from pathlib import Path
from typing import Any

from benchmarks.next_item import Finished, against, figures, run_ours, run_theirs, time_ratios
from benchmarks.peers import worlds
from benchmarks.record import claim, record

CONFIG = Path(__file__).parent / "configs" / "beauty.yaml"
PEER = "sasrec"


def main() -> None:
    """Run everything and write benchmarks/results/beauty.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--work", type=Path, default=Path("benchmarks/scratch/beauty"))
    given = parser.parse_args()
    tables = given.work / "tables"
    tables.mkdir(parents=True, exist_ok=True)
    worlds.beauty(given.data, tables)
    config = given.work / "beauty.yaml"
    config.write_text(CONFIG.read_text().replace("DATA", str((given.data / "amazon-beauty-2014").resolve())))
    runs: dict[str, list[Finished]] = {"text": [], "notext": [], PEER: []}
    for seed in range(given.seeds):
        for name, extra in (("text", []), ("notext", ["model.language=none"])):
            place = given.work / f"{name}-{seed}"
            overrides = [f"training.seed={seed}", *extra]
            runs[name].append(run_ours(config, place, overrides, given.threads))
            print(name, seed, figures(runs[name])["ndcg@10"], flush=True)
        place = given.work / f"{PEER}-{seed}"
        runs[PEER].append(run_theirs("beauty", PEER, tables, place, seed, given.threads))
        print(PEER, seed, figures(runs[PEER])["ndcg@10"], flush=True)
    write(runs, given.seeds)


def write(runs: dict[str, list[Finished]], count: int) -> None:
    """Claims, trials and curves into benchmarks/results/beauty.json."""
    seeds = list(range(count))
    found = {name: figures(several) for name, several in runs.items()}

    def measured(name: str, of: str, metric: str) -> dict[str, Any]:
        value, other = found[of][metric], found[PEER][metric]["value"]
        return claim(
            name, value["value"], seeds=seeds, interval=(value["low"], value["high"]), peer=(PEER, other)
        )

    minutes = [run.report["fit_seconds"] / 60 for run in runs["text"]]
    memory = [
        run.report["peak_rss_mb"] / peer.report["peak_rss_mb"]
        for run, peer in zip(runs["text"], runs[PEER], strict=True)
    ]
    claims = [
        measured("beauty.recall@10", "text", "recall@10"),
        measured("beauty.ndcg@10", "text", "ndcg@10"),
        measured("beauty.notext.recall@10", "notext", "recall@10"),
        measured("beauty.notext.ndcg@10", "notext", "ndcg@10"),
        claim("beauty.minutes", minutes, "min", seeds=seeds),
        claim("beauty.memory_ratio", memory, seeds=seeds, peer=(PEER, 1.0)),
    ]
    if ratios := time_ratios(runs["text"], runs[PEER]):
        claims.append(claim("beauty.time_ratio", ratios, seeds=seeds, peer=(PEER, 1.0)))
    details = {
        "figures": found,
        "paired": {name: against(runs[name], runs[PEER], "ndcg@10") for name in ("text", "notext")},
        "reports": {name: [run.report for run in several] for name, several in runs.items()},
    }
    record("beauty", f"python -m benchmarks.beauty DATA_FOLDER --seeds {count}", claims, details)


if __name__ == "__main__":
    main()
