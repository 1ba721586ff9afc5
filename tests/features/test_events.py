"""From events and users to tokens."""

import math
from dataclasses import replace

import pytest
import torch

from motet.batch import Batch
from motet.features.events import EventEncoder, UserEncoder


def batch(times: list[float]) -> Batch:
    """One timeline of as many events as times, one row at its end."""
    count = len(times)
    flat = torch.zeros(1, 1, dtype=torch.int64)
    return Batch(
        item_BL=torch.arange(1, count + 1)[None],
        code_BLJ=torch.arange(count)[None, :, None] % 3,
        number_BLV=torch.zeros(1, count, 0),
        time_BL=torch.tensor([times], dtype=torch.float64),
        length_B=torch.tensor([count]),
        user_code_BJ=torch.tensor([[1]]),
        user_number_BV=torch.zeros(1, 0),
        row_BP=flat, state_BP=flat + count, ask_BP=flat + count, row_item_BP=flat,
        row_code_BPJ=torch.zeros(1, 1, 0, dtype=torch.int64), row_number_BPV=torch.zeros(1, 1, 0),
        row_time_BP=torch.zeros(1, 1, dtype=torch.float64), counter_BPC=torch.zeros(1, 1, 0),
    )  # fmt: skip


def test_an_event_is_its_item_its_columns_and_the_gap_before_it():
    torch.manual_seed(0)
    events = EventEncoder(3, 0, 4, timed=True)
    made, item_BLD = batch([0.0, 60.0, 60.0 + 3600.0]), torch.randn(1, 3, 4)
    gaps = torch.tensor([0.0, math.log1p(1) / 5, math.log1p(60) / 5])
    columns = events.columns(made.code_BLJ, made.number_BLV)
    wanted = events.norm(item_BLD + columns + events.gap(gaps[None, :, None]))
    assert torch.allclose(events(made, item_BLD), wanted, atol=1e-6)


def test_a_shift_of_all_times_changes_no_token():
    torch.manual_seed(0)
    events, item_BLD = EventEncoder(3, 0, 4, timed=True), torch.randn(1, 3, 4)
    early, late = batch([0.0, 5.0, 400.0]), batch([1.7e9, 1.7e9 + 5.0, 1.7e9 + 400.0])
    assert torch.equal(events(early, item_BLD), events(late, item_BLD))


def test_the_token_of_an_event_knows_nothing_of_later_events():
    torch.manual_seed(0)
    events, item_BLD = EventEncoder(3, 0, 4, timed=True), torch.randn(1, 3, 4)
    before = events(batch([0.0, 5.0, 400.0]), item_BLD)
    after = events(batch([0.0, 5.0, 9e6]), item_BLD)
    assert torch.equal(before[:, :2], after[:, :2])
    assert not torch.equal(before[:, 2], after[:, 2])


def test_a_log_without_times_has_no_gaps():
    events = EventEncoder(3, 0, 4, timed=False)
    assert events.gap is None
    item_BLD = torch.randn(1, 2, 4)
    assert torch.equal(events(batch([0.0, 5.0]), item_BLD), events(batch([0.0, 900.0]), item_BLD))


def test_users_without_columns_all_start_alike():
    torch.manual_seed(0)
    users = UserEncoder(1, 0, 4)
    made = batch([0.0])
    two = replace(made, user_code_BJ=torch.zeros(2, 0, dtype=torch.int64), user_number_BV=torch.zeros(2, 0))
    found = users(two)
    assert torch.equal(found[0], found[1])
    assert torch.equal(found[0], users.norm(users.start))


@pytest.mark.parametrize("code", [0, 2])
def test_a_user_starts_from_their_columns(code):
    torch.manual_seed(0)
    users = UserEncoder(3, 0, 4)
    made = replace(batch([0.0]), user_code_BJ=torch.tensor([[code]]))
    assert torch.allclose(users(made)[0], users.norm(users.start + users.columns.embedding.weight[code]))
