"""The guard, with real comparisons, goes by validation rows: what test rows answer changes nothing in it."""

import functools
from dataclasses import replace
from pathlib import Path
from typing import Any

from motet.gather import Material, gather
from motet.guard import guard, ward
from tests.run.guard_world import TASKS, fit_one, gathered, groups, models
from tests.run.test_guard_epochs import Epochs, of_three
from tests.worlds import tiny_tables, tiny_world, with_other_answers


@functools.cache
def answered_otherwise(part: str) -> Material:
    """The same world, in which the rows of a part have other labels and other chosen items."""
    config, world = gathered().config, tiny_world()
    events = with_other_answers(world.events, part, world.items.height)
    return gather(config, Path(), tiny_tables(replace(world, events=events), config))


def test_who_is_hurt_hangs_on_the_answers_of_validation_rows_alone():
    def before(of: Material) -> dict[str, Any]:
        twins = {name: models()[f"twin of {name}"] for name in TASKS}
        his = ward.Ward(of, models()["joint"], twins, functools.partial(fit_one, of=of))
        his.look()
        return his.before

    found, moved = before(gathered()), before(answered_otherwise("valid"))
    assert before(answered_otherwise("test")) == found
    assert list(found) == TASKS
    for name, one in found.items():
        assert one["joint"] != moved[name]["joint"]
        assert one["twin"] != moved[name]["twin"]


def test_what_the_guard_does_hangs_on_no_answer_of_a_test_row(monkeypatch):
    """Click counts as hurt, and all else is as it is: trainings, comparisons, what is kept, other epochs."""
    monkeypatch.setattr(ward, "below", lambda found: found["metric"] == "auc")
    worlds = gathered(), answered_otherwise("test")
    found, again = (guard(of, of_three(), functools.partial(fit_one, of=of), Epochs(1, 3)) for of in worlds)
    assert found.cases.keys() == {"click"}
    assert again.cases == found.cases
    assert again.story == found.story
    assert groups(again) == groups(found)
