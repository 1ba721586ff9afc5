"""Chains in ensembles: what follows is never more probable than what it follows."""

import functools
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given as drawn
from hypothesis import settings
from hypothesis import strategies as st

import motet
from motet.config.read import config_from_dict
from motet.data.timelines import TEST
from motet.derive import boosted, stack
from motet.derive.chains import capped, followed_by, given
from motet.derive.chorus import Chorus, voices
from motet.derive.combine import Combiner, Weights, combine_rows
from motet.derive.ensemble import Ensemble
from motet.derive.fitting import Chosen, RowEvidence, fit_combiner
from motet.derive.make import fit_all
from motet.evaluation import following
from motet.evaluation.scoring import Scored
from motet.tasks import calibration
from motet.use import TrainedModel, open_run
from tests.derive.pair import QUICK
from tests.trained import run_settings, world_folder
from tests.worlds import tiny_settings

CLICK = {"name": "click", "kind": "binary", "label": "dwell >= 50", "types": ["impression"]}
STAY = CLICK | {"name": "stay", "label": "dwell >= 55", "after": "click"}
LAST = CLICK | {"name": "last", "label": "dwell >= 60", "after": "stay"}
AFTER = {"stay": "click", "last": "stay"}
KINDS = ["average", "vote", "rank_fusion", "logistic", "boosted", "network", "stackelberg", "snapshot"]
FEW = {"average", "network", "snapshot"}  # one of each way to put together


def scored(row_R: np.ndarray, said_R: np.ndarray) -> Scored:
    return Scored(row_R, np.zeros_like(row_R), np.zeros(len(row_R)), said_R)


def nobody(task: str, row_R: np.ndarray) -> np.ndarray:
    raise AssertionError("every row was asked about")


def test_the_earlier_task_comes_first_however_they_stand():
    config = config_from_dict(tiny_settings(tasks=[LAST, STAY, CLICK]))
    assert list(followed_by(config.tasks).items()) == [("stay", "click"), ("last", "stay")]


def test_two_weights_that_do_not_fit_are_capped():
    click_M, buy_M = np.array([[0.1], [0.5]]), np.array([[0.08], [0.3]])
    said = {
        "click": combine_rows(Weights((0.9, 0.1)), "binary", click_M),
        "buy": combine_rows(Weights((0.2, 0.8)), "binary", buy_M),
    }
    found = capped(
        {name: scored(np.array([7]), each) for name, each in said.items()}, {"buy": "click"}, nobody
    )
    assert said["buy"] == pytest.approx(0.256)
    assert found["buy"].prediction_R == pytest.approx(0.14)
    assert found["click"].prediction_R == pytest.approx(0.14)


@pytest.mark.parametrize("seed", range(5))
def test_no_answer_is_above_what_it_follows_and_the_others_stay(seed):
    """Tasks have labels on different rows: what was not asked is asked, and only that."""
    random = np.random.default_rng(seed)
    whole = {name: random.random(200) for name in ("click", "stay", "last")}
    row_of = {name: np.flatnonzero(random.random(200) < 0.7) for name in whole}
    asked = {"click": [], "stay": []}

    def ask(task: str, row_R: np.ndarray) -> np.ndarray:
        asked[task] += row_R.tolist()
        return whole[task][row_R]

    found = capped({name: scored(row_R, whole[name][row_R]) for name, row_R in row_of.items()}, AFTER, ask)
    np.testing.assert_array_equal(found["click"].prediction_R, whole["click"][row_of["click"]])
    stay_N = np.minimum(whole["stay"], whole["click"])
    np.testing.assert_array_equal(found["stay"].prediction_R, stay_N[row_of["stay"]])
    wanted_N = np.minimum(whole["last"], stay_N)
    np.testing.assert_array_equal(found["last"].prediction_R, wanted_N[row_of["last"]])
    assert not set(asked["click"]) & set(row_of["click"])
    assert not set(asked["stay"]) & set(row_of["stay"])


def test_the_quotient_is_a_probability():
    said_R, earlier_R = np.array([0.0, 0.1, 0.3, 0.0]), np.array([0.5, 0.4, 0.3, 0.0])
    np.testing.assert_allclose(given(said_R, earlier_R), [0.0, 0.25, 1.0, 0.0])


def made_up(seed: int, members: int, users: int = 20, each: int = 4) -> dict[str, RowEvidence]:
    """Labels of a chain, and what members say of it that all believe in the chain and are else at odds."""
    random = np.random.default_rng(seed)
    user_R = np.repeat(np.arange(users), each)
    label_R, said_M = np.ones(len(user_R)), np.ones((members, len(user_R)))
    found = {}
    for name in ("click", *AFTER):
        share_R = random.beta(2, 1, len(user_R))
        label_R = label_R * (random.random(len(user_R)) < share_R)
        said_M = said_M * (0.5 * share_R + 0.5 * random.random(said_M.shape))
        found[name] = RowEvidence("binary", said_M, label_R, user_R)
    return found


def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(boosted.SETTINGS, "min_data_in_leaf", 2)  # of few rows trees learn nothing otherwise
    monkeypatch.setattr(boosted, "ROUNDS", 8)
    monkeypatch.setattr(stack, "STEPS", 8)


