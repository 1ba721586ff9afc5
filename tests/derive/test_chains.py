"""Chains in ensembles: what follows is never more probable than what it follows."""

import functools
from dataclasses import replace

import numpy as np
import pytest

import motet
from motet.config.read import config_from_dict
from motet.data.timelines import TEST
from motet.derive.chains import capped, followed_by, given
from motet.derive.chorus import Chorus
from motet.derive.combine import Weights
from motet.derive.ensemble import Ensemble
from motet.derive.fitting import Chosen
from motet.evaluation.scoring import Scored
from tests.derive.pair import QUICK
from tests.derive.test_ensemble import rows
from tests.trained import run_settings, world_folder
from tests.worlds import tiny_settings

CLICK = {"name": "click", "kind": "binary", "label": "dwell >= 20"}
STAY = {"name": "stay", "kind": "binary", "label": "dwell >= 60", "after": "click"}
LAST = {"name": "last", "kind": "binary", "label": "dwell >= 90", "after": "stay"}


def scored(row_R: np.ndarray, said_R: np.ndarray) -> Scored:
    return Scored(row_R, np.zeros_like(row_R), np.zeros(len(row_R)), said_R)


def test_the_earlier_task_comes_first_however_they_stand():
    config = config_from_dict(tiny_settings(tasks=[LAST, STAY, CLICK]))
    assert list(followed_by(config.tasks).items()) == [("stay", "click"), ("last", "stay")]


@pytest.mark.parametrize("seed", range(5))
def test_no_answer_is_above_what_it_follows_and_the_others_stay(seed):
    random = np.random.default_rng(seed)
    rows_of = {name: np.flatnonzero(random.random(200) < 0.7) for name in ("click", "stay", "last")}
    said = {name: scored(row_R, random.random(len(row_R))) for name, row_R in rows_of.items()}
    found = capped(said, {"stay": "click", "last": "stay"})
    answer = {name: dict(zip(each.row_R, each.prediction_R, strict=True)) for name, each in found.items()}
    before = {name: dict(zip(each.row_R, each.prediction_R, strict=True)) for name, each in said.items()}
    assert answer["click"] == before["click"]
    for later, earlier in (("stay", "click"), ("last", "stay")):
        for row, value in answer[later].items():
            assert value == min(before[later][row], answer[earlier].get(row, 1.0))


def test_the_quotient_is_a_probability():
    said_R, earlier_R = np.array([0.0, 0.1, 0.3, 0.0]), np.array([0.5, 0.4, 0.3, 0.0])
    np.testing.assert_allclose(given(said_R, earlier_R), [0.0, 0.25, 1.0, 0.0])


@functools.cache
def chained() -> Ensemble:
    """Two runs that know a chain, put together by an average."""
    folder = world_folder() / "runs"
    runs = []
    for seed in (0, 1):
        settings = {"training__seed": seed, "data__seed": 0, "tasks": [CLICK, STAY]} | QUICK
        for kind in ("items", "users", "events"):
            settings[f"data__{kind}__path"] = str(world_folder() / f"{kind}.csv")
        runs.append(motet.train(run_settings(**settings), folder / f"chained-{seed}").folder)
    return motet.open(motet.ensemble(runs, folder / "chained", "average").folder)


@pytest.mark.usefixtures("members")
def test_weights_that_do_not_fit_turn_no_chain_round():
    whole = chained()
    skew = {"click": Weights((1.0, 0.0)), "stay": Weights((0.0, 1.0))}
    made = replace(whole, combiners=skew)
    alone = {name: [each.predict(rows(), name) for each in whole.members] for name in skew}
    click, stay = made.predict(rows(), "click"), made.predict(rows(), "stay")
    np.testing.assert_allclose(click["prediction"], alone["click"][0]["prediction"])
    assert "given_click" not in click.columns
    wanted = np.minimum(alone["stay"][1]["prediction"].to_numpy(), click["prediction"].to_numpy())
    np.testing.assert_allclose(stay["prediction"], wanted)
    np.testing.assert_allclose(stay["given_click"] * click["prediction"], wanted, atol=1e-12)
    assert list(alone["stay"][0].columns) == list(stay.columns)  # as of a single run


@pytest.mark.usefixtures("members")
def test_what_is_measured_is_capped_too():
    made = chained()
    chorus = Chorus(
        made.voices, {"click": Chosen((Weights((1.0, 0.0)),)), "stay": Chosen((Weights((0.0, 1.0)),))}
    )
    view = made.voices[0].examiner.view_of("stay")
    found, said = chorus.rows(view, TEST), chorus.rows_said(view, TEST)
    assert found["stay"].row_R.tolist() == found["click"].row_R.tolist()
    assert (found["stay"].prediction_R <= found["click"].prediction_R).all()
    np.testing.assert_array_equal(
        found["stay"].prediction_R, np.minimum(said["stay"][1][1], found["click"].prediction_R)
    )
