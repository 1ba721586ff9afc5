"""Scores over the whole catalogue: newcomers are set beside the rest, by the texts of the last items."""

import copy
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from motet.data.requests import histories, plan_ends
from motet.data.timelines import VALID
from motet.evaluation import scoring
from motet.evaluation.catalogue_scores import CatalogueScores, scores_together, thinned
from motet.evaluation.evaluate import Examiner
from motet.evaluation.scoring import Scorer, questions
from motet.features.nearest import directions
from motet.gather import Material
from motet.model import Motet
from motet.tasks import newcomers
from tests.model.world import LENGTH, changed, material, model, with_seen_once

NUMBERS = torch.tensor([0.5, 2.0, -1.0])


def with_texts(*, once: bool = False) -> Material:
    """The tiny world with texts; three items that validation rows ask for were never met."""
    of = with_seen_once(material()) if once else material()
    dataset = of.prepared.dataset
    ask = questions(dataset, of.views[0], "next", VALID, LENGTH)
    trained_I = dataset.catalogue.trained_I.copy()
    trained_I[np.unique(ask.target_T)[:3]] = False
    dataset = replace(dataset, catalogue=replace(dataset.catalogue, trained_I=trained_I))
    of = replace(of, prepared=replace(of.prepared, dataset=dataset))
    random = torch.Generator().manual_seed(1)
    text_IT = torch.randn(len(of.prepared.dataset.catalogue), 6, generator=random)
    return replace(of, prepared=replace(of.prepared, content=replace(of.prepared.content, text_IT=text_IT)))


def asked(of: Material) -> tuple[Motet, CatalogueScores, Any, torch.Tensor, np.ndarray]:
    made, log = model(of=of), of.prepared.dataset.log
    plan = plan_ends(log, np.arange(len(log.user_ids)), LENGTH)
    with torch.no_grad():
        scores = CatalogueScores(made, log, "next", made.items())
    random = torch.Generator().manual_seed(2)
    state_QD = torch.randn(len(plan), made.items.width, generator=random)
    return made, scores, plan, state_QD, np.arange(len(plan))


def raw(made: Motet, state_QD: torch.Tensor) -> torch.Tensor:
    head = made.next_heads["next"]
    with torch.no_grad():
        return head.scores(head.queries(state_QD), head.keys(made.items()))


def test_a_bonus_is_added_to_newcomers_alone():
    made, scores, plan, state_QD, query_Q = asked(with_texts())
    made.next_heads["next"].newcomers.bonus = 0.5
    moved_QI = scores(state_QD, plan, query_Q) - raw(made, state_QD)
    new_I = np.isin(np.arange(moved_QI.shape[1]), scores.new_C.numpy())
    assert new_I.any()
    assert not of_trained(made)[new_I].any()
    np.testing.assert_allclose(moved_QI, np.tile(0.5 * new_I, (len(moved_QI), 1)), atol=1e-5)


def of_trained(made: Motet) -> np.ndarray:
    trained_I: np.ndarray = made.next_heads["next"].get_buffer("trained_I").numpy()
    return trained_I


@pytest.mark.parametrize("once", [False, True])
def test_fitted_scores_are_those_computed_one_by_one(once):
    of = with_texts(once=once)
    made, scores, plan, state_QD, query_Q = asked(of)
    made.next_heads["next"].newcomers.fitted_3.copy_(NUMBERS)
    found_QI, before_QI = scores(state_QD, plan, query_Q), raw(made, state_QD)
    log, trained_I = of.prepared.dataset.log, of_trained(made)
    white_IT = made.items.get_buffer("white_IT")
    text_IT = directions(white_IT, white_IT[trained_I].mean(0))
    for user in query_Q:
        own = [place for place in range(*log.offset_U[user : user + 2]) if log.positive["next"][place]]
        past = before_QI[user, [i for i in np.flatnonzero(trained_I) if not (once and i in log.item_N[own])]]
        past = past.exp().sum().log()
        last = [int(log.item_N[place]) for place in reversed(own)][:5]
        weight = torch.tensor([0.7**k for k in range(len(last))])
        for item in scores.new_C.tolist():
            like = (weight / weight.sum()) @ (text_IT[last] @ text_IT[item]) if last else 0.0
            wanted = past + 0.5 * (before_QI[user, item] - past) + 2 * like - 1
            assert found_QI[user, item].item() == pytest.approx(wanted.item(), abs=1e-4)
    assert torch.equal(found_QI[:, trained_I], before_QI[:, trained_I])


