"""Pretraining on the product's own texts: what it brings before any task, on validation rows.

    python -m benchmarks.pretraining DATA_FOLDER [--work FOLDER] [--test]
        [--sets tnews,eprstmt,beauty,banking77]

DATA_FOLDER holds `fewclue-zh`, `amazon-beauty-2014` and `banking77`. Settings stand in
`configs/pretraining_*.yaml`; every variant is one `motet pretrain` with a few of them changed (`VARIANTS`).

- `tnews`, `eprstmt`: accuracy of a linear head on the vectors of multilingual-e5-small as it is (`frozen`)
  and after each variant, on the validation rows; its strength is chosen there, for each alike. As these rows
  are few (1,098 and 160), `folds` is the accuracy over five folds of training and validation rows together,
  drawn twice. Texts without a label train; those that validate or test do not.
- `beauty`: cosine of the last item's text with those of all others, the user's own left out: Recall@10 of the
  next item on validation rows, for items without a training event (`cold`, a twentieth of all) and for the
  others. Pairs of items stem from training events alone.
- `banking77`: a model from nothing, before any training (`untrained`) and after it (`scratch`), beside MiniLM
  (`frozen`): a linear head.

What is best of several variants on the rows that measure is told too well; the file lists them all. Claims
are those of the variants named in `CLAIMED`, beside the model as it was. Test rows are read with `--test`
alone, for these variants.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_score

from benchmarks.record import claim, record
from benchmarks.texts_data import clue
from benchmarks.texts_peers import STRENGTHS
from motet.config import Config
from motet.config.model import Language
from motet.config.read import config_folder, read_config
from motet.data.readers_files import open_bytes
from motet.data.text_rows import read_rows
from motet.data.timelines import PARTS, TEST, TRAIN, VALID
from motet.language.backbone import load_language
from motet.pretraining.course import timelines

CONFIGS = Path(__file__).parent / "configs"
VARIANTS: dict[str, dict[str, list[str]]] = {
    "tnews": {
        "masked": ["pretraining.epochs=2"],
        "keywords": ["pretraining.objectives=contrastive", "pretraining.views=columns"],
    },
    "eprstmt": {
        "masked": ["pretraining.epochs=2"],
        "both": ["pretraining.objectives={masked: 1, contrastive: 1}", "pretraining.learning_rate=0.00003"],
    },
    "beauty": {
        "dropout": ["pretraining.views=dropout", "pretraining.epochs=1"],
        "neighbours": ["pretraining.views=neighbours"],
    },
    "banking77": {
        "untrained": ["pretraining.epochs=1", "pretraining.learning_rate=1e-12"],
        "scratch": [],
    },
}
CLAIMED = {"tnews": "keywords", "eprstmt": "masked", "beauty": "neighbours", "banking77": "scratch"}
FOLDS, DRAWS, FOUND = 5, 2, 10
Figures = dict[str, float]


def main() -> None:
    """Pretrain what is not pretrained yet, measure all, and write the results."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--sets", default=",".join(VARIANTS))
    parser.add_argument("--work", type=Path, default=Path("benchmarks/scratch/pretraining"))
    parser.add_argument("--test", action="store_true")
    given = parser.parse_args()
    trials: dict[str, dict[str, Figures]] = {}
    for name in given.sets.split(","):
        config = put_in(name, given.data, given.work)
        measured = MEASURES[name](config, None, test=given.test)
        trials[name] = {"frozen": measured}
        print(name, "frozen", measured, flush=True)
        for variant, overrides in VARIANTS[name].items():
            model, account = pretrained(config, given.work / f"{name}-{variant}", overrides)
            found = MEASURES[name](config, model, test=given.test and variant == CLAIMED[name])
            trials[name][variant] = found | cost_of(account)
            print(name, variant, trials[name][variant], flush=True)
    write(trials, given.sets)


def put_in(name: str, data: Path, work: Path) -> Path:
    """The configuration of a set with its folders, and the tables that it reads."""
    tables = work / "tables"
    tables.mkdir(parents=True, exist_ok=True)
    if name in ("tnews", "eprstmt"):
        for part, table in clue(data, name).items():
            table.write_parquet(tables / f"{name}_{part}.parquet")
    if name == "tnews":
        keywords(data).write_parquet(tables / "tnews_keywords.parquet")
    text = (CONFIGS / f"pretraining_{name}.yaml").read_text("utf8")
    config = work / f"{name}.yaml"
    config.write_text(
        text.replace("DATA", str(data.resolve())).replace("TABLES", str(tables.resolve())), "utf8"
    )
    return config


def keywords(data: Path) -> pl.DataFrame:
    """Titles that train or have no label, with the keywords that the site gave them."""
    rows: list[dict[str, Any]] = []
    for file in ("train_few_all", "unlabeled"):
        with open_bytes(data / "fewclue-zh" / "tnews" / f"{file}.json.gz") as lines:
            rows += [json.loads(line) for line in lines if line.strip()]
    said = [", ".join((row.get("keywords") or "").split(",")) for row in rows]
    return pl.DataFrame({"text": [row["sentence"] for row in rows], "keywords": said})


def pretrained(config: Path, output: Path, overrides: Sequence[str]) -> tuple[Path, Mapping[str, Any]]:
    """Pretrain one variant in a process of its own, unless that is done; its folder and its account."""
    if not output.exists():
        command = [sys.executable, "-m", "motet", "pretrain", str(config), "--out", str(output)]
        for setting in overrides:
            command += ["--set", setting]
        with output.with_suffix(".log").open("a") as log:
            subprocess.run(command, stdout=log, stderr=log, check=True)
    account: Mapping[str, Any] = json.loads((output / "pretraining.json").read_text("utf8"))
    return output, account


