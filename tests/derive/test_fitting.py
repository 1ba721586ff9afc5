"""Combiners fitted on evidence, and folds that judge them on users who did not fit them."""

import numpy as np
import pytest
import torch

from motet.derive.chorus import together
from motet.derive.combine import Fusion, Vote, Weights
from motet.derive.fitting import (
    Beside,
    Chosen,
    RankEvidence,
    RowEvidence,
    as_json,
    cross_fitted,
    fit_combiner,
    folds_of,
)
from motet.derive.folder import _combiner
from motet.derive.stack import Stack


def rows(kind="binary", users=20, each=5):
    random = np.random.default_rng(0)
    user_R = np.repeat(np.arange(users), each)
    label_R = random.integers(0, 2, len(user_R)).astype(np.float32)
    knows = np.where(label_R == 1, 0.9, 0.1)
    return RowEvidence(kind, np.stack([knows, np.full(len(user_R), 0.5)]), label_R, user_R)


def right_items():
    chance = np.array([[0.5, 0.1], [0.4, 0.3], [0.6, 0.2], [0.5, 0.2]])
    feature = torch.randn(4, 3, 4, generator=torch.manual_seed(0))
    beside = Beside(feature, torch.ones(4, 3, dtype=torch.bool), torch.tensor([0, 2, -1, 1]))
    return RankEvidence(chance, np.array([0, 1, 2, 3]), beside)


def test_the_member_that_knows_gets_the_weight_in_each_kind_of_task():
    assert fit_combiner("average", rows(), 0).weight_M == pytest.approx((1, 0), abs=1e-6)
    assert fit_combiner("average", rows("regression"), 0).weight_M == pytest.approx((1, 0), abs=1e-6)
    evidence = rows()
    said = np.stack([1 - evidence.said_M, evidence.said_M], -1)
    classes = RowEvidence("multiclass", said, evidence.label_R, evidence.user_R)
    assert fit_combiner("average", classes, 0).weight_M == pytest.approx((1, 0), abs=1e-6)
    assert fit_combiner("average", right_items(), 0).weight_M == pytest.approx((1, 0), abs=1e-6)


def test_each_kind_gives_its_combiner():
    assert fit_combiner("vote", rows(), 0) == Vote()
    assert fit_combiner("snapshot", rows(), 0) == Weights((0.5, 0.5))
    assert fit_combiner("rank_fusion", right_items(), 0) == Fusion(60)
    assert isinstance(fit_combiner("rank_fusion", rows(), 0), Weights)
    assert fit_combiner("stackelberg", rows(), 0).weight_M == pytest.approx((1, 0))
    assert fit_combiner("logistic", rows(), 0).hidden == 0
    assert fit_combiner("network", right_items(), 0).hidden > 0


def test_trees_learn_rows_classes_numbers_and_rankings():
    pytest.importorskip("lightgbm")
    evidence = rows(users=60)
    sure = fit_combiner("boosted", evidence, 0)(np.log(evidence.said_M / (1 - evidence.said_M)).T)
    assert np.array_equal(sure > 0, evidence.label_R == 1)
    random = torch.manual_seed(0)
    feature, place = torch.randn(80, 5, 4, generator=random), torch.arange(80) % 5
    feature[torch.arange(80), place, 0] += 4
    asked = RankEvidence(
        np.ones((80, 2)), np.arange(80), Beside(feature, torch.ones(80, 5, dtype=torch.bool), place)
    )
    score = fit_combiner("boosted", asked, 0)(feature.reshape(-1, 4).numpy()).reshape(80, 5)
    assert (score.argmax(1) == place.numpy()).mean() > 0.9


def test_a_right_item_that_is_no_candidate_teaches_a_stack_nothing():
    lesson = right_items().lesson()
    assert lesson.label_N.tolist() == [0, 2, 1]
    assert len(lesson.feature) == 3


def test_rows_of_one_user_are_never_in_two_folds():
    user = np.repeat(np.arange(23), 4)
    fold = folds_of(user, 5, 0, "folds")
    assert all(len(np.unique(fold[user == each])) == 1 for each in range(23))
    assert np.bincount(fold).tolist() == [20, 20, 20, 16, 16]
    assert np.array_equal(fold, folds_of(user, 5, 0, "folds"))
    assert not np.array_equal(fold, folds_of(user, 5, 1, "folds"))


def test_every_user_is_judged_by_a_combiner_that_others_fitted():
    evidence, seen = rows(), []

    def fit(part):
        seen.append(set(part.user_R.tolist()))
        return Vote()

    chosen = cross_fitted(fit, evidence, 0, users=30)
    assert len(seen) == 5
    for (_, place), users in zip(chosen.each(evidence.user_R), seen, strict=True):
        assert not set(evidence.user_R[place].tolist()) & users
    places = np.concatenate([place for _, place in chosen.each(evidence.user_R)])
    assert sorted(places.tolist()) == list(range(100))


def test_one_user_alone_cannot_be_left_out():
    chosen = cross_fitted(lambda part: Vote(), rows(users=1), 0, users=1)
    assert chosen == Chosen((Vote(),))


@pytest.mark.parametrize("kind", ["average", "vote", "rank_fusion", "logistic", "network"])
def test_a_combiner_is_read_as_it_was_written(kind, tmp_path):
    evidence = right_items()
    combiner = fit_combiner(kind, evidence, 0)
    tensors = combiner.state_dict() if isinstance(combiner, Stack) else {}
    again = _combiner(
        tmp_path, "next", as_json(combiner), {f"next/{name}": each for name, each in tensors.items()}
    )
    if isinstance(combiner, Stack):
        assert torch.equal(again(evidence.beside.feature_TCF), combiner(evidence.beside.feature_TCF))
    else:
        assert again == combiner


def test_candidates_of_several_blocks_are_filled_up_with_shut_places():
    few = Beside(torch.ones(1, 2, 3), torch.ones(1, 2, dtype=torch.bool), torch.tensor([1]))
    many = Beside(torch.ones(2, 4, 3), torch.ones(2, 4, dtype=torch.bool), torch.tensor([3, -1]))
    found = together([few, many])
    assert found.feature_TCF.shape == (3, 4, 3)
    assert found.open_TC.sum(1).tolist() == [2, 4, 4]
    assert found.place_T.tolist() == [1, 3, -1]
