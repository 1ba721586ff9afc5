"""Tables of the text benchmarks: what trains, what validates, what tests, beside the files as they are."""

import html
import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl

from motet.data.letters import same_text
from motet.data.readers_files import open_bytes

SHOTS = 10
WATCHING = 0.01  # share of the texts that train that only watch, where a set is trained on all others
FOLDS = 5


def phrasebank(data: Path, seed: int) -> pl.DataFrame:
    """Sentences with label and part: a fifth test, a tenth of the others valid; repeated ones once."""
    lines = pl.read_csv(
        data / "financial-phrasebank" / "Sentences_50Agree.txt.gz",
        has_header=False,
        separator="\x1f",
        quote_char=None,
        new_columns=["line"],
    )["line"]
    table = pl.DataFrame(
        [line.rsplit("@", 1) for line in lines], schema=["text", "label"], orient="row"
    ).unique("text", keep="first", maintain_order=True)
    random = np.random.default_rng(seed)
    order = table.with_columns(pl.Series("at", random.permutation(table.height))).sort("at")
    share = ((pl.int_range(pl.len()) + 0.5) / pl.len()).over("label")
    part = pl.when(share < 0.2).then(pl.lit("test")).when(share < 0.28).then(pl.lit("valid"))
    return order.with_columns(part=part.otherwise(pl.lit("train"))).drop("at")


def topic(data: Path, name: str) -> pl.DataFrame:
    """Headlines with their topic; links are cut off and entities of HTML decoded."""
    table = pl.read_csv(data / "twitter-financial-news-topic" / f"{name}_data.csv.gz")
    plain = [re.sub(r"\s*https?://\S+", "", html.unescape(text)) for text in table["text"]]
    return table.with_columns(pl.Series("text", plain), pl.col("label").cast(pl.String))


