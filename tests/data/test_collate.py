"""From places in the log to a batch."""

from dataclasses import fields, replace

import numpy as np
import torch

from motet.batch import Batch
from motet.data.clock import CLOCK_NAMES
from motet.data.collate import Collator
from motet.data.requests import plan_requests
from motet.data.timelines import Timelines
from tests.data.hand_log import BEGIN, HOUR, everything, hand_log

NO_TIMES = np.full(50, -1)


def collate(log: Timelines, windows: list[int] | None = None, **changes) -> Batch:
    visible = changes.pop("visible", everything(log))
    rows = changes.pop("rows", everything(log))
    plan = plan_requests(log, visible, rows, length=4, stride=2)
    made = Collator(log, plan, changes.pop("item_time", NO_TIMES), changes.pop("counters", None))
    return made(np.arange(len(plan)) if windows is None else np.array(windows))


def test_a_batch_of_two_timelines_written_by_hand():
    batch = collate(hand_log([[0, 1, 2], [0]], items=[7, 8, 9, 5]))
    assert batch.item_BL.tolist() == [[7, 8], [0, 0]]
    assert batch.code_BLJ[..., 0].tolist() == [[10, 11], [0, 0]]
    assert batch.length_B.tolist() == [2, 0]
    assert batch.row_BP.tolist() == [[0, 1, 2], [3, -1, -1]]
    assert batch.row_item_BP.tolist() == [[7, 8, 9], [5, 0, 0]]
    assert batch.state_BP.tolist() == [[0, 1, 2], [0, 0, 0]]
    assert batch.ask_BP.tolist() == [[0, 1, 2], [0, -1, -1]]
    assert batch.user_code_BJ.tolist() == [[90], [91]]
    assert batch.time_BL[0].tolist() == [BEGIN / 1000, (BEGIN + HOUR) / 1000]
    assert batch.positive["next"].tolist() == [[True] * 3, [True, False, False]]
    assert batch.label["like"][0].tolist() == [0, 1, 0]
    assert batch.label["like"][1].isnan().tolist() == [False, True, True]


def test_a_timeline_holds_the_labels_of_its_events_where_states_may_read_them():
    log = hand_log([[0, 1, 2], [0]])
    told = collate(replace(log, told={"like": np.array([1, np.nan, 0, 1], np.float32)})).told["like"]
    assert told.nan_to_num(-1).tolist() == [[1, -1], [-1, -1]]
    assert collate(log).told == {}


def test_a_row_tells_the_hours_since_the_last_event_that_it_sees():
    batch = collate(hand_log([[0, 1, 1, 5]]))
    gap = batch.row_number_BPV[0, :, CLOCK_NAMES.index("gap")]
    minutes = torch.expm1(5 * gap.double())
    assert torch.allclose(minutes, torch.tensor([0.0, 60, 60, 240], dtype=torch.float64), atol=1e-2)


def test_a_row_knows_the_age_of_its_item():
    times = NO_TIMES.copy()
    times[2] = BEGIN - 23 * HOUR
    batch = collate(hand_log([[0, 1]]), item_time=times)
    age = batch.row_number_BPV[0, :, CLOCK_NAMES.index("age")]
    assert torch.allclose(torch.expm1(3 * age), torch.tensor([0.0, 1.0]), atol=1e-4)


def test_a_timeline_reads_the_same_alone_and_beside_longer_ones():
    log = hand_log([range(3), range(9), range(1)])
    together = collate(log)
    for window in range(len(together.length_B)):
        alone = collate(log, [window])
        events, rows = int(alone.length_B[0]), int((alone.row_BP[0] >= 0).sum())
        for name, size in (("item_BL", events), ("number_BLV", events), ("time_BL", events),
                           ("row_BP", rows), ("row_number_BPV", rows), ("row_code_BPJ", rows)):  # fmt: skip
            assert torch.equal(getattr(together, name)[window, :size], getattr(alone, name)[0, :size]), name


def test_what_is_not_visible_is_not_in_the_batch():
    log = hand_log([range(4)])
    batch = collate(log, visible=np.array([True, False, True, True]), rows=np.arange(4) == 3)
    assert batch.item_BL.tolist() == [[1, 3]]
    assert batch.row_item_BP.tolist() == [[4]]


def test_rows_are_scored_where_nothing_at_all_is_visible():
    log = hand_log([range(2), range(1)])
    batch = collate(log, visible=~everything(log))
    assert batch.state_BP.tolist() == [[0, 0], [0, 0]]
    assert batch.item_BL.shape == (2, 1)
    assert batch.item_BL.sum() == 0


def test_counters_go_with_their_rows():
    counters = np.arange(8, dtype=np.float32).reshape(4, 2)
    batch = collate(hand_log([range(3), range(1)]), counters=counters)
    assert batch.counter_BPC[0].tolist() == counters[:3].tolist()
    assert batch.counter_BPC[1, 0].tolist() == counters[3].tolist()
    assert collate(hand_log([range(3)])).counter_BPC.shape == (1, 3, 0)


def test_outcomes_of_a_row_are_not_among_what_its_question_knows():
    log = hand_log([range(3)])
    changed = replace(log, event_code_NJ=log.event_code_NJ.copy(), event_number_NV=-log.event_number_NV)
    changed.event_code_NJ[2] = 49
    before, after = collate(log), collate(changed)
    for name in ("row_code_BPJ", "row_number_BPV", "row_item_BP", "item_BL", "code_BLJ"):
        assert torch.equal(getattr(before, name), getattr(after, name)), name


def test_a_batch_moves_to_a_device_as_a_whole():
    batch = collate(hand_log([range(3)]))
    moved = batch.to(torch.device("meta"))
    for each in fields(Batch):
        value = getattr(moved, each.name)
        tensors = value.values() if isinstance(value, dict) else [value]
        assert all(tensor.device.type == "meta" for tensor in tensors), each.name


def test_events_that_are_positives_are_marked_and_padding_is_none():
    log = hand_log([range(4), range(2)])
    positive = np.array([True, False, True, True, False, True])
    batch = collate(replace(log, positive={"next": positive}))
    assert batch.taken["next"].shape == batch.item_BL.shape
    for row, real in enumerate(batch.length_B.tolist()):
        own = positive[:4] if batch.row_BP[row, 0] == 0 else positive[4:]
        assert batch.taken["next"][row, :real].tolist() == own[:real].tolist()
        assert not batch.taken["next"][row, real:].any()