@pytest.mark.parametrize("kind", KINDS)
def test_chains_hold_whatever_members_say(kind):
    """Any members, any rows, combiners fitted to other answers of the same members: they fit nothing here."""
    if kind == "boosted":
        pytest.importorskip("lightgbm")

    @settings(max_examples=6, deadline=None)
    @drawn(seed=st.integers(0, 10**6), members=st.integers(2, 4))
    def holds(seed: int, members: int) -> None:
        evidence, others = made_up(seed, members), made_up(seed + 1, members)
        own = {
            name: combine_rows(fit_combiner(kind, each, seed), "binary", others[name].said_M)
            for name, each in evidence.items()
        }
        row_R = np.arange(len(own["click"]))
        found = capped({name: scored(row_R, each) for name, each in own.items()}, AFTER, nobody)
        assert found["click"].prediction_R is own["click"]
        for later, earlier in AFTER.items():
            mine_R, its_R = found[later].prediction_R, found[earlier].prediction_R
            free_R = own[later] <= its_R
            assert (mine_R <= its_R).all()
            np.testing.assert_array_equal(mine_R[free_R], own[later][free_R])
            np.testing.assert_array_equal(mine_R[~free_R], its_R[~free_R])
            given_R = given(mine_R, its_R)
            assert ((given_R >= 0) & (given_R <= 1)).all()
            np.testing.assert_allclose(given_R * its_R, mine_R, atol=1e-12)

    with pytest.MonkeyPatch.context() as patch:
        quick(patch)
        holds()


def test_a_cap_makes_no_ties():
    """Weights as far apart as they can be, so that it binds often: as many different answers as before."""
    said = made_up(3, 2, users=200)
    own = {
        name: combine_rows(Weights(weights), "binary", said[name].said_M)
        for name, weights in (("click", (1.0, 0.0)), ("stay", (0.0, 1.0)))
    }
    row_R = np.arange(len(own["click"]))
    found = capped({name: scored(row_R, each) for name, each in own.items()}, {"stay": "click"}, nobody)
    binds_R = own["stay"] > own["click"]
    assert 0.1 < binds_R.mean() < 0.5
    assert len(np.unique(found["stay"].prediction_R)) == len(row_R)


@functools.cache
def chained(*places: int, calibrate: str = "once", apart: bool = False) -> list[TrainedModel]:
    """Runs that know a chain, by seed; or in which its last task is split apart from the others."""
    return [open_run(chained_run(place, calibrate, apart=apart)) for place in places]


@functools.cache
def chained_run(seed: int, calibrate: str, *, apart: bool) -> Path:
    tasks = [CLICK, STAY, LAST]
    if apart:  # most of its rows have no label of what it follows, and a part that is another
        own = {"kind": "time", "valid": "2024-01-04", "test": "2024-01-06"}
        tasks = [CLICK, STAY | {"types": None, "split": own}]
    changes = {"training__seed": seed, "data__seed": 0, "tasks": tasks, "model__calibrate": calibrate} | QUICK
    changes["training__epochs"] = 1 + seed
    for kind in ("items", "users", "events"):
        changes[f"data__{kind}__path"] = str(world_folder() / f"{kind}.csv")
    target = world_folder() / "runs" / f"chained-{seed}-{calibrate}-{apart}"
    return motet.train(run_settings(**changes), target).folder


@pytest.fixture(scope="module")
def trained() -> None:
    """The runs are trained before the tests that look at them, so that none is charged for it."""
    chained(0, 1)
    chained(0, 1, calibrate="follow")
    chained(0, 1, apart=True)


def together(members: list[TrainedModel], combiners: dict[str, Combiner]) -> Ensemble:
    return Ensemble(Path("made"), "average", members[0].bundle.config, members, combiners)


def happened() -> pl.DataFrame:
    events = pl.read_csv(world_folder() / "events.csv").unique(maintain_order=True)
    return events.filter(pl.col("at") < 2e9)  # a few lie in the year 5138


def shown() -> pl.DataFrame:
    """The impressions of the last days."""
    return happened().filter(did="impression", part="test").select("who", "what", "at", "surface")


def all_since(day: str) -> pl.DataFrame:
    """All events since a day."""
    since = pl.from_epoch("at") >= pl.lit(day).str.to_datetime()
    return happened().filter(since).select("who", "what", "at", "surface")


def measured(whole: Ensemble, task: str) -> Scored:
    """What its evaluation says of the test rows."""
    chorus = Chorus(whole.voices, {name: Chosen((each,)) for name, each in whole.combiners.items()})
    return chorus.rows(whole.voices[0].examiner.view_of(task), TEST)[task]


def skewed(*names: str) -> dict[str, Combiner]:
    """Each task is answered by another member than the one before."""
    return {name: Weights((1.0, 0.0) if place % 2 == 0 else (0.0, 1.0)) for place, name in enumerate(names)}