def few(data: Path, seed: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """So many training texts a class, and as many others."""
    table = pl.read_csv(data / "banking77" / "train.csv.gz")
    order = np.random.default_rng(seed).permutation(table.height)
    table = table[order].with_columns(pl.int_range(pl.len()).over("category").alias("at"))
    return (
        table.filter(pl.col("at") < SHOTS).drop("at"),
        table.filter(pl.col("at").is_between(SHOTS, 2 * SHOTS - 1)).drop("at"),
    )


def intents(data: Path, seed: int) -> pl.DataFrame:
    """All texts with their parts: those of the test file, and a few of the others that only watch."""
    train, test = (pl.read_csv(data / "banking77" / f"{name}.csv.gz") for name in ("train", "test"))
    watches = pl.Series(np.random.default_rng(seed).random(train.height) < WATCHING)
    part = pl.when(watches).then(pl.lit("valid")).otherwise(pl.lit("train"))
    return pl.concat([train.with_columns(part=part), test.with_columns(part=pl.lit("test"))])


def titles(data: Path, name: str) -> pl.DataFrame:
    """Chinese titles as lists of characters and of their tags."""
    rows: list[tuple[list[str], list[str]]] = []
    units: list[str] = []
    tags: list[str] = []
    with open_bytes(data / "zh-ecommerce-ner" / f"{name}.txt.gz") as lines:
        for raw in [*lines, b"\n"]:
            line = raw.decode("utf8").rstrip("\r\n")
            if line.strip():
                unit, _, tag = line.rpartition(" ")
                units.append(unit.strip() or " ")
                tags.append(tag)
            elif units:
                rows.append((units, tags))
                units, tags = [], []
    return pl.DataFrame(rows, schema=["text", "tags"], orient="row")


def unseen_titles(data: Path) -> dict[str, pl.DataFrame]:
    """All that train; of those that validate and test, the titles that no training title repeats.

    A title that both validate and test have tests only.
    """
    train, valid, test = (titles(data, name) for name in ("train", "dev", "test"))
    seen = set(map(tuple, train["text"].to_list()))
    test = test.filter([tuple(text) not in seen for text in test["text"].to_list()])
    seen |= set(map(tuple, test["text"].to_list()))
    valid = valid.filter([tuple(text) not in seen for text in valid["text"].to_list()])
    return {"train": train, "valid": valid, "test": test}


def clue(data: Path, name: str) -> dict[str, pl.DataFrame]:
    """A set of FewCLUE: few that train, few that validate, the public test, and texts without a label.

    Of the last, those that the test has are left out. Titles of news come with the keywords that the site
    gave them, which are often none.
    """
    folder, found = data / "fewclue-zh" / name, {}
    for part, file in (
        ("train", "train_few_all"),
        ("valid", "dev_few_all"),
        ("test", "test_public"),
        ("more", "unlabeled"),
    ):
        with open_bytes(folder / f"{file}.json.gz") as lines:
            rows = [json.loads(line) for line in lines if line.strip()]
        label = "label_desc" if name == "tnews" else "label"
        found[part] = pl.DataFrame(
            {"text": [row["sentence"] for row in rows], "label": [str(row.get(label)) for row in rows]}
        )
        if name == "tnews":
            said = [", ".join((row.get("keywords") or "").split(",")) for row in rows]
            found[part] = found[part].with_columns(pl.Series("keywords", said))
    found["more"] = found["more"].filter(~pl.col("text").is_in(found["test"]["text"].implode()))
    return found


def questions(data: Path, fold: int, seed: int = 0) -> pl.DataFrame:
    """Questions and answers of a bank without repeated rows, and the part of each question in a fold.

    A fifth of the questions tests, a tenth of the others validates; a question with several answers lies on
    one side. What a page left at the end of an answer is cut off.
    """
    table = (
        pl.read_csv(data / "bank-faq" / "BankFAQs.csv.gz")
        .select("Question", "Answer")
        .with_columns(
            pl.col("Question").str.strip_chars(),
            pl.col("Answer").str.strip_chars().str.replace(r"\s*View more$", ""),
        )
    )
    table = table.unique(maintain_order=True)
    key = same_text(pl.col("Question"))
    asked = table.select(key).unique(maintain_order=True)["Question"].to_list()
    order = np.random.default_rng(seed).permutation(len(asked))
    fold_N = np.empty(len(asked), np.int64)
    fold_N[order] = np.arange(len(asked)) % FOLDS
    valid_N = np.random.default_rng([seed, fold]).random(len(asked)) < 0.1
    part = {
        question: "test" if fold_N[at] == fold else "valid" if valid_N[at] else "train"
        for at, question in enumerate(asked)
    }
    return table.with_columns(key.replace_strict(part).alias("part"))


def _finance(data: Path, folder: Path, seed: int) -> None:
    phrasebank(data, seed).write_parquet(folder / "phrasebank.parquet")
    topic(data, "train").write_parquet(folder / "topic.parquet")
    topic(data, "valid").write_parquet(folder / "topic_test.parquet")


def _intents(data: Path, folder: Path, seed: int) -> None:
    intents(data, seed).write_parquet(folder / "intents.parquet")


def _few(data: Path, folder: Path, seed: int) -> None:
    shots, others = few(data, seed)
    shots.write_parquet(folder / "shots.parquet")
    others.write_parquet(folder / "others.parquet")


def _titles(data: Path, folder: Path, seed: int) -> None:
    del seed
    for part, table in unseen_titles(data).items():
        table.write_parquet(folder / f"{part}.parquet")


def _clue(data: Path, folder: Path, seed: int) -> None:
    del seed
    for name in ("eprstmt", "tnews"):
        for part, table in clue(data, name).items():
            table.write_parquet(folder / f"{name}_{part}.parquet")


def _questions(data: Path, folder: Path, seed: int) -> None:
    questions(data, seed).write_parquet(folder / "questions.parquet")


TABLES: dict[str, Callable[[Path, Path, int], None]] = {
    "finance": _finance,
    "banking77": _intents,
    "banking77_10shot": _few,
    "zh_ner": _titles,
    "eprstmt": _clue,
    "tnews": _clue,
    "bankfaq": _questions,
}


def tables_of(name: str, data: Path, folder: Path, seed: int) -> None:
    """Write what the configuration of a set reads beside the files as they are."""
    folder.mkdir(parents=True, exist_ok=True)
    if name in TABLES:
        TABLES[name](data, folder, seed)