def cost_of(account: Mapping[str, Any]) -> Figures:
    """CPU minutes of a pretraining, and what its held-out texts said before and after."""
    found = {"cpu_minutes": account["cost"]["cpu_seconds"] / 60}
    for when in ("before", "after"):
        for objective, figures in account[when].items():
            first = next(iter(figures))
            found[f"{objective}, {first}, {when}"] = figures[first]
    return found


def vectors(config: Config, model: Path | None, texts: Sequence[str]) -> np.ndarray:
    """What the model as it is (None), or a pretrained one, says of texts."""
    language = config.model.language
    assert language is not None
    own = Language(name=language.name if model is None else str(model), max_tokens=language.max_tokens)
    found: np.ndarray = load_language(own, precision="bf16").encode(texts)
    return found


def linear_head(path: Path, model: Path | None, *, test: bool) -> Figures:
    """Accuracy of a linear head on the vectors of a text task."""
    config = read_config(path)
    (task,) = config.text_tasks
    rows = read_rows(task, config.data, config_folder(path), config.data_seed)
    wanted = [part for name, part in PARTS.items() if test or name != "test"]
    place = {part: rows.rows(part) for part in wanted}
    inputs = {part: vectors(config, model, [rows.text_N[at] for at in place[part]]) for part in wanted}
    mean_T, spread_T = inputs[TRAIN].mean(0), inputs[TRAIN].std(0) + 1e-6
    inputs = {part: (each - mean_T) / spread_T for part, each in inputs.items()}
    labels = {part: rows.label_N[each] for part, each in place.items()}
    heads = [head(strength, len(place[TRAIN])).fit(inputs[TRAIN], labels[TRAIN]) for strength in STRENGTHS]
    scores = [each.score(inputs[VALID], labels[VALID]) for each in heads]
    best = int(np.argmax(scores))
    found = {"valid": float(scores[best]), "strength": STRENGTHS[best], "folds": folds(inputs, labels)}
    if test:
        found["test"] = float(heads[best].score(inputs[TEST], labels[TEST]))
    return found


def head(strength: float, rows: int) -> LogisticRegression:
    """A linear head; the strength is the inverse of its weight decay."""
    return LogisticRegression(C=strength / rows, max_iter=2000)


def folds(inputs: Mapping[int, np.ndarray], labels: Mapping[int, np.ndarray]) -> float:
    """Accuracy over folds of training and validation rows together, of the best strength."""
    x, y = (np.concatenate([each[part] for part in (TRAIN, VALID)]) for each in (inputs, labels))
    return max(
        float(
            np.mean(
                [
                    cross_val_score(
                        head(strength, len(x)),
                        x,
                        y,
                        cv=StratifiedKFold(FOLDS, shuffle=True, random_state=draw),
                    )
                    for draw in range(DRAWS)
                ]
            )
        )
        for strength in STRENGTHS[1:4]
    )


def from_last_item(path: Path, model: Path | None, *, test: bool) -> Figures:
    """Recall@10 of the next item by the cosine of its text with that of the item before it."""
    config = read_config(path)
    found = timelines(config, config_folder(path))
    log, catalogue = found.log, found.catalogue
    text_IT = vectors(config, model, catalogue.text_I)
    text_IT /= np.linalg.norm(text_IT, axis=1, keepdims=True)
    (part_N,) = log.part.values()
    figures: Figures = {}
    for name in ("valid", "test") if test else ("valid",):
        rank = {
            int(row): rank_of(text_IT, log.item_N[begin:row], int(log.item_N[row]))
            for row in np.flatnonzero(part_N == PARTS[name])
            if row > (begin := int(log.offset_U[log.user_N[row]]))
        }
        cold = {row: not catalogue.trained_I[log.item_N[row]] for row in rank}
        for kind, wanted in (("cold", True), ("others", False)):
            hits = [rank[row] <= FOUND for row in rank if cold[row] == wanted]
            figures |= {f"{name}, {kind}": float(np.mean(hits)), f"{name}, {kind}, n": float(len(hits))}
    return figures


def rank_of(text_IT: np.ndarray, before: np.ndarray, target: int) -> int:
    """Place of an item among all that the user has not; ties count against it."""
    score_I = text_IT @ text_IT[before[-1]]
    own = score_I[target]
    score_I[before] = score_I[0] = -np.inf
    return int((score_I >= own).sum())


MEASURES: dict[str, Callable[..., Figures]] = {
    "tnews": linear_head,
    "eprstmt": linear_head,
    "beauty": from_last_item,
    "banking77": linear_head,
}
MAIN = {"beauty": "valid, cold"}


def write(trials: Mapping[str, Mapping[str, Figures]], sets: str) -> None:
    """Claims of the named variants, and every trial."""
    claims = []
    for name, found in trials.items():
        metric = MAIN.get(name, "valid")
        peer = ("frozen", found["frozen"][metric])
        label = "recall@10.cold" if name == "beauty" else "accuracy"
        own = found[CLAIMED[name]]
        claims.append(claim(f"pretraining.{name}.{label}", own[metric], peer=peer))
        claims.append(claim(f"pretraining.{name}.gain", own[metric] - peer[1]))
        claims.append(claim(f"pretraining.{name}.cpu_minutes", own["cpu_minutes"], "min"))
    settings = {name: (CONFIGS / f"pretraining_{name}.yaml").read_text("utf8") for name in trials}
    details = {"trials": trials, "variants": VARIANTS, "settings": settings}
    record("pretraining", f"python -m benchmarks.pretraining DATA_FOLDER --sets {sets}", claims, details)


if __name__ == "__main__":
    main()
