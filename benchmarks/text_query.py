"""Items for a sentence: `motet recommend --text` on Amazon Beauty, beside BM25 and a frozen model's cosines.

    python -m benchmarks.text_query DATA_FOLDER [--seeds 3] [--work FOLDER] [--sets beauty,ml100k]
    python -m benchmarks.text_query DATA_FOLDER --trials            # choose settings, on validation queries

DATA_FOLDER holds `amazon-beauty-2014` (and `ml-100k`). For each seed a tenth of the 12,101 items is held out
to test and as many to validate: whole categories of 5 to 100 items (a fortieth of the items), the others by
chance. Ours trains on queries that it makes of the other items' titles and categories by itself (`texts:
items`), so no item that a test query asks for is in any query that trains. Test queries are written by
another program (text_query_data.py), with the seed, in small letters, and rank all 12,101 items:

- `category`: the name of a category that is held out as a whole; all of its items are right (Recall@10 of
  more than ten right items cannot reach 1, for nobody);
- `words`: the narrowest category of an item with one or two words of its title;
- `paraphrase`: the words of the title in another order, two thirds of them dropped;
- `mistyped`: the same query with a slip in one of its longer words.

Peers read the same documents, title and categories: `bm25` (package bm25s, in the form of Lucene), `cosine`
of the vectors of the same language model as it comes, and `fusion` of both (text_query_peers.py). What BM25
counts and what a fusion adds is chosen on the validation queries of a seed that is not measured, out of 34
trials. The best of the three on the test queries is the best peer. Ours too puts words and
vectors together, and corrects spelling, which BM25 does not: so Recall@10 without the mistyped queries is
given apart, that of each kind, and that of our words and of our vectors alone.

Films of MovieLens-100K are asked for in the same way, with the same settings: documents are title, genres and
plot, words are drawn of title and plot, the category is the first genre, and none is held out as a whole.

Settings stand in `configs/text_query.yaml`; they were chosen with `--trials` on the validation queries of
the same seed, and `configs/text_query.json` lists every trial, of ours and of the peers. A run is taken again
where settings and tables are the same. Items lie in the order of a seeded hash, so that no tie goes by their
place in a file. Intervals draw the queries of all seeds.
"""

import argparse
import hashlib
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

import motet
from benchmarks.record import claim, record
from benchmarks.text_query_data import CATALOGUES, KINDS, Catalogue, held_out, queries
from benchmarks.text_query_peers import PEERS, Scores, Settings, chosen, peers, settings_of
from motet.classify import retrieval_task
from motet.evaluation.compare import gain_family
from motet.evaluation.records import RankingPredictions
from motet.metrics.ranking import rank_of_targets
from motet.use import TrainedModel

CONFIG = Path(__file__).parent / "configs" / "text_query.yaml"
TRIALS = Path(__file__).parent / "configs" / "text_query.json"
METRIC, K = "recall@10", 10
SEED = 100  # of the trials; it is not measured
BLOCK = 500  # queries at a time


@dataclass(frozen=True)
class Asked:
    """Queries, and the items that are right for each."""

    kind_N: np.ndarray
    text_N: list[str]
    right_N: list[list[int]]

    def ranks(self, scores: Scores) -> RankingPredictions:
        """Where the right items stand; every query is a user of its own."""
        ranks = []
        for begin in range(0, len(self.text_N), BLOCK):
            right = self.right_N[begin : begin + BLOCK]
            query_T = np.repeat(np.arange(len(right)), [len(each) for each in right])
            found = scores(self.text_N[begin : begin + BLOCK])
            ranks.append(rank_of_targets(found, np.concatenate(right).astype(np.int64), query_T))
        count_N = [len(each) for each in self.right_N]
        query_T = np.repeat(np.arange(len(count_N)), count_N)
        return RankingPredictions(np.arange(len(count_N)), np.concatenate(ranks), query_T, kind="retrieval")


def tables(of: Catalogue, folder: Path, seed: int, side: str) -> Asked:
    """Write the catalogue with the part of each item, and give the queries of a part."""
    part, whole = held_out(of.shop, seed)
    folder.mkdir(parents=True, exist_ok=True)
    of.items.with_columns(part=pl.Series(part)).write_parquet(folder / "items.parquet")
    found = queries(of.shop, part, whole[side], side, seed)
    return Asked(found["kind"].to_numpy(), found["query"].to_list(), found["items"].to_list())


