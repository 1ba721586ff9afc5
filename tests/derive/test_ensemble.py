"""An ensemble of two runs in use: it answers as a run does, out of what its members say."""

import json
import shutil
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import torch

import motet
from motet.data.timelines import TEST
from motet.derive.chorus import log_chances, voices
from motet.derive.combine import Weights
from motet.derive.ensemble import Ensemble
from motet.errors import ArtifactError, ConfigError
from tests.derive.pair import NAMES, ensemble_of, opened, pair
from tests.trained import NAME, USERS, world_folder

pytestmark = pytest.mark.usefixtures("members")
KINDS = [
    "average",
    "vote",
    *(pytest.param(kind, marks=pytest.mark.slow) for kind in ("logistic", "rank_fusion", "stackelberg")),
    *(pytest.param(kind, marks=pytest.mark.slow) for kind in ("network", "boosted")),
]


def of(kind: str) -> Ensemble:
    if kind == "boosted":
        pytest.importorskip("lightgbm")
    return motet.open(ensemble_of(kind))


def metrics(kind: str) -> dict:
    return json.loads((ensemble_of(kind) / "metrics.json").read_text())


def rows(kind: str = "impression") -> pl.DataFrame:
    events = pl.read_csv(world_folder() / "events.csv").unique(maintain_order=True).filter(pl.col("at") < 2e9)
    return events.filter(did=kind, part="test").select("who", "what", "at", "surface")


@pytest.mark.parametrize("kind", KINDS)
def test_it_measures_again_what_its_metrics_say(kind):
    again, said = of(kind).evaluate("test"), metrics(kind)["tasks"]
    assert list(again) == list(said) == NAMES
    for task, found in again.items():
        for name, measure in found["test"].items():
            assert measure["value"] == pytest.approx(said[task]["test"][name]["value"], abs=1e-6), (
                task,
                name,
            )


@pytest.mark.parametrize("kind", KINDS)
def test_it_recommends_and_predicts_as_a_run_does(kind):
    model = of(kind)
    lists = model.recommend(k=4)
    assert lists.columns == ["user", "rank", "item", "score"]
    assert lists.height == 4 * USERS
    assert (lists.select(pl.col("score").diff().over("user")).drop_nulls() <= 0).to_series().all()
    clicks = model.predict(rows(), "click")
    assert clicks.columns == ["who", "what", "at", "surface", "prediction"]
    assert clicks["prediction"].is_between(0, 1).all()
    assert set(model.predict(rows("rate"), "type")["prediction"]) <= {"sad", "calm", "glad"}


def test_members_stand_beside_it_with_the_figures_of_their_own_runs():
    found = metrics("average")["members"]
    for folder in pair():
        own = json.loads((folder / "metrics.json").read_text())["tasks"]
        for task in NAMES:
            for split in ("valid", "test"):
                for name, measure in own[task][split].items():
                    assert found[folder.name][task][split][name]["value"] == pytest.approx(measure["value"])


def test_an_average_predicts_the_weighted_mean_of_its_members():
    model = motet.open(ensemble_of("average"))
    for task, kind in (("click", "impression"), ("stars", "rate")):
        weights = model.combiners[task].weight_M
        said = [opened(place).predict(rows(kind), task)["prediction"].to_numpy() for place in (0, 1)]
        said = np.log1p(said) if task == "stars" else np.array(said)  # it learned on that scale
        wanted = weights[0] * said[0] + weights[1] * said[1]
        found = model.predict(rows(kind), task)["prediction"].to_numpy()
        np.testing.assert_allclose(found, np.expm1(wanted) if task == "stars" else wanted, rtol=1e-6)


def test_items_are_the_same_ones_though_members_number_them_differently():
    """Members are mixed by item: the mixture of a model with itself in another order is itself."""
    model = motet.open(ensemble_of("average"))
    alone = type(model)(
        model.folder,
        "average",
        model.config,
        model.members,
        {"next": type(model.combiners["next"])((0.0, 1.0))},
    )
    wanted = opened(1).recommend(k=5).drop("score")
    assert alone.recommend(k=5).drop("score").equals(wanted)


def test_recommendations_of_an_average_are_by_the_mixture_of_probabilities():
    model, name = motet.open(ensemble_of("average")), [NAME.format(3)]
    chance = np.zeros(len(opened(0).bundle.catalogue))
    for place, weight in enumerate(model.combiners["next"].weight_M):
        member = opened(place)
        _, score, allowed_I = member.asked_now(member.user_numbers(name), "next")
        log_chance = torch.log_softmax(score(np.arange(1)).masked_fill(~allowed_I, -torch.inf), -1)[0]
        numbers = member.bundle.catalogue.numbers(opened(0).bundle.catalogue.ids)
        chance[1:] += weight * log_chance.exp().numpy()[numbers]
    found = model.recommend(users=name, k=5)
    best = np.argsort(-chance)[:5]
    assert found["item"].to_list() == opened(0).bundle.catalogue.ids.gather(best - 1).to_list()
    np.testing.assert_allclose(np.exp(found["score"]), chance[best], rtol=1e-4)


