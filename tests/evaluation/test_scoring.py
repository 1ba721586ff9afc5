"""Ranks among the whole catalogue, and predictions of rows, of a log written by hand and of a tiny model."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from motet.data.timelines import TEST, TRAIN, VALID, Timelines
from motet.errors import DataError
from motet.evaluation import scoring
from motet.evaluation.protocol import View
from motet.evaluation.scoring import Ranked, Scorer, questions, rank
from motet.metrics.ranking import NOT_RANKED
from tests.data.hand_log import hand_log
from tests.model.world import LENGTH, changed, material, model

ITEMS = 6  # number 0 included
PART = np.array([TRAIN, TRAIN, TEST, TEST, TEST, TRAIN, VALID, TEST], np.int8)
SCORES = np.array([0.0, 5.0, 4.0, 3.0, 2.0, 1.0], np.float32)  # item 1 is best


def log(**changes: Any) -> Timelines:
    """One user has 1, 2 and comes back for 3, 4, 3; another has 1, 5 and comes back for 2."""
    return replace(hand_log([range(5), range(3)], items=[1, 2, 3, 4, 3, 1, 5, 2]), **changes)


def view(history: str = "rolling") -> View:
    return View(("next",), PART, history)


def ranked(of: Timelines, history: str = "rolling", k: int = 3, allowed=(1, 2, 3, 4, 5)) -> Ranked:
    dataset: Any = SimpleNamespace(log=of)
    asked = questions(dataset, view(history), "next", TEST, 4)
    allowed_I = np.isin(np.arange(ITEMS), allowed)
    return rank(asked, dataset, "next", lambda query: np.tile(SCORES, (len(query), 1)), k, allowed_I)


def test_a_rolling_history_asks_once_a_row():
    asked = questions(SimpleNamespace(log=log()), view(), "next", TEST, 4)
    assert asked.plan.row_Q.tolist() == [2, 3, 4, 7]
    assert asked.query_T.tolist() == [0, 1, 2, 3]
    assert asked.target_T.tolist() == [3, 4, 3, 2]
    assert asked.user_Q.tolist() == [0, 0, 0, 1]


def test_a_frozen_history_asks_once_a_user_for_all_different_items():
    asked = questions(SimpleNamespace(log=log()), view("frozen"), "next", TEST, 4)
    assert asked.user_Q.tolist() == [0, 1]
    assert list(zip(asked.query_T.tolist(), asked.target_T.tolist(), strict=True)) == [(0, 3), (0, 4), (1, 2)]


def test_how_much_was_visible_depends_on_the_history():
    assert ranked(log()).known_Q.tolist() == [2, 3, 4, 2]
    assert ranked(log(), "frozen").known_Q.tolist() == [2, 2]


def test_ranks_count_the_better_items_of_the_whole_catalogue():
    found = ranked(log())
    assert found.rank_T.tolist() == [3, 4, 3, 2]
    assert found.top_QK.tolist() == [[1, 2, 3]] * 4


def test_what_a_user_has_is_left_out_where_items_do_not_come_again():
    found = ranked(log(seen_once=True))
    assert found.top_QK.tolist() == [[3, 4, 5], [4, 5, 0], [5, 0, 0], [2, 3, 4]]
    assert found.rank_T.tolist() == [1, 1, NOT_RANKED, 1]


def test_only_events_that_count_are_what_a_user_has():
    positive = [False, True, True, True, True, True, True, True]
    found = ranked(log(seen_once=True, positive={"next": np.array(positive)}))
    assert found.top_QK[0].tolist() == [1, 3, 4]


def test_items_of_other_kinds_take_no_part():
    found = ranked(log(), allowed=(3, 4))
    assert found.rank_T.tolist() == [1, 2, 1, NOT_RANKED]
    assert found.top_QK.tolist() == [[3, 4, 0]] * 4


def test_a_task_of_one_kind_is_asked_for_items_of_its_kind_alone():
    of: Any = SimpleNamespace(log=log())
    kind_I = np.isin(np.arange(ITEMS), (3, 4))
    asked = questions(of, view(), "next", TEST, 4, kind_I)
    assert asked.target_T.tolist() == [3, 4, 3]
    assert asked.plan.known_Q.tolist() == [2, 3, 4]  # what came before is history, whatever its kind
    assert questions(of, view("frozen"), "next", TEST, 4, kind_I).target_T.tolist() == [3, 4]


@pytest.mark.parametrize("history", ["rolling", "frozen"])
def test_blocks_of_queries_change_nothing(monkeypatch, history):
    whole = ranked(log(seen_once=True), history)
    monkeypatch.setattr(scoring, "BLOCK", 1)
    blocks = ranked(log(seen_once=True), history)
    for name in ("user_Q", "rank_T", "query_T", "target_T", "top_QK", "known_Q"):
        np.testing.assert_array_equal(getattr(whole, name), getattr(blocks, name))


def test_a_part_without_a_row_is_refused():
    with pytest.raises(DataError, match="no row to measure next on"):
        questions(SimpleNamespace(log=log()), View(("next",), PART * 0, "rolling"), "next", TEST, 4)


def scorer() -> Scorer:
    return Scorer(model(), material().prepared.dataset, LENGTH)


def test_a_model_ranks_by_the_state_of_each_question():
    made, of = scorer(), material()
    found = made.next_item(of.views[0], "next", TEST, 3)
    asked = questions(of.prepared.dataset, of.views[0], "next", TEST, LENGTH)
    head = made.model.next_heads["next"]
    with torch.no_grad():
        states = made._states(asked, of.views[0], "next")
        score_QI = (head.queries(states) @ head.keys(made.item_ID).T).numpy()
    score_QI[:, 0] = -np.inf
    for query, (target, place) in enumerate(zip(found.target_T, found.rank_T, strict=True)):
        assert place == 1 + (score_QI[query] > score_QI[query, target]).sum()
        assert found.top_QK[query].tolist() == np.argsort(-score_QI[query], kind="stable")[:3].tolist()


def test_items_that_training_never_met_are_ranked_too():
    made, of = scorer(), material()
    found = made.next_item(of.views[0], "next", TEST, 13)
    cold = np.flatnonzero(~of.prepared.dataset.catalogue.trained_I)[1:]
    assert len(cold) > 0
    assert set(cold) <= set(found.top_QK.flatten())


def test_rows_are_scored_in_the_order_of_the_log_where_they_have_a_label():
    of = material()
    found = scorer().rows(of.views[0], TEST)
    log = of.prepared.dataset.log
    assert list(found) == ["click", "stars"]
    for task, scored in found.items():
        wanted = np.flatnonzero((of.views[0].part_N == TEST) & ~np.isnan(log.label[task]))
        assert scored.row_R.tolist() == wanted.tolist()
        np.testing.assert_array_equal(scored.label_R, log.label[task][wanted])
        np.testing.assert_array_equal(scored.user_R, log.user_N[wanted])


def test_the_size_of_batches_moves_no_prediction(monkeypatch):
    whole = scorer().rows(material().views[0], TEST)
    sorted_windows = scoring.sorted_windows
    monkeypatch.setattr(scoring, "sorted_windows", lambda length, rows: sorted_windows(length, rows, 10))
    small = scorer().rows(material().views[0], TEST)
    for task in whole:
        np.testing.assert_allclose(whole[task].prediction_R, small[task].prediction_R, atol=1e-6)


def test_labels_of_the_scored_part_move_no_prediction():
    of = material()
    before = scorer().rows(of.views[0], TEST)
    dataset = of.prepared.dataset
    label = {name: label_N.copy() for name, label_N in dataset.log.label.items()}
    label["click"][of.views[0].part_N == TEST] *= -1
    turned = replace(dataset, log=replace(dataset.log, label=label))
    after = Scorer(model(), turned, LENGTH).rows(of.views[0], TEST)
    np.testing.assert_array_equal(before["click"].prediction_R, after["click"].prediction_R)


def test_a_model_without_tasks_for_rows_scores_none():
    config = material().config
    alone = model(config.model_copy(update={"tasks": config.tasks[:1]}))
    assert Scorer(alone, material().prepared.dataset, LENGTH).rows(material().views[0], TEST) == {}


def passes(monkeypatch, made: Scorer) -> list[int]:
    """Windows of each batch that the backbone reads from now on."""
    read: list[int] = []
    encode = made.model.encode

    def counted(batch, *rest):
        read.append(len(batch.item_BL))
        return encode(batch, *rest)

    monkeypatch.setattr(made.model, "encode", counted)
    return read


@pytest.mark.parametrize("history", ["rolling", "frozen"])
@pytest.mark.parametrize("earlier", [0, 1])
def test_one_pass_answers_all_tasks_as_passes_of_their_own_do(monkeypatch, history, earlier):
    """Unless rows see more than may be known when `next_item` is asked for them: then there are two."""
    of = material()
    log = of.prepared.dataset.log
    asks = np.maximum(log.moment_N - earlier * (np.arange(len(log)) % 3 == 0), log.offset_U[log.user_N])
    dataset = replace(of.prepared.dataset, log=replace(log, ask_N=asks))
    split = replace(of.views[0], history=history)
    made = Scorer(model(), dataset, LENGTH)
    asked = questions(dataset, split, "next", TEST, LENGTH)
    alone = made._states(asked, split, "next")
    read = passes(monkeypatch, made)
    together = made._hear(split, TEST).states("next", asked)
    rows = made.rows(split, TEST)
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-5)
    labelled_N = ~np.isnan(log.label["click"]) | ~np.isnan(log.label["stars"])
    plan = split.plan(dataset.log, TEST, labelled_N, LENGTH)
    said = made._pass(plan, split, [], ["click", "stars"]).scored(dataset.log)
    for task, scored in said.items():
        np.testing.assert_array_equal(rows[task].row_R, scored.row_R)
        np.testing.assert_allclose(rows[task].prediction_R, scored.prediction_R, atol=1e-5)
    windows = [len(plan), len(asked.plan) + len(plan)]
    both_N = labelled_N | log.positive["next"]
    whole = split.plan(dataset.log, TEST, both_N, LENGTH)
    wanted = windows[1] + len(plan) if earlier and history == "rolling" else len(whole) + len(plan)
    assert sum(read) == wanted


def test_a_part_that_leans_on_the_backbone_is_answered_in_the_same_pass(monkeypatch):
    of = material()
    group = {"tasks": ["next"], "backbone": "shared", "adapter": 8}
    made = Scorer(model(changed(model__groups=[group])), of.prepared.dataset, LENGTH)
    split = replace(of.views[0], history="frozen")  # rolling rows see more here than may be asked from
    read = passes(monkeypatch, made)
    made.next_item(split, "next", TEST, 3)
    made.rows(split, TEST)
    log = of.prepared.dataset.log
    both_N = log.positive["next"] | ~np.isnan(log.label["click"]) | ~np.isnan(log.label["stars"])
    assert sum(read) == len(split.plan(log, TEST, both_N, LENGTH))


def test_lists_that_nobody_wants_are_not_made():
    found = scorer().next_item(material().views[0], "next", TEST, 0)
    assert found.top_QK.shape == (len(found.user_Q), 0)
    assert (found.rank_T == scorer().next_item(material().views[0], "next", TEST, 3).rank_T).all()