def train(
    work: Path, name: str, place: Path, of: Catalogue, seed: int, overrides: Sequence[str] = ()
) -> Path:
    """Train ours in a process of its own, unless that is done with these settings and tables; the folder."""
    text = CONFIG.read_text("utf8").replace("TABLES", str(place.resolve()))
    text = text.replace("COLUMNS", ", ".join(of.text))
    settings = [f"training.seed={seed}", *overrides]
    output = work / f"{name} {told_apart(text, settings, place / 'items.parquet')}"
    if not (output / "metrics.json").exists():
        config = work / f"{output.name}.yaml"
        config.write_text(text, "utf8")
        command = [sys.executable, "-m", "motet", "train", str(config), "--run", str(output)]
        for setting in settings:
            command += ["--set", setting]
        with (work / f"{output.name}.log").open("w") as log:
            subprocess.run(command, stdout=log, stderr=log, check=True)
        print("trained", output, flush=True)
    return output


def told_apart(text: str, settings: Sequence[str], table: Path) -> str:
    """What tells runs apart: a hash of configuration, overrides and items."""
    items = pl.read_parquet(table).write_ndjson()
    found = hashlib.blake2b(json.dumps([text, *settings, items]).encode(), digest_size=5)
    return found.hexdigest()


def ours(run: Path, ids: Sequence[Any], asked: Asked) -> dict[str, RankingPredictions]:
    """Ranks by the trained task, and by its words and its vectors alone.

    Raises:
        AssertionError: The lists of `find`, which the command prints, are others.
    """
    model = motet.open(run)
    assert isinstance(model, TrainedModel)
    shelf = model.shelves.of(retrieval_task(model.bundle.config, "search"))
    assert shelf.item_M is not None
    column_M = pl.Series(ids).to_frame("id").join(
        shelf.item_M.to_frame("id").with_row_index("at"), on="id", how="left", maintain_order="left"
    )["at"].to_numpy()  # fmt: skip

    def whole(texts: Sequence[str]) -> np.ndarray:
        return shelf.scores(model.bundle, texts).numpy()[:, column_M]

    def words(texts: Sequence[str]) -> np.ndarray:
        assert shelf.texts.answers is not None
        return shelf.texts.answers.lexical.scores(list(texts))[:, column_M]

    _refuse_others(model, asked, whole, ids)
    head = model.bundle.model.texts.head("search")  # type: ignore[union-attr]
    scale = head.get_buffer("scale_2").clone()
    found = {"ours": asked.ranks(whole), "our words": asked.ranks(words)}
    head.get_buffer("scale_2")[1] = 0
    found["our vectors"] = asked.ranks(whole)
    head.get_buffer("scale_2").copy_(scale)
    return found


def _refuse_others(model: TrainedModel, asked: Asked, scores: Scores, ids: Sequence[Any]) -> None:
    texts = asked.text_N[:20]
    for text, score_M in zip(texts, scores(texts), strict=True):
        listed = model.find(text, k=K)["item"].to_list()
        place = {item: at for at, item in enumerate(ids)}
        assert [score_M[place[item]] for item in listed] == sorted(score_M, reverse=True)[:K], text


def recall(found: RankingPredictions, mask_N: np.ndarray | None = None) -> float:
    """Mean Recall@10."""
    mine = found if mask_N is None else found.take(mask_N)
    return float(mine.statistics([K])[METRIC].statistic(np.ones(len(mine.user_Q))[None])[0])


def pooled(several: Sequence[RankingPredictions], masks: Sequence[np.ndarray]) -> RankingPredictions:
    """The queries of all seeds together."""
    kept = [each.take(mask_N) for each, mask_N in zip(several, masks, strict=True)]
    begin = np.cumsum([0, *(len(each.user_Q) for each in kept)])
    return RankingPredictions(
        np.arange(begin[-1]),
        np.concatenate([each.rank_T for each in kept]),
        np.concatenate([each.query_T + at for each, at in zip(kept, begin[:-1], strict=True)]),
        kind="retrieval",
    )


def figures(
    name: str, runs: Mapping[str, Sequence[RankingPredictions]], masks: Sequence[np.ndarray]
) -> list[dict[str, Any]]:
    """Claims on some of the queries: ours, the best peer, and the paired difference."""
    random, seeds = np.random.default_rng(0), range(len(masks))
    together = {who: pooled(several, masks) for who, several in runs.items()}
    measured = {who: each.metrics([K], 1000, 0.95, random)[METRIC] for who, each in together.items()}
    values = {who: measured[who]["value"] or 0.0 for who in measured}
    spans = {who: (measured[who]["low"] or 0.0, measured[who]["high"] or 0.0) for who in measured}
    best = max(PEERS, key=lambda who: values[who])
    pair = {"pair": (together["ours"], together[best])}
    gain = gain_family(pair, bootstrap=1000, confidence=0.95, generator=random, metrics={"pair": METRIC})[
        "pair"
    ]
    difference = (gain["difference"] or 0.0, (gain["low"] or 0.0, gain["high"] or 0.0))
    return [
        claim(
            f"{name}.{METRIC}", values["ours"], seeds=seeds, interval=spans["ours"], peer=(best, values[best])
        ),
        claim(f"{name}.best_peer", values[best], seeds=seeds, interval=spans[best]),
        claim(f"{name}.difference", difference[0], seeds=seeds, interval=difference[1], peer=(best, 0.0)),
    ]