def test_what_a_user_has_is_left_out_where_it_is_asked():
    events = pl.read_csv(world_folder() / "events.csv").filter(pl.col("did").is_in(["click", "rate"]))
    has = events.select(user="who", item="what").unique()
    dropped = motet.open(ensemble_of("vote")).recommend(k=99, keep_seen=False)
    assert dropped.height > 0
    assert dropped.join(has, on=["user", "item"]).height == 0


def test_alike_items_are_by_the_weighted_mean_of_cosines():
    model = motet.open(ensemble_of("average"))
    found = model.similar(101, k=99)
    assert set(found["item"]) == set(range(100, 120)) - {101}
    cosines = [opened(place).similar(101, k=99) for place in (0, 1)]
    both = cosines[0].join(cosines[1], on="item").join(found, on="item", suffix="_joint")
    first, second = model.combiners["next"].weight_M
    wanted = first * both["score"] + second * both["score_right"]
    np.testing.assert_allclose(both["score_joint"], wanted, atol=1e-5)


def test_members_without_weight_are_asked_where_no_other_can_say():
    """As where the one that leads has all weight and the others alone read sentences."""
    model = replace(motet.open(ensemble_of("average")), combiners={"next": Weights((1.0, 0.0))})
    cosine_I = model.members[1].likeness(101)
    found = model._nearest([None, cosine_I], "next", 5)
    wanted = opened(1).similar(101, k=5)
    assert found["item"].to_list() == wanted["item"].to_list()


def test_a_sentence_needs_a_member_that_reads():
    with pytest.raises(ConfigError, match="trained without a language model"):
        motet.open(ensemble_of("average")).find("a film")


def test_no_user_is_in_the_folder():
    for path in ensemble_of("average").rglob("*"):
        if path.is_file():
            assert b"person-" not in path.read_bytes(), path


def test_a_changed_member_is_refused(tmp_path):
    copy = shutil.copytree(ensemble_of("vote"), tmp_path / "copy")
    (copy / "members" / "1" / "motet.yaml").write_text("name: other\n")
    with pytest.raises(ArtifactError, match=r"members/1/motet.yaml has changed"):
        motet.open(copy)


def test_a_combiner_of_another_version_is_refused(tmp_path):
    from motet.system.manifest import update_manifest

    copy = shutil.copytree(ensemble_of("vote"), tmp_path / "copy")
    text = (copy / "ensemble.json").read_text().replace('"combiner": "vote"', '"combiner": "lottery"')
    (copy / "ensemble.json").write_text(text)
    update_manifest(copy, ["ensemble.json"])
    with pytest.raises(ArtifactError, match="knows no combiner 'lottery'"):
        motet.open(copy)


def test_figures_on_rows_that_fitted_the_combiner_are_said_to_be_too_good(capsys):
    motet.open(ensemble_of("average")).evaluate("valid")
    assert "the combiners were fitted on these very rows" in capsys.readouterr().err
    motet.open(ensemble_of("vote")).evaluate("valid")
    assert "fitted" not in capsys.readouterr().err


def test_its_report_shows_every_member():
    page = (ensemble_of("average") / "report.html").read_text()
    assert "<th" in page
    for folder in pair():
        assert f"Member {folder.name}" in page
    assert "the best member on validation rows" in page


def test_log_chances_sum_to_one_over_the_items_that_take_part():
    hidden = torch.tensor([[0.0, -torch.inf, 0.0]])
    said = log_chances([torch.tensor([[0.0, 9.0, 0.0]]), torch.tensor([[1.0, 0.0, 1.0]])], hidden)
    assert said.exp().tolist() == [[[0.5, 0.0, 0.5]]] * 2


def test_members_answer_the_same_queries():
    both = voices([opened(0), opened(1)])
    for task in NAMES:
        views = [each.examiner.view_of(task) for each in both]
        if task == "next":
            asked = [each.scorer.scores(view, task, TEST)[0] for each, view in zip(both, views, strict=True)]
            assert np.array_equal(asked[0].user_Q, asked[1].user_Q)
            assert np.array_equal(both[0].column_I[1:].argsort(), asked_order(both))


def asked_order(both):
    """Where the first one's items stand in the second one's catalogue, by their ids."""
    first, second = (each.model.bundle.catalogue.ids.to_list() for each in both)
    return np.array([second.index(item) for item in first]).argsort()
