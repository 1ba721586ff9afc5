"""Text tasks on a tuned language model: intents, sentiment, topics, Chinese titles, answers of a bank.

    python -m benchmarks.texts DATA_FOLDER [--seeds 3] [--work FOLDER]
        [--sets banking77,banking77_10shot,finance,eprstmt,tnews,zh_ner,bankfaq]

DATA_FOLDER holds `banking77`, `financial-phrasebank`, `twitter-financial-news-topic`, `fewclue-zh`,
`zh-ecommerce-ner` and `bank-faq`. Settings stand in `configs/texts_*.yaml`; they were chosen on validation
rows. Test rows are those of the files of that name; of financial-phrasebank, which has none, a fifth of the
sentences that at least half of the annotators agree on, of every label its share, drawn anew for each seed;
sentences that occur twice count once. The two sets of financial news are one joint model, beside a twin each.
Epochs and settings of banking77 were chosen on a tenth of its training texts; then all but one in a hundred
train, and the last epoch is kept. Of `10shot`, ten texts a class train, drawn anew for each seed, and the
last epoch is kept: no validation row has a say. Of Chinese titles those test that no training title repeats.
Titles of FewCLUE's news are read with the keywords that the site gave them, by the peer too. A bank's
questions are tested in five folds, a fold a seed: every question once, among all answers.

Peers: a linear head on the frozen language model, its strength chosen on the same validation rows; BM25, with
and without the commonest words; cosines of the frozen language model.

Every training is a process of its own (`motet train`); a finished one is read again. Minutes are those of the
training on the machine that the results file names.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from benchmarks.record import claim, record
from benchmarks.texts_data import FOLDS, clue, questions, tables_of
from benchmarks.texts_peers import by_cosine, by_words, linear_head, to_answer
from motet.metrics.names import main_metric

CONFIGS = Path(__file__).parent / "configs"
CONFIG_OF = {
    name: yaml.safe_load((CONFIGS / f"texts_{name}.yaml").read_text("utf8"))
    for name in ("eprstmt", "tnews", "bankfaq")
}
WHOLE = 256  # tokens that the frozen model reads of an answer: as many as it was made for
Run = Mapping[str, Any]  # metrics.json


def run_of(name: str, data: Path, work: Path, seed: int, overrides: Sequence[str] = ()) -> Run:
    """Train one seed of a set, unless that is done, and read its figures."""
    output, tables = work / f"{name}-{seed}", work / "tables" / f"{name}-{seed}"
    if not (output / "metrics.json").exists():
        tables_of(name, data, tables, seed)
        text = (CONFIGS / f"texts_{name}.yaml").read_text("utf8")
        text = text.replace("DATA", str(data.resolve())).replace("TABLES", str(tables.resolve()))
        config = work / f"{name}-{seed}.yaml"
        config.write_text(text, "utf8")
        command = [sys.executable, "-m", "motet", "train", str(config), "--run", str(output)]
        for setting in (f"training.seed={seed}", *overrides):
            command += ["--set", setting]
        with (work / f"{name}-{seed}.log").open("w") as log:
            subprocess.run(command, stdout=log, stderr=log, check=True)
        print("trained", output, flush=True)
    found: Run = json.loads((output / "metrics.json").read_text("utf8"))
    return found


def value(run: Run, task: str, metric: str, whose: str = "tasks") -> float:
    """A figure of the test rows."""
    return float(run[whose][task]["test"][metric]["value"])


def banking(runs: Sequence[Run], prefix: str) -> list[dict[str, Any]]:
    """Accuracy and macro F1, and how long the training took."""
    seeds = range(len(runs))
    return [
        claim(f"{prefix}.accuracy", [value(run, "intent", "accuracy") for run in runs], seeds=seeds),
        claim(f"{prefix}.macro_f1", [value(run, "intent", "macro_f1") for run in runs], seeds=seeds),
        claim(f"{prefix}.minutes", [run["cost"]["seconds"] / 60 for run in runs], "min", seeds=seeds),
    ]


def finance(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """Every task of the joint model beside its twin."""
    metric, seeds, claims = main_metric("multiclass"), range(len(runs)), []
    for task in ("phrasebank", "finance_topic"):
        twin = [value(run, task, metric, "twins") for run in runs]
        ours = [value(run, task, metric) for run in runs]
        peer = ("twin", sum(twin) / len(twin))
        claims.append(claim(f"{task}.{metric}", ours, seeds=seeds, peer=peer))
        claims.append(claim(f"{task}.{metric}.twin", twin, seeds=seeds))
        claims.append(claim(f"{task}.accuracy", [value(run, task, "accuracy") for run in runs], seeds=seeds))
    claims.append(claim("finance.minutes", [run["cost"]["seconds"] / 60 for run in runs], "min", seeds=seeds))
    return claims


def titles(runs: Sequence[Run], prefix: str) -> list[dict[str, Any]]:
    """Spans of titles that no training title repeats, beside a dictionary of the training titles."""
    seeds = range(len(runs))
    peer = ("dictionary", float(runs[0]["baselines"]["popularity"]["mentions"]["test"]["entity_f1"]["value"]))
    found = [
        claim(f"{prefix}.{name}", [value(run, "mentions", name) for run in runs], seeds=seeds)
        for name in ("entity_precision", "entity_recall")
    ]
    ours = [value(run, "mentions", "entity_f1") for run in runs]
    minutes = [run["cost"]["seconds"] / 60 for run in runs]
    return [
        claim(f"{prefix}.entity_f1", ours, seeds=seeds, peer=peer),
        *found,
        claim(f"{prefix}.minutes", minutes, "min", seeds=seeds),
    ]


def clues(runs: Sequence[Run], prefix: str, data: Path) -> list[dict[str, Any]]:
    """A set of FewCLUE beside a linear head on the frozen language model."""
    tables, seeds = clue(data, prefix), range(len(runs))
    language = CONFIG_OF[prefix]["model"]["language"]
    columns = [name for name in ("text", "keywords") if name in tables["test"].columns]
    frozen = {
        count: linear_head(language["name"], tables, language["max_tokens"], columns[:count])
        for count in range(1, len(columns) + 1)
    }
    peer = ("frozen, linear head", frozen[len(columns)])
    (task,) = runs[0]["tasks"]
    ours = [value(run, task, "accuracy") for run in runs]
    titles = [claim(f"{prefix}.titles_alone.frozen", frozen[1])] if len(columns) > 1 else []
    return [
        claim(f"{prefix}.accuracy", ours, seeds=seeds, peer=peer),
        claim(f"{prefix}.over_frozen", [each - peer[1] for each in ours], seeds=seeds),
        *titles,
    ]


def answers(runs: Sequence[Run], prefix: str, data: Path) -> list[dict[str, Any]]:
    """Answers to questions, a fold a seed, beside the better of common words and cosines, over all folds."""
    del prefix
    language = CONFIG_OF["bankfaq"]["model"]["language"]
    found: dict[str, list[dict[str, float]]] = {"words": [], "cosine": []}
    for fold in range(len(runs)):
        asked, texts, right = to_answer(questions(data, fold))
        found["words"].append(by_words(asked, texts, right))
        found["cosine"].append(by_cosine(language["name"], asked, texts, right, WHOLE))
    claims = []
    for name, measured in (("recall@1", "hr@1"), ("mrr", "mrr")):
        ours = [value(run, "answer", measured) for run in runs]
        means = {peer: sum(fold[name] for fold in folds) / len(folds) for peer, folds in found.items()}
        best = max(means, key=lambda peer: means[peer])
        claims.append(claim(f"bankfaq.{name}", ours, seeds=range(len(runs)), peer=(best, means[best])))
        claims.append(claim(f"bankfaq.{name}.ratio", sum(ours) / len(ours) / means[best]))
    return claims


SETS: dict[str, Callable[[Sequence[Run], str, Path], list[dict[str, Any]]]] = {
    "banking77": lambda runs, name, data: banking(runs, name),
    "banking77_10shot": lambda runs, name, data: banking(runs, "banking77.10shot"),
    "finance": lambda runs, name, data: finance(runs),
    "eprstmt": clues,
    "tnews": clues,
    "zh_ner": lambda runs, name, data: titles(runs, name),
    "bankfaq": answers,
}


def main() -> None:
    """Train what is not trained yet, and write the results."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--work", type=Path, default=Path("benchmarks/scratch/texts"))
    given = parser.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    claims: list[dict[str, Any]] = []
    names = given.sets.split(",")
    for name in names:
        seeds = FOLDS if name == "bankfaq" else given.seeds
        runs = [run_of(name, given.data, given.work, seed) for seed in range(seeds)]
        claims += SETS[name](runs, name, given.data)
    for each in claims:
        print(each["name"], f"{each['value']:.4f}")
    command = f"python -m benchmarks.texts DATA_FOLDER --sets {','.join(names)} --seeds {given.seeds}"
    settings = {name: (CONFIGS / f"texts_{name}.yaml").read_text("utf8") for name in names}
    record("texts", command, claims, {"settings": settings})


if __name__ == "__main__":
    main()
