"""How much a user counts beside the words of a query, fitted where enough users ask for items."""

import functools
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

import motet
from motet.data.timelines import TEST, VALID
from motet.evaluation import beside, retrieval
from motet.evaluation.beside import ENOUGH, Pairs, fit_beside, ranks_beside, told_beside
from motet.evaluation.retrieval import retrieval_head
from motet.system.files import read_json
from motet.tasks.retrieval import LOOSE
from motet.use import TrainedModel
from tests.run.test_seek import folder, settings
from tests.trained import world_folder


@functools.cache
def trained() -> Path:
    """Queries of a file, four tenths of which validate: most items are asked for by one of them."""
    given = settings(
        "search", "next", tuning="frozen", documents="items", label="bought", queries=2,
        texts={"path": str(folder() / "queries.csv"), "text": "query"},
        split={"kind": "random", "valid": 0.4, "test": 0.3},
    )  # fmt: skip
    given["training"]["epochs"] = 2
    return motet.train(given, world_folder() / "seek-beside").folder


@functools.cache
def model() -> TrainedModel:
    found = motet.open(trained())
    assert isinstance(found, TrainedModel)
    return found


def pairs_of(part: int) -> Pairs:
    ((_, _, found),) = model().examiner._beside(model().bundle.model, part)
    return found


def weight() -> float:
    return float(retrieval_head(model().bundle.model, "search").get_buffer("beside_X")[0])


def test_the_weight_is_fitted_where_there_are_enough_users():
    said = " ".join(read_json(trained() / "metrics.json")["statements"])
    found = re.search(
        r"search: beside next a weight of ([\d.]+) for the user, by (\d+) validation rows", said
    )
    assert found is not None
    assert int(found[2]) == len(pairs_of(VALID)) >= ENOUGH
    assert float(found[1]) == pytest.approx(weight(), abs=0.006)
    assert weight() != 1.0


def test_no_other_weight_is_likelier():
    pairs = pairs_of(VALID)
    words, users = (torch.cat(each) for each in list(zip(*pairs.blocks(), strict=True))[1:])

    def nats(at: float) -> float:
        score = words + at * users.clamp(min=beside.NEVER)
        own = functional.cross_entropy(score, torch.from_numpy(pairs.item_P), reduction="sum")
        return float(own) + (np.log(at) / LOOSE) ** 2 / 2

    assert nats(weight()) < min(nats(1.05 * weight()), nats(0.95 * weight()), nats(1.0))


def test_the_item_of_a_pair_is_right_for_the_query_and_the_user():
    pairs = pairs_of(TEST)
    rows, log = pairs.texts.rows, pairs.scorer.dataset.log
    for row, query, item in zip(pairs.row_P, pairs.query_P, pairs.item_P, strict=True):
        assert item in rows.right(int(row))
        assert rows.part_N[row] == TEST
        place = np.flatnonzero(log.user_N == pairs.asked.user_Q[query])[-1]  # leave one out
        assert log.item_N[place] == pairs.number_M[item]


def test_ranks_by_words_by_the_user_and_by_both_are_those_by_hand():
    words = torch.tensor([[0.5, 0.3, 0.2], [0.2, 0.7, 0.1]]).log()
    users = torch.tensor([[0.1, 0.5, 0.4], [0.6, 0.3, 0.1]]).log()
    given: Any = SimpleNamespace(blocks=lambda: iter([(np.arange(2), words, users)]), item_P=np.array([1, 0]))
    found = {name: ranks.tolist() for name, ranks in ranks_beside(given, 1.0).items()}
    assert found == {"words": [2, 2], "user": [1, 1], "both": [1, 2]}  # .05 .15 .08 and .12 .21 .01
    assert ranks_beside(given, 2.0)["both"].tolist() == [1, 1]  # .005 .075 .032 and .072 .063 .001
    nobody: Any = SimpleNamespace(blocks=lambda: iter([]), item_P=np.zeros(0, np.int64))
    assert ranks_beside(nobody, 1.0)["both"].tolist() == []


def test_the_report_says_what_both_find():
    (said,) = model().examiner.told_beside(model().bundle.model, TEST)
    count = len(pairs_of(TEST))
    assert said.startswith(
        f"search beside next: of {count} test rows that have a user and a query for one item"
    )
    ranks = ranks_beside(pairs_of(TEST), weight())["both"]
    assert said.endswith(f"in {(ranks <= 10).mean():.1%} by both.")


def test_of_very_many_items_some_rows_are_drawn_and_that_is_said(monkeypatch: pytest.MonkeyPatch):
    whole = len(pairs_of(VALID))
    monkeypatch.setattr(retrieval, "AT_ONCE", 3 * 72)  # three rows at a time
    assert len(pairs_of(VALID)) == whole  # as there are few
    monkeypatch.setattr(beside, "FEWEST", ENOUGH)
    drawn = pairs_of(VALID)
    assert (len(drawn), drawn.whole) == (ENOUGH, whole)
    head = retrieval_head(model().bundle.model, "search")
    kept = head.get_buffer("beside_X").clone()
    assert fit_beside(drawn, head, 0).endswith(f"by {ENOUGH} (of {whole}) validation rows")
    head.get_buffer("beside_X").copy_(kept)
    assert f"of {ENOUGH} (of {whole}) test rows" in told_beside("search", drawn, 1.0)[0]
