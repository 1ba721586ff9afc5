"""Baselines answer the questions of the model, from what training rows and their visible history say."""

from dataclasses import replace

import numpy as np
import pytest

from motet.config import Config
from motet.data.timelines import TEST, TRAIN
from motet.evaluation import opponents as module
from motet.evaluation.evaluate import Examiner
from motet.evaluation.opponents import examine_means, fit_baseline, opponents
from motet.evaluation.protocol import views
from tests.model.world import changed, material, model

NAMES = ["popularity", "item_to_item", "ease"]


def silent(text: str) -> None:
    del text


def examiner(config: Config | None = None, label: dict[str, np.ndarray] | None = None) -> Examiner:
    config, dataset = config or changed(), material().prepared.dataset
    if label is not None:
        dataset = replace(dataset, log=replace(dataset.log, label=dataset.log.label | label))
    return Examiner(config, dataset, views(config, dataset.log))


@pytest.mark.parametrize("history", ["rolling", "frozen"])
def test_every_baseline_answers_the_questions_of_the_model(history):
    config = changed(evaluation__history=history)
    views_with = [replace(v, counter_NC=material().views[0].counter_NC) for v in examiner(config).views]
    joint = Examiner(config, material().prepared.dataset, views_with).examine(model(config), TEST)
    found, left_out = opponents(examiner(config), NAMES, TEST, silent)
    assert {name: list(records) for name, records in found.items()} == {
        "popularity": ["next", "click", "stars"], "item_to_item": ["next"], "ease": ["next"],
    }  # fmt: skip
    for name, records in found.items():
        for task, record in records.items():
            assert record.same_questions(joint[task]), (name, task)
    assert left_out == []


def test_a_catalogue_too_large_for_a_baseline_leaves_it_out_and_says_so(monkeypatch):
    monkeypatch.setattr(module, "too_large", lambda items: f"EASE was left out: {items} items are too many.")
    found, left_out = opponents(examiner(), ["ease", "popularity"], TEST, silent)
    assert list(found) == ["popularity"]
    assert left_out == ["EASE was left out: 14 items are too many."]


def test_popularity_ranks_by_training_events():
    made = examiner()
    _, item_N = made.interactions("next")
    scores = fit_baseline(made, "popularity", "next").score(np.array([0, 0]), np.zeros(0, np.int64))[0]
    np.testing.assert_array_equal(scores[1:], np.bincount(item_N, minlength=15)[1:])


def test_what_is_done_is_said():
    said: list[str] = []
    opponents(examiner(), ["popularity"], TEST, said.append)
    assert said == ["baseline popularity for next"]


def means(config: Config, label_N: np.ndarray | None = None) -> np.ndarray:
    made = examiner(config, None if label_N is None else {"click": label_N})
    return examine_means(made, config.tasks[1], TEST).prediction_N


def test_means_of_a_frozen_history_know_the_training_labels_alone():
    config = changed(evaluation__history="frozen")
    label_N, part_N = material().prepared.dataset.log.label["click"], material().views[0].part_N
    turned = np.where(part_N == TRAIN, label_N, 1 - label_N).astype(np.float32)
    np.testing.assert_array_equal(means(config), means(config, turned))
    assert not np.array_equal(means(config), means(config, 1 - label_N))


def test_means_of_a_rolling_history_know_no_label_of_their_own_moment():
    log, part_N = material().prepared.dataset.log, material().views[0].part_N
    label_N = log.label["click"]
    rows = np.flatnonzero((part_N == TEST) & ~np.isnan(label_N))
    late = log.time_N >= np.median(log.time_N[rows])
    turned = np.where(late & (part_N == TEST), 1 - label_N, label_N).astype(np.float32)
    moved = means(changed()) != means(changed(), turned)
    assert moved.any()
    first = log.time_N[log.moment_N[rows]] <= log.time_N[late & (part_N == TEST)].min()
    assert not moved[first].any()


@pytest.mark.parametrize("history", ["rolling", "frozen"])
def test_no_user_of_the_log_is_taken_for_an_unknown_one(monkeypatch, history):
    numbers = []

    class Watched(module.DampedMeans):
        def fit(self, user_N, item_N, label_N):
            numbers.append(user_N)
            super().fit(user_N, item_N, label_N)

        def predict(self, user_N, *rest):
            numbers.append(user_N)
            return super().predict(user_N, *rest)

    monkeypatch.setattr(module, "DampedMeans", Watched)
    means(changed(evaluation__history=history))
    assert np.concatenate(numbers).min() == 1  # 0 is the unknown user


def test_classes_are_guessed_by_how_frequent_they_are():
    config = changed(tasks=[{"name": "mood", "kind": "multiclass", "label": "clicked"}])
    dataset = material().prepared.dataset
    encodings = replace(dataset.encodings, classes={"mood": ("0", "1")})
    label_N = dataset.log.label["click"]
    log = replace(
        dataset.log, label={"mood": label_N}, part={"mood": material().views[0].part_N}, positive={}
    )
    made = Examiner(config, replace(dataset, encodings=encodings, log=log), views(config, log))
    record = examine_means(made, config.tasks[0], TEST)
    train = label_N[(log.part["mood"] == TRAIN) & ~np.isnan(label_N)]
    assert set(record.prediction_N) == {float(np.bincount(train.astype(int)).argmax())}