def measure(given: argparse.Namespace, name: str, of: Catalogue, settings: Settings) -> tuple[Any, Any]:
    """Train and ask every seed of a set: claims, and details."""
    runs: dict[str, list[RankingPredictions]] = {}
    kinds, minutes = [], []
    for seed in range(given.seeds):
        place = given.work / f"tables-{name}-{seed}"
        asked = tables(of, place, seed, "test")
        run = train(given.work, f"{name}-{seed}", place, of, seed)
        minutes.append(json.loads((run / "metrics.json").read_text("utf8"))["cost"]["cpu_seconds_all"] / 60)
        found = ours(run, of.shop.ids, asked)
        found |= {who: asked.ranks(each) for who, each in peers(of.documents(), settings).items()}
        for who, each in found.items():
            runs.setdefault(who, []).append(each)
        kinds.append(asked.kind_N)
        print(name, seed, {who: round(recall(each), 4) for who, each in found.items()}, flush=True)
    counts = {kind: [int((each == kind).sum()) for each in kinds] for kind in KINDS}
    claims = figures(f"{name}.text_query", runs, [np.ones(len(each), bool) for each in kinds])
    claims += figures(f"{name}.text_query.as_written", runs, [each != "mistyped" for each in kinds])
    for kind in (each for each in KINDS if sum(counts[each])):
        claims += figures(f"{name}.text_query.{kind}", runs, [each == kind for each in kinds])
    claims.append(claim(f"{name}.text_query.minutes", minutes, "min", seeds=range(given.seeds)))
    by_kind = {
        who: {
            kind: [recall(each, mine == kind) for each, mine in zip(several, kinds, strict=True)]
            for kind in KINDS
            if sum(counts[kind])
        }
        for who, several in runs.items()
    }
    return claims, {"queries": counts, METRIC: by_kind}


def choose(given: argparse.Namespace, of: Catalogue) -> None:
    """Try settings on validation queries, and keep what each brought in configs/text_query.json."""
    place = given.work / "tables-trials"
    asked = tables(of, place, SEED, "valid")
    known = json.loads(TRIALS.read_text("utf8"))
    best, tried = chosen(of.documents(), lambda scores: recall(asked.ranks(scores)))
    known["peers"] = {"chosen": asdict(best), "trials": tried}
    TRIALS.write_text(json.dumps(known, indent=1) + "\n", "utf8")
    print(best, flush=True)
    for trial in known["trials"]:
        run = train(given.work, f"trial {trial['name']}", place, of, SEED, trial["overrides"])
        found = ours(run, of.shop.ids, asked)
        trial[METRIC] = {who: round(recall(each), 4) for who, each in found.items()}
        trial["kinds"] = {kind: round(recall(found["ours"], asked.kind_N == kind), 4) for kind in KINDS}
        metrics = json.loads((run / "metrics.json").read_text("utf8"))
        trial["cpu_seconds"] = round(metrics["cost"]["cpu_seconds_all"])
        print(trial, flush=True)
        TRIALS.write_text(json.dumps(known, indent=1) + "\n", "utf8")


def main() -> None:
    """Measure, or try settings."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--sets", default=",".join(CATALOGUES))
    parser.add_argument("--work", type=Path, default=Path("benchmarks/scratch/text_query"))
    parser.add_argument("--trials", action="store_true")
    given = parser.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    if given.trials:
        choose(given, CATALOGUES["beauty"](given.data))
        return
    trials, claims, details = json.loads(TRIALS.read_text("utf8")), [], dict[str, Any]()
    for name in given.sets.split(","):
        found, told = measure(given, name, CATALOGUES[name](given.data), settings_of(trials["peers"]))
        claims += found
        details[name] = told
    command = f"python -m benchmarks.text_query DATA_FOLDER --seeds {given.seeds} --sets {given.sets}"
    details |= {"settings": CONFIG.read_text("utf8"), "trials": trials}
    record("text_query", command, claims, details)
    for each in claims:
        print(each["name"], f"{each['value']:.4f}", each["low"], each["high"], each["peer"])


if __name__ == "__main__":
    main()
