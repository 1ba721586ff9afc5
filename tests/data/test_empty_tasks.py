"""A task without rows is refused before anything is trained."""

from dataclasses import replace

import numpy as np
import pytest

from motet.data.timelines import TEST, TRAIN, VALID, Timelines, refuse_empty_tasks
from motet.errors import DataError
from tests.data.hand_log import hand_log

PART = np.array([TRAIN, TRAIN, VALID, VALID, TEST, TEST], np.int8)


def log(label: list[float]) -> Timelines:
    made = hand_log([range(6)], label={"like": np.array(label, np.float32)})
    return replace(made, part={"next": PART.copy(), "like": PART.copy()})


def test_tasks_with_rows_in_every_part_are_taken():
    refuse_empty_tasks(log([0, np.nan, 1, np.nan, np.nan, 1]))


@pytest.mark.parametrize(("part", "first"), [("train", 0), ("valid", 2), ("test", 4)])
def test_a_task_without_a_label_in_a_part_is_refused_by_name(part, first):
    label = [1.0] * 6
    label[first] = label[first + 1] = np.nan
    with pytest.raises(DataError, match=rf"tasks\.like: .* row with a label among the {part} rows, of 4"):
        refuse_empty_tasks(log(label))


def test_a_ranking_task_without_a_positive_event_in_a_part_is_refused_by_name():
    made = log([1.0] * 6)
    positive = {"next": PART != TEST}
    with pytest.raises(DataError, match=r"tasks\.next: .* positive event among the test rows"):
        refuse_empty_tasks(replace(made, positive=positive))


def test_rows_that_train_another_task_alone_are_no_rows_to_learn_from():
    made = log([1.0] * 6)
    made.part["next"][:2] = VALID
    with pytest.raises(DataError, match=r"among the train rows"):
        refuse_empty_tasks(made)


@pytest.mark.parametrize(("timed", "kind"), [(True, "time"), (False, "random")])
def test_leave_one_out_that_holds_out_other_rows_is_told_with_what_to_write(timed, kind):
    label = [1.0, 0.0, np.nan, np.nan, 1.0, 1.0]
    made = replace(log(label), positive={"next": np.ones(6, bool)}, timed=timed)
    with pytest.raises(DataError) as refused:
        refuse_empty_tasks(made, {"next": "leave_one_out", "like": "leave_one_out"})
    assert "holds out the last positives of each user" in str(refused.value)
    assert f"split: {{kind: {kind}}}" in str(refused.value)
    with pytest.raises(DataError, match="choose another  split"):
        refuse_empty_tasks(made, {"next": "leave_one_out", "like": "time"})