def refuse_broken(whole: Ensemble, asked: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Its predictions of a chain, which hold, and which its evaluation repeats."""
    said = {name: whole.predict(asked, name) for name in whole.combiners}
    for later, earlier in followed_by(whole.config.tasks).items():
        mine, its = said[later], said[earlier]["prediction"]
        assert mine.columns == whole.members[0].predict(asked.head(1), later).columns
        assert (mine["prediction"] <= its).all()
        assert mine[f"given_{earlier}"].is_between(0, 1).all()
        np.testing.assert_allclose(mine[f"given_{earlier}"] * its, mine["prediction"], atol=1e-12)
    assert not [name for name in said["click"].columns if name.startswith("given_")]
    for name, table in said.items():
        found = measured(whole, name).prediction_R
        np.testing.assert_allclose(np.sort(found), np.sort(table["prediction"]), rtol=1e-4, atol=1e-6)
    return said


@pytest.mark.usefixtures("trained")
@pytest.mark.parametrize(
    "kind", [kind if kind in FEW else pytest.param(kind, marks=pytest.mark.slow) for kind in KINDS]
)
def test_every_kind_predicts_a_chain_as_a_run_does_and_measures_what_it_predicts(kind, monkeypatch):
    if kind == "boosted":
        pytest.importorskip("lightgbm")
    quick(monkeypatch)
    members = chained(0, 1)
    made = fit_all(Chorus(voices(members), {}), kind)
    refuse_broken(together(members, {name: made.kept[name] for name in ("click", *AFTER)}), shown())


@pytest.mark.usefixtures("trained")
def test_weights_that_do_not_fit_turn_no_chain_round():
    members = chained(0, 1)
    said = refuse_broken(together(members, skewed("click", "stay", "last")), shown())
    alone = {
        name: members[place].predict(shown(), name)["prediction"].to_numpy()
        for name, place in (("click", 0), ("stay", 1), ("last", 0))
    }
    stay_R = np.minimum(alone["stay"], alone["click"])
    assert (stay_R < alone["stay"]).any()  # so that the test can fail
    np.testing.assert_allclose(said["stay"]["prediction"], stay_R)
    np.testing.assert_allclose(said["last"]["prediction"], np.minimum(alone["last"], stay_R))


@pytest.mark.usefixtures("trained")
def test_chains_that_follow_the_days_hold_too(monkeypatch):
    members = chained(0, 1, calibrate="follow")
    for place in (calibration, following):
        monkeypatch.setattr(place, "MANY", 1)
    afresh = [replace(each) for each in members]
    curved = refuse_broken(together(afresh, skewed("click", "stay", "last")), shown())
    monkeypatch.undo()
    plain = refuse_broken(together(chained(0, 1), skewed("click", "stay", "last")), shown())
    assert (curved["last"]["prediction"] - plain["last"]["prediction"]).abs().max() > 1e-3


@pytest.mark.usefixtures("trained")
def test_rows_without_a_label_of_the_earlier_task_or_split_apart_are_capped_too():
    whole = together(chained(0, 1, apart=True), skewed("click", "stay"))
    views = whole.voices[0].examiner.views
    assert len({view.tasks for view in views}) == 2
    found, log = measured(whole, "stay"), whole.members[0].dataset.log
    view = whole.voices[0].examiner.view_of("stay")
    its_R, own_R = (
        voice.beside(voice.examiner.view_of("stay"), TEST, name, found.row_R)
        for voice, name in zip(whole.voices, ("click", "stay"), strict=True)
    )
    assert np.isnan(log.label["click"][found.row_R]).any()
    assert (own_R > its_R).any()
    np.testing.assert_array_equal(found.prediction_R, np.minimum(own_R, its_R))
    said_R = Chorus(whole.voices, {}).rows_said(view, TEST)["stay"][1][1]
    np.testing.assert_allclose(own_R, said_R, rtol=1e-6)
    predicted = whole.predict(all_since("2024-01-06"), "stay")["prediction"]
    np.testing.assert_allclose(np.sort(predicted), np.sort(found.prediction_R), rtol=1e-4)


@pytest.mark.slow
def test_a_soup_is_one_model_with_a_chain(tmp_path):
    runs = [chained_run(seed, "once", apart=False) for seed in (0, 1)]
    model = motet.open(motet.ensemble(runs, tmp_path / "soup", "soup").folder)
    said = [model.predict(shown(), name) for name in ("click", "stay", "last")]
    for its, mine in pairwise(said):
        assert (mine["prediction"] <= its["prediction"]).all()
    assert said[2].columns[-1] == "given_stay"


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["average", "network"])
def test_a_folder_of_a_chain_measures_again_what_its_metrics_say(kind, tmp_path):
    runs = [chained_run(seed, "once", apart=False) for seed in (0, 1)]
    done = motet.ensemble(runs, tmp_path / kind, kind)
    again = motet.open(done.folder).evaluate("test")
    for task in ("click", "stay", "last"):
        for name, measure in again[task]["test"].items():
            known = done.metrics["tasks"][task]["test"][name]["value"]
            assert measure["value"] == pytest.approx(known, abs=1e-6), (task, name)
    refuse_broken(motet.open(done.folder), shown())
