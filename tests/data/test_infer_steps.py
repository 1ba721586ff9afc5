"""How many timelines a small log puts in a step, and how long it warms up."""

import polars as pl
import pytest

from motet.data.infer import infer
from motet.data.infer.steps import count_timelines, step_settings
from tests.data.infer_worlds import write_ratings


@pytest.mark.parametrize(
    ("users", "settings"),
    [
        (20, {"batch_size": 8, "warmup": 10}),
        (150, {"batch_size": 16, "warmup": 20}),
        (943, {"batch_size": 32, "warmup": 60}),
        (5_000, {"batch_size": 64}),
        (22_363, {}),
    ],
)
def test_a_step_holds_about_the_root_of_the_timelines(users, settings):
    found, reason = step_settings(pl.Series([9] * users), 50)
    assert found == settings
    assert bool(reason) == bool(settings)


def test_a_user_with_a_long_history_has_several_timelines():
    lengths = pl.Series([1, 50, 51, 75, 76, 1_000])
    assert count_timelines(lengths, 50) == 1 + 1 + 2 + 2 + 3 + 39


def test_a_small_log_gets_small_steps_and_the_reason(tmp_path):
    write_ratings(tmp_path, {})
    inference = infer([tmp_path], tmp_path)
    settings, reason = step_settings(pl.Series([30] * 120), 60)
    assert inference.config.training.batch_size == settings["batch_size"] == 8
    assert inference.config.training.warmup == settings["warmup"] == 30
    (line,) = [line for line in inference.text.splitlines() if line.startswith("training:")]
    assert line == f"training: {{batch_size: 8, warmup: 30}}  # {reason}"
    assert reason == (
        "some 120 timelines make 15 steps an epoch, where 128 in a step would leave 1; "
        "warm-up over about 2 epochs instead of 100 steps"
    )
