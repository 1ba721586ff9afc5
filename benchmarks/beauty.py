"""Amazon Beauty, leave-one-out, full ranking, next-item alone: ours with and without text, RecTools SASRec.

    python -m benchmarks.beauty DATA_FOLDER [--seeds 3] [--threads 2] [--work FOLDER]

DATA_FOLDER holds `amazon-beauty-2014`. Settings and grids were chosen on validation rows. The minutes are
those of training, validation included; the encoding of texts is done once and kept. Memory is compared with
one epoch of the peer as it comes: for its speed it is given malloc thresholds that take more.
"""

from pathlib import Path

from benchmarks.next_item import (
    Contest,
    Finished,
    against,
    arguments,
    compared,
    figures,
    peer_memory,
    put_in,
    run_all,
    time_ratios,
)
from benchmarks.peers import worlds
from benchmarks.record import claim, record

CONFIG = Path(__file__).parent / "configs" / "beauty.yaml"
PEER = "sasrec"


def main() -> None:
    """Run everything and write benchmarks/results/beauty.json."""
    given = arguments(str(__doc__), "beauty")
    tables = given.work / "tables"
    worlds.beauty(given.data, tables)
    config = put_in(CONFIG, given.work, "DATA", given.data / "amazon-beauty-2014")
    ours = {"text": [], "notext": ["model.language=none"]}
    contest = Contest("beauty", config, tables, ours, [PEER])
    runs = run_all(contest, given.work, given.seeds, given.threads)
    memory = peer_memory("beauty", PEER, tables, given.work / f"{PEER}-memory", given.threads)
    write(runs, memory, given.seeds)


def write(runs: dict[str, list[Finished]], peer_mb: float, count: int) -> None:
    """Claims, trials and curves into benchmarks/results/beauty.json."""
    seeds, theirs = list(range(count)), runs[PEER]
    minutes = [run.report["fit_seconds"] / 60 for run in runs["text"]]
    memory = [run.report["peak_rss_mb"] / peer_mb for run in runs["text"]]
    claims = [
        compared("beauty.recall@10", "recall@10", runs["text"], PEER, theirs),
        compared("beauty.ndcg@10", "ndcg@10", runs["text"], PEER, theirs),
        compared("beauty.notext.recall@10", "recall@10", runs["notext"], PEER, theirs),
        compared("beauty.notext.ndcg@10", "ndcg@10", runs["notext"], PEER, theirs),
        claim("beauty.minutes", minutes, "min", seeds=seeds),
        claim("beauty.memory_ratio", memory, seeds=seeds, peer=(PEER, 1.0)),
    ]
    if ratios := time_ratios(runs["text"], theirs):
        claims.append(claim("beauty.time_ratio", ratios, seeds=seeds, peer=(PEER, 1.0)))
    details = {
        "peer_memory_mb": peer_mb,
        "figures": {name: figures(several) for name, several in runs.items()},
        "paired": {name: against(runs[name], theirs, "ndcg@10") for name in ("text", "notext")},
        "reports": {name: [run.report for run in several] for name, several in runs.items()},
    }
    record("beauty", f"python -m benchmarks.beauty DATA_FOLDER --seeds {count}", claims, details)


if __name__ == "__main__":
    main()