def test_without_texts_no_likeness_counts():
    made, scores, plan, state_QD, query_Q = asked(material())
    made.next_heads["next"].newcomers.fitted_3.copy_(NUMBERS)
    one = scores(state_QD, plan, query_Q)
    made.next_heads["next"].newcomers.fitted_3[1] = 100.0
    assert torch.equal(one, scores(state_QD, plan, query_Q))


def test_the_evidence_holds_what_was_asked():
    of = with_texts()
    made, scores, *_ = asked(of)
    dataset = of.prepared.dataset
    scorer = Scorer(made, dataset, LENGTH)
    ask = questions(dataset, of.views[0], "next", VALID, LENGTH)
    state_QD = scorer._states(ask, of.views[0], "next")
    found = scores.evidence(state_QD, ask.plan, ask.query_Q, ask.target_T, ask.query_T)
    trained_T = dataset.catalogue.trained_I[ask.target_T]
    assert (~trained_T).any()
    assert found.row_T.tolist() == ask.query_T.tolist()
    assert ((found.column_T >= 0).numpy() == ~trained_T).all()
    column_T = found.column_T[~torch.from_numpy(trained_T)]
    assert scores.new_C[column_T].tolist() == ask.target_T[~trained_T].tolist()
    score_TI = raw(made, state_QD)[found.row_T]
    wanted_T = score_TI[torch.arange(len(score_TI)), torch.from_numpy(ask.target_T)]
    torch.testing.assert_close(found.target_T, wanted_T)


def test_a_newcomer_that_a_user_has_already_is_no_evidence():
    of = with_texts(once=True)
    made, scores, *_ = asked(of)
    dataset = of.prepared.dataset
    ask = questions(dataset, of.views[0], "next", VALID, LENGTH)
    state_QD = Scorer(made, dataset, LENGTH)._states(ask, of.views[0], "next")
    found = scores.evidence(state_QD, ask.plan, ask.query_Q, ask.target_T, ask.query_T)
    offset, place = histories(ask.plan, ask.query_Q, dataset.log.positive["next"])
    had_T = [
        item in dataset.log.item_N[place[offset[query] : offset[query + 1]]]
        for query, item in zip(ask.query_T, ask.target_T, strict=True)
    ]
    new_T = ~dataset.catalogue.trained_I[ask.target_T]
    assert (new_T & had_T).any()
    assert found.row_T.tolist() == ask.query_T[~(new_T & had_T)].tolist()


def test_evidence_in_blocks_is_the_same(monkeypatch):
    of = with_texts(once=True)
    made, scores, *_ = asked(of)
    ask = questions(of.prepared.dataset, of.views[0], "next", VALID, LENGTH)
    state_QD = Scorer(made, of.prepared.dataset, LENGTH)._states(ask, of.views[0], "next")
    given = (state_QD, ask.plan, ask.query_Q, ask.target_T, ask.query_T)
    whole = scores.evidence(*given)
    monkeypatch.setattr("motet.evaluation.catalogue_scores.BLOCK", 3)
    blocks = scores.evidence(*given)
    for name in ("past_R", "score_RC", "likeness_RC", "row_T", "target_T", "column_T", "weight_T"):
        torch.testing.assert_close(getattr(whole, name), getattr(blocks, name))
    monkeypatch.setattr("motet.evaluation.catalogue_scores.PAIRS", 2 * len(scores.new_C))
    few = scores.evidence(*given)
    assert len(few.past_R) == 2
    assert (few.column_T >= 0).sum() >= 1  # a query that asks for a newcomer is among them
    assert few.weight_T.sum().item() == pytest.approx(len(whole.past_R))


