"""The examiner: everybody answers the same questions, and answers are cut into slices."""

from dataclasses import replace

import numpy as np
import pytest

from motet.config import Config
from motet.data.timelines import TEST, VALID
from motet.evaluation import evaluate as module
from motet.evaluation.baselines import Popularity
from motet.evaluation.evaluate import Examiner, main_value, measured
from motet.evaluation.protocol import views
from motet.evaluation.records import RankingPredictions, RowPredictions
from motet.metrics.names import main_metric
from tests.model.world import changed, material, model


def examiner(config: Config | None = None) -> Examiner:
    config, dataset = config or material().config, material().prepared.dataset
    counters = [
        replace(view, counter_NC=material().views[0].counter_NC) for view in views(config, dataset.log)
    ]
    return Examiner(config, dataset, counters)


@pytest.mark.parametrize("history", ["rolling", "frozen"])
@pytest.mark.parametrize("part", [VALID, TEST])
def test_model_twin_and_baseline_answer_the_same_questions(history, part):
    config = changed(evaluation__history=history)
    joint = examiner(config).examine(model(config), part)
    assert list(joint) == ["next", "click", "stars"]
    for task in config.tasks:
        twin = config.model_copy(update={"tasks": [task]})
        alone = Examiner(twin, material().prepared.dataset, examiner(config).views).examine(model(twin), part)
        assert list(alone) == [task.name]
        assert alone[task.name].same_questions(joint[task.name])
    popular = Popularity()
    popular.fit(*examiner(config).interactions("next"), len(material().prepared.dataset.catalogue) - 1)
    assert examiner(config).examine_baseline(popular, "next", part).same_questions(joint["next"])


def test_histories_put_different_questions():
    rolling, frozen = (
        examiner(changed(evaluation__history=history)).examine(model(), TEST)
        for history in ("rolling", "frozen")
    )
    assert not rolling["next"].same_questions(frozen["next"])
    assert rolling["click"].same_questions(frozen["click"])  # the same rows, of which less is seen


def test_a_task_may_have_a_history_of_its_own():
    tasks = [task.model_dump() for task in material().config.tasks]
    tasks[0]["history"] = "frozen"
    made = examiner(changed(tasks=tasks))
    assert [(view.tasks, view.history) for view in made.views] == [
        (("next",), "frozen"), (("click", "stars"), "rolling"),
    ]  # fmt: skip
    assert made.view_of("stars") is made.views[1]


def test_records_of_the_joint_model_are_of_the_kinds_of_the_tasks():
    found = examiner().examine(model(), TEST)
    assert isinstance(found["next"], RankingPredictions)
    assert isinstance(found["click"], RowPredictions)
    assert [record.kind for record in found.values()] == ["next_item", "binary", "regression"]


def test_validation_gives_the_values_of_the_examination():
    made = model()
    quick, whole = examiner().validate(made), measured(examiner().examine(made, VALID), changed(), "valid")
    for task, metrics in quick.items():
        for name, value in metrics.items():
            if name in whole[task]["valid"]:
                assert value == pytest.approx(whole[task]["valid"][name]["value"], nan_ok=True), (task, name)
        assert main_metric(next(t.kind for t in changed().tasks if t.name == task)) in metrics


def test_everybody_is_asked_for_items_of_the_kind_of_the_task_alone():
    dataset = material().prepared.dataset
    kind_I = dataset.catalogue.kind_I.copy()
    kind_I[1::2] = 1  # every other item is a book
    catalogue = replace(dataset.catalogue, kinds=["item", "book"], kind_I=kind_I)
    tasks = [
        task.model_dump() | ({"items": "book"} if task.kind == "next_item" else {})
        for task in changed().tasks
    ]
    made = replace(examiner(changed(tasks=tasks)), dataset=replace(dataset, catalogue=catalogue))
    of = replace(material(), prepared=replace(material().prepared, dataset=made.dataset))
    joint = made.examine(model(made.config, of), TEST)["next"]
    books = np.flatnonzero(
        dataset.log.positive["next"] & (made.views[0].part_N == TEST) & (kind_I[dataset.log.item_N] == 1)
    )
    assert 0 < len(books) == len(joint.rank_T)
    assert joint.rank_T.max() <= (kind_I == 1).sum()  # every one of them can be found
    popular = Popularity()
    popular.fit(*made.interactions("next"), len(catalogue) - 1)
    assert made.examine_baseline(popular, "next", TEST).same_questions(joint)


def test_validation_does_not_look_at_lists():
    assert not any("coverage" in name or "novelty" in name for name in examiner().validate(model())["next"])


def test_a_metric_that_is_watched_is_there_in_validation():
    config = changed(training__monitor="next.ndcg@3")
    assert "ndcg@3" in examiner(config).validate(model(config))["next"]


def test_slices_are_short_histories_and_cold_items_and_hold_neither_all_nor_nothing():
    record = examiner().examine(model(), TEST)["next"]
    assert set(record.slices) <= {"short history", "long history", "cold items", "known items"}
    assert {"cold items", "known items"} <= set(record.slices)
    for mask in record.slices.values():
        assert 0 < mask.sum() < len(mask)
    np.testing.assert_array_equal(record.slices["cold items"], ~record.slices["known items"])


@pytest.mark.parametrize("history", ["rolling", "frozen"])
def test_a_short_history_has_few_events_that_were_visible(monkeypatch, history):
    config = changed(evaluation__history=history)
    made, log = examiner(config), material().prepared.dataset.log
    visible_N = made.views[0].visible(TEST)
    row_R = np.flatnonzero((made.views[0].part_N == TEST) & ~np.isnan(log.label["click"]))
    seen = [int(visible_N[log.offset_U[log.user_N[row]] : log.moment_N[row]].sum()) for row in row_R]
    monkeypatch.setattr(module, "SHORT", int(np.median(seen)) - 1)
    record = made.examine(model(config), TEST)["click"]
    wanted = np.array(seen) <= module.SHORT
    assert 0 < wanted.sum() < len(wanted)
    np.testing.assert_array_equal(record.slices["short history"], wanted)
    np.testing.assert_array_equal(record.slices["long history"], ~wanted)


def test_interactions_are_the_positive_events_that_train():
    user_N, item_N = examiner().interactions("next")
    log = material().prepared.dataset.log
    rows = log.train_N & log.positive["next"]
    assert len(item_N) == rows.sum()
    np.testing.assert_array_equal(item_N, log.item_N[rows])
    np.testing.assert_array_equal(user_N, log.user_N[rows])


def test_popularity_counts_events_and_users_of_training():
    user_N, item_N = examiner().interactions("next")
    facts = examiner().catalogue_facts("next")
    item = int(np.bincount(item_N).argmax())
    assert facts.count_I[item] == (item_N == item).sum()
    assert facts.users_I[item] == len(set(user_N[item_N == item]))
    assert facts.num_users == len(set(user_N))
    assert len(facts.count_I) == len(material().prepared.dataset.catalogue)


def test_the_main_value_of_a_record_is_that_of_its_main_metric():
    record = examiner().examine(model(), TEST)["stars"]
    wanted = np.sqrt(np.mean((record.prediction_N - record.label_N) ** 2))
    assert main_value(record) == pytest.approx(wanted)


def test_measured_metrics_stand_under_their_part_with_the_same_intervals_each_time():
    record = examiner().examine(model(), TEST)
    one, other = measured(record, changed(), "test"), measured(record, changed(), "test")
    assert one == other
    assert set(one["click"]) == {"test"}