def test_a_model_is_fitted_where_newcomers_are_enough(monkeypatch):
    of = with_texts()
    made = model(of=of)
    scorer = Scorer(made, of.prepared.dataset, LENGTH)
    assert not scorer.fit_newcomers(of.views[0], "next", VALID)
    monkeypatch.setattr(scoring, "ENOUGH", 1)
    monkeypatch.setattr(newcomers, "ENOUGH", 1)
    before = scorer.next_item(of.views[0], "next", VALID, 5)
    assert scorer.fit_newcomers(of.views[0], "next", VALID)
    assert not made.next_heads["next"].newcomers.plain
    after = scorer.next_item(of.views[0], "next", VALID, 5)
    assert not np.array_equal(before.rank_T, after.rank_T)


def test_a_run_fits_where_it_can_unless_it_is_told_not_to_and_says_what_it_did(monkeypatch):
    of = with_texts()
    made = model(of=of)
    asking = Examiner(of.config, of.prepared.dataset, of.views)
    assert asking.fit_newcomers(made) == []  # fewer than enough
    monkeypatch.setattr(scoring, "ENOUGH", 1)
    monkeypatch.setattr(newcomers, "ENOUGH", 1)
    silent = Examiner(changed(model__scoring={"fit_unmet": False}), of.prepared.dataset, of.views)
    assert silent.fit_newcomers(made) == []
    assert made.next_heads["next"].newcomers.plain
    (said,) = asking.fit_newcomers(made)
    assert said.startswith("next: items that training never met score ")


def test_where_nothing_is_known_of_newcomers_nothing_is_fitted(monkeypatch):
    """Ids alone: an item that training never met has no vector at all."""
    of = with_texts()
    monkeypatch.setattr(scoring, "ENOUGH", 1)
    made = model(of=of)
    with torch.no_grad():
        item_ID = made.items()
    item_ID[~of_trained(made)] = 0.0
    monkeypatch.setattr(type(made.items), "forward", lambda *_: item_ID)
    scorer = Scorer(made, of.prepared.dataset, LENGTH)
    assert not scorer.fit_newcomers(of.views[0], "next", VALID)


def test_thinning_keeps_those_that_ask_for_newcomers():
    new_Q = np.arange(1000) % 50 == 0
    place, weight = thinned(new_Q, 100)
    assert new_Q[place].sum() == 20
    assert len(place) == 100
    assert weight.sum() == pytest.approx(1000)
    assert (weight[new_Q[place]] == 1).all()
    assert thinned(new_Q, 1000)[1].tolist() == [1.0] * 1000


@pytest.mark.parametrize("shared", [True, False])
def test_tasks_asked_together_score_as_each_alone(shared):
    """Two heads of the same items, with newcomers moved apart; keys read once, or each its own."""
    made, first, plan, state_QD, query_Q = asked(with_texts(once=True))
    head = copy.deepcopy(made.next_heads["next"])
    with torch.no_grad():
        head.log_scale += 1.0
        head.newcomers.fitted_3.copy_(NUMBERS)
    second = copy.copy(first)
    second.head, second.key_ID = head, first.key_ID if shared else first.key_ID.clone()
    states = {"first": state_QD, "second": state_QD.flip(0)}
    found = scores_together({"first": first, "second": second}, states, plan, query_Q)
    alone = {"first": first(state_QD, plan, query_Q), "second": second(state_QD.flip(0), plan, query_Q)}
    assert not torch.allclose(alone["first"], alone["second"])
    for task, score_QI in alone.items():
        torch.testing.assert_close(found[task], score_QI)


def test_no_task_asked_together_scores_nothing():
    assert scores_together({}, {}, asked(material())[2], np.zeros(0, np.int64)) == {}
